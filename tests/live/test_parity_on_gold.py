"""Real gold through the runner, feature by feature from the tail, against the backtest of the batch features."""

import contextlib

import pandas as pd
import pytest

from live import assembly, parity, replay
from live.feeds import microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from pipeline.parity import backtested, scored
from tests.live import fitted
from tests.real_bars import gold

SERIES = "XAUUSD_15T"
START, END = pd.Timestamp("2025-10-23", tz="UTC"), pd.Timestamp("2025-10-31", tz="UTC")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return gold("15T").loc[pd.Timestamp("2025-01-02", tz="UTC") : END]


def test_a_replay_of_gold_makes_the_trades_of_the_backtest_one_for_one(bars, tmp_path):
    bundle = fitted.bundle(SERIES, bars.loc[:"2025-06-30"], count=50, rounds=40)
    model = assembly.judged(bundle)
    feed = ReplayFeed({SERIES: bars}, microseconds(START), microseconds(END))
    replay.played(tmp_path / "replay", {SERIES: model}, feed, 0, lambda done, total: None)
    with contextlib.closing(Journal.read(tmp_path / "replay" / "journal.db")) as journal:
        decisions, executions = list(journal.decisions(SERIES)), journal.executions(SERIES)
    window = bars.loc[bars.index > START]
    score = scored(bundle, bars, window.index[0])
    found = parity.compare(decisions, executions, window, score, backtested(model, bars, score).trades)
    assert found.bars == len(window) > 500
    assert found.total > 30
    assert (found.matched, found.first_divergence) == (found.total, None)
