"""The demo's champion at work, shown with a small one: each step shows what it must, and notices where it is not so.

What is traded is a model of a few trees in a market with an edge; the steps are those of the demo, registry and all.
"""

import datetime as dt
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from live import freshness, replay, restriction, session
from live.feeds import Arrived, Silence, microseconds
from live.feeds.replay import ReplayFeed
from live.restriction import Level, Restriction, Standing
from market import simulated, tables
from market.errors import UnavailableError
from pipeline import demo, demo_frozen, demo_live, demo_parity, explain, planted, receipts
from pipeline.demo_frozen import COURSE, Course
from pipeline.demo_step import Demo, Finding
from pipeline.imports import store_bars
from registry import alias, promotion, runs, tracking
from tests.registry.models import logged, make_bundle

SERIES = planted.SERIES


@pytest.fixture(scope="module", autouse=True)
def shown(tmp_path_factory):
    """Return a demo whose planted market has a small champion, of bars up to 9 April 2020 that go on for two days."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("demo") / "home"
        patch.setenv("ASSAY_HOME", str(home))
        patch.setattr(demo_parity, "COMPARED", (dt.date(2020, 3, 25), dt.date(2020, 3, 28)))
        patch.setattr(demo_parity, "REVISED", pd.Timestamp("2020-03-26 09:15", tz="UTC"))
        made = Demo(home / "demo", 1)
        bars = simulated.simulate("XAUUSD", "15T", "2020-02-24", "2020-04-11", edge=0.45, seed=1)
        store_bars(planted.prepare(made.planted).workspace, bars, {"simulated": True})
        promote(made)
        yield made


def promote(made: Demo) -> None:
    small = make_bundle()
    bounds = small.meta["policy"] | {"long_threshold": 0.55, "short_threshold": 0.45}
    changes = {"series": SERIES, "window": {"cut_off": "2020-04-09"}, "policy": bounds}
    card, folder = logged(made.account, small.files, small.meta | changes, simulated=True)
    promotion.promote(made.account, card, folder)
    runs.keep_card(made.account, card)


@pytest.fixture
def emptied(shown: Demo) -> Demo:
    """Return the demo without a paper account."""
    demo_live.begin_anew(shown.account)
    return shown


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bars_of(shown: Demo) -> pd.DataFrame:
    return tables.read_table(planted.prepare(shown.planted).workspace.bars, tables.BARS)


def test_the_champion_is_traded_and_a_second_run_shows_the_same(shown, capsys):
    first = demo_live.paper(shown)
    told = capsys.readouterr().out
    assert first.shown
    assert "the stored bars give the same bytes and the same score" in told
    assert demo_live.paper(shown) == first
    assert capsys.readouterr().out == told


def test_a_halt_that_nobody_ordered_is_told(emptied):
    strange = emptied.account / "control" / "unknown"
    strange.parent.mkdir(exist_ok=True)
    strange.touch()
    finding = demo_live.paper(emptied)
    strange.unlink()
    assert not finding.shown
    assert "is no order that is known" in finding.found
    assert "no order to explain" in finding.found


def test_a_decision_that_does_not_come_out_the_same_is_told(shown, monkeypatch):
    told = explain.explain
    monkeypatch.setattr(explain, "_equal", lambda one, other: False)
    finding = demo_live.paper(shown)
    assert explain.explain is told
    assert (finding.shown, "does not come out the same" in finding.found) == (False, True)


def test_only_the_demos_own_account_is_begun_anew(shown):
    demo_live.paper(shown)
    restriction.request(shown.account, Level.BLOCK, "somebody", "a reason")
    other = shown.home / "journal.db"
    other.write_bytes(b"of the built-in market")
    before = files(shown.home)
    demo_live.begin_anew(shown.account)
    gone = {str(Path(name).relative_to("planted/demo")) for name in before.keys() - files(shown.home).keys()}
    other.unlink()
    assert {"journal.db", "paper.db", "control/halt"} <= gone
    assert gone <= {*demo_live._ACCOUNT, *demo_live._ORDERS}


def test_an_account_that_a_runner_has_is_not_begun_anew(shown):
    demo_live.paper(shown)
    with session.held(shown.account), pytest.raises(UnavailableError, match="has this account already"):
        demo_live.begin_anew(shown.account)
    assert (shown.account / "journal.db").exists()


def test_a_moved_alias_is_refused_and_the_registry_stays_as_it_was(emptied):
    findings = [demo_live.alias(emptied) for _ in range(2)] if demo_live.paper(emptied).shown else []
    assert [one.shown for one in findings] == [True, True]
    assert findings[0] == findings[1]
    assert tracking.aliases(emptied.account, SERIES) == {"champion": "1"}
    with tracking.opened(emptied.account) as client:
        assert len(client.search_model_versions(f"name='{SERIES}'")) == 2


def test_a_runner_that_does_not_look_at_the_alias_is_noticed(shown, monkeypatch):
    demo_live.paper(shown)
    monkeypatch.setattr(alias, "check", lambda home, series, record: "")
    finding = demo_live.alias(shown)
    assert (finding.shown, finding.found.startswith("not refused")) == (False, True)


def test_the_alias_is_put_back_whatever_happens(shown):
    with pytest.raises(ZeroDivisionError), demo_live.moved_by_hand(shown.account, shown.champion()) as other:
        assert tracking.aliases(shown.account, SERIES) == {"champion": other}
        raise ZeroDivisionError
    assert tracking.aliases(shown.account, SERIES) == {"champion": "1"}


def test_a_frozen_feed_halts_until_resumed_by_hand_and_a_weekend_does_not(shown, capsys):
    finding = demo_frozen.frozen(shown)
    assert finding.shown, finding
    assert "frozen: no bar of SIM_XAUUSD_15T since 2020-04-06 09:00:00 UTC" in capsys.readouterr().out
    assert demo_frozen.frozen(shown) == finding


def never_silent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(freshness.Freshness, "silent", lambda self, now: [])


def never_closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(freshness, "sessions", SimpleNamespace(is_open=lambda ts, market: np.ones(len(ts), dtype=bool)))


def never_restricted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Restriction, "standing", lambda self: Standing(Level.NONE, ()))


def never_resumed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Restriction, "take_resume", lambda self, close: None)


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (never_silent, "no halt when frozen"),
        (never_closed, "1 halt over the weekend"),
        (never_restricted, "where the model asked in 0"),
        (never_resumed, "; 0 orders in 21 bars after"),
    ],
)
def test_a_runner_without_that_guard_is_noticed(shown, monkeypatch, broken, found):
    broken(monkeypatch)
    finding = demo_frozen.frozen(shown)
    assert not finding.shown
    assert found in finding.found


def test_time_goes_on_while_the_feed_is_frozen_and_the_bars_come_late(shown):
    times = ("2020-04-06 08:30", "2020-04-06 08:35", "2020-04-06 09:00", "2020-04-06 09:30")
    begun, weekend, frozen, thawed = (pd.Timestamp(text, tz="UTC") for text in times)
    course = Course(begun, weekend, frozen, thawed, thawed, thawed)
    feed = ReplayFeed({SERIES: bars_of(shown)}, microseconds(begun), microseconds(thawed))
    happened = list(demo_frozen.events(feed, course))
    minutes = [(one.now - microseconds(begun)) // 60_000_000 for one in happened]
    assert minutes == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60]
    assert [minutes[i] for i, one in enumerate(happened) if isinstance(one, Arrived)] == [15, 30, 60, 60]
    assert sum(isinstance(one, Silence) for one in happened) == 9
    assert len({one.bar.ts for one in happened if isinstance(one, Arrived)}) == 4


def test_the_course_is_on_bars_that_the_demos_champion_has_not_seen():
    assert COURSE.begun > pd.Timestamp(planted.CUT_OFF, tz="UTC")
    assert COURSE.ended < pd.Timestamp(planted.END, tz="UTC")


def test_a_replay_is_the_backtest_until_a_bar_is_revised(shown):
    before = files(planted.prepare(shown.planted).workspace.bars.parent)
    finding = demo_parity.compared(shown)
    assert finding.shown, finding
    assert "then bar at 2020-03-26T09:15:00+00:00: high" in finding.found
    assert finding.found.endswith("exit 3")
    assert files(planted.prepare(shown.planted).workspace.bars.parent) == before
    assert not (shown.home / "revised").exists()


def test_a_replay_is_done_again_only_where_it_would_be_another_one(shown, monkeypatch):
    card = runs.find_run(shown.planted, shown.champion()["run_id"])
    made = demo_parity.replayed(shown, card)
    content = made.read_bytes()
    played = replay.play
    times = []
    monkeypatch.setattr(replay, "play", lambda *arguments: times.append(1) or played(*arguments))
    assert demo_parity.replayed(shown, card) == made
    assert (made.read_bytes(), times) == (content, [])
    made.write_bytes(content + b"altered")
    demo_parity.replayed(shown, card)
    monkeypatch.setattr(receipts, "code_sha256", lambda *modules: "other code")
    demo_parity.replayed(shown, card)
    assert len(times) == 2


def test_a_revision_that_is_not_pinpointed_is_noticed(shown, monkeypatch):
    revise = demo_parity._revise
    unrevised = lambda path: revise(shutil.copytree(path.parent, path.parent.with_name("aside")) / path.name)  # noqa: E731
    monkeypatch.setattr(demo_parity, "_revise", unrevised)
    finding = demo_parity.compared(shown)
    assert (finding.shown, finding.found.endswith("then no divergence, exit 0")) == (False, True)


@pytest.mark.parametrize("step", [demo_live.paper, demo_live.alias, demo_frozen.frozen, demo_parity.compared])
def test_without_a_champion_there_is_nothing_to_show(tmp_path, step):
    with pytest.raises(UnavailableError, match="was not READY"):
        step(Demo(tmp_path / "empty", 1))


def unseen(_: Demo) -> Finding:
    """Something is not there."""
    return Finding("a thing", "nothing", False)


def test_what_follows_from_a_step_before_is_told_and_any_other_error_is_raised(tmp_path, capsys):
    empty = tmp_path / "empty"
    findings = demo.run(empty, 1, [unseen, demo_live.paper])
    assert [one.shown for one in findings] == [False, False]
    assert "was not READY" in findings[1].found
    with pytest.raises(UnavailableError, match="was not READY"):
        demo.run(empty, 1, [demo_live.paper])
