"""Parity finds whatever is not the same: a bar, a trade, any field of it, and says where it was first."""

import numpy as np
import pandas as pd
import pytest

from live import parity
from tests.live import worlds

OTHER = {
    "t_exit": lambda ts: ts + pd.Timedelta(minutes=15),
    "side": lambda side: -side,
    "reason": lambda reason: f"not {reason}",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Return the journal's decisions and executions of a world, and what the backtest makes of it."""
    made = worlds.world(3)
    where = worlds.place(tmp_path_factory.mktemp("played"), made)
    worlds.traded(made, where)
    score = made.score.iloc[made.first :].to_frame("score")
    return made, list(where.journal.decisions(worlds.SERIES)), where.journal.executions(worlds.SERIES), score


def compared(played, bars=None, trades=None, decisions=None):
    made, decided, executions, score = played
    bars = made.bars.iloc[made.first :] if bars is None else bars
    for name in ("expected_r_long", "expected_r_short", "confidence"):
        score = score.assign(**{name: score["score"]})
    trades = made.backtest() if trades is None else trades
    return parity.compare(decided if decisions is None else decisions, executions, bars, score, trades)


def test_the_same_is_the_same(played):
    found = compared(played)
    assert found.total == found.matched > 5
    assert found.first_divergence is None


@pytest.mark.parametrize("field", parity.TRADE_FIELDS)
def test_a_difference_in_any_field_of_a_trade_is_found(played, field):
    trades = played[0].backtest()
    at = trades.index[3]
    column = trades.columns.get_loc(field)
    value = trades.iloc[3, column]
    trades.iloc[3, column] = OTHER.get(field, lambda number: np.nextafter(number, np.inf))(value)
    found = compared(played, trades=trades)
    assert (found.total, found.matched) == (len(trades), len(trades) - 1)
    assert (found.first_divergence.ts, found.first_divergence.field) == (at, field)


def test_a_trade_that_only_one_side_has_is_found(played):
    trades = played[0].backtest()
    fewer = compared(played, trades=trades.drop(trades.index[2]))
    assert (fewer.matched, fewer.total) == (len(trades) - 1, len(trades))
    assert (fewer.first_divergence.live, fewer.first_divergence.backtest) == ("there", "missing")
    assert fewer.first_divergence.ts == trades.index[2]


@pytest.mark.parametrize("field", parity.BAR_FIELDS)
def test_a_revised_bar_is_pinpointed_before_what_follows_from_it(played, field):
    made = played[0]
    bars = made.bars.iloc[made.first :].copy()
    bars.iloc[7, bars.columns.get_loc(field)] += 0.01
    trades = made.backtest()
    trades.loc[trades.index > bars.index[7], "pnl"] += 1.0
    found = compared(played, bars=bars, trades=trades)
    assert (found.first_divergence.ts, found.first_divergence.what) == (bars.index[7], "bar")
    assert found.first_divergence.field == field


def test_a_bar_that_the_runner_missed_is_found(played):
    found = compared(played, decisions=[one for at, one in enumerate(played[1]) if at != 5])
    assert (found.first_divergence.what, found.first_divergence.live) == ("bar", "missing")
