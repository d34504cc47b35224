"""What a card tells of luck and worse fills: numbers that a plain count confirms, and words for each of them."""

import numpy as np
import pandas as pd
import pytest

from backtest import significance as luck
from market.gate_settings import HONEST, gates
from registry.card import Card, from_json, headline, to_json, to_markdown
from registry.chances import chances
from registry.gates import judge
from registry.measures import SEED
from registry.significance import PERMUTATIONS, Decisions, Tried, cost_in_r, significance, standard_error_by_luck
from tests.registry.cards import BOUNDS, account, make_card
from tests.registry.proofs import GOOD_PROOF, LUCK, WORSE, steady_folds
from tests.registry.test_card import named_for_people

COST = 0.07
DAYS = pd.date_range("2019-01-01", periods=600, tz="UTC")
ALONE = Tried(1, 1.0, pd.DataFrame({"run": np.random.default_rng(0).normal(0.1, 1.0, 600)}, index=DAYS))


def traded(r: np.ndarray) -> pd.DataFrame:
    """Return trades of net `r` that each risked 500 USD and paid `COST` R."""
    trades, _ = account(r)
    return trades.assign(pnl=500.0 * r, cost=500.0 * COST)


def decided(skill: float, seed: int = 5, rows: int = 3_000) -> Decisions:
    """Return decisions at every fifth row whose outcomes overlap by ten rows, right with 50 % + `skill`."""
    draws = np.random.default_rng(seed)
    moves = np.convolve(draws.normal(size=rows + 9), np.ones(10) / 10**0.5, "valid")
    right = draws.random(rows) < 0.5 + skill
    side = np.where(np.arange(rows) % 5, 0, np.where(right, np.sign(moves), -np.sign(moves))).astype(np.int64)
    return Decisions(side, moves - COST, -moves - COST, 50)


def asked(r: np.ndarray, tried: Tried = ALONE, skill: float = 0.1) -> dict[str, dict[str, float]]:
    return significance(traded(r), decided(skill), steady_folds(), tried)


def winners(share: float, count: int = 400) -> np.ndarray:
    return np.where(np.random.default_rng(3).random(count) < share, 1.33, -1.07)


def test_an_edge_is_told_from_luck_and_luck_is_not_told_from_luck() -> None:
    edge, none = asked(winners(0.58)), asked(winners(0.446), skill=0.0)
    for question in ("signs", "shifts", "wins"):
        assert edge[question]["p"] < 0.01 and none[question]["p"] > 0.05
    assert edge["deflated"]["probability"] > 0.99 > 0.9 > none["deflated"]["probability"]
    assert edge["record"]["needed"] < 400 and edge["folds"]["folds"] == 10


def test_more_trials_deflate_and_make_a_longer_record_of_luck() -> None:
    r = winners(0.51)
    one, many = asked(r), asked(r, ALONE._replace(configurations=300, effective=120.0))
    assert many["deflated"]["probability"] < one["deflated"]["probability"] == one["deflated"]["probabilistic"]
    assert one["deflated"]["luck"] == 0.0 == one["record"]["luck"]
    by_hand = luck.expected_maximum_sharpe_ratio(120.0, standard_error_by_luck(r) ** 2)
    assert many["deflated"]["luck"] == pytest.approx(by_hand) and standard_error_by_luck(r) >= 399**-0.5


def test_a_result_is_worth_what_a_count_over_a_simulated_prior_says() -> None:
    r = winners(0.51)
    told = asked(r)["shrunken"]
    draws = np.random.default_rng(8)
    fair = 1.0 / 2.4  # of 1.40 R won against 1.00 R lost before costs
    rate = np.where(draws.random(2_000_000) < 0.05, fair + draws.uniform(0.05, 0.16, 2_000_000), fair)
    alike = rate[draws.binomial(len(r), rate) == (r > 0).sum()]
    assert told["expectancy"] == pytest.approx(np.mean(alike * 1.33 - (1 - alike) * 1.07), abs=0.004)
    assert told["without_edge"] == pytest.approx(np.mean(alike == fair), abs=0.02)
    assert told["expectancy"] < asked(r)["result"]["expectancy"]
    assert asked(np.where(np.arange(400) % 20, 1.33, -1.07))["shrunken"]["expectancy"] < 0.35


def test_the_other_side_of_a_trade_is_its_move_reversed_at_the_same_cost() -> None:
    r = np.random.default_rng(4).normal(0.05, 1.0, 120)
    trades = traded(r)
    gross = r + COST
    stamps = trades.index.asi8, pd.DatetimeIndex(trades["t_exit"]).asi8
    by_hand = luck.random_signs(r, -gross - COST, *stamps, permutations=PERMUTATIONS, seed=SEED)
    told = significance(trades.sample(frac=1.0, random_state=1), decided(0.1), steady_folds(), ALONE)["signs"]
    assert (told["p"], told["choices"]) == (by_hand.p, by_hand.choices)
    assert cost_in_r(traded(np.array([1.33, -1.07, 0.0, 0.4]))) == pytest.approx([COST] * 4)


def test_always_long_in_a_rising_market_is_seen_through_by_other_times_though_other_signs_are_fooled() -> None:
    rising = decided(0.0)
    long = Decisions(np.ones_like(rising.side), rising.r_long + 0.3, rising.r_short - 0.3, rising.horizon)
    told = significance(traded(winners(0.60)), long, steady_folds(), ALONE)
    assert told["signs"]["p"] < 0.001 and told["shifts"]["p"] == 1.0
    proof = GOOD_PROOF._replace(significance=told)
    bounds = {"permutation_p": gates(HONEST).bounds()["permutation_p"]}
    assert not judge(*account(winners(0.60)), steady_folds(), bounds, 0.005, proof)[0].passed


def test_overfitting_is_told_of_configurations_that_share_days_and_not_of_one_alone() -> None:
    r, draws = winners(0.58), np.random.default_rng(1)
    noise = pd.DataFrame(draws.normal(-0.05, 1.0, (600, 8)), index=DAYS)
    good = noise.assign(run=draws.normal(0.4, 1.0, 600))
    assert "unasked" in asked(r)["overfitting"]
    assert asked(r, Tried(8, 8.0, noise))["overfitting"]["both"] > 0.05
    found = asked(r, Tried(9, 9.0, good))["overfitting"]
    assert (found["both"], found["probability"], found["configurations"], found["days"]) == (0.0, 0.0, 9, 600)
    assert "2 configurations were tried" in asked(r, ALONE._replace(configurations=2))["overfitting"]["why"]
    assert "why" in asked(r, Tried(3, 3.0, noise.iloc[:20]))["overfitting"]


def test_without_a_trade_one_line_says_that_nothing_can_be_asked() -> None:
    told = significance(traded(np.array([])), decided(0.0), [], ALONE)
    assert told == {"why": "no trade was closed"} == chances(traded(np.array([])), [], BOUNDS, 0.005)
    card = make_card(significance=told, robustness=told, chances=told)
    page = to_markdown(card)
    assert page.count("no trade was closed") == 3 and "plots/stress.png" not in page
    assert sum("nothing can be asked" in line for line in headline(card)) == 1


def test_few_trades_or_trades_all_alike_are_answered_with_a_reason_and_never_a_crash() -> None:
    for r in (np.array([1.4]), np.array([1.4, -1.0]), np.full(30, 1.4), np.zeros(30)):
        told = asked(r)
        assert "why" in told["deflated"] or len(r) == 2
        assert all(isinstance(answer, dict) and answer for answer in told.values())
        assert "nan" not in to_markdown(make_card(significance=told)).lower()


def test_chances_are_those_of_luck_and_of_the_claimed_edge() -> None:
    found = chances(traded(winners(0.60)), steady_folds(), BOUNDS, 0.005)
    assert found["luck"]["every"] < 0.01 < found["power"]["every"]
    assert set(found["luck"]) == {*BOUNDS, "every"} and found["trades"] == 400


def card_with_all() -> Card:
    found = {
        name: judge(*account(winners(0.6)), steady_folds(), gates(name).bounds(), 0.005, GOOD_PROOF._replace(looks=4))
        for name in ("six", HONEST)
    }
    told = chances(traded(winners(0.60)), steady_folds(), BOUNDS, 0.005)
    status = "READY" if all(one.passed for one in found["six"]) else "FAILED"
    more = {"gates": found["six"], "verdicts": found, "significance": LUCK, "robustness": WORSE, "chances": told}
    return make_card(status=status, **more)


def test_both_verdicts_and_every_number_with_its_meaning_stand_on_the_card() -> None:
    card = card_with_all()
    page = to_markdown(card)
    for text in (
        "Profile honest says FAILED, fails 1 of 7; looks at window: bars that nobody has looked at",
        "0.991 is the chance that the true ratio is above 0.060, which the best of 7.3 independent trials shows",
        "+0.140 R a trade is what such a result is worth on average if 5 % of what is tried has an edge",
        "The edge dies at 110.40 USD a lot (1.104 in price, 0.220 R), 3.20 times the broker's own.",
        "| Costs ×2 | 400 | – | +0.300 | 59.0 % | 4.0 % |",
        "All 2 bounds of the stress test hold.",
        "| Profit factor | 0 of 4,000 |",
        "- plots/stress.png",
    ):
        assert text in page, text
    named_for_people(page)
    lines = "\n".join(headline(card))
    assert "Profile honest says FAILED" in lines and "Shrunken: +0.140 R" in lines and "The edge dies at" in lines
    assert from_json(to_json(card)) == card


def test_an_older_card_loads_and_says_nothing_of_what_it_does_not_know() -> None:
    new = ("profile", "verdicts", "significance", "robustness", "chances")
    card = make_card()
    older = Card.model_validate(card.model_dump(exclude=set(new)))
    assert older == card and older.profile == "six"
    for title in ("## Against luck", "## Worse fills", "## Chances of the benchmarks", "## Other profiles"):
        assert title not in to_markdown(older)


def test_a_card_whose_gates_are_not_those_of_the_profile_that_decides_cannot_be_built() -> None:
    card = card_with_all()
    with pytest.raises(ValueError, match="not those of the verdict by profile six"):
        make_card(gates=card.gates, status=card.status, verdicts={"six": card.gates[:3]})
    with pytest.raises(ValueError, match="status is READY, but the gates say FAILED"):
        make_card(gates=card.verdicts[HONEST], status="READY", profile=HONEST)
