"""Whether a backtest is evidence: which of its bars were seen in training, and which others had been judged already."""

from typing import Any, NamedTuple

import pandas as pd

from backtest import policy as policies
from market import instruments, tables
from pipeline import job
from pipeline.backtest_figures import Played
from pipeline.backtest_ties import Settling
from pipeline.imports import data_warnings, on_floor
from pipeline.judged import Judged
from pipeline.workspace import Workspace
from registry import ledger
from registry.figures import counted as count_of

FEW_TRADES = 60  # as in a fold that is judged
UNLIKELY_SHARPE = 5.0  # a year: at this, a rare strategy or a leak

_LEAST_TRADES_OF_A_SHARPE = 30


class Looked(NamedTuple):
    """Whether it is a look, whether it was counted just now, and the looks at windows that overlap these bars."""

    is_one: bool
    counted: bool
    looks: int


def look(target: Workspace, judged: Judged, inside: pd.DatetimeIndex, settling: Settling) -> Looked:
    """Count the look at the bars `inside` in the ledger, before anybody sees a number, where it is one.

    It is one where the bars reach into or beyond a window on which models of the series are judged: whoever has seen
    what trading there brings chooses by it. A run on bars up to the end of its own judged window is none: they were
    trained on, or counted when it was judged. The same thing on the same bars by the same rules counts once.
    """
    name, last = target.series.name, inside[-1]
    known = _at(judged.window["cut_off"]) if judged.window else _judged_from(target)
    is_one = last > known
    counted = is_one and ledger.record(target.home, name, "look", **_asked(target, judged, inside, settling))
    return Looked(is_one, counted, ledger.count(target.home, name, _before(inside[0]), last.isoformat()).looks)


def tried(target: Workspace, judged: Judged, played: Played, sharpe_per_trade: float | None) -> bool:
    """Count what was played as a trial of the series, and return whether it is new.

    A rule is one on any bars; a run is one on bars outside of the window on which it was judged, where it was counted.
    The same thing on the same bars by the same rules counts once.
    """
    inside, window = played.inside, judged.window
    if window and _at(window["oos_start"]) < inside[0] and inside[-1] <= _at(window["cut_off"]):
        return False
    rules = policies.stored(judged.rules.policy)
    return ledger.record(
        target.home,
        target.series.name,
        "trial",
        **_asked(target, judged, inside, played.settling),
        part="rule" if judged.bundle is None else "run",
        parameters={name: rules[name] for name in ("long_threshold", "short_threshold")},
        value=sharpe_per_trade,
        objective="Sharpe per trade",
    )


def _asked(target: Workspace, judged: Judged, inside: pd.DatetimeIndex, settling: Settling) -> dict[str, str]:
    return {
        "bars_sha256": _bars_sha256(target),
        "config_sha256": settling.sha256_with(judged.rules.sha256),
        "oos_start": _before(inside[0]),
        "cut_off": inside[-1].isoformat(),
        "model": judged.sha256,
        "run_id": "" if judged.bundle is None else judged.bundle.run_id,
        "command": "backtest",
    }


def warnings(target: Workspace, judged: Judged, played: Played, looked: Looked, answer: Any) -> list[str]:
    """Return what a reader must know before believing the numbers of `answer`, the gravest first."""
    told = [*_seen(judged, played.inside), *_looks(looked)]
    if judged.score is not None:
        told.append(
            "What these scores were fitted on is not known here: on bars that shaped them, this is no evidence."
        )
    if answer["recorded"] == "differs":
        told.append("These trades differ from those recorded when the run was judged: the bars were changed since.")
    told += _numbers(answer["figures"], answer["refusals"])
    costs = instruments.instrument(target.series.symbol).costs
    if costs != judged.rules.costs:
        told.append("Costs are those that the run was judged with; config/instruments.toml has others now.")
    manifest = tables.read_manifest(target.bars)
    told += judged.bundle.notes if judged.bundle else ()
    return told + (data_warnings(manifest, _on_floor(played, costs.spread_floor)) if manifest else [])


def _on_floor(played: Played, floor: float) -> str:
    """Return how many of the bars on which was decided are charged the floor."""
    spread = played.bars["spread"].loc[played.inside]
    return on_floor(int((spread <= floor).sum()), len(spread), "bars that were judged")


def _seen(judged: Judged, inside: pd.DatetimeIndex) -> list[str]:
    window = judged.window
    if not window:
        return []
    seen = int(((inside >= _at(window["history_start"])) & (inside <= _at(window["development_end"]))).sum())
    share = f"{seen:,} of {len(inside):,} bars were" if seen < len(inside) else f"All {seen:,} bars were"
    return [f"{share} seen in training: this is no evidence."] if seen else []


def _looks(looked: Looked) -> list[str]:
    if not looked.is_one:
        return []
    return [
        "These bars are for judging models, or were: this is a look and counts. Windows that overlap them have had "
        f"{count_of(looked.looks, 'look')}, and a pass means less with each."
    ]


def _numbers(figures: dict[str, Any], refusals: dict[str, int]) -> list[str]:
    told, trades, annual = [], figures["trades"], figures["annual_sharpe"]
    if trades < FEW_TRADES:
        few = f"{count_of(trades, 'trade')} {'is' if trades == 1 else 'are'} too few"
        told.append(f"{few} to tell skill from luck: wanted {FEW_TRADES} at least.")
    if small := refusals.get("size"):
        were = f"{count_of(small, 'trade')} {'was' if small == 1 else 'were'} too small"
        told.append(f"{were} for one lot step at this risk: the figures are of the others.")
    if trades >= _LEAST_TRADES_OF_A_SHARPE and annual is not None and annual > UNLIKELY_SHARPE:
        told.append(
            f"A Sharpe ratio of {annual:.1f} a year is either a rare strategy or a leak: look for the leak first."
        )
    return told


def _judged_from(target: Workspace) -> pd.Timestamp:
    """Return the start of the earliest window on which models of the series were judged, or are to be."""
    work = job.prepare(target.series)
    planned = work.cut_off - pd.DateOffset(months=work.research.oos_months)
    mine = (one for one in ledger.read(target.home).entries if one.series == target.series.name)
    return min([planned, *(_at(one.oos_start) for one in mine if one.kind == "look" and one.command == "train")])


def _before(first: pd.Timestamp) -> str:
    """Return the start of a window `(start, …]` whose first bar closes at `first`."""
    return (first - pd.Timedelta(microseconds=1)).isoformat()


def _bars_sha256(target: Workspace) -> str:
    manifest = tables.read_manifest(target.bars)
    assert manifest is not None  # the bars were read
    return manifest.sha256


def _at(stamp: str) -> pd.Timestamp:
    moment = pd.Timestamp(stamp)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment
