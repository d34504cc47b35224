"""Whether the small variant says of a world what the product's own size says: the same worlds judged by both."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from backtest.significance import wilson

FEWEST = 3  # worlds of a correlation


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how often both variants decide alike, by profile, and how their results by fixed thresholds correlate.

    Looked at are the rows of full size that hold what the `small` variant said of the last months of the same bars.
    `correlation` is that of Sharpe ratios per trade over the `compared` worlds that both trade; None of fewer than
    three, or where one of them never differs.
    """
    paired = [row for row in rows if row.get("small")]
    profiles = dict.fromkeys(profile for row in paired for profile in row["verdicts"])
    sharpes = [
        (row["entries"]["sharpe"], row["small"]["entries"]["sharpe"])
        for row in paired
        if row["entries"] and row["small"]["entries"]
    ]
    return {
        "worlds": len(paired),
        "profiles": {profile: _alike(paired, profile) for profile in profiles},
        "compared": len(sharpes),
        "correlation": _correlation(sharpes),
    }


def _alike(paired: Sequence[dict[str, Any]], profile: str) -> dict[str, Any]:
    alike = sum(row["verdicts"][profile]["status"] == row["small"]["verdicts"][profile]["status"] for row in paired)
    low, high = wilson(alike, len(paired))
    return {"alike": alike, "share": alike / len(paired), "low": low, "high": high}


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < FEWEST:
        return None
    full, small = np.array(pairs).T
    if not (np.ptp(full) > 0 and np.ptp(small) > 0):
        return None
    return float(np.corrcoef(full, small)[0, 1])
