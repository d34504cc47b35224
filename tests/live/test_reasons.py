"""A refusal is told in figures: what was found and what was wanted."""

import math

import pytest

from backtest.policy import REFUSALS, Observation, Policy, rules
from backtest.risk import Risk, fresh
from live import reasons

SEEN = Observation(0.6123, -0.02, -0.3, 0.6123, 0.41, 0.70, 1, False, 3, 2.3)
JUDGED = Policy(0.65, 0.35, 5, 0.5, blocked_sessions=("asia",), min_confidence=0.7, max_volatility=2.0)
RULES = rules(JUDGED)
RISK = Risk(max_drawdown=0.06, max_positions=3)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("undecided", "score 0.6123 between 0.35 and 0.65"),
        ("confidence", "confidence 0.6123 < 0.7"),
        ("spread", "spread 0.41 > 0.5 × ATR 0.7"),
        ("session", "session asia is blocked"),
        ("cooldown", "3 bars since the last exit, wanted 5"),
        ("daily_trades", "0 trades today, at most 20"),
        ("daily_loss", "result of the day 0.00 USD, limit −2.00% of 100,000.00"),
        ("drawdown", "equity 100,000.00 fell 6.00% or more from 100,000.00: halted"),
        ("positions", "0 positions are open, at most 3"),
        ("open_risk", "open risk 0.000% + 0.500% > 5.000%"),
        ("no_atr", "ATR is 0.7"),
        ("market_shut", "the market shuts at this close"),
        ("volatility", "ATR 0.7 is 2.3000 × its mean of 500 bars, at most 2"),
    ],
)
def test_a_reason_carries_its_figures(reason, told):
    assert reasons.told(REFUSALS.index(reason), SEEN, RULES, fresh(RISK), RISK) == told


def test_the_side_that_does_not_pay_is_named():
    long = reasons.told(REFUSALS.index("negative_expectation"), SEEN._replace(score=0.7), RULES, fresh(RISK), RISK)
    short = reasons.told(REFUSALS.index("negative_expectation"), SEEN._replace(score=0.3), RULES, fresh(RISK), RISK)
    assert "long -0.020" in long
    assert "short -0.300" in short


@pytest.mark.parametrize(
    ("volatility", "told"),
    [
        (0.25, "ATR 0.7 is 0.2500 × its mean of 500 bars, at least 0.5"),
        (math.nan, "volatility is not known: fewer than 100 bars have an ATR"),
    ],
)
def test_a_market_too_calm_and_one_not_known_are_told_apart(volatility, told):
    seen, bounded = SEEN._replace(volatility=volatility), rules(JUDGED._replace(min_volatility=0.5))
    assert reasons.told(REFUSALS.index("volatility"), seen, bounded, fresh(RISK), RISK) == told


def test_the_numbers_of_reasons_are_those_of_old_journals():
    assert REFUSALS[9] == "cooldown" and REFUSALS.index("positions") == 17 and REFUSALS.index("volatility") == 18
    assert REFUSALS.index("not_an_event") == 19


def test_a_model_that_does_not_trade_says_so():
    never = rules(Policy(math.inf, -math.inf))
    told = reasons.told(REFUSALS.index("undecided"), SEEN, never, fresh(RISK), RISK)
    assert "does not trade" in told


def test_every_reason_is_told():
    for why in range(len(REFUSALS)):
        assert reasons.told(why, SEEN, RULES, fresh(RISK), RISK)
