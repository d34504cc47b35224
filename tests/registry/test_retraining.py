"""Advice to train again: each rule fires where it should, and its error rates are those of a plain count."""

from itertools import product
from math import comb

import numpy as np
import pandas as pd
import pytest

from market.retraining_settings import retraining
from registry.retraining import Claim, Month, any_wrong, claimed, months_of, rules, verdict

SETTINGS = retraining()
CLAIM = Claim(0.61, 1.0, 1.0, 20.0)


def month(trades: int, wins: int, gain: float = 1.0, loss: float = 1.0) -> Month:
    return Month("2025-01", trades, wins, wins * gain, (trades - wins) * loss)


def asked(*months: Month, claim: Claim = CLAIM) -> dict[str, bool | None]:
    return {rule.name: rule.fires for rule in rules(months, claim, SETTINGS)}


def chance(rate: float, n: int, wins: int) -> float:
    return comb(n, wins) * rate**wins * (1 - rate) ** (n - wins)


def counted(months: list[int], rate: float, fires) -> float:
    """Return how often `fires` is true of the wins of months, every case counted."""
    cases = product(*(range(n + 1) for n in months))
    return sum(
        np.prod([chance(rate, n, k) for n, k in zip(months, wins, strict=True)]) for wins in cases if fires(wins)
    )


def low(wins: tuple[int, ...], n: int) -> bool:
    return all(k / n <= 0.61 - 0.03 + 1e-12 for k in wins)


def losing(wins: tuple[int, ...], n: int) -> bool:
    return all(k < n - k for k in wins)


def thin(wins: tuple[int, ...], n: int) -> bool:
    won = sum(wins)
    return won < 1.4 * (len(wins) * n - won)


def test_fifty_eight_per_cent_for_a_card_of_sixty_one_is_low_and_a_win_more_is_not() -> None:
    assert asked(*[month(100, 58)] * 3)["win_rate"] is True
    assert asked(month(100, 58), month(100, 59), month(100, 58))["win_rate"] is False
    assert asked(*[month(100, 40)] * 2)["win_rate"] is None


def test_two_months_that_lose_and_a_profit_factor_below_its_bound_fire() -> None:
    assert asked(month(20, 14), month(20, 9), month(20, 9))["losing_months"] is True
    assert asked(month(20, 9), month(20, 9), month(20, 10))["losing_months"] is False
    assert asked(*[month(24, 14)] * 3)["profit_factor"] is False  # exactly 1.40
    assert asked(*[month(24, 14)] * 2, month(24, 13))["profit_factor"] is True


def test_only_the_last_months_count() -> None:
    bad, good = month(20, 5), month(20, 16)
    assert not any(asked(bad, bad, bad, good, good, good).values())
    assert all(asked(good, good, bad, bad, bad).values())


def test_thin_months_and_missing_ones_say_nothing() -> None:
    found = rules([month(20, 5), month(9, 2), month(20, 5)], CLAIM, SETTINGS)
    assert [rule.fires for rule in found] == [None] * 3
    assert found[0].why == "fewer than 10 trades in 2025-01 (9)"
    assert rules([], CLAIM, SETTINGS)[1].why == "0 of 2 whole months are there"


def test_each_rule_is_wrong_as_often_as_a_plain_count_says_and_sees_what_is_gone() -> None:
    n = 8
    found = {rule.name: rule for rule in rules([month(n, 5)] * 3, CLAIM, SETTINGS)}
    plain = {
        "win_rate": ([n] * 3, lambda wins: low(wins, n)),
        "losing_months": ([n] * 2, lambda wins: losing(wins, n)),
        "profit_factor": ([n] * 3, lambda wins: thin(wins, n)),
    }
    for name, (months, fires) in plain.items():
        assert found[name].wrong == pytest.approx(counted(months, 0.61, fires), rel=1e-9), name
        assert found[name].seen == pytest.approx(counted(months, 0.50, fires), rel=1e-9), name
        assert found[name].seen > found[name].wrong
    every = counted([n] * 3, 0.61, lambda wins: low(wins, n) or losing(wins[-2:], n) or thin(wins, n))
    assert any_wrong([month(n, 5)] * 3, CLAIM, SETTINGS) == pytest.approx(every, abs=0.012)
    assert every > max(rule.wrong for rule in found.values())


def test_too_early_errors_are_those_of_the_months_that_the_card_has() -> None:
    early, later = (rules(months, CLAIM, SETTINGS)[0] for months in ([], [month(20, 12)] * 3))
    assert (early.wrong, early.spell) == (later.wrong, "3 months of 20 trades")


def test_what_a_card_claims_is_worked_out_of_its_figures() -> None:
    r = np.array([1.4, 1.2, -1.0, -0.8, 1.3, -1.1])
    wins, losses = r[r > 0], -r[r < 0]
    oos = {"win_rate": 0.5, "profit_factor": wins.sum() / losses.sum(), "expectancy": r.mean(), "trades": 60}
    claim = claimed(oos, 365.25 / 2)
    assert claim is not None
    assert (claim.gain, claim.loss) == (pytest.approx(wins.mean()), pytest.approx(losses.mean()))
    assert claim.trades == pytest.approx(10.0)
    assert claim.break_even * claim.gain == pytest.approx((1 - claim.break_even) * claim.loss)
    assert claimed({"win_rate": None, "profit_factor": None, "expectancy": None, "trades": 0}, 180) is None


def test_months_are_whole_and_hold_the_trades_that_ended_in_them() -> None:
    bars = pd.date_range("2025-01-31 20:00", "2025-04-10", freq="4h", tz="UTC")
    ends = pd.to_datetime(["2025-02-28 23:45", "2025-03-01 00:00", "2025-03-31 12:00", "2025-04-02 12:00"], utc=True)
    trades = pd.DataFrame({"t_exit": ends, "r": [1.0, -1.0, 2.0, 5.0]})
    assert months_of(trades, bars) == [Month("2025-02", 1, 1, 1.0, 0.0), Month("2025-03", 2, 1, 2.0, 1.0)]
    late = bars[bars >= pd.Timestamp("2025-02-06", tz="UTC")]
    assert [one.name for one in months_of(trades, late)] == ["2025-03"]
    assert months_of(trades, bars[:0]) == []


@pytest.mark.parametrize(
    ("fires", "says"),
    [([False, None, True], "RETRAIN"), ([False, None, False], "TOO EARLY"), ([False, False, False], "KEEP")],
)
def test_one_rule_is_enough_and_what_cannot_be_asked_is_no_reason_to_keep(fires: list[bool | None], says: str) -> None:
    found = rules([month(20, 14)] * 3, CLAIM, SETTINGS)
    assert verdict([rule._replace(fires=one) for rule, one in zip(found, fires, strict=True)]) == says


def test_advice_on_a_champion_that_is_what_it_claims_is_wrong_as_often_as_it_says() -> None:
    """Simulated months of trades, judged by the rules themselves."""
    random = np.random.default_rng(3)
    months = [[month(20, int(k)) for k in row] for row in random.binomial(20, 0.61, (600, 3))]
    fired = np.mean([verdict(rules(row, CLAIM, SETTINGS)) == "RETRAIN" for row in months])
    assert fired == pytest.approx(any_wrong(months[0], CLAIM, SETTINGS), abs=0.05)
    assert fired > 0.2  # twenty trades a month prove little
