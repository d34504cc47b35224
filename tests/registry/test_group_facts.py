"""A bundle knows the feature groups that it uses, and tells when their source is another one."""

import hashlib
from pathlib import Path

import pytest

import feature_store
from market.timeframe import TIMEFRAMES
from registry import group_facts
from registry.bundle import write_bundle
from registry.champion import load_bundle
from tests.registry.models import Made

QUARTER_HOUR = TIMEFRAMES["15T"]
SOURCES = Path(feature_store.__file__).parent / "groups"


def test_each_group_that_is_used_has_its_lookback_and_the_digest_of_its_file(made: Made) -> None:
    found = group_facts.used(made.meta["features"], QUARTER_HOUR)
    assert list(found) == ["candlestick", "momentum"]
    for name, facts in found.items():
        assert facts["sha256"] == hashlib.sha256((SOURCES / f"{name}.py").read_bytes()).hexdigest()
        assert facts["lookback"] == feature_store.lookback([name], QUARTER_HOUR)


@pytest.mark.parametrize("changed", ["momentum", ""])
def test_another_source_is_told_though_the_golden_features_are_equal(tmp_path: Path, made: Made, changed: str) -> None:
    groups = group_facts.used(made.meta["features"], QUARTER_HOUR)
    if changed:
        groups[changed]["sha256"] = "0" * 64
    digest = write_bundle(tmp_path / "x", made.files, made.meta | {"groups": groups})
    told = load_bundle(tmp_path / "x", digest).notes
    wanted = "The source of momentum is another than at training; the features of the golden bars are equal."
    assert told == ((wanted,) if changed else ())


def test_a_bundle_of_before_says_nothing_of_its_groups(made: Made) -> None:
    assert "groups" not in made.meta
    assert group_facts.changed(made.meta) == ""
