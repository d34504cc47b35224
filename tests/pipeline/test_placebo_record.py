"""The record of the gate's own error rate: which result counts, and what a card quotes of it."""

import json
from pathlib import Path

import pytest

from market import gate_settings
from pipeline import placebo_record
from registry import markdown_placebo
from tests.pipeline.conftest import CommandLine
from tests.pipeline.measured_gates import measured


@pytest.fixture
def home(assay: CommandLine, monkeypatch, tmp_path) -> CommandLine:
    """Return a command line whose home and settings are those of this process; the project brings no result."""
    for name, value in assay.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(placebo_record, "_SHIPPED", tmp_path / "none")
    return assay


def quoted() -> dict:
    return placebo_record.on_card(gate_settings.judging())


def test_a_gate_that_nobody_measured_says_so(home):
    assert quoted().keys() == {"why"}
    assert "assay placebo" in quoted()["why"]


def test_a_card_quotes_the_highest_tier(home):
    measured(home.environment, "a", tier="merge", promotions=0)
    measured(home.environment, "b", tier="commit")
    assert quoted()["tier"] == "merge"
    assert quoted()["told"] == (
        "This gate promoted 0 of 10 worlds without an edge: at most 25.9 % at 95 % (measured on the small variant)."
    )


def test_a_higher_tier_that_failed_is_not_hidden_by_a_lower_one_that_passed(home):
    measured(home.environment, "a", tier="commit")
    measured(home.environment, "b", tier="night", status="FAILED", complaints=["3 null worlds were promoted"])
    assert quoted()["status"] == "FAILED"
    assert "do not believe this gate" in quoted()["told"]


def test_results_of_other_seeds_tiers_or_code_do_not_count(home):
    measured(home.environment, "a", first_seed=5000)
    measured(home.environment, "b", tier="agreement")
    measured(home.environment, "c", decided_by="other code")
    (home.home / "placebo" / "d.json").write_text("{torn")
    (home.home / "placebo" / "e.json").write_text("[]")
    assert "why" in quoted()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("gates", "win_rate = 0.52", "win_rate = 0.50"),
        ("gates", 'profile = "six"', 'profile = "runbook"'),
        ("gates", "skipped = 0.05", "skipped = 0.06"),
        ("placebo", "features = 12", "features = 13"),
        ("research", "max_feature_auc = 0.60 ", "max_feature_auc = 0.99 "),
        ("research", "embargo = 100", "embargo = 0"),
    ],
)
def test_another_bound_or_another_world_is_another_gate(home, file, old, new):
    measured(home.environment)
    assert "why" not in quoted()
    home.replace(file, old, new)
    assert "why" in quoted()


def test_a_result_holds_for_either_of_the_profiles_that_it_measured(home):
    both = {"six": {"worlds": 10, "promotions": 0, "upper_bound_95": 0.26}}
    both["honest"] = both["six"] | {"promotions": 1, "upper_bound_95": 0.39}
    measured(home.environment, profiles=both)
    assert quoted()["promotions"] == 0
    home.replace("gates", 'profile = "six"', 'profile = "honest"')
    assert quoted()["decides"] == "honest" and quoted()["promotions"] == 1


def test_what_the_project_brings_counts_and_a_home_may_know_more(home, monkeypatch, tmp_path):
    shipped = measured(home.environment, tier="night")
    monkeypatch.setattr(placebo_record, "_SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    shipped.rename(tmp_path / "shipped" / "night.json")
    assert quoted()["tier"] == "night"
    measured(home.environment, tier="release")
    assert quoted()["tier"] == "release"


def test_the_card_tells_worlds_power_and_leaks(home):
    measured(home.environment)
    page = markdown_placebo.error_rate({"placebo": quoted()})
    assert "promoted 0 of 10 worlds" in page
    assert "1 of 1 were" in page
    assert "| 0.45 | 4.20 | 2.70 | 2 of 2 (34% … 100%) | 2 of 2 (34% … 100%) |" in page
    assert "`six` 0 of 10 (at most 26" in page.replace("25.9", "26")
    assert markdown_placebo.error_rate({"placebo": {}}) == ""
    assert "Nobody has measured" in markdown_placebo.error_rate({"placebo": {"why": placebo_record._NONE}})


def test_the_results_that_the_project_brings_are_whole_and_passed():
    shipped = Path(placebo_record.__file__).parent.parent / "docs" / "placebo"
    for path in shipped.glob("*.json"):
        found = json.loads(path.read_text())
        assert found["status"] == "PASSED" and found["judged"] == found["asked"], path.name
        assert found["promotions"] == 0 and found["upper_bound_95"] <= 0.06, path.name
