"""Where a score table has no row nobody was asked: no event, told apart from a score that is NaN, and no trade."""

import numpy as np
import pandas as pd

from backtest import Policy, Risk, portfolio
from backtest.engine import run
from backtest.portfolio import Book
from market.execution import Exits
from tests.markets import COSTS, random_bars

BARS = random_bars(4, 400)
SCORE = pd.Series(np.random.default_rng(5).random(400).round(4), BARS.index).iloc[20:]
ASKED = np.random.default_rng(6).random(380) < 0.3
RULES = (Policy(0.6, 0.4, cooldown=1), Exits(1.0, 0.8, 8), COSTS)
RISK = Risk(max_trades_per_day=1000, daily_loss=0.9)


def traded(score):
    return run(BARS, score, *RULES, RISK, "metal")


def test_bars_without_a_row_are_no_events_and_trade_as_where_the_score_is_nan():
    rows, holes = traded(SCORE[ASKED]), traded(SCORE.where(ASKED).iloc[np.argmax(ASKED) :])
    pd.testing.assert_frame_equal(rows.trades, holes.trades)
    pd.testing.assert_frame_equal(rows.equity, holes.equity)
    assert len(rows.trades) > 10
    assert set(rows.trades.index) <= set(BARS.index[1:][BARS.index[:-1].isin(SCORE.index[ASKED])])
    assert "not_an_event" not in holes.refusals and "no_score" not in rows.refusals
    assert rows.refusals["not_an_event"] == holes.refusals["no_score"] > 100
    assert rows.refusals | {"no_score": rows.refusals["not_an_event"]} == holes.refusals | {
        "not_an_event": holes.refusals["no_score"]
    }


def test_a_row_that_is_nan_is_no_score_and_a_bar_without_one_no_event():
    some = SCORE[ASKED].copy()
    some.iloc[::4] = np.nan
    refused = traded(some).refusals
    assert refused["no_score"] > 5 and refused["not_an_event"] > 100


def test_a_portfolio_tells_the_same():
    book = Book("XAUUSD_15T", BARS, SCORE[ASKED], *RULES, "metal")
    found = portfolio.simulate([book], RISK)
    assert found.refusals["XAUUSD_15T"]["not_an_event"] == traded(SCORE[ASKED]).refusals["not_an_event"]
