"""Companions in the runner: a bar is decided on after its companions' bars of that close, as the backtest knew them."""

import contextlib

import numpy as np
import pandas as pd
import pytest

from feature_store import compute
from live import SignalGenerator, assembly, companions, parity, replay
from live.feeds import Arrived, ClosedBar, Silence, microseconds
from live.feeds.replay import ReplayFeed
from live.feeds.waiting import WaitingFeed
from live.journal import Journal
from market.errors import DataError, UnavailableError, UsageError
from market.instruments import series_named
from pipeline.parity import backtested, scored
from registry import golden
from tests.feature_store import beside
from tests.live import fitted
from tests.live.worlds import MINUTE
from tests.markets import random_bars

SERIES = "AUDUSD_15T"  # before its companions in the order of names, in which a feed tells the bars of one stamp
FIRST = 1400


@pytest.fixture(scope="module")
def bars():
    return random_bars(11, 1500)


@pytest.fixture(scope="module")
def others(bars):
    """Companions of which one lacks every seventh bar."""
    made = beside.companions(bars)
    return made | {"DXY": made["DXY"][np.arange(len(made["DXY"])) % 7 != 3]}


@pytest.fixture(scope="module")
def bundle(bars, others):
    made = {symbol: frame.loc[: bars.index[FIRST]] for symbol, frame in others.items()}
    return fitted.bundle(SERIES, bars.iloc[:FIRST], rounds=15, groups=["companions", "calendar"], companions=made)


class Late(ReplayFeed):
    """A replay in which the companions' bars of a close come after the traded one, as from another import."""

    def together(self):
        for events in super().together():
            for traded in (True, False):
                if some := tuple(event for event in events if (event.series == SERIES) == traded):
                    yield some


def compared(bundle, bars, others, folder, **told):
    """The parity of a replay that hears of the companions `told`, late, with the backtest of `others`."""
    model = assembly.judged(bundle)
    tables = {SERIES: bars} | {f"{symbol}_15T": frame for symbol, frame in (others | told).items()}
    feed = Late(tables, microseconds(bars.index[FIRST]), microseconds(bars.index[-1]))
    replay.played(folder, {SERIES: model}, feed, 0, lambda done, total: None)
    with contextlib.closing(Journal.read(folder / "journal.db")) as journal:
        decisions, executions = list(journal.decisions(SERIES)), journal.executions(SERIES)
    window = bars.iloc[FIRST + 1 :]
    score = scored(bundle, bars, window.index[0], others)
    return parity.compare(decisions, executions, window, score, backtested(model, bars, score).trades)


def test_a_replay_makes_the_trades_of_the_backtest(bundle, bars, others, tmp_path):
    found = compared(bundle, bars, others, tmp_path)
    assert (found.bars, found.scores_differing, found.first_divergence) == (len(bars) - FIRST - 1, 0, None)
    assert found.matched == found.total > 3
    assert others["DXY"].loc[bars.index[FIRST] :].shape[0] < len(bars) - FIRST, "some of its bars are missing"


def test_a_companions_bar_that_has_not_closed_is_no_parity(bundle, bars, others, tmp_path):
    early = others["XAGUSD"].set_axis(others["XAGUSD"].index - pd.Timedelta(minutes=15))
    found = compared(bundle, bars, others, tmp_path, XAGUSD=early)
    assert found.scores_differing > 40 and found.first_divergence is not None


def test_a_decision_before_the_companions_bars_of_its_close_is_no_parity(bundle, bars, others, tmp_path, monkeypatch):
    monkeypatch.setattr(WaitingFeed, "_due", lambda *_: False)
    assert compared(bundle, bars, others, tmp_path).scores_differing > 40


def test_golden_evidence_holds_the_companions_bars_and_notices_another_one(bundle, bars, others):
    features = compute(bars, ["companions", "calendar"], companions=others)
    content = golden.evidence(bundle.model, features, bars.iloc[-150:], others)
    held = golden.parse(content)
    assert all(80 < len(frame) < 110 for frame in held.companions.values()), "no more than the last row sees"
    golden.check_features(held, "here", "")
    other = held.companions["DXY"].copy()
    other.iloc[50, :4] *= 1.01
    with pytest.raises(DataError, match="features of the golden bars differ: companions__dxy_"):
        golden.check_features(held._replace(companions=held.companions | {"DXY": other}), "here", "")


def test_a_window_that_does_not_reach_back_gives_no_score_and_says_so(bundle, bars, others):
    model = assembly.judged(bundle)
    feed = ReplayFeed({f"{symbol}_15T": frame for symbol, frame in others.items()}, 0, 1)
    held = companions.windows({SERIES: model}, feed, {SERIES: microseconds(bars.index[-1])})
    known = companions.beside(model, held, bars)
    assert {symbol: frame.index[-1] for symbol, frame in known.items()} == {s: f.index[-1] for s, f in others.items()}
    held["XAGUSD_15T"].capacity = 40
    held["XAGUSD_15T"].load(others["XAGUSD"])
    with pytest.raises(DataError, match="40 bars of XAGUSD_15T do not reach back to"):
        companions.beside(model, held, bars)


def test_no_stored_bars_of_a_companion_refuse_the_start(bundle, tmp_path):
    with pytest.raises(UnavailableError, match=r"AUDUSD_15T compares with DXY.* leave DXY out") as refused:
        companions.read(tmp_path, {SERIES: assembly.judged(bundle)})
    assert refused.value.exit_code == 6


def test_a_signal_for_another_program_needs_the_companions_too(bundle, bars, others):
    generator = SignalGenerator(bundle)
    with pytest.raises(UsageError, match="compares with DXY, XAGUSD: give their bars too"):
        generator.generate_signal("AUDUSD", "15T", bars)
    signal = generator.generate_signal("AUDUSD", "15T", bars, others)
    expected = scored(bundle, bars, bars.index[-1], others)
    assert signal.score == expected["score"].iloc[-1] and np.isfinite(signal.score)


# --- what waits, with a feed that tells what a test wrote down


class Told:
    """A feed that tells the given groups of events."""

    def __init__(self, *groups):
        self.groups = groups

    def together(self):
        return iter(self.groups)


OPEN = microseconds(pd.Timestamp("2025-01-07 12:00", tz="UTC"))  # a Tuesday
SHUT = microseconds(pd.Timestamp("2025-01-11 12:00", tz="UTC"))  # a Saturday


def bar(series, ts, late=0):
    return Arrived(series, ClosedBar(ts, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0), ts + late)


def waiting(*groups, told, patience=None):
    said = []
    others = {"DXY_15T": (series_named("DXY_15T"), "forex")}
    feed = WaitingFeed(Told(*groups), told, others, {"DXY_15T": OPEN - 15 * MINUTE}, patience, said.append)
    return [[(type(e).__name__, getattr(e, "series", ""), e.now) for e in group] for group in feed.together()], said


GOLD = {"XAUUSD_15T": ("DXY_15T",)}


def test_a_bar_waits_for_the_companions_bar_of_its_close_and_is_told_with_it():
    found, said = waiting((bar("XAUUSD_15T", OPEN),), (bar("DXY_15T", OPEN),), told=GOLD)
    assert found == [[("Beside", "DXY_15T", OPEN), ("Arrived", "XAUUSD_15T", OPEN)]] and not said


def test_at_one_stamp_the_companion_comes_first():
    found, _ = waiting((bar("XAUUSD_15T", OPEN), bar("DXY_15T", OPEN)), told=GOLD)
    assert [kind for kind, _, _ in found[0]] == ["Beside", "Arrived"]


def test_a_market_that_is_shut_is_not_waited_for():
    found, _ = waiting((bar("XAUUSD_15T", SHUT),), told=GOLD)
    assert found == [[("Arrived", "XAUUSD_15T", SHUT)]]


def test_in_the_time_of_bars_a_later_bar_or_the_end_shows_that_none_is_missing():
    later = OPEN + 15 * MINUTE
    after, _ = waiting((bar("XAUUSD_15T", OPEN),), (bar("DXY_15T", later),), told=GOLD)
    ended, _ = waiting((bar("XAUUSD_15T", OPEN),), told=GOLD)
    assert after == [[("Beside", "DXY_15T", later), ("Arrived", "XAUUSD_15T", OPEN)]]
    assert ended == [[("Arrived", "XAUUSD_15T", OPEN)]]


def test_in_the_time_of_bars_nothing_overtakes_and_a_silence_says_once_who_waits():
    later = OPEN + 15 * MINUTE
    groups = [(bar("XAUUSD_15T", OPEN),), (bar("EURUSD_15T", later),), (Silence(later),), (Silence(later),)]
    found, said = waiting(*groups, told=GOLD | {"EURUSD_15T": ()})
    assert [name for group in found for _, name, _ in group] == ["", "", "XAUUSD_15T", "EURUSD_15T"]
    assert said == ["XAUUSD_15T: waiting at 2025-01-07 12:00:00 UTC for the bar of DXY_15T"]


def test_by_the_wall_a_bar_is_told_when_its_companion_comes_and_others_do_not_wait():
    second = 1_000_000
    groups = [
        (bar("EURUSD_15T", OPEN, second), bar("XAUUSD_15T", OPEN, second)),
        (Silence(OPEN + 2 * second),),
        (bar("DXY_15T", OPEN, 3 * second),),
    ]
    found, _ = waiting(*groups, patience=300.0, told=GOLD | {"EURUSD_15T": ()})
    assert [[name for _, name, _ in group] for group in found] == [["EURUSD_15T"], [""], ["DXY_15T", "XAUUSD_15T"]]
    assert found[2][1] == ("Arrived", "XAUUSD_15T", OPEN + 3 * second)


def test_by_the_wall_patience_ends_when_the_bar_is_too_old_to_trade_on():
    second = 1_000_000
    silences = [(Silence(OPEN + late * second),) for late in (299, 300, 301)]
    found, said = waiting((bar("XAUUSD_15T", OPEN, second),), *silences, patience=300.0, told=GOLD)
    assert [name for group in found for _, name, _ in group] == ["", "", "XAUUSD_15T", ""]
    assert found[2] == [("Arrived", "XAUUSD_15T", OPEN + 301 * second)]
    assert said == ["XAUUSD_15T: waited in vain for the bar of DXY_15T that closes at 2025-01-07 12:00:00 UTC"]


def test_a_companion_that_is_traded_too_is_both_and_two_may_look_at_each_other():
    both = {"XAUUSD_15T": ("DXY_15T",), "DXY_15T": ()}
    found, _ = waiting((bar("DXY_15T", OPEN), bar("XAUUSD_15T", OPEN)), told=both)
    names = [("Beside", "DXY_15T"), ("Arrived", "DXY_15T"), ("Arrived", "XAUUSD_15T")]
    assert [(kind, name) for kind, name, _ in found[0]] == names
