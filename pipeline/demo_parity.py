"""Parity in the demo: a replay makes the backtest's trades, and one revised bar is pinpointed.

What is revised is a copy, in a home of its own that does not stay.
"""

import contextlib
import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from live import replay
from market import instruments, settings, tables
from pipeline import parity, planted, screen
from pipeline.demo_live import FEWEST
from pipeline.demo_step import Demo, Finding
from pipeline.receipts import Order
from pipeline.screen import Screen
from registry import runs
from registry.card import Card

COMPARED: tuple[dt.date | None, dt.date | None] = (None, None)  # the judged window
REVISED = pd.Timestamp("2020-01-16 09:15", tz="UTC")


def compared(demo: Demo) -> Finding:
    """Every replayed trade is the backtest's, until one bar is revised by a tick, which is pinpointed."""
    record = demo.champion()
    card = runs.find_run(demo.planted, record["run_id"])
    journal = replayed(demo, card)
    same = parity.of_run(card.run_id, None, None, False, journal, Screen(), demo.planted)
    screen.show(same, False, screen.parity)
    with revised(demo, card) as (home, revision):
        apart = parity.of_run(card.run_id, None, None, False, journal, Screen(), home)
    screen.show(apart, False, screen.parity)
    first = apart["first_divergence"]
    wanted = (
        f"{FEWEST} trades at least and all the same, exit 0; "
        f"then bar at {revision.ts.isoformat()}: high {revision.old} live, {revision.new} in the backtest, exit 3"
    )
    found = f"{same['matched']} of {same['total']} trades the same, exit {parity.exit_code(same)}; then {_told(first)}"
    whole = same["matched"] == same["total"] >= FEWEST and parity.exit_code(same) == 0
    pinpointed = first is not None and (first["ts"], first["what"], first["field"], first["live"], first["backtest"])
    exactly = (revision.ts.isoformat(), "bar", "high", revision.old, revision.new)
    return Finding(wanted, f"{found}, exit {parity.exit_code(apart)}", whole and pinpointed == exactly)


def replayed(demo: Demo, card: Card) -> Path:
    """Return the journal of a replay of `card` over COMPARED: a new one, unless all that it was made from is the same.

    That is the bundle, the bars, the settings of the runner, and the code: a receipt tells, as it does for a stage.
    """
    account = {"account": settings.live_account().model_dump(), "feed": settings.live_feed().model_dump()}
    order = Order(
        stage="replay",
        inputs={
            "bundle": card.bundle_sha256,
            "bars": tables.sha256_of_file(planted.prepare(demo.planted).workspace.bars),
        },
        config=[*COMPARED, account],
        modules=("live.replay",),
    )
    path = demo.planted / "replays" / card.run_id / "replay.receipt.json"

    def work() -> tuple[list[Path], dict[str, Any]]:
        start, end = (None if day is None else pd.Timestamp(day, tz="UTC") for day in COMPARED)
        with Screen().stage("replay") as report:
            played = replay.play(
                demo.planted, card.run_id, start, end, False, lambda done, of: report("bars", done, of)
            )
        return [played.journal], {}

    if order.stale(path):
        order.run(path, work)
    return path.with_name("journal.db")


class Revision(NamedTuple):
    """A bar whose high was revised: its close, the high before and after."""

    ts: pd.Timestamp
    old: float
    new: float


@contextlib.contextmanager
def revised(demo: Demo, card: Card) -> Iterator[tuple[Path, Revision]]:
    """Yield a home that holds only the run of `card` and its bars, one high of them a tick higher; it does not stay."""
    home = demo.home / "revised"
    shutil.rmtree(home, ignore_errors=True)
    try:
        _copied(demo.planted, home, card)
        yield home, _revise(planted.prepare(home).workspace.bars)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _copied(source: Path, home: Path, card: Card) -> None:
    """Copy the run of `card` to `home`: its card, its bundle, its bars."""
    here, there = planted.prepare(source).workspace, planted.prepare(home).workspace
    runs.keep_card(there.home, card)
    shutil.copytree(runs.bundle_folder(source, card), runs.bundle_folder(home, card))
    there.bars.parent.mkdir(parents=True)
    shutil.copyfile(here.bars, there.bars)
    shutil.copyfile(tables.manifest_path(here.bars), tables.manifest_path(there.bars))


def _revise(path: Path) -> Revision:
    """Write the bars at `path` anew with one high a tick higher, as a vendor's revision would."""
    bars = tables.read_table(path, tables.BARS)
    at = bars.index[bars.index.searchsorted(REVISED)]
    old = float(bars.loc[at, "high"])
    bars.loc[at, "high"] = new = round(old + instruments.instrument("XAUUSD").costs.tick_size, 6)
    tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="")
    return Revision(at, old, new)


def _told(first: dict[str, Any] | None) -> str:
    if first is None:
        return "no divergence"
    return (
        f"{first['what']} at {first['ts']}: {first['field']} {first['live']} live, {first['backtest']} in the backtest"
    )
