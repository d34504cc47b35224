"""Parity of a run: its live replay against the backtest of the same bars, trade by trade."""

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import feature_store
from backtest.engine import Result, run
from feature_store import groups as feature_groups
from feature_store.chunks import edges
from labels.sampling import sampled
from live import assembly, parity, replay
from live.journal import Journal
from live.model import Model
from live.parity import Parity
from market import instruments, settings
from market.errors import DataError, GateError, UnavailableError
from pipeline.screen import Screen
from registry import champion, runs
from registry.card import Card
from registry.champion import Bundle


def of_run(
    run_id: str,
    start_date: dt.date | None,
    end_date: dt.date | None,
    overlay: bool,
    journal: Path | None,
    screen: Screen,
    home: Path | None = None,
) -> dict[str, Any]:
    """Replay a run, or take the `journal` of an earlier replay, and compare it with the backtest on the stored bars.

    Run and bars are those of `home` (default: `ASSAY_HOME`).
    """
    home = home or settings.home()
    card = runs.find_run(home, run_id)
    if journal is None:
        start, end = (None if day is None else pd.Timestamp(day, tz="UTC") for day in (start_date, end_date))
        with screen.stage("replay") as report:
            told = partial(report, "bars")
            played = replay.play(home, run_id, start, end, overlay, told, purpose=".parity")
        journal = played.journal
    with screen.stage("backtest"):
        found, reference = against_backtest(home, card, journal, overlay)
    return {
        "series": card.series,
        "run_id": card.run_id,
        "status": card.status,
        "journal": str(journal),
        "overlay": overlay,
        "total": found.total,
        "matched": found.matched,
        "bars": found.bars,
        "scores_differing": found.scores_differing,
        "first_divergence": _told(found),
        "refusals": reference.refusals,
    }


def exit_code(answer: dict[str, Any]) -> int:
    """Return the exit code of a comparison: 0 where nothing differs, else that of a gate that said no."""
    return 0 if answer["first_divergence"] is None else GateError.exit_code


def against_backtest(home: Path, card: Card, journal: Path, overlay: bool) -> tuple[Parity, Result]:
    """Return how `journal` compares with the backtest of the run's bundle over the same stretch of stored bars."""
    bundle = champion.load_bundle(runs.bundle_folder(home, card), card.bundle_sha256, card.run_id)
    model = assembly.bound(bundle) if overlay else assembly.judged(bundle)
    with contextlib.closing(Journal.read(journal)) as kept:
        decisions = list(kept.decisions(card.series))
        executions = kept.executions(card.series)
    if not decisions:
        raise UnavailableError(f"{journal} holds no decision of {card.series}: play a replay first.")
    first, last = (pd.Timestamp(one.ts, unit="us", tz="UTC") for one in (decisions[0], decisions[-1]))
    bars = replay.stored_bars(home, card).loc[:last]
    score = scored(bundle, bars, first, replay.stored_companions(home, card, model))
    result = backtested(model, bars, score)
    return parity.compare(decisions, executions, bars.loc[first:], score, result.trades), result


def scored_as_stored(bundle: Bundle, bars: pd.DataFrame, first: pd.Timestamp) -> pd.DataFrame:
    """Return what `scored` does, the companions of the bundle taken from the stored bars."""
    model, home = assembly.judged(bundle), settings.home()
    if not model.companions:
        return scored(bundle, bars, first)
    return scored(bundle, bars, first, replay.stored_companions(home, runs.find_run(home, bundle.run_id), model))


def scored(
    bundle: Bundle, bars: pd.DataFrame, first: pd.Timestamp, companions: Mapping[str, pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Return the score table of `bundle` at the events of `bars` from `first` on, by the batch way to a feature.

    Only the chunks from that of `first` on are computed, which are the same bits as those of all bars. Raises DataError
    where none of these bars is an event.
    """
    events = sampled(bars, bundle.sampling)
    events = events[events >= first]
    if not len(events):
        raise DataError(
            f"{bundle.series} is asked at events alone ({bundle.sampling.told}), and none of the bars from "
            f"{first:%Y-%m-%d %H:%M} to {bars.index[-1]:%Y-%m-%d %H:%M} is one: choose more of them."
        )
    wanted = feature_groups.chosen(sorted({name.partition("__")[0] for name in bundle.model.features}))
    features = feature_store.compute(_enough(bundle, bars, first, wanted), wanted, companions=companions)
    return bundle.score(features.loc[events, list(bundle.model.features)])


def _enough(bundle: Bundle, bars: pd.DataFrame, first: pd.Timestamp, groups: Sequence[str]) -> pd.DataFrame:
    """Return the bars from the chunk of `first` on, and those before it that the groups see."""
    timeframe = instruments.series_named(bundle.series).timeframe
    ts = pd.DatetimeIndex(bars.index)
    at = min(int(ts.searchsorted(first)), len(ts) - 1)
    begin = next(begin for begin, end in edges(ts, timeframe) if at < end)
    return bars.iloc[max(begin - feature_store.lookback(groups, timeframe) + 1, 0) :]


def backtested(model: Model, bars: pd.DataFrame, score: pd.DataFrame) -> Result:
    """Return the backtest of `score` on `bars` under the rules that bind `model`."""
    return run(bars, score, model.policy, model.exits, model.costs, model.risk, model.market)


def _told(found: Parity) -> dict[str, Any] | None:
    one = found.first_divergence
    if one is None:
        return None
    return one._asdict() | {"ts": one.ts.isoformat(), "live": _plain(one.live), "backtest": _plain(one.backtest)}


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
