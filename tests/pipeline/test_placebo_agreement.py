"""The small variant against the product's size: the same worlds, judged by both."""

import pytest

from pipeline.placebo_agreement import agreement


def row(full: str, small: str, sharpes: tuple[float, float] | None = None) -> dict:
    """Return a world of full size with what both variants say of it, and their Sharpe ratios by fixed thresholds."""
    entries = [None, None] if sharpes is None else [{"sharpe": sharpe} for sharpe in sharpes]
    told = {"verdicts": {"six": {"status": small, "failed": []}}, "entries": entries[1]}
    return {"verdicts": {"six": {"status": full, "failed": []}}, "entries": entries[0], "small": told}


def test_decisions_that_are_alike_are_counted():
    found = agreement([row("READY", "READY"), row("FAILED", "FAILED"), row("READY", "FAILED")])
    assert (found["worlds"], found["profiles"]["six"]["alike"]) == (3, 2)
    assert found["profiles"]["six"]["low"] < 2 / 3 < found["profiles"]["six"]["high"]


def test_worlds_that_the_small_variant_did_not_judge_say_nothing():
    assert agreement([row("READY", "READY") | {"small": None}, {"verdicts": {}, "entries": None}])["worlds"] == 0


def test_results_by_fixed_thresholds_correlate_where_both_trade():
    worlds = [row("FAILED", "FAILED", (x, 2.0 * x + 1.0)) for x in (0.1, 0.3, -0.2)] + [row("FAILED", "FAILED")]
    found = agreement(worlds)
    assert found["compared"] == 3 and found["correlation"] == pytest.approx(1.0)
    against = [row("FAILED", "FAILED", (x, -x)) for x in (0.1, 0.3, -0.2)]
    assert agreement(against)["correlation"] == pytest.approx(-1.0)
    assert agreement(worlds[:2])["correlation"] is None
    assert agreement([row("FAILED", "FAILED", (0.1, x)) for x in (1.0, 2.0, 3.0)])["correlation"] is None
