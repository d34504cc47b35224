"""The honest profile: each of its gates fails closed, alone, and refuses what luck or a fourth look could have made."""

from typing import Any

import numpy as np
import pytest

from backtest.significance import fold_heterogeneity
from market.gate_settings import HONEST, PROMISED, gates
from registry.evidence import Proof
from registry.gates import Gate, judge, judged, status
from registry.proofs import overfitting
from tests.registry.cards import EVERY, account
from tests.registry.proofs import GOOD_PROOF, LUCK, WORSE, fold_of, spoilt, steady_folds, verdict

BOUNDS = gates(HONEST).bounds()
R = np.where(np.arange(400) % 5 < 3, 1.4, -1.0)


def verdict_of(proof: Proof | None, folds: list[dict[str, Any]] | None = None) -> dict[str, Gate]:
    found = judge(*account(R), steady_folds() if folds is None else folds, BOUNDS, 0.005, proof)
    return {one.name: one for one in found}


def failed(proof: Proof | None, folds: list[dict[str, Any]] | None = None) -> list[str]:
    return [name for name, one in verdict_of(proof, folds).items() if not one.passed]


def test_a_good_proof_passes_every_gate() -> None:
    found = verdict_of(GOOD_PROOF)
    assert status(list(found.values()), HONEST) == "READY"
    assert tuple(found) == PROMISED[HONEST] and found["permutation_p"].got == LUCK["shifts"]["p"]


@pytest.mark.parametrize(
    ("spoils", "gate"),
    [
        (("deflated", {"probability": 0.94}), "deflated_sharpe"),
        (("overfitting", {"both": 0.06}), "overfitting"),
        (("signs", {"p": 0.06}), "permutation_p"),
        (("shifts", {"p": 0.06}), "permutation_p"),
    ],
)
def test_a_number_beyond_its_bound_fails_its_own_gate_alone(spoils: tuple[str, dict[str, float]], gate: str) -> None:
    question, numbers = spoils
    assert failed(spoilt(question, **numbers)) == [gate]


@pytest.mark.parametrize(("question", "gate"), [("deflated", 0), ("overfitting", 1), ("signs", 2), ("shifts", 2)])
def test_a_question_that_could_not_be_answered_fails_with_its_reason(question: str, gate: int) -> None:
    found = verdict_of(GOOD_PROOF._replace(significance=LUCK | {question: {"why": "too few days"}}))
    one = found[PROMISED[HONEST][gate]]
    assert (one.got, one.passed, one.note) == (None, False, "too few days")


@pytest.mark.parametrize("proof", [None, Proof({}, {}, 0), Proof({"why": "no trade was closed"}, {"why": "none"}, 1)])
def test_without_a_proof_nothing_that_asks_one_passes(proof: Proof | None) -> None:
    missing = set(failed(proof))
    assert missing >= {"deflated_sharpe", "overfitting", "permutation_p", "stress"}
    assert ("looks" in missing) == (proof is None or proof.looks == 0)


def test_one_broken_bound_of_the_stress_test_fails_and_is_named() -> None:
    worse = WORSE | {"verdicts": [*WORSE["verdicts"], verdict("costs_2x_profit_factor", 0.97, 1.0)]}
    one = verdict_of(GOOD_PROOF._replace(robustness=worse))["stress"]
    assert (one.got, one.passed) == (1.0, False) and "costs 2x profit factor" in one.note
    unknown = WORSE | {"verdicts": [verdict("drawdown_95", None, 0.08, "<=")]}
    assert failed(GOOD_PROOF._replace(robustness=unknown)) == ["stress"]
    assert failed(GOOD_PROOF._replace(robustness=WORSE | {"verdicts": []})) == ["stress"]


@pytest.mark.parametrize(("looks", "refused"), [(1, False), (3, False), (4, True), (20, True)])
def test_from_the_fourth_look_on_it_refuses(looks: int, refused: bool) -> None:
    assert (failed(GOOD_PROOF._replace(looks=looks)) == ["looks"]) is refused


def test_overfitting_is_not_asked_of_the_only_configuration_and_of_no_other() -> None:
    alone = GOOD_PROOF._replace(significance=LUCK | {"overfitting": {"unasked": "one configuration was tried"}})
    one = verdict_of(alone)["overfitting"]
    assert (one.asked, one.passed, one.got, one.note) == (False, True, None, "one configuration was tried")
    assert status(list(verdict_of(alone).values()), HONEST) == "READY"
    for changes in ({"name": "deflated_sharpe"}, {"note": ""}, {"got": 0.01}, {"passed": False}):
        with pytest.raises(ValueError, match="a gate that is not asked"):
            Gate.model_validate(one.model_dump() | changes)
    assert judged("overfitting", overfitting_of(None), EVERY["overfitting"]).asked


def overfitting_of(proof: Proof | None) -> Any:
    from registry.evidence import gather

    return overfitting(gather(*account(R), [], 0.005, proof))


def test_a_profile_that_forgets_a_gate_is_no_verdict_by_that_name() -> None:
    whole = list(verdict_of(GOOD_PROOF).values())
    for at in range(len(whole)):
        assert status(whole[:at] + whole[at + 1 :], HONEST) == "FAILED"
    assert status(whole[1:], "a profile of one's own") == "READY" and status([], "a profile of one's own") == "FAILED"


def test_folds_of_one_edge_are_alike_whatever_their_variation_says_and_others_are_not() -> None:
    draws = np.random.default_rng(2)
    rows = [draws.normal(0.2, 1.1, 80) for _ in range(10)]
    found = verdict_of(GOOD_PROOF, [fold_of(at, r) for at, r in enumerate(rows, start=1)])
    assert found["fold_heterogeneity_p"].got == pytest.approx(fold_heterogeneity(rows).p, rel=1e-9)
    one_good = [fold_of(1, draws.normal(1.5, 1.1, 80)), *steady_folds(3)[1:]]
    assert failed(GOOD_PROOF, one_good) == ["fold_heterogeneity_p"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"trades": 39}, "under 40 trades in fold 3"),
        ({"trades": 0, "expectancy": None, "sharpe_per_trade": None}, "under 40 trades in fold 3"),
        ({"sharpe_per_trade": None}, "no spread of results is known in fold 3"),
        ({"expectancy": None}, "no spread of results is known in fold 3"),
    ],
)
def test_one_fold_that_says_nothing_fails_the_comparison(changes: dict[str, Any], why: str) -> None:
    folds = [fold | (changes if fold["fold"] == 3 else {}) for fold in steady_folds()]
    one = verdict_of(GOOD_PROOF, folds)["fold_heterogeneity_p"]
    assert (one.got, one.passed, one.note) == (None, False, why)


def test_folds_that_lose_alike_are_refused_and_a_fold_without_trades_earned_nothing() -> None:
    losing = [
        fold | {"expectancy": -fold["expectancy"], "sharpe_per_trade": -1.0 * fold["sharpe_per_trade"]}
        for fold in steady_folds()
    ]
    assert failed(GOOD_PROOF, losing) == ["folds_earning"]
    silent = [fold | {"expectancy": None} if fold["fold"] <= 3 else fold for fold in steady_folds()]
    assert verdict_of(GOOD_PROOF, silent)["folds_earning"].got == pytest.approx(0.7)
    assert verdict_of(GOOD_PROOF, [])["folds_earning"].note == "0 folds, wanted at least 2"
