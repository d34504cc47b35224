"""A backtest on request: a trained model, or a user's own scores, on any stored bars, without training anything."""

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from backtest import metrics
from backtest.engine import PESSIMISTIC, run
from market import instruments, tables
from market.errors import DataError, UsageError
from pipeline import (
    answers,
    backtest_figures,
    backtest_looks,
    backtest_ties,
    judged,
    parity,
    receipts,
    tear_sheet,
    workspace,
)
from pipeline.backtest_figures import Played
from pipeline.judged import Judged
from pipeline.screen import Screen
from pipeline.workspace import Workspace

CHAMPION = "@champion"


class Wish(NamedTuple):
    """What is to be judged, over which days, with which thresholds of a rule, None is the default; how ties are told.

    `ties` is one of `backtest.engine.TIES`.
    """

    run_id: str | None = None
    model: str | None = None
    rule: Path | None = None
    first: dt.date | None = None
    end: dt.date | None = None
    long: float | None = None
    short: float | None = None
    ties: str = PESSIMISTIC


def backtest(name: str, wish: Wish, screen: Screen) -> dict[str, Any]:
    """Trade the stored bars of the series `name` as `wish` says, write tables and tear sheet, and return the answer.

    Default: the champion, else the last run, on its judged window; a rule from its first score on until time is up for
    a trade that its last one decides. Ties are settled by the finest bars of the symbol that are stored, where that is
    wished. Raises UsageError for words that do not fit together, UnavailableError without bars, a model or finer bars,
    DataError for a rule file that cannot be traded.
    """
    _check(wish)
    target = workspace.of(instruments.series_named(name))
    workspace.require_bars(target)
    asked = _asked(target, wish)
    settling = backtest_ties.settling(target, wish.ties)
    bars = tables.read_table(target.bars, tables.BARS)
    inside = _window(target, asked, pd.DatetimeIndex(bars.index), wish)
    bars = bars.loc[: inside[-1]]
    with screen.stage("score"):
        score = _scored(asked, bars, inside)
    looked = backtest_looks.look(target, asked, inside, settling)
    with screen.stage("backtest"):
        result = run(bars, score, *asked.rules, settling.how, settling.bars)
        played = Played(bars, inside, result, metrics.excursions(result.trades, bars), settling)
        answer = _answer(target, asked, played, looked)
    backtest_looks.tried(target, asked, played, answer["figures"]["sharpe_per_trade"])
    with screen.stage("tear sheet"):
        _write(Path(answer["folder"]), asked, played, answer)
    return answer


def _check(wish: Wish) -> None:
    given = [f"--{name}" for name, value in (("run", wish.run_id), ("model", wish.model), ("rule", wish.rule)) if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} name different things to judge: give one of them.")
    if wish.model not in (None, CHAMPION):
        raise UsageError(f"--model {wish.model}: only {CHAMPION} has a name; give any other by --run RUN_ID.")
    if wish.rule is None and (wish.long is not None or wish.short is not None):
        raise UsageError("--long and --short are thresholds of a --rule: a model trades with those it was judged by.")
    if wish.long is not None and not 0.5 < wish.long <= 1.0:
        raise UsageError(f"--long {wish.long:g}: wanted more than 0.5, which is no view, and 1 at most.")
    if wish.short is not None and not 0.0 <= wish.short < 0.5:
        raise UsageError(f"--short {wish.short:g}: wanted less than 0.5, which is no view, and 0 at least.")


def _asked(target: Workspace, wish: Wish) -> Judged:
    if wish.rule is not None:
        long = judged.LONG if wish.long is None else wish.long
        return judged.of_rule(target, wish.rule, long, judged.SHORT if wish.short is None else wish.short)
    if wish.run_id is not None:
        return judged.of_run(target, wish.run_id)
    return judged.of_series(target) if wish.model is None else judged.of_champion(target)


def _window(target: Workspace, asked: Judged, ts: pd.DatetimeIndex, wish: Wish) -> pd.DatetimeIndex:
    """Return the closes of the stored bars `ts` on which is decided."""
    first, end = (None if day is None else pd.Timestamp(day, tz="UTC") for day in (wish.first, wish.end))
    if asked.score is not None:
        scored = _on_bars(target, pd.DatetimeIndex(asked.score.index), ts)
        default = (scored[0] - pd.Timedelta(microseconds=1), _run_out(scored[-1], ts, asked.rules.exits.bars))
    else:
        default = (pd.Timestamp(asked.window["oos_start"]), pd.Timestamp(asked.window["cut_off"]))
    start, last = first or default[0], end or default[1]
    start = start if asked.score is None else max(start, default[0])
    if last <= start:
        raise UsageError(_nothing_between(start, last))
    inside = ts[(ts > start) & (ts <= last)]
    if not len(inside):
        raise UsageError(
            f"No bars of {target.series.name} in ({start:%Y-%m-%d}, {last:%Y-%m-%d}]: they reach from "
            f"{ts[0]:%Y-%m-%d} to {ts[-1]:%Y-%m-%d}."
        )
    return inside


def _run_out(last: pd.Timestamp, ts: pd.DatetimeIndex, bars: int) -> pd.Timestamp:
    """Return the close at which time is up for a trade decided at `last`, or the last of `ts`."""
    return ts[min(int(ts.get_indexer([last])[0]) + bars, len(ts) - 1)]


def _nothing_between(start: pd.Timestamp, last: pd.Timestamp) -> str:
    if last.date() == start.date():
        return (
            f"The backtest would end on {last:%Y-%m-%d}, where it starts: a day of --from or --to is the midnight that "
            "begins it, so give a later --to."
        )
    return f"The backtest would end at {last:%Y-%m-%d}, before it starts at {start:%Y-%m-%d}: give a later --to."


def _on_bars(target: Workspace, stamps: pd.DatetimeIndex, ts: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return `stamps`; raises DataError where one of them is the close of no bar."""
    off = stamps[~stamps.isin(ts)]
    if len(off):
        opens = ", which is the open of one: wanted its close" if off[0] + target.series.timeframe.delta in ts else ""
        raise DataError(
            f"{len(off):,} of {len(stamps):,} scores stand at no bar of {target.series.name}, the first at "
            f"{off[0]:%Y-%m-%d %H:%M:%S}{opens}. Wanted bar closes in UTC; bars are stored from {ts[0]:%Y-%m-%d %H:%M} "
            f"to {ts[-1]:%Y-%m-%d %H:%M}."
        )
    return stamps


def _scored(asked: Judged, bars: pd.DataFrame, inside: pd.DatetimeIndex) -> pd.DataFrame:
    if asked.bundle is not None:
        return parity.scored_as_stored(asked.bundle, bars, inside[0])
    assert asked.score is not None  # what is no model is scores
    score = asked.score.loc[inside[0] : inside[-1]]
    if not len(score):
        raise UsageError(
            f"No score lies from {inside[0]:%Y-%m-%d} to {inside[-1]:%Y-%m-%d}: they reach from "
            f"{asked.score.index[0]:%Y-%m-%d} to {asked.score.index[-1]:%Y-%m-%d}."
        )
    return score


def _answer(target: Workspace, asked: Judged, played: Played, looked: backtest_looks.Looked) -> dict[str, Any]:
    manifest = tables.verified(target.bars, tables.BARS)
    answer = backtest_figures.answer(target.series.name, manifest.sha256, asked, played)
    answer |= {"look": looked._asdict(), "recorded": _recorded(target, asked, played)}
    answer["warnings"] = backtest_looks.warnings(target, asked, played, looked, answer)
    days = f"{played.inside[0]:%Y-%m-%d}_{played.inside[-1]:%Y-%m-%d}"
    named = "_".join([asked.name, days, *([played.settling.by] if played.settling.by else [])])
    answer["folder"] = str(target.home / "backtests" / target.series.name / named)
    return answer


def _recorded(target: Workspace, asked: Judged, played: Played) -> str | None:
    """Return whether the trades are those recorded when the run was judged; None where that cannot be asked."""
    kept, window = target.run / "trades.parquet", asked.window
    if asked.bundle is None or not kept.exists() or not (target.run / "card.json").exists():
        return None
    if played.settling.how != PESSIMISTIC:
        return None
    begins, ends = pd.Timestamp(window["oos_start"]), pd.Timestamp(window["cut_off"])
    judged_bars = played.bars.index[played.bars.index > begins]
    whole = played.inside.equals(judged_bars) and played.inside[-1] == ends
    if not whole or answers.read(target).run_id != asked.bundle.run_id:
        return None
    same = played.result.trades.equals(tables.read_table(kept, tables.TRADES))
    return "the same" if same else "differs"


def _write(folder: Path, asked: Judged, played: Played, answer: dict[str, Any]) -> None:
    made_from: dict[str, Any] = {
        "inputs": {"bars": answer["bars_sha256"], asked.kind: asked.sha256} | played.settling.inputs,
        "config_sha256": asked.rules.sha256,
        "code_sha256": receipts.code_sha256("backtest.engine", "backtest.metrics", "market.tables"),
    }
    tables.write_table(folder / "trades.parquet", played.result.trades, tables.TRADES, **made_from)
    tables.write_table(folder / "equity.parquet", played.result.equity, tables.EQUITY, **made_from)
    tear_sheet.write(folder, answer, played)
