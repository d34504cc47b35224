"""Feeds of stored bars: every bar once, in order, at its own time or the wall's; new imports are noticed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from live.feeds import Arrived, Event, Silence, stored
from live.feeds.replay import ReplayFeed
from live.feeds.stored import StoredFeed
from live.window import Window
from market import tables
from market.errors import DataError, UnavailableError, UsageError
from market.timeframe import TIMEFRAMES
from tests.live.arriving import as_table, bar, stamp, table

GOLD, SILVER = "XAUUSD_15T", "XAGUSD_15T"


def numbers(events: list[Event], series: str = GOLD) -> list[float]:
    """Return the numbers of the bars of `series` among `events`, read from their stamps."""
    return [(one.bar.ts - stamp(0)) / (stamp(1) - stamp(0)) for one in events if one[0] == series]


# ---- replay ----


def test_a_replay_tells_each_bar_at_its_close_in_the_order_of_time_and_series():
    feed = ReplayFeed({GOLD: table([1, 2, 4]), SILVER: table([2, 3, 4])}, stamp(0), stamp(4))
    events = list(feed.events())
    assert [(one.series, one.bar.ts) for one in events] == [
        (GOLD, stamp(1)),
        (SILVER, stamp(2)),
        (GOLD, stamp(2)),
        (SILVER, stamp(3)),
        (SILVER, stamp(4)),
        (GOLD, stamp(4)),
    ]
    assert all(one == Arrived(one.series, one.bar, one.bar.ts) for one in events)
    assert events[0].bar == bar(1)


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [(0, 9, [1, 2, 3, 4, 5]), (2, 4, [3, 4]), (1.9, 4.9, [2, 3, 4]), (5, 9, []), (3, 3, []), (0, 0.5, [])],
)
def test_a_replay_begins_after_its_start_and_ends_with_its_end(start, end, wanted):
    feed = ReplayFeed({GOLD: table(range(1, 6))}, round(stamp(0) + start * 9e8), round(stamp(0) + end * 9e8))
    assert numbers(list(feed.events())) == wanted


def test_a_long_replay_tells_every_bar():
    feed = ReplayFeed({GOLD: table(range(1, 10_001))}, 0, stamp(10_000))
    assert numbers(list(feed.events())) == list(range(1, 10_001))


def test_a_replay_lives_in_the_time_of_its_bars():
    feed = ReplayFeed({GOLD: table([1])}, stamp(1), stamp(1))
    assert feed.now(0) == stamp(1)
    assert feed.now(stamp(9)) == stamp(9)


@pytest.mark.parametrize(
    ("until", "count", "wanted"), [(5, 3, [3, 4, 5]), (4, 3, [2, 3, 4]), (9, 99, [1, 2, 3, 4, 5]), (0, 3, [])]
)
def test_history_ends_where_it_is_asked_to(until, count, wanted):
    wide = table(range(1, 6)).assign(spread_recorded=0.1)
    feed = ReplayFeed({GOLD: wide}, stamp(0), stamp(9))
    pd.testing.assert_frame_equal(feed.history(GOLD, stamp(until), count), table(wanted), check_freq=False)


def test_a_replay_says_what_it_has_not():
    with pytest.raises(UsageError, match=r"No bars of XAGUSD_15T to replay: there are XAUUSD_15T"):
        ReplayFeed({GOLD: table([1])}, 0, 1).history(SILVER, 1, 1)
    with pytest.raises(UsageError, match="ends before it starts"):
        ReplayFeed({GOLD: table([1])}, 2, 1)


# ---- stored bars ----


class Disk:
    """Bars tables in a folder, what the feed said of them, and what happens at each look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.stopped = False

    def path(self, series: str = GOLD) -> Path:
        return self.folder / f"{series}.parquet"

    def imported(self, bars: pd.DataFrame, series: str = GOLD) -> None:
        tables.write_table(self.path(series), bars, tables.BARS, inputs={}, config_sha256="c", code_sha256="d")

    def feed(self, after: int = 0, clock: Callable[[], int] | None = None, once: bool = False) -> StoredFeed:
        paths = {path.stem: path for path in self.folder.glob("*.parquet")}
        return StoredFeed(
            paths,
            dict.fromkeys(paths, stamp(after)),
            once=once,
            clock=clock,
            pause=0.001,
            stop=lambda: self.stopped,
            tell=self.said.append,
        )

    def happening(self, feed: StoredFeed, *steps: Callable[[], None]) -> list[Event]:
        """Return the events before each silence, and after each step that is taken in one, up to the last silence."""
        happened: list[Event] = []
        left = list(steps)
        for event in feed.events():
            happened.append(event)
            if isinstance(event, Silence):
                if not left:
                    self.stopped = True
                else:
                    left.pop(0)()
        return happened


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    made = Disk(tmp_path / "bars")
    made.imported(table(range(1, 6)))
    return made


def test_stored_bars_are_told_from_where_one_had_come(disk):
    disk.imported(table([4, 5, 6]), SILVER)
    events = list(disk.feed(after=3, once=True).events())
    assert [(one.series, one.bar.ts, one.now) for one in events] == [
        (SILVER, stamp(4), stamp(4)),
        (GOLD, stamp(4), stamp(4)),
        (SILVER, stamp(5), stamp(5)),
        (GOLD, stamp(5), stamp(5)),
        (SILVER, stamp(6), stamp(6)),
    ]


def test_a_clock_gives_every_event_its_time(disk):
    ticks = iter(range(stamp(100), stamp(200), 1_000_000))
    feed = disk.feed(after=3, clock=lambda: next(ticks))
    assert feed.now(stamp(3)) == stamp(100)
    events = disk.happening(feed)
    assert [one.now - stamp(100) for one in events] == [1_000_000, 2_000_000, 3_000_000]
    assert isinstance(events[-1], Silence)


def test_without_a_clock_the_time_is_that_of_the_bars(disk):
    feed = disk.feed(after=3)
    assert feed.now(0) == stamp(3)
    assert feed.now(stamp(2)) == stamp(2)
    assert disk.happening(feed)[-1] == Silence(stamp(5))


def test_bars_that_are_imported_later_are_told_once(disk):
    feed = disk.feed(after=3)
    events = disk.happening(feed, lambda: disk.imported(table(range(1, 9))), lambda: None)
    assert numbers(events) == [4, 5, 6, 7, 8]
    assert events[-1] == Silence(stamp(8))
    assert disk.said == []
    pd.testing.assert_frame_equal(feed.history(GOLD, stamp(8), 2), table([7, 8]), check_freq=False)


def test_the_same_import_again_tells_nothing(disk):
    events = disk.happening(disk.feed(), lambda: disk.imported(table(range(1, 6))))
    assert numbers(events) == [1, 2, 3, 4, 5]


def test_only_bars_that_a_new_import_tells_otherwise_are_told_again(disk):
    revised = as_table([bar(1), bar(2, volume=99.0), bar(3), bar(4), bar(5), bar(6)])
    events = disk.happening(disk.feed(after=3), lambda: disk.imported(revised))
    assert numbers(events) == [4, 5, 2, 6]
    assert events[3].bar == bar(2, volume=99.0)


def test_bars_that_a_new_import_adds_in_between_are_told(disk):
    disk.imported(table([1, 2, 4, 5]))
    assert numbers(disk.happening(disk.feed(), lambda: disk.imported(table(range(1, 7))))) == [1, 2, 4, 5, 3, 6]


def test_revisions_are_looked_for_over_no_more_than_a_window(disk, monkeypatch):
    monkeypatch.setattr(stored, "BACK", 3)
    everything = as_table([bar(number, volume=1.0) for number in range(1, 6)])
    assert numbers(disk.happening(disk.feed(after=5), lambda: disk.imported(everything))) == [3, 4, 5]


def test_a_window_at_the_end_holds_what_is_stored(disk):
    held = Window(GOLD, TIMEFRAMES["15T"], 50)
    last = as_table([bar(1), bar(2, volume=99.0), bar(4), bar(5), bar(6), bar(7, spread=0.9)])
    steps = (lambda: disk.imported(table([1, 2, 4, 5, 6, 7])), lambda: disk.imported(last))
    disk.imported(table([1, 2, 5]))
    kinds = [
        held.accept(one.bar, one.now).kind for one in disk.happening(disk.feed(), *steps) if isinstance(one, Arrived)
    ]
    pd.testing.assert_frame_equal(held.frame(50), last, check_freq=False)
    assert kinds == ["accepted", "accepted", "accepted", "late", "accepted", "accepted", "revised", "revised"]


def test_an_import_that_ends_earlier_is_told_of(disk):
    assert numbers(disk.happening(disk.feed(), lambda: disk.imported(table([1, 2])))) == [1, 2, 3, 4, 5]
    assert len(disk.said) == 1
    assert "lacks bars up to 2025-01-06 01:15:00 UTC, which were told already" in disk.said[0]


def gone(disk: Disk) -> None:
    disk.path().unlink()


def without_manifest(disk: Disk) -> None:
    tables.manifest_path(disk.path()).unlink()


def not_a_manifest(disk: Disk) -> None:
    tables.manifest_path(disk.path()).write_text("{")


def changed(disk: Disk) -> None:
    disk.imported(table(range(1, 8)))
    disk.path().write_bytes(disk.path().read_bytes()[:-1])


def a_folder(disk: Disk) -> None:
    disk.path().unlink()
    disk.path().mkdir()
    manifest = tables.manifest_path(disk.path())
    manifest.write_text(manifest.read_text().replace('"sha256": "', '"sha256": "0'))


DAMAGES = [gone, without_manifest, not_a_manifest, changed, a_folder]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_table_that_is_damaged_meanwhile_is_waited_for(disk, damage):
    def mended() -> None:
        if disk.path().is_dir():
            disk.path().rmdir()
        disk.imported(table(range(1, 8)))

    events = disk.happening(disk.feed(), lambda: damage(disk), lambda: None, lambda: None, mended)
    assert numbers(events) == [1, 2, 3, 4, 5, 6, 7]
    assert len(disk.said) == 1
    assert disk.said[0].startswith("XAUUSD_15T: waiting for its bars: ")


def test_the_same_damage_later_is_told_again(disk):
    mend = lambda: disk.imported(table(range(1, 8)))  # noqa: E731
    disk.happening(disk.feed(), lambda: gone(disk), mend, lambda: gone(disk))
    assert len(disk.said) == 2


@pytest.mark.parametrize("damage", DAMAGES)
def test_at_the_start_a_damaged_table_is_an_error(disk, damage):
    damage(disk)
    with pytest.raises((DataError, UnavailableError)):
        StoredFeed({GOLD: disk.path()}, {GOLD: 0}, True, None, 0.001, lambda: False)


def test_stop_is_asked_often_while_it_waits(disk, monkeypatch):
    naps: list[float] = []
    monkeypatch.setattr(stored.time, "sleep", naps.append)
    asked = iter([False] * 20)
    feed = StoredFeed({GOLD: disk.path()}, {GOLD: stamp(9)}, False, None, 3600.0, lambda: next(asked, True))
    assert list(feed.events()) == []
    assert len(naps) == 20
    assert max(naps) <= 0.2


def test_stop_ends_a_long_backlog(disk):
    def until_stopped(feed: StoredFeed) -> Iterator[Event]:
        for event in feed.events():
            yield event
            disk.stopped = True

    assert numbers(list(until_stopped(disk.feed()))) == [1]


def test_the_feed_says_what_it_has_not(disk):
    with pytest.raises(UsageError, match=r"No bars of XAGUSD_15T in this feed: there are XAUUSD_15T"):
        disk.feed().history(SILVER, 0, 1)
