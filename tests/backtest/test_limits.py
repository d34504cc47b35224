"""Every limit just below, at and just above its bound; whatever is not a number refuses."""

import math

import pytest

from backtest.policy import REFUSALS
from backtest.risk import (
    Account,
    Day,
    Risk,
    after_exit,
    after_order,
    fresh,
    limited,
    marked,
    on_day,
    position_size,
    typed,
)
from tests.markets import COSTS

RISK = typed(
    Risk(
        equity=100_000.0,
        per_trade=0.0025,
        open_risk=0.05,
        daily_loss=0.02,
        max_trades_per_day=20,
        max_consecutive_losses=5,
        max_drawdown=0.06,
        max_positions=3,
        max_notional=20.0,
    )
)
CALM = Account(100_000.0, 100_000.0, 100_000.0, False, 0, 0.0, Day(1, 100_000.0, 0.0, 0, 0))
NAN = math.nan


def of_day(**changes: float) -> Account:
    return CALM._replace(day=CALM.day._replace(**changes))


def refused(account: Account, risk: Risk = RISK) -> str:
    return REFUSALS[limited(account, risk)]


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (CALM, "none"),
        (of_day(trades=19), "none"),
        (of_day(trades=20), "daily_trades"),
        (of_day(trades=21), "daily_trades"),
        (of_day(realised=-1_999.99), "none"),
        (of_day(realised=-2_000.0), "daily_loss"),
        (of_day(realised=-2_000.01), "daily_loss"),
        (of_day(losses=4), "none"),
        (of_day(losses=5), "consecutive_losses"),
        (of_day(losses=6), "consecutive_losses"),
        (CALM._replace(positions=2), "none"),
        (CALM._replace(positions=3), "positions"),
        (CALM._replace(positions=4), "positions"),
        (CALM._replace(open_risk=0.0474), "none"),
        (CALM._replace(open_risk=0.0475), "none"),
        (CALM._replace(open_risk=0.0476), "open_risk"),
        (CALM._replace(halted=True), "drawdown"),
        (of_day(realised=NAN), "daily_loss"),
        (of_day(equity=NAN), "daily_loss"),
        (CALM._replace(open_risk=NAN), "open_risk"),
    ],
)
def test_a_limit_refuses_from_its_bound_on(account, reason):
    assert refused(account) == reason


@pytest.mark.parametrize(
    ("equity", "halted"),
    [
        (94_000.01, False),
        (94_000.0, True),
        (93_999.99, True),
        (NAN, True),
        (0.0, True),
        (-1.0, True),
        (120_000.0, False),
    ],
)
def test_the_drawdown_halts_at_its_bound_and_on_what_is_no_number(equity, halted):
    assert marked(CALM, equity, RISK).halted == halted


def test_a_halt_by_drawdown_outlives_a_recovery_and_the_day():
    fallen = marked(CALM, 93_000.0, RISK)
    assert refused(on_day(marked(fallen, 110_000.0, RISK), 2, RISK)) == "drawdown"


def test_a_drawdown_limit_of_one_only_halts_what_has_nothing_left():
    free = RISK._replace(max_drawdown=1.0)
    assert not marked(CALM, 0.01, free).halted
    assert marked(CALM, 0.0, free).halted


def test_what_blocks_for_the_day_is_forgotten_the_next_day_but_a_shorter_streak_goes_on():
    spent = of_day(trades=20, realised=-5_000.0, losses=5)
    assert refused(on_day(spent, 2, RISK)) == "none"
    assert on_day(of_day(losses=4), 2, RISK).day.losses == 4
    assert on_day(of_day(losses=5), 2, RISK).day.losses == 0


def test_a_day_never_goes_back():
    assert on_day(of_day(trades=7), 0, RISK).day.trades == 7
    assert on_day(of_day(trades=7), 1, RISK).day.trades == 7
    assert on_day(of_day(trades=7), 2, RISK).day.trades == 0


def test_orders_and_exits_are_counted():
    account = after_order(fresh(RISK))
    assert account.day.trades == 1
    account = after_exit(after_exit(account, -100.0), -50.0)
    assert (account.cash, account.day.realised, account.day.losses) == (99_850.0, -150.0, 2)
    assert after_exit(account, 0.0).day.losses == 0


@pytest.mark.parametrize(
    ("change", "lots"),
    [
        ({}, 0.5),
        ({"distance": 4.99}, 0.5),
        ({"distance": 5.01}, 0.49),
        ({"price": 40_000.0}, 0.5),
        ({"price": 41_000.0}, 0.48),
        ({"equity": 0.0}, 0.0),
        ({"equity": NAN}, 0.0),
        ({"distance": NAN}, 0.0),
        ({"distance": 0.0}, 0.0),
        ({"price": NAN}, 0.0),
        ({"usd_per_quote": NAN}, 0.0),
        ({"equity": 999.0}, 0.0),
    ],
)
def test_a_size_loses_the_risk_per_trade_at_its_stop_within_the_largest_notional(change, lots):
    given = {"equity": 100_000.0, "distance": 5.0, "price": 2_000.0, "usd_per_quote": 1.0} | change
    assert position_size(**given, costs=COSTS, risk=RISK) == lots


def test_a_risk_per_trade_that_is_no_number_opens_nothing():
    broken = RISK._replace(per_trade=NAN)
    assert refused(CALM, broken) == "open_risk"
    assert position_size(100_000.0, 5.0, 2_000.0, 1.0, COSTS, broken) == 0.0
