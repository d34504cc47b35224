"""Worse fills, by hand and by the engine on bars that were made worse by hand; and what makes a fill no worse."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.break_even import break_even
from backtest.engine import play, run
from backtest.rerun import Case, Outcome, case, figures, paid, rerun
from backtest.trade_table import ENTRY, EXIT, PRICE, REASON, SIDE, STOP, R
from backtest.worse_fills import dearer, extra_slippage, late, with_lost_orders, with_spread_floor
from market.errors import UsageError
from market.execution import TARGET, Costs, Exits, as_floats
from tests.markets import COSTS, bars_of, random_bars

EXITS = Exits(1.4, 1.0, 20)
RISK = Risk(max_trades_per_day=1000)
POLICY = Policy(0.8, 0.2)
BARS = random_bars(5, 4000)
SCORE = pd.Series(np.random.default_rng(5).random(len(BARS)), index=BARS.index)[20:]
GIVEN = case(BARS, SCORE, POLICY, EXITS, COSTS, RISK, "metal")

# Four calm bars make the ATR 1; a long is decided at the fourth close, filled at 100 and held for three bars until 101.
# Spread 0.20 and slippage 0.10 at the entry, 0.10 at the exit, 2 × 3.5 USD on 100 units: 0.47, of a stop 1 away.
HAND = as_floats(Costs(0.2, 3.5, 0.1, -40, 10, 0.01, 0.1, 0, 100, 0.01))
RISE = [(100.0, 100.5, 100.0, 100.2), (100.2, 101.0, 100.1, 100.5), (100.5, 101.2, 100.4, 101.0), (101.0,) * 4]
CALM = [(100.0, 100.5, 99.5, 100.0)] * 4


def by_hand(rows: list[tuple[float, float, float, float]] = RISE) -> Case:
    bars = bars_of([*CALM, *rows], spread=0.2)
    score = pd.Series(0.5, index=bars.index)
    score.iloc[3] = 1.0
    return case(bars, score, Policy(0.6, 0.4), Exits(2.0, 1.0, 3, 2), HAND, RISK, "crypto")


def same(first: Outcome, second: Outcome) -> bool:
    return np.array_equal(first.rows, second.rows) and np.array_equal(first.equity, second.equity)


@pytest.mark.parametrize(("multiple", "r"), [(1.0, 0.53), (1.25, 0.4125), (2.0, 0.06), (3.0, -0.41)])
def test_a_trade_of_one_r_pays_its_costs_as_many_times_as_they_are_multiplied(multiple, r):
    (trade,) = rerun(dearer(by_hand(), multiple)).rows
    assert trade[R] == pytest.approx(r, abs=1e-9)
    charged = paid(dearer(by_hand(), multiple), rerun(dearer(by_hand(), multiple)))
    assert charged.usd_per_lot == pytest.approx(47.0 * multiple)
    assert charged.price == pytest.approx(0.47 * multiple)
    assert charged.r == pytest.approx(0.47 * multiple, rel=0.006)  # entry to stop, which stands on a tick


def test_the_edge_of_one_r_dies_where_a_hundred_dollars_a_lot_are_paid():
    given = by_hand()
    found = break_even(given, rerun(given))
    assert (found.own.usd_per_lot, found.own.price) == pytest.approx((47.0, 0.47))
    assert found.dead.multiple == pytest.approx(1.0 / 0.47, rel=1e-3) and found.dead.multiple >= 1.0 / 0.47
    assert found.dead.usd_per_lot == pytest.approx(100.0, rel=1e-3)
    assert found.why == ""


def test_an_edge_that_is_none_dies_at_no_cost_and_one_without_costs_at_none_of_them():
    flat = by_hand([(100.0, 100.4, 100.0, 100.1)] * 4)
    losing = break_even(flat, rerun(flat))
    assert losing.dead is None and "nothing is earned" in losing.why and losing.own is not None
    nothing = flat._replace(policy=Policy(2.0, -1.0))
    assert break_even(nothing, rerun(nothing)) == (None, None, "no trade was closed")
    free = by_hand()
    free = free._replace(costs=dearer(free, 0.0).costs, tape=with_zero_spread(free).tape)
    assert "more than 87 times" in break_even(free, rerun(free)).why


def with_zero_spread(given: Case) -> Case:
    return given._replace(tape=dearer(given, 0.0).tape)


def test_swap_that_is_paid_grows_and_swap_that_is_earned_shrinks():
    swaps = [(dearer(GIVEN, m).costs.swap_long, dearer(GIVEN, m).costs.swap_short) for m in (1.0, 1.25, 2.0, 3.0)]
    assert swaps == [(-40.0, 10.0), (-50.0, 7.5), (-80.0, 0.0), (-120.0, -10.0)]


@pytest.mark.parametrize("multiple", [1.25, 2.0])
def test_dearer_costs_are_the_engine_on_bars_and_costs_that_were_made_dearer(multiple):
    costs = COSTS._replace(
        commission=3.5 * multiple,
        slippage=0.02 * multiple,
        swap_long=-40.0 * multiple,
        swap_short=10.0 * (2 - multiple),
    )
    bars = BARS.assign(spread=BARS["spread"] * multiple)
    policy = POLICY._replace(max_spread_atr=0.5 * multiple)
    expected = run(bars, SCORE, policy, EXITS, costs, RISK, "metal")
    made = rerun(dearer(GIVEN, multiple))
    assert len(made.r) > 100
    np.testing.assert_array_equal(made.r, expected.trades["r"])
    np.testing.assert_array_equal(made.equity, expected.equity["equity"])


def test_nothing_made_worse_is_the_undisturbed_run_bit_for_bit():
    expected = run(BARS, SCORE, POLICY, EXITS, COSTS, RISK, "metal")
    undisturbed = rerun(GIVEN)
    np.testing.assert_array_equal(undisturbed.r, expected.trades["r"])
    np.testing.assert_array_equal(undisturbed.equity, expected.equity["equity"])
    draws = np.random.default_rng(0)
    for changed in (
        late(GIVEN, 0),
        dearer(GIVEN, 1.0),
        with_spread_floor(GIVEN, 0.0),
        with_lost_orders(GIVEN, 0, draws),
    ):
        assert same(rerun(changed), undisturbed)
    assert same(rerun(GIVEN, extra_slippage(GIVEN, 0.0, draws)), undisturbed)
    assert not same(rerun(GIVEN, extra_slippage(GIVEN, 0.1, draws)), undisturbed)


def test_the_same_trade_is_never_better_for_dearer_costs():
    """Barriers stand on ticks, so a result may be better by what a stop was rounded: a tick at most."""
    compared = 0
    runs = [rerun(dearer(GIVEN, multiple)) for multiple in (1.0, 1.25, 1.5, 2.0, 4.0)]
    for cheaper, dearest in pairwise(runs):
        cheap, dear = shared(cheaper, dearest)
        tick = COSTS.tick_size / np.abs(cheap[:, PRICE] - cheap[:, STOP])
        assert (dear[:, R] <= cheap[:, R] + tick).all()
        assert dear[:, R].mean() < cheap[:, R].mean()
        compared += len(cheap)
    assert compared > 400


def shared(first: Outcome, second: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """Return the trades of both runs that were opened and closed on the same bars for the same reason."""
    keys = [[tuple(row[[ENTRY, EXIT, SIDE, REASON]]) for row in one.rows] for one in (first, second)]
    known = [key for key in keys[0] if key in set(keys[1])]
    return tuple(one.rows[[key.index(k) for k in known]] for one, key in zip((first, second), keys, strict=True))


def test_a_worse_broker_is_the_engine_on_bars_of_no_smaller_spread():
    floor = float(BARS["spread"].median())
    expected = run(BARS.assign(spread=BARS["spread"].clip(lower=floor)), SCORE, POLICY, EXITS, COSTS, RISK, "metal")
    np.testing.assert_array_equal(rerun(with_spread_floor(GIVEN, floor)).r, expected.trades["r"])


@pytest.mark.parametrize("bars", [1, 2, -1])
def test_latency_is_the_engine_on_scores_that_were_shifted(bars):
    expected = run(BARS, SCORE.shift(bars), POLICY, EXITS, COSTS, RISK, "metal")
    made = rerun(late(GIVEN, bars))
    assert len(made.r) > 100
    np.testing.assert_array_equal(made.r, expected.trades["r"])


def test_a_lone_decision_is_filled_as_many_bars_later_and_one_at_the_end_never():
    few = pd.Series(np.nan, index=BARS.index)
    few.iloc[100:3900:100] = 1.0
    given = case(BARS, few, Policy(0.6, 0.4, max_spread_atr=np.inf), EXITS, COSTS, RISK, "crypto")
    entries = [rerun(late(given, bars)).rows[:, ENTRY] for bars in (-1, 0, 1, 2)]
    assert len(entries[1]) == 38
    for bars, found in zip((-1, 1, 2), (entries[0], *entries[2:]), strict=True):
        np.testing.assert_array_equal(found, entries[1] + bars)
    assert len(rerun(late(given, len(few) + 1)).rows) == 0


def test_an_event_is_late_with_its_score():
    events = SCORE.iloc[::7]
    given = case(BARS, events, POLICY, EXITS, COSTS, RISK, "metal")
    moved = late(given, 2).scores
    np.testing.assert_array_equal(np.flatnonzero(moved.event), np.flatnonzero(given.scores.event) + 2)
    np.testing.assert_array_equal(moved.score[2:], given.scores.score[:-2])


def surcharges(outcome: Outcome) -> np.ndarray:
    """Return how much worse than bid or ask and the costs' own slippage each trade was filled at its entry."""
    rows, tape = outcome.rows, GIVEN.tape
    at, side = rows[:, ENTRY].astype(int), rows[:, SIDE]
    quoted = tape.open[at] + np.where(side > 0, tape.spread[at], 0.0)
    return side * (rows[:, PRICE] - quoted) - COSTS.slippage


def test_every_fill_is_worse_by_what_was_drawn_for_its_bar():
    extra = extra_slippage(GIVEN, 1.0, np.random.default_rng(1))
    outcome = rerun(GIVEN, extra)
    np.testing.assert_allclose(surcharges(outcome), extra[outcome.rows[:, ENTRY].astype(int)], atol=1e-9)
    assert extra.min() >= 0.0 and extra.mean() == pytest.approx(COSTS.slippage, rel=0.05)
    first, plain = outcome.rows[0], rerun(GIVEN).rows[0]
    assert first[ENTRY] == plain[ENTRY] and first[R] != plain[R] and first[REASON] != TARGET


def loses_what_was_drawn(draw: Callable[[np.random.Generator], np.ndarray]) -> None:
    """Check over many runs that jitter costs on average what its mean says, and never pays."""
    given, mean = GIVEN, 10.0 * COSTS.slippage
    worse = dearer_slippage(given, mean)
    expectancies = [figures(played(given, draw(np.random.default_rng([7, at])))).expectancy for at in range(60)]
    judged, certain = figures(rerun(given)).expectancy, figures(rerun(worse)).expectancy
    assert certain < judged
    assert np.mean(expectancies) < judged - 0.5 * (judged - certain)


def dearer_slippage(given: Case, mean: float) -> Case:
    return given._replace(costs=given.costs._replace(slippage=given.costs.slippage + mean))


def played(given: Case, extra: np.ndarray) -> Outcome:
    """Run a case with any extra slippage, also such as `rerun` refuses."""
    extra.flags.writeable = False
    rules = (given.policy, given.exits, given.costs, given.risk)
    found = play(given.tape, given.scores, 0, *rules, extra_slippage=extra)
    return Outcome(found.rows, found.marks[0])


def test_jitter_costs_what_its_mean_says():
    loses_what_was_drawn(lambda draws: extra_slippage(GIVEN, 10.0, draws).copy())


def test_jitter_around_zero_is_caught_and_refused():
    def around_zero(draws: np.random.Generator) -> np.ndarray:
        return draws.normal(0.0, 10.0 * COSTS.slippage, len(GIVEN.tape.close))

    with pytest.raises(AssertionError):
        loses_what_was_drawn(around_zero)
    for extra in (around_zero(np.random.default_rng(0)), np.full(len(GIVEN.tape.close), np.nan)):
        with pytest.raises(UsageError, match="wanted 0 at least on every bar"):
            rerun(GIVEN, extra)


def test_lost_orders_are_the_share_that_was_asked_for_and_may_be_made_up_for_a_bar_later():
    always = case(BARS, pd.Series(1.0, index=BARS.index), Policy(0.6, 0.4), EXITS, COSTS, RISK, "crypto")
    lost = with_lost_orders(always, 0.3, np.random.default_rng(2))
    assert np.isnan(lost.scores.score).mean() == pytest.approx(0.3, abs=0.03)
    assert len(rerun(lost).rows) > 0.9 * len(rerun(always).rows)
    assert not np.isnan(lost.scores.score[rerun(lost).rows[:, ENTRY].astype(int) - 1]).any()
