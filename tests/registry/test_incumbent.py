"""A candidate replaces an incumbent only where its Sharpe ratio is better by the margin and its fall is no deeper."""

import numpy as np
import pytest

from market.promotion_settings import Promotion
from registry.incumbent import Account, compare, figures, not_comparable, wanted_sharpe
from tests.oracles import accounts
from tests.registry.cards import account

BOUNDS = Promotion(improvement=0.05, trades=60, months=6, expired="refuse")


def of_mean(mean: float, trades: int = 100, risk: float = 0.005) -> Account:
    """Return an account of gains and losses in turn, whose mean R is `mean`; each is as far from it as the others."""
    return account(mean + np.tile([1.0, -1.0], trades // 2), risk)


def test_figures_are_those_of_plain_python() -> None:
    trades, equity = account(np.random.default_rng(3).normal(0.1, 1.2, 90))
    found = figures(trades, equity)
    assert found.trades == 90
    assert found.sharpe_per_trade == pytest.approx(accounts.sharpe(list(trades["r"])), rel=1e-12)
    assert found.max_drawdown == pytest.approx(accounts.largest_fall(list(equity["equity"])), rel=1e-12)


def test_a_sharper_one_with_no_deeper_fall_is_better() -> None:
    found = compare(of_mean(0.32), of_mean(0.30), BOUNDS)
    assert found.verdict == "better"
    assert found.candidate.sharpe_per_trade > 1.05 * found.incumbent.sharpe_per_trade
    assert found.bounds == {"improvement": 0.05, "trades": 60}


def test_better_by_less_than_the_margin_is_worse_and_the_numbers_are_told() -> None:
    found = compare(of_mean(0.31), of_mean(0.30), BOUNDS)
    assert found.verdict == "worse"
    old, new = found.incumbent.sharpe_per_trade, found.candidate.sharpe_per_trade
    assert f"{new:.3f} over 100 trades, wanted {1.05 * old:.3f} (the champion's {old:.3f} over 100" in found.told


def test_exactly_the_margin_is_enough_without_one_a_draw_is_not() -> None:
    same, none = of_mean(0.30), BOUNDS.model_copy(update={"improvement": 0.0})
    assert compare(same, same, none).verdict == "worse"
    assert wanted_sharpe(0.4, 0.05) == pytest.approx(0.42)


def test_a_deeper_fall_is_worse_however_sharp() -> None:
    found = compare(of_mean(0.60, risk=0.02), of_mean(0.30), BOUNDS)
    assert found.candidate.sharpe_per_trade > found.incumbent.sharpe_per_trade
    assert found.candidate.max_drawdown > found.incumbent.max_drawdown and found.verdict == "worse"


def test_the_margin_over_a_losing_incumbent_is_of_its_size() -> None:
    assert compare(of_mean(-0.199), of_mean(-0.20), BOUNDS).verdict == "worse"
    assert compare(of_mean(-0.15), of_mean(-0.20), BOUNDS).verdict == "better"


@pytest.mark.parametrize(("new", "old"), [(58, 100), (100, 58), (58, 58), (0, 100)])
def test_with_too_few_trades_of_either_nothing_is_known(new: int, old: int) -> None:
    found = compare(of_mean(0.9, new), of_mean(0.1, old), BOUNDS)
    assert found.verdict == "too few trades"
    assert found.told == f"{new} trades against the champion's {old}, wanted 60 of each"


def test_what_cannot_be_computed_cannot_be_compared() -> None:
    flat = account(np.full(80, 0.5))
    assert compare(flat, of_mean(0.3), BOUNDS).verdict == "not comparable"
    assert not_comparable("why").candidate is None
