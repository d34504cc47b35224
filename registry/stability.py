"""Whether folds are alike beyond their own noise, and how many of them earned: from the figures that a fold keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backtest.significance import heterogeneity
from market.errors import DataError
from registry.evidence import Evidence, Measured

FEWEST_TRADES = 40  # of a fold: with less, errors measured on its own trades make Q too large


def fold_means(folds: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean R of each fold and its standard error, sd ÷ √n, from `expectancy`, `sharpe_per_trade`, `trades`.

    The deviation is that of which the Sharpe ratio was made: mean ÷ ratio. Raises DataError naming the folds of which
    it is not known: under 40 trades, or without a ratio.
    """
    if len(folds) < 2:
        raise DataError(f"{len(folds)} folds, wanted at least 2.")
    numbered = [(str(fold.get("fold", at)), fold) for at, fold in enumerate(folds, start=1)]
    few = [number for number, fold in numbered if fold["trades"] < FEWEST_TRADES]
    if few:
        raise DataError(f"under {FEWEST_TRADES} trades in fold {', '.join(few)}.")
    if blank := [number for number, fold in numbered if not fold.get("sharpe_per_trade") or not fold.get("expectancy")]:
        raise DataError(f"no spread of results is known in fold {', '.join(blank)}.")
    mean, ratio, count = (
        np.array([fold[name] for fold in folds], dtype=np.float64)
        for name in ("expectancy", "sharpe_per_trade", "trades")
    )
    return mean, mean / ratio / np.sqrt(count)


def fold_heterogeneity_p(evidence: Evidence) -> Measured:
    """Return the p of Cochran's Q over the folds' mean R: how often folds of one edge differ at least as much."""
    try:
        return Measured(heterogeneity(*fold_means(evidence.folds)).p)
    except DataError as error:
        return Measured(None, str(error).rstrip("."))


def folds_earning(evidence: Evidence) -> Measured:
    """Return the share of folds whose mean R is above 0; a fold that did not trade earned nothing."""
    if len(evidence.folds) < 2:
        return Measured(None, f"{len(evidence.folds)} folds, wanted at least 2")
    earned = [(fold.get("expectancy") or 0.0) > 0.0 for fold in evidence.folds]
    return Measured(sum(earned) / len(earned))
