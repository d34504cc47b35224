"""The loop against the backtest: the same bars and scores give the same trades, bit for bit."""

import math
import os
import resource
import signal
import sys
from random import Random

import numpy as np
import pandas as pd
import pytest

from live import parity, session
from live.failpoints import armed
from live.feeds import Silence
from live.freshness import Freshness
from live.restriction import Level, Restriction, ordered, rearm, request
from live.trader import Trader
from live.window import Window
from market.errors import DataError, UnavailableError
from market.execution import Bar
from market.tape import last
from tests.live import worlds
from tests.live.faulty import FaultyVenue, Line


def compared(made, where):
    decisions = list(where.journal.decisions(worlds.SERIES))
    score = made.score.iloc[made.first :].to_frame("score")
    for side in ("long", "short"):
        score[f"expected_r_{side}"] = 1.0
    score["confidence"] = score["score"].where(score["score"] > 0.5, 1.0 - score["score"])
    score.loc[score["score"].isna()] = float("nan")
    executions = where.journal.executions(worlds.SERIES)
    return parity.compare(decisions, executions, made.bars.iloc[made.first :], score, made.backtest())


@pytest.mark.parametrize("seed", range(6))
def test_the_loop_makes_the_trades_of_the_backtest(tmp_path, seed):
    made = worlds.world(seed)
    where = worlds.place(tmp_path, made)
    worlds.traded(made, where)
    found = compared(made, where)
    assert found.total > 5
    assert (found.matched, found.scores_differing, found.first_divergence) == (found.total, 0, None)


@pytest.fixture(scope="module")
def lively():
    """Return a world with more bars behind it than a clamp of volatility wants, and one that refuses often."""
    return worlds.world(8, 2120, 1920, max_volatility=1.1, min_volatility=0.9)


def test_volatility_is_clamped_as_in_the_backtest(tmp_path, lively):
    where = worlds.place(tmp_path, lively)
    worlds.traded(lively, where)
    found = compared(lively, where)
    assert found.total > 20
    assert (found.matched, found.first_divergence) == (found.total, None)
    refused = [one for one in where.journal.decisions(worlds.SERIES) if one.reason == "volatility"]
    assert len(refused) > 10
    assert all(not one.overlay and "its mean of 500 bars" in one.detail for one in refused)


def of_the_bar_before(bars, costs, period, market):
    return last(bars, costs, period, market)._replace(volatility=last(bars.iloc[:-1], costs, period, market).volatility)


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [("live.trader", "last", of_the_bar_before), ("live.model", "ATR_BARS", -24)],
    ids=["the volatility of the bar before", "a window of 163 bars"],
)
def test_a_clamp_of_another_volatility_is_caught(tmp_path, lively, monkeypatch, owner, name, broken):
    monkeypatch.setattr(f"{owner}.{name}", broken)
    where = worlds.place(tmp_path, lively)
    worlds.traded(lively, where)
    found = compared(lively, where)
    assert found.matched < found.total


def test_a_clamp_lengthens_the_window_and_an_overlaid_one_leaves_the_hash_to_what_was_judged(tmp_path, lively):
    model = lively.model
    assert (model.bars_needed, model.judged_bars_needed) == (1899, 1899)
    judged = model.policy._replace(max_volatility=math.inf, min_volatility=0.0)
    overlaid = model._replace(judged_policy=judged)
    assert (overlaid.bars_needed, overlaid.judged_bars_needed) == (1899, 1400)
    assert overlaid._replace(policy=judged).bars_needed == 1400

    class Overlaid(worlds.World):
        model = overlaid

    where = worlds.place(tmp_path, lively)
    running, events = begun(Overlaid(*lively), where)
    row, _ = until(running, events, lambda row: row.overlay)
    assert row.reason == "volatility"
    window = Window(worlds.SERIES, overlaid.timeframe, 2120)
    window.load(lively.bars.loc[: pd.Timestamp(row.ts, unit="us", tz="UTC")])
    assert row.tail_sha256 == window.sha256(1400)


def begun(made, where, told=None):
    """Return a started runner, and the events that are still to come."""
    running = worlds.trader(made, where, (told if told is not None else []).append)
    feed = worlds.feed_of(made, where.journal)
    running.start(feed.now(where.journal.last_decided().get(worlds.SERIES, 0)))
    return running, list(feed.events())


def until(running, events, wanted):
    """Let events happen up to the first decision for which `wanted` holds; return it and what is left."""
    for number, event in enumerate(events, start=1):
        row = running.on(event)
        if row is not None and wanted(row):
            return row, events[number:]
    raise AssertionError("it never happened")


def reasons(running, events):
    return [row.reason for row in map(running.on, events) if row is not None]


def entered(row):
    return row.side != 0


def held(row):
    return row.reason == "in_position"


@pytest.fixture
def made():
    return worlds.world(3)


@pytest.fixture
def where(tmp_path, made):
    return worlds.place(tmp_path, made)


def test_a_drawdown_halts_over_restarts_until_a_person_resumes(where, made):
    made = made._replace(risk=made.risk._replace(max_drawdown=0.01))
    running, events = begun(made, where)
    row, _ = until(running, events, lambda row: row.halted)
    assert [halt.source for halt in where.journal.open_halts()] == ["drawdown"]
    running, events = begun(made, where)
    assert running.books.account.halted
    assert running.on(events[0]).reason in ("restricted", "in_position")
    rearm(where.folder, "ann")
    running.on(Silence(row.ts))
    assert not running.books.account.halted
    running, events = begun(made, where)
    assert not running.books.account.halted
    assert running.books.account.peak == running.books.account.equity
    assert until(running, events, entered)


def test_resuming_for_another_reason_keeps_the_peak(where, made):
    running, events = begun(made, where)
    row, _ = until(running, events, lambda row: row.equity < row.peak)
    request(where.folder, Level.BLOCK, "ann", "lunch")
    rearm(where.folder, "ann")
    running.on(Silence(row.ts))
    assert running.books.account.peak == row.peak


def test_flattening_closes_what_is_held_and_blocks(where, made):
    running, events = begun(made, where)
    _, events = until(running, events, held)
    request(where.folder, Level.FLATTEN, "ann", "news")
    row = running.on(events[0])
    assert where.broker.positions() == {}
    assert where.journal.executions()[-1].reason == "flatten"
    assert row.reason == "restricted"
    assert set(reasons(running, events[1:])) == {"restricted"}


def test_flattening_cancels_an_entry_that_waits(where, made):
    running, events = begun(made, where)
    _, events = until(running, events, entered)
    request(where.folder, Level.FLATTEN, "ann", "news")
    running.on(events[0])
    assert where.broker.executions(0) == []
    assert [state for _, state in where.journal.orders()] == ["cancelled", "closed"]


def test_reducing_halves_the_risk_of_an_entry(where, tmp_path, made):
    running, events = begun(made, where)
    whole, _ = until(running, events, entered)
    other = worlds.place(tmp_path / "other", made)
    request(other.folder, Level.REDUCE, "ann", "careful")
    running, events = begun(made, other)
    half, _ = until(running, events, entered)
    assert half.ts == whole.ts
    assert half.size == pytest.approx(whole.size / 2, abs=0.01)


def test_a_bar_that_comes_late_opens_nothing(where, made):
    running, events = begun(made, where)
    late = [event._replace(now=event.now + 301_000_000) for event in events]
    assert {row.side for row in map(running.on, late)} == {0}
    assert where.journal.orders() == []
    assert "stale" in {row.reason for row in where.journal.decisions(worlds.SERIES)}


def test_a_feed_that_freezes_halts_and_says_since_when(where, made):
    told = []
    running, events = begun(made, where, told)
    running.on(events[0])
    running.on(Silence(events[0].now + 44 * worlds.MINUTE))
    assert where.journal.open_halts() == []
    running.on(Silence(events[0].now + 47 * worlds.MINUTE))
    assert where.journal.open_halts()[0].reason.startswith("frozen: no bar of XAUUSD_15T since 2024-01-08 05:15:00 UTC")
    assert told[-1].startswith("halted: frozen")
    assert set(reasons(running, events[1:])) <= {"restricted", "in_position"}


GUARDS = {
    "freshness": lambda patch: patch.setattr(Freshness, "refusal", fails),
    "kill switch": lambda patch: patch.setattr(Restriction, "standing", fails_once_asked(Restriction.standing)),
    "limits": lambda patch: patch.setattr("live.trader.entry", fails),
    "unresolved orders": lambda patch: patch.setattr(Trader, "_lacking", fails),
}


def fails(*_):
    raise ZeroDivisionError("the guard")


def fails_once_asked(original):
    """Return what fails where the decision asks, and only there."""

    def standing(self):
        return fails() if sys._getframe(1).f_code.co_name == "_ruling" else original(self)

    return standing


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_that_fails_refuses_and_halts(where, made, monkeypatch, name):
    GUARDS[name](monkeypatch)
    running, events = begun(made, where)
    row, rest = until(running, events, lambda row: row.reason == "failed")
    assert row.side == 0
    assert [(halt.source, halt.reason) for halt in where.journal.open_halts()] == [
        ("exception", "ZeroDivisionError: the guard")
    ]
    assert not any(row.side for row in map(running.on, rest))
    monkeypatch.undo()
    running, rest = begun(made, where)
    assert set(reasons(running, rest)) <= {"restricted"}
    assert where.broker.order_ids("") == []


def test_a_model_that_raises_is_no_answer_and_halts(where, made, monkeypatch):
    monkeypatch.setattr(worlds.Script, "scored", fails)
    running, events = begun(made, where)
    assert np.isnan(running.on(events[0]).score)
    assert where.journal.open_halts()[0].reason == "XAUUSD_15T: ZeroDivisionError: the guard"


def test_a_model_that_lacks_a_feature_is_no_answer_and_goes_on(where, made, monkeypatch):
    def lacks(*_):
        raise DataError("no such feature")

    told = []
    monkeypatch.setattr(worlds.Script, "scored", lacks)
    running, events = begun(made, where, told)
    assert running.on(events[0]).reason == "no_score"
    assert where.journal.open_halts() == []
    assert told == ["XAUUSD_15T: no such feature"]


def test_an_order_storm_halts_and_sends_nothing(where, made):
    running, events = begun(made, where)
    running._desk._per_minute = 0
    row, rest = until(running, events, lambda row: row.reason == "order_storm")
    assert row.side == 0
    assert where.broker.order_ids("") == [] == where.journal.orders()
    assert where.journal.open_halts()[0].source == "orders"
    assert set(reasons(running, rest)) == {"restricted"}


UNWRITABLE = {
    "is full": "PRAGMA max_page_count = 1",
    "is read-only": "PRAGMA query_only = ON",
}


@pytest.mark.parametrize("sql", UNWRITABLE.values(), ids=UNWRITABLE)
def test_nothing_is_sent_that_the_journal_cannot_take(tmp_path, made, sql):
    where = worlds.place(tmp_path, made)
    running, events = begun(made, where)
    where.journal._connection.execute(sql)
    with pytest.raises(UnavailableError, match=r"journal\.db cannot"):
        for event in events:
            running.on(event)
    where.journal.close()
    again = worlds.place(tmp_path, made)
    assert set(again.broker.order_ids("")) <= {order.client_id for order, _ in again.journal.orders()}
    worlds.traded(made, again)
    found = compared(made, again)
    assert (found.matched, found.first_divergence) == (found.total, None)


def test_a_disk_that_is_full_ends_the_runner_and_costs_no_trade(tmp_path, made):
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        worlds.traded(made, worlds.place(tmp_path, made))

    assert "UnavailableError" in raised_in_a_child(full)
    where = worlds.place(tmp_path, made)
    assert set(where.broker.order_ids("")) <= {order.client_id for order, _ in where.journal.orders()}
    worlds.traded(made, where)
    found = compared(made, where)
    assert (found.matched, found.first_divergence) == (found.total, None)


def raised_in_a_child(call):
    """Return the name of what `call` raises in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            call()
        except BaseException as error:
            os.write(writing, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        return stream.read()


def killed_after_the_intent(made, where):
    """Let a runner die between the intent of its first order and the order."""

    def dies(label):
        if label == "before_send":
            raise KeyboardInterrupt

    running, events = begun(made, where)
    with pytest.raises(KeyboardInterrupt), armed(dies):
        until(running, events, entered)


def test_an_entry_that_was_not_sent_is_not_sent_later_where_it_is_halted_meanwhile(where, made):
    killed_after_the_intent(made, where)
    request(where.folder, Level.BLOCK, "ann", "news")
    begun(made, where)
    assert [state for _, state in where.journal.orders()] == ["expired"]
    assert where.broker.order_ids("") == []


def test_an_entry_that_was_not_sent_is_sent_where_nothing_stands_against_it(where, made):
    killed_after_the_intent(made, where)
    begun(made, where)
    assert [state for _, state in where.journal.orders()] == ["working"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_entry_that_was_not_sent_expires_however_the_clock_was_set_meanwhile(where, made, hours):
    killed_after_the_intent(made, where)
    running = worlds.trader(made, where)
    running.start(where.journal.last_decided()[worlds.SERIES] + hours * 60 * worlds.MINUTE)
    assert [state for _, state in where.journal.orders()] == ["expired"]


class Forgetful(FaultyVenue):
    """A venue that does not tell of its first execution."""

    def executions(self, after):
        return [one for one in super().executions(after) if one.number > 1]


def test_a_hole_in_what_was_executed_halts(where, made):
    forgetful = where._replace(broker=Forgetful(where.broker, Line(), Random(0)))
    running, events = begun(made, forgetful)
    row, rest = until(running, events, entered)
    where.broker.see(worlds.SERIES, rest[0].bar.ts, Bar(*rest[0].bar[1:5], 0.1, 0.0, 1.0))
    where.broker.finish(worlds.SERIES)
    running.on(Silence(row.ts))
    assert [halt.source for halt in where.journal.open_halts()] == ["broker"]
    assert set(reasons(running, rest)) <= {"broker_unknown"}


class Slow(FaultyVenue):
    """A venue that is flat before it tells what it has executed."""

    def executions(self, after):
        return []


def test_no_entry_hangs_on_an_account_that_lacks_an_execution(where, made):
    running, events = begun(made, where._replace(broker=Slow(where.broker, Line(), Random(0))))
    reasons(running, events)
    assert len(where.broker.order_ids("")) == 1
    assert "broker_unknown" in {row.reason for row in where.journal.decisions(worlds.SERIES)}


def test_two_runners_cannot_have_one_account(tmp_path):
    with session.held(tmp_path):
        assert session.running(tmp_path)["pid"] == os.getpid()
        with pytest.raises(UnavailableError, match=f"already: pid {os.getpid()} on "), session.held(tmp_path):
            pass
        assert "UnavailableError" in raised_in_a_child(lambda: session.held(tmp_path).__enter__())
    assert session.running(tmp_path) is None
    with session.held(tmp_path):
        pass


def test_a_signal_blocks_while_no_session_listens(tmp_path, monkeypatch):
    def loading(*_):
        os.kill(os.getpid(), signal.SIGUSR1)
        raise UnavailableError("nothing to trade")

    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.setattr(session, "chosen", loading)
    with pytest.raises(UnavailableError, match="nothing to trade"):
        session.trade(tmp_path, (), True, None, lambda: False, print)
    assert ordered(tmp_path).level == Level.BLOCK
    assert signal.getsignal(signal.SIGUSR1) is before
