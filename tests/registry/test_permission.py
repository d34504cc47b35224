"""A gate vouches for a model as far as its own error rate was measured: paper, live, or not at all."""

import pytest

from market.errors import GateError
from registry import permission
from registry.card import Card
from tests.registry.cards import make_card

PASSED = {
    "tier": "night",
    "status": "PASSED",
    "worlds": 300,
    "promotions": 0,
    "upper_bound_95": 0.00994,
    "decided_by": "ab" * 32,
    "told": "This gate promoted 0 of 300 worlds without an edge.",
}


def judged(**placebo) -> Card:
    return make_card().model_copy(update={"placebo": placebo})


@pytest.mark.parametrize(
    ("tier", "bound", "allows"),
    [
        ("commit", 0.26, "paper"),
        ("merge", 0.0295, "paper"),
        ("night", 0.00994, "live"),
        ("night", 0.0157, "paper"),
        ("release", 0.003, "live"),
    ],
)
def test_what_is_allowed_follows_from_what_was_measured(tier, bound, allows):
    allowed = permission.of(judged(**PASSED | {"tier": tier, "upper_bound_95": bound}), unproven=False)
    assert (allowed["allows"], allowed["unproven"]) == (allows, False)
    assert allowed["told"] == PASSED["told"]


@pytest.mark.parametrize(
    ("placebo", "told"),
    [
        ({}, "older than the measured error rate"),
        ({"why": "Nobody has measured it."}, "Nobody has measured it"),
        (PASSED | {"status": "FAILED", "told": "3 of 300 were promoted."}, "3 of 300 were promoted"),
    ],
)
def test_what_was_not_measured_or_failed_is_not_promoted_unless_that_is_waived_and_told(placebo, told):
    with pytest.raises(GateError, match=told):
        permission.of(judged(**placebo), unproven=False)
    waived = permission.of(judged(**placebo), unproven=True)
    assert (waived["allows"], waived["unproven"]) == ("paper", True)
    assert "--unproven" in waived["told"] and told in waived["told"]


def test_a_waiver_that_is_not_needed_changes_nothing():
    assert permission.of(judged(**PASSED), True) == permission.of(judged(**PASSED), False)
