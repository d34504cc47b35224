"""A replay: a run's own bundle on stored bars through the same loop, with an account and a paper broker of its own.

Any run can be replayed, a FAILED one too; nothing of it can reach a broker or the runner's journal.
"""

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from live import assembly, companions
from live.feeds import Arrived, Feed, microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from live.model import Model
from market import settings, tables
from market.errors import UnavailableError, UsageError
from registry import card as cards
from registry import champion, exported, runs
from registry.card import Card
from registry.champion import Bundle

MODE = "REPLAY"
_STEP = 500  # bars between two reports of progress
Report = Callable[[int, int], None]


class Played(NamedTuple):
    """A replay that has ended: the run's card, the model that played, its window, its journal, what was told."""

    card: Card
    model: Model
    start: pd.Timestamp
    end: pd.Timestamp
    journal: Path
    bars: pd.DataFrame
    told: tuple[str, ...]


def play(
    home: Path,
    run_id: str,
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    overlay: bool,
    report: Report = lambda done, total: None,
    purpose: str = "",
    folder: Path | None = None,
) -> Played:
    """Replay the bars of `(start, end]` (default: the judged window) through the bundle of a run.

    `folder` holds the run where it was exported; by default it is one of `home`. `overlay` lays the limits of
    `config/live.toml` over what was judged. The journal is made anew, in a folder named after the run and `purpose`.
    Raises UsageError for an unknown run or an empty window, UnavailableError without bars, DataError for altered bytes.
    """
    card, bundle = _found(home, run_id, folder)
    model = assembly.bound(bundle) if overlay else assembly.judged(bundle)
    model = model._replace(role="champion")
    bars = stored_bars(home, card)
    start = start or pd.Timestamp(card.window["oos_start"])
    end = end or pd.Timestamp(card.window["cut_off"])
    if end <= start:
        raise UsageError(f"The replay would end on {end:%Y-%m-%d}, before it starts on {start:%Y-%m-%d}.")
    tables_of = companions.read(_stored(home, card), {card.series: model}) | {card.series: bars}
    feed = ReplayFeed(tables_of, microseconds(start), microseconds(end))
    chosen = bars.loc[(bars.index > start) & (bars.index <= end)]
    if not len(chosen):
        raise UsageError(
            f"No bars of {card.series} in ({start:%Y-%m-%d}, {end:%Y-%m-%d}]: they reach from "
            f"{bars.index[0]:%Y-%m-%d} to {bars.index[-1]:%Y-%m-%d}."
        )
    account = home / "replays" / f"{card.run_id}{purpose}"
    told = played(account, {card.series: model}, feed, len(chosen), report)
    return Played(card, model, start, end, account / "journal.db", bars, told)


def _found(home: Path, run_id: str, folder: Path | None) -> tuple[Card, Bundle]:
    """Return the card and the bundle of a run of `home` or, with `folder`, of the exported one there."""
    if folder is None:
        card = runs.find_run(home, run_id)
        return card, champion.load_bundle(runs.bundle_folder(home, card), card.bundle_sha256, card.run_id)
    held = exported.read(folder)
    if len(run_id) < runs.SHORTEST or not held.run_id.startswith(run_id):
        raise UsageError(f"{folder} is run {held.run_id} of {held.series}, not {run_id!r}: give --run {held.run_id}.")
    card = cards.from_json(held.card, str(folder / exported.CARD))
    return card, champion.load_bundle(held.bundle, held.bundle_sha256, held.run_id)


def played(folder: Path, models: dict[str, Model], feed: Feed, total: int, report: Report) -> tuple[str, ...]:
    """Play `feed` through `models` with a fresh account in `folder`; what is open at the end is closed there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    told: list[str] = []
    after = dict.fromkeys(models, feed.now(0))
    account, expected = settings.live_account(), settings.live_feed()
    feed = companions.together(feed, models, after, None, told.append)
    with (
        contextlib.closing(Journal.open(folder / "journal.db", account.name)) as journal,
        contextlib.closing(assembly.paper_broker(folder, models)) as broker,
    ):
        desk = assembly.assembled(folder, models, journal, broker, feed, after, account, expected, told.append)
        last = feed.now(0)
        session = journal.begin_session(MODE, last)
        desk.trader.start(last)
        done = 0
        for events in feed.together():
            desk.trader.together(events)
            last, before = events[-1].now, done
            done += sum(isinstance(event, Arrived) for event in events)
            if done // _STEP > before // _STEP or done == total:
                report(done, total)
        for series in sorted(models):
            broker.finish(series)
        desk.trader.settle(last)
        journal.end_session(session, last, "the replay has ended")
    return tuple(told)


def stored_bars(home: Path, card: Card) -> pd.DataFrame:
    """Return the stored bars of a run's series."""
    path = _stored(home, card) / f"{card.series}.parquet"
    if not path.exists():
        raise UnavailableError(f"No bars of {card.series} are stored: import them with `assay import`.")
    return tables.read_table(path, tables.BARS)


def _stored(home: Path, card: Card) -> Path:
    return (home / "demo" if card.simulated else home) / "bars"


def stored_companions(home: Path, card: Card, model: Model) -> dict[str, pd.DataFrame]:
    """Return the stored bars of the companions of a run's `model`, by symbol."""
    held = companions.read(_stored(home, card), {model.series: model})
    return {symbol: held[name] for symbol, name in model.companions.items()}


def summary(played: Played) -> dict[str, Any]:
    """Return what a replay did: its trades, its result and why there was no order."""
    with contextlib.closing(Journal.read(played.journal)) as journal:
        decisions = list(journal.decisions(played.card.series))
        closed = [one for one in journal.executions(played.card.series) if one.kind == "close"]
    refused = Counter(one.reason for one in decisions if one.side == 0)
    return {
        "mode": MODE,
        "series": played.card.series,
        "run_id": played.card.run_id,
        "status": played.card.status,
        "bars": len(decisions),
        "first": played.start.isoformat(),
        "last": played.end.isoformat(),
        "trades": len(closed),
        "pnl": sum(one.pnl for one in closed),
        "r": sum(one.r for one in closed),
        "reasons": dict(refused.most_common()),
        "journal": str(played.journal),
        "told": list(played.told),
    }
