"""Remedies follow from what was measured on the folds, at most three, and never propose another look."""

from typing import Any

import pytest

from registry.gates import Gate
from registry.remedies import groups_told, remedies
from registry.remedy_rules import RULES
from tests.registry.cards import GOOD, a_fold, gate

HONEST_FAIL = {
    "stress": (2.0, "bounds of [stress] that hold: latency 1 profit factor, costs 25 profit factor"),
    "folds_earning": (0.5, ""),
    "overfitting": (0.3, ""),
    "permutation_p": (0.4, ""),
    "looks": (5.0, ""),
}
FOLDS = [a_fold(number) for number in range(1, 11)]
ALL_FAIL = {
    "profit_factor": 0.9,
    "max_drawdown": 0.12,
    "sharpe_per_trade": -0.02,
    "win_rate": 0.44,
    "trades": 90,
    "fold_profit_factor_variation": 0.8,
}


def judged(**got: float | None) -> list[Gate]:
    return [gate(name, value) for name, value in (GOOD | got).items()]


def folds(**changes: Any) -> list[dict[str, Any]]:
    return [fold | changes for fold in FOLDS]


def test_what_passed_needs_no_remedy() -> None:
    assert remedies(judged(), FOLDS, GOOD) == []


@pytest.mark.parametrize(
    ("got", "changed", "says"),
    [
        ({"profit_factor": 1.0}, {"skill_low": -0.01}, "None of 10 folds knows the direction"),
        ({"profit_factor": 1.0}, {"thresholds": "no trade"}, "In 10 of 10 folds no threshold had a positive"),
        ({"profit_factor": 1.0}, {"cost_r": 0.18}, "costs take 50 % of the gross edge"),
        ({"profit_factor": 1.0}, {"cost_r": 0.3, "expectancy": -0.1}, "costs take all of the gross edge"),
        ({"trades": 150}, {}, "Too few trades (median 86 a fold): lower the thresholds"),
        ({"fold_profit_factor_variation": 0.5}, {}, "give each fold more data"),
        ({"fold_profit_factor_variation": None}, {"trades": 40}, "Too few trades (median 40 a fold)"),
        ({"win_rate": 0.49}, {}, "Wins are too rare"),
        ({"sharpe_per_trade": 0.1}, {}, "The edge a trade is too thin"),
    ],
)
def test_each_failure_finds_its_remedy_by_the_facts_of_the_folds(
    got: dict[str, float], changed: dict[str, Any], says: str
) -> None:
    assert says in remedies(judged(**got), folds(**changed), GOOD | got)[0]


def test_a_drawdown_alone_names_the_risk_at_which_it_passes() -> None:
    note = "passes at 0.40 % risk a trade (judged at 0.50 %)"
    gates = [
        gate(name, got, note if name == "max_drawdown" else "") for name, got in (GOOD | {"max_drawdown": 0.07}).items()
    ]
    assert remedies(gates, FOLDS, GOOD, 0.005) == [
        f"Risk less a trade: the drawdown benchmark {note}. Set per_trade in config/policy.toml."
    ]


def test_a_drawdown_among_others_names_about_the_risk_and_promises_no_more() -> None:
    found = remedies(judged(max_drawdown=0.12, trades=150), FOLDS, GOOD, 0.005)
    assert found[0].startswith("Risk about 0.25 % a trade instead of 0.50 %")
    assert found[0].endswith("It repairs no other benchmark.")
    assert not any(
        "Risk" in text for text in remedies(judged(max_drawdown=0.12, trades=150), folds(expectancy=-0.1), GOOD, 0.005)
    )


def test_an_edge_that_did_not_last_is_told_from_one_that_never_was() -> None:
    faded = remedies(judged(profit_factor=0.9), FOLDS, GOOD | {"profit_factor": 0.9})
    assert "the edge faded or was fitted" in faded[0]
    never = remedies(judged(profit_factor=0.9), folds(profit_factor=1.0), GOOD | {"profit_factor": 0.9})
    assert not any("faded" in text for text in never)


def test_there_are_never_more_than_three_and_the_want_of_skill_leads() -> None:
    found = remedies(
        judged(**ALL_FAIL), folds(skill_low=-1.0, thresholds="no trade", cost_r=0.5, trades=10), ALL_FAIL, 0.01
    )
    assert len(found) == 3 and "base rate" in found[0]


def test_any_failure_finds_some_remedy_even_where_nothing_was_measured() -> None:
    for name, value in ALL_FAIL.items():
        assert remedies(judged(**{name: value}), [], {}, 0.005), name
        if name != "max_drawdown":
            assert remedies(judged(**{name: None}), [], {}, 0.005), name


def test_no_remedy_proposes_to_try_again_on_the_window() -> None:
    honest = (gate(name, got, note) for name, (got, note) in HONEST_FAIL.items())
    gates = [*judged(**ALL_FAIL), *honest]
    texts = {
        text
        for changes in ({}, {"skill_low": -1.0}, {"cost_r": 0.5}, {"thresholds": None}, {"trades": 10})
        for subset in ([one] for one in gates)
        for text in remedies(subset, folds(**changes), {"profit_factor": 0.5}, 0.005)
    }
    assert len(texts) >= len(RULES) - 1
    for text in texts:
        assert not any(
            word in text.lower() for word in ("again", "retry", "re-run", "another look", "move the cut-off")
        )


@pytest.mark.parametrize(
    ("failed", "says"),
    [
        ({"stress": (1.0, "bounds of [stress] that hold: latency 1 profit factor")}, "A bar of delay takes the edge"),
        ({"stress": (1.0, "bounds of [stress] that hold: worse broker profit factor")}, "Somewhat worse fills take"),
        ({"stress": (1.0, "bounds of [stress] that hold: drawdown 95")}, "in another order fall too far: risk less"),
        ({"fold_heterogeneity_p": (0.001, "")}, "10 of 10 folds earn: the edge is of some periods"),
        ({"folds_earning": (0.6, "")}, "folds earn: the edge is of some periods"),
        ({"overfitting": (0.3, "")}, "In 30 % of the splits the configuration that was chosen lost outside"),
        ({"deflated_sharpe": (0.4, "")}, "Luck shows such a result too often"),
        ({"permutation_p": (0.3, "")}, "Luck shows such a result too often"),
        ({"looks": (4.0, "")}, "This window was looked at 4 times"),
    ],
)
def test_each_honest_gate_has_a_remedy_of_its_own(failed: dict[str, tuple[float, str]], says: str) -> None:
    gates = [gate(name, got, note) for name, (got, note) in failed.items()]
    assert says in remedies(gates, FOLDS, GOOD)[0]


def test_groups_are_ranked_by_what_permuting_them_costs_and_a_cluster_counts_once() -> None:
    selection = {
        "features": {
            "trend__adx": {"cluster": 1, "permutation": 4e-4},
            "trend__slope": {"cluster": 1, "permutation": 4e-4},
            "cycle__phase": {"cluster": 2, "permutation": -1e-4},
            "momentum__rsi": {"cluster": 3, "permutation": 6e-4},
        }
    }
    told = next(groups_told(selection))
    assert "momentum +6.0, trend +4.0, cycle -1.0" in told
    assert told.startswith("Train without the feature groups that told least, cycle (groups of the recipe)")
    assert "a trial that counts" in told and not [*groups_told({})]
