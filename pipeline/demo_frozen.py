"""A feed that freezes: the clock goes on, no bar comes, and the runner must halt; over a weekend it must not.

The runner is the one that trades, on an account of its own. Only its time is another one: bars arrive at their closes,
and every few minutes without one it is told what time it is. Nobody waits.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.markup import escape

from live import assembly, restriction
from live.assembly import Desk
from live.feeds import Arrived, Event, Silence, microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from live.model import Model
from live.rows import Decision, Halt
from live.window import told
from market import settings, tables
from pipeline import planted
from pipeline.demo_step import Demo, Finding, say
from registry import champion

_TICK = 300_000_000  # microseconds between two looks at the feed


class Course(NamedTuple):
    """How it goes, as UTC stamps: begun on a Friday, frozen and thawed after the weekend, resumed by hand, ended.

    `weekend` is the last look before the market opens again. Other stamps are closes of bars.
    """

    begun: pd.Timestamp
    weekend: pd.Timestamp
    frozen: pd.Timestamp
    thawed: pd.Timestamp
    resumed: pd.Timestamp
    ended: pd.Timestamp


COURSE = Course(
    *(
        pd.Timestamp(text, tz="UTC")
        for text in (
            "2020-04-03 18:00",
            "2020-04-05 21:55",
            "2020-04-06 09:00",
            "2020-04-06 12:00",
            "2020-04-06 18:00",
            "2020-04-07 00:00",
        )
    )
)


class Seen(NamedTuple):
    """What the runner did: halts over the weekend, halts at the end of the freeze, decisions while halted, after."""

    weekend: list[Halt]
    frozen: list[Halt]
    blocked: list[Decision]
    after: list[Decision]


def frozen(demo: Demo) -> Finding:
    """A feed that freezes halts the runner with its reason until a person resumes; a weekend does not."""
    demo.champion()
    model = assembly.bound(champion.load_champion(planted.SERIES, demo.account))
    bars = tables.read_table(planted.prepare(demo.planted).workspace.bars, tables.BARS)
    allowed = 60.0 * model.timeframe.minutes + settings.live_feed().maximum_silence
    seen = lived(demo.planted / "frozen", model, bars, COURSE)
    for halt in seen.frozen:
        say(f"Halted at {told(halt.at)}: {escape(halt.reason)}")
    wanted = (
        f"no halt over the weekend, one within {_TICK / 1e6:,.0f} s after {allowed:,.0f} s without a bar; "
        "no order until a person resumes, though the model asks for some, then orders again"
    )
    return Finding(wanted, _told(seen, model), _as_wanted(seen, model, allowed))


def lived(folder: Path, model: Model, bars: pd.DataFrame, course: Course) -> Seen:
    """Return what a runner of `model` in `folder`, which is made anew, does on `bars` over `course`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    feed = ReplayFeed({model.series: bars}, microseconds(course.begun), microseconds(course.ended))
    account, after, models = settings.live_account(), {model.series: feed.now(0)}, {model.series: model}
    with (
        contextlib.closing(Journal.open(folder / "journal.db", account.name)) as journal,
        contextlib.closing(assembly.paper_broker(folder, models)) as broker,
    ):
        desk = assembly.assembled(folder, models, journal, broker, feed, after, account, settings.live_feed(), _unheard)
        desk.trader.start(feed.now(0))
        return _lived(folder, desk, events(feed, course), course)


def events(feed: ReplayFeed, course: Course) -> Iterator[Event]:
    """Yield the bars of `feed`, those of the freeze at its end, and a silence at every look that found none."""
    begin, end = microseconds(course.frozen), microseconds(course.thawed)
    arrivals = [one for one in feed.events() if isinstance(one, Arrived)]
    due: dict[int, list[Event]] = {}
    for one in arrivals:
        now = end if begin < one.bar.ts <= end else one.bar.ts
        due.setdefault(now, []).append(one._replace(now=now))
    for now in range(microseconds(course.begun) + _TICK, microseconds(course.ended) + 1, _TICK):
        yield from due.get(now, [Silence(now)])


def _lived(folder: Path, desk: Desk, happened: Iterator[Event], course: Course) -> Seen:
    weekend, halts = [], []
    blocked: list[Decision] = []
    after: list[Decision] = []
    for event in happened:
        resumed = event.now >= microseconds(course.resumed)
        if event.now == microseconds(course.resumed):
            restriction.rearm(folder, "the demo", "the feed is back")
        decision = desk.trader.on(event)
        if event.now == microseconds(course.weekend):
            weekend = desk.journal.open_halts()
        if event.now == microseconds(course.thawed) - _TICK:
            halts = desk.journal.open_halts()
        if decision is not None and event.now >= microseconds(course.thawed):
            (after if resumed else blocked).append(decision)
    return Seen(weekend, halts, blocked, after)


def _unheard(line: str) -> None:
    """Drop what the runner tells: the step tells what matters."""


def asked(model: Model, decisions: list[Decision]) -> list[Decision]:
    """Return the decisions that were refused because the runner was halted, though the score passed a threshold."""
    bounds = model.policy.long_threshold, model.policy.short_threshold
    passed = [one for one in decisions if one.score >= bounds[0] or one.score <= bounds[1]]
    return [one for one in passed if one.reason == "restricted"]


def _as_wanted(seen: Seen, model: Model, allowed: float) -> bool:
    if seen.weekend or len(seen.frozen) != 1:
        return False
    silent = (seen.frozen[0].at - microseconds(COURSE.frozen)) / 1e6
    in_time = seen.frozen[0].reason.startswith("frozen:") and allowed < silent <= allowed + _TICK / 1e6
    held = not any(one.side for one in seen.blocked) and bool(asked(model, seen.blocked))
    return in_time and held and any(one.side for one in seen.after)


def _told(seen: Seen, model: Model) -> str:
    last = microseconds(COURSE.frozen)
    halts = ", ".join(f"a halt {(one.at - last) / 1e6:,.0f} s after the last bar" for one in seen.frozen) or "no halt"
    orders = [sum(one.side != 0 for one in part) for part in (seen.blocked, seen.after)]
    return (
        f"{len(seen.weekend) or 'no'} halt over the weekend; {halts} when frozen; "
        f"{orders[0]} orders in {len(seen.blocked)} bars until resumed, where the model asked in "
        f"{len(asked(model, seen.blocked))}; {orders[1]} orders in {len(seen.after)} bars after"
    )
