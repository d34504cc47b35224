"""Every finite number of a card is a metric, and trading that did not happen has none that looks good."""

import math
from typing import Any

import pytest

from registry.run_metrics import metrics
from tests.registry.cards import GOOD, a_fold, gate, make_card

LUCK: dict[str, Any] = {
    "deflated": {"probability": 0.91, "probabilistic": 0.99, "luck": 0.21, "trials": 3.0},
    "signs": {"p": 0.012, "permutations": 10_000},
    "shifts": {"p": 0.034, "shifts": 999},
    "overfitting": {"probability": 0.31, "both": 0.04},
    "superiority": {"why": "no daily results of this run are kept"},
    "folds": {"p": 0.4, "earning": 9},
}
STRESS: dict[str, Any] = {
    "scenarios": [
        {"name": "costs_2x", "trades": 300, "profit_factor": 1.2, "max_drawdown": 0.08, "win_rate": None},
        {"name": "latency_2", "trades": 0, "profit_factor": None, "max_drawdown": 0.0},
    ],
    "break_even": {"own": {"multiple": 1.0}, "dead": {"multiple": 2.7}},
    "verdicts": [{"name": "a", "passed": True}, {"name": "b", "passed": False}, {"name": "c", "passed": False}],
}


def told(**changes: Any) -> dict[str, float]:
    return {name: value for name, value, step in metrics(make_card(**changes)) if step == 0}


def test_the_tests_of_luck_are_metrics_under_the_names_that_the_field_uses() -> None:
    found = told(significance=LUCK)
    wanted = {"deflated_sharpe": 0.91, "pbo": 0.31, "overfit_and_losing": 0.04, "best_sharpe_of_luck": 0.21}
    wanted |= {"permutation_p": 0.034, "random_signs_p": 0.012, "folds_earning": 9.0}
    assert {name: found[f"luck/{name}"] for name in wanted} == wanted
    assert "luck/superiority_p" not in found, "it could not be asked"


def test_without_one_of_two_permutations_the_larger_is_not_known() -> None:
    assert "luck/permutation_p" not in told(significance=LUCK | {"shifts": {"why": "no decision"}})


def test_stress_is_how_many_bounds_broke_and_the_figures_of_each_scenario() -> None:
    found = told(robustness=STRESS)
    assert found["stress/broken"] == 2.0 and found["stress/break_even_multiple"] == 2.7
    assert found["stress/costs_2x/max_drawdown"] == 0.08 and "stress/costs_2x/win_rate" not in found
    assert found["stress/latency_2/trades"] == 0.0 and "stress/latency_2/max_drawdown" not in found


def test_both_verdicts_are_metrics_and_so_is_what_each_gate_measured() -> None:
    six = [gate(name, got) for name, got in GOOD.items()]
    honest = [*six, gate("deflated_sharpe", 0.91), gate("looks", 7.0)]
    found = told(gates=six, verdicts={"six": six, "honest": honest})
    assert (found["verdict/six"], found["verdict/six/failed"]) == (1.0, 0.0)
    assert (found["verdict/honest"], found["verdict/honest/failed"]) == (0.0, 2.0)
    assert found["gate/deflated_sharpe"] == 0.91 and found["gate/win_rate"] == GOOD["win_rate"]


def test_without_a_trade_there_is_no_drawdown_of_nothing() -> None:
    idle = {"trades": 0, "max_drawdown": 0.0, "total_return": 0.0, "exposure": 0.0, "auc": 0.53, "profit_factor": None}
    found = metrics(make_card(oos=idle, folds=[a_fold(1), idle | {"fold": 2}]))
    assert {name: value for name, value, _ in found if name.startswith("oos/")} == {"oos/trades": 0.0, "oos/auc": 0.53}
    assert {name for name, _, step in found if step == 2} == {"fold/trades", "fold/auc"}
    assert told(oos=idle | {"trades": 1})["oos/max_drawdown"] == 0.0, "of one trade that lost nothing"


@pytest.mark.parametrize("card", [{}, {"significance": LUCK, "robustness": STRESS}, {"robustness": {"why": "none"}}])
def test_only_finite_numbers_are_metrics_under_names_that_mlflow_takes(card: dict[str, Any]) -> None:
    found = metrics(make_card(**card))
    assert all(math.isfinite(value) and type(value) is float for _, value, _ in found)
    assert all(len(name) <= 250 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_/") for name, _, _ in found)
    assert len({(name, step) for name, _, step in found}) == len(found), "each once"
