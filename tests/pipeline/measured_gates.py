"""A gate whose error rate was measured, as `assay placebo` leaves it in a home: for tests that promote models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backtest.significance import wilson
from market import durable, gate_settings, placebo_settings
from pipeline import placebo_record
from pipeline.placebo_statistics import upper_bound


def result(**changes: Any) -> dict[str, Any]:
    """Return a passed result of tier commit for the code and the settings of now."""
    nulls = {"worlds": 10, "promotions": 0, "upper_bound_95": upper_bound(0, 10)}
    low, high = wilson(2, 2)
    share = {"promoted": 2, "share": 1.0, "low": low, "high": high}
    edge = {"edge": 0.45, "worlds": 2, "oracle_profit_factor": 4.2, "profit_factor": 2.7}
    judging = gate_settings.judging()
    profiles = dict.fromkeys((judging.decides, "six", "honest"))
    found = nulls | {
        "tier": "commit",
        "status": "PASSED",
        "complaints": [],
        "first_seed": placebo_settings.worlds().first_seed,
        "source": "the built-in market without an edge",
        "decided_by": placebo_record.decided_by(judging),
        "mean_sharpe_z": 0.4,
        "skilled": 0,
        "profiles": dict.fromkeys(profiles, nulls),
        "controls": [
            {"control": "no costs", "expected": True, "flagged": True},
            {"control": "no purge", "expected": False, "flagged": None},
        ],
        "power": [edge | {"profiles": dict.fromkeys(profiles, share)}],
    }
    return found | changes


def measured(environment: Mapping[str, str], name: str = "made", **changes: Any) -> Path:
    """Write a result into the home that `environment` names, where nothing of today's code is measured yet."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        path = Path(environment["ASSAY_HOME"]) / "placebo" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.write_json(path, result(**changes))
    return path
