"""A model that is asked at events alone: the runner sees the same events as the backtest, and says so at other bars."""

import contextlib
from collections import Counter

import pytest

from labels import Sampling, cusum, sampled
from live import SignalGenerator, assembly, parity, replay
from live.feeds import microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from market.errors import DataError
from pipeline.parity import backtested, scored
from tests.live import fitted
from tests.markets import random_bars

SERIES = "XAUUSD_15T"
ASKED = Sampling(1.5)
FIRST = 1600


@pytest.fixture(scope="module")
def bars():
    return random_bars(21, 1800)


@pytest.fixture(scope="module")
def bundle(bars):
    return fitted.bundle(SERIES, bars.iloc[:FIRST], rounds=15, groups=["momentum", "calendar"], sampling=ASKED)


def played(bundle, bars, folder):
    """Return the decisions of a replay, its parity with the backtest, and that backtest."""
    model = assembly.judged(bundle)
    feed = ReplayFeed({SERIES: bars}, microseconds(bars.index[FIRST]), microseconds(bars.index[-1]))
    replay.played(folder, {SERIES: model}, feed, 0, lambda done, total: None)
    with contextlib.closing(Journal.read(folder / "journal.db")) as journal:
        decisions, executions = list(journal.decisions(SERIES)), journal.executions(SERIES)
    score = scored(bundle, bars, bars.index[FIRST + 1])
    result = backtested(model, bars, score)
    return decisions, parity.compare(decisions, executions, bars.iloc[FIRST + 1 :], score, result.trades), result


@pytest.fixture(scope="module")
def replayed(bundle, bars, tmp_path_factory):
    return played(bundle, bars, tmp_path_factory.mktemp("replayed"))


def test_a_replay_makes_the_trades_of_the_backtest_one_for_one(replayed, bars):
    _, found, _ = replayed
    assert found.bars == len(bars) - FIRST - 1
    assert found.matched == found.total > 5
    assert (found.scores_differing, found.first_divergence) == (0, None)


def test_trades_enter_after_events_and_after_no_other_bar(replayed, bars):
    decisions, _, result = replayed
    before = bars.index[bars.index.get_indexer(result.trades.index) - 1]
    events = sampled(bars, ASKED)
    assert before.isin(events).all()
    assert {one.ts for one in decisions if one.side != 0} <= set(map(microseconds, events))


def test_other_bars_are_journaled_with_a_reason_of_their_own_as_often_as_the_backtest_counts_them(replayed, bars):
    decisions, _, result = replayed
    reasons = Counter(one.reason for one in decisions)
    events = sampled(bars, ASKED)
    first = microseconds(events[events > bars.index[FIRST]][0])
    unseen = sum(one.ts < first for one in decisions)  # the backtest begins with the first event
    assert reasons["not_an_event"] - unseen == result.refusals["not_an_event"] > 100
    assert reasons["no_score"] == result.refusals.get("no_score", 0) == 0
    quiet = [one for one in decisions if one.reason == "not_an_event"]
    assert all(one.score != one.score and one.detail.startswith("not an event: the closes") for one in quiet)
    assert not any(one.overlay for one in quiet)


def asked_everywhere(bars, sampling):
    return True


def asked_by_sums_of_the_window(bars, sampling):
    found = cusum(bars.iloc[-60:], 4 * sampling.threshold, sampling.atr_period)
    return len(found) > 0 and found[-1] == bars.index[-1]


@pytest.mark.parametrize("twin", [asked_everywhere, asked_by_sums_of_the_window])
def test_a_runner_with_another_rule_is_caught(twin, bundle, bars, tmp_path, monkeypatch):
    monkeypatch.setattr("live.model.is_event", twin)
    _, found, _ = played(bundle, bars, tmp_path)
    assert found.scores_differing > 10 and found.matched < found.total
    assert found.first_divergence is not None


def test_a_signal_for_another_program_is_none_where_there_is_no_event(bundle, bars):
    generator = SignalGenerator(bundle)
    assert generator.bars_needed == 1496
    events = sampled(bars, ASKED)
    quiet = bars.index[FIRST:].difference(events)[0]
    signal = generator.generate_signal("XAUUSD", "15T", bars.loc[:quiet])
    assert (signal.side, signal.reason[:13]) == ("none", "not an event:")
    at = events[events > bars.index[FIRST]][0]
    score = scored(bundle, bars, at)["score"]
    assert generator.generate_signal("XAUUSD", "15T", bars.loc[:at]).score == score.iloc[0]
    assert score.index.equals(events[events >= at])


def test_bars_among_which_none_is_an_event_are_refused(bundle, bars):
    quiet = bars.index.difference(sampled(bars, ASKED))[-1]
    with pytest.raises(
        DataError, match=r"asked at events alone \(daily CUSUM of 1.5 ATR\(14\)\), and none of the bars"
    ):
        scored(bundle, bars.loc[:quiet], quiet)


def test_a_window_holds_what_the_rule_needs(bundle):
    model = assembly.judged(bundle)
    assert (model.bars_needed, model._replace(sampling=Sampling()).bars_needed) == (1496, 1400)
