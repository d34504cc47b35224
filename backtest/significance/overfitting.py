"""How often the configuration that looks best is worse than most of the others where nobody looked.

Combinatorially symmetric cross-validation: Bailey, Borwein, López de Prado and Zhu (2017), The probability of backtest
overfitting, Journal of Computational Finance 20(4).
"""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from market.errors import DataError, UsageError

Metric: TypeAlias = Callable[[np.ndarray], np.ndarray]

_FLAT = 1e-12  # of the mean square: below it, rounding alone


class Overfitting(NamedTuple):
    """What all splits say of choosing the best: an entry a split in each array.

    `probability` is the share of splits whose chosen configuration is no better than the median of all in the other
    half (logit ≤ 0); `chosen` its column, `inside` and `outside` its performance in the half that chose it and in the
    other one. `slope` and `intercept` are the least squares of outside on inside (None where inside does not vary);
    `loss` is the share of splits with an outside below the threshold.
    """

    probability: float
    loss: float
    slope: float | None
    intercept: float | None
    logits: np.ndarray
    chosen: np.ndarray
    inside: np.ndarray
    outside: np.ndarray


def probability_of_backtest_overfitting(
    matrix: np.ndarray | pd.DataFrame, n_blocks: int = 16, metric: Metric | None = None
) -> float:
    """Return the share of splits in which the best of one half is at or below the median of the other half.

    `matrix` is time × configurations: the result of each in each period. It is no p-value: of pure noise it lies around
    one half, widely. See `cross_validated`, which says more and what is refused.
    """
    return cross_validated(matrix, n_blocks, metric).probability


def cross_validated(
    matrix: np.ndarray | pd.DataFrame, n_blocks: int = 16, metric: Metric | None = None, threshold: float = 0.0
) -> Overfitting:
    """Return what every choice of half of the blocks says of the configuration that is best there.

    `matrix` is time × configurations, cut into `n_blocks` (even) blocks that differ by one row at most; nothing is left
    over. `metric` takes rows × configurations and returns a number for each configuration, more being better; by
    default the Sharpe ratio, which is 0 for a configuration without any result. A rank outside is
    the average one of ties; of several that are equally good inside, the first is chosen.

    Raises UsageError for an odd number of blocks, DataError for a matrix that is transposed, holds what is no finite
    number, has one configuration, or too few rows. An array of more columns than rows counts as transposed; a table
    indexed by time may have them.
    """
    values = _checked(matrix, n_blocks)
    inside = _by_sums(values, n_blocks) if metric is None else _by_metric(values, n_blocks, metric)
    outside = inside[::-1]  # the splits are in lexicographic order, so the other half of the first is the last
    every = np.arange(len(inside))
    chosen = inside.argmax(axis=1)
    there, here = outside[every, chosen], inside[every, chosen]
    below, equal = (outside < there[:, None]).sum(axis=1), (outside == there[:, None]).sum(axis=1)
    rank = (below + (equal + 1) / 2) / (values.shape[1] + 1)
    logits = np.log(rank / (1.0 - rank))
    slope, intercept = _degradation(here, there)
    loss = float(np.mean(there < threshold))
    return Overfitting(float(np.mean(logits <= 0.0)), loss, slope, intercept, logits, chosen, here, there)


def _by_sums(values: np.ndarray, n_blocks: int) -> np.ndarray:
    """Return the Sharpe ratio of each configuration in each half, from sums over blocks.

    Sums are added block by block rather than by a matrix product: equal columns then give equal bits, and so ties.
    """
    blocks = np.array_split(values, n_blocks)
    rows = np.array([len(block) for block in blocks], dtype=np.float64)
    sums = np.array([block.sum(axis=0) for block in blocks])
    squares = np.array([(block**2).sum(axis=0) for block in blocks])
    within = _halves(n_blocks)
    n = (within @ rows)[:, None]
    total, square = np.zeros((2, len(within), values.shape[1]))
    for block in range(n_blocks):
        total += within[:, block, None] * sums[block]
        square += within[:, block, None] * squares[block]
    mean, variance = total / n, (square - total**2 / n) / (n - 1.0)
    flat = variance <= _FLAT * square / n
    if (flat & (square > 0.0)).any():
        column = int(np.argmax((flat & (square > 0.0)).any(axis=0)))
        raise DataError(f"Configuration {column} gives the same result in all of a half: it has no Sharpe ratio there.")
    return np.where(flat, 0.0, mean / np.sqrt(np.where(flat, 1.0, variance)))


def _by_metric(values: np.ndarray, n_blocks: int, metric: Metric) -> np.ndarray:
    blocks = np.array_split(values, n_blocks)
    found = [
        metric(np.concatenate([block for block, kept in zip(blocks, half, strict=True) if kept]))
        for half in _halves(n_blocks)
    ]
    performance = np.asarray(found, dtype=np.float64)
    if performance.shape != (len(found), values.shape[1]) or not np.isfinite(performance).all():
        raise DataError(
            f"The metric must give a finite number for each of {values.shape[1]} configurations in every half."
        )
    return performance


def _halves(n_blocks: int) -> np.ndarray:
    """Return the blocks of every half, a row of 0 and 1 each, in lexicographic order."""
    chosen = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    within = np.zeros((len(chosen), n_blocks))
    np.put_along_axis(within, chosen, 1.0, axis=1)
    return within


def _degradation(inside: np.ndarray, outside: np.ndarray) -> tuple[float | None, float | None]:
    spread = float(np.var(inside))
    if not spread > 0.0:
        return None, None
    slope = float(np.mean((inside - inside.mean()) * (outside - outside.mean()))) / spread
    return slope, float(outside.mean() - slope * inside.mean())


def _checked(matrix: np.ndarray | pd.DataFrame, n_blocks: int) -> np.ndarray:
    if not (float(n_blocks).is_integer() and n_blocks >= 2 and n_blocks % 2 == 0):
        raise UsageError(
            f"Blocks are an even whole number, 2 at least, so that both halves are alike: found {n_blocks}."
        )
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2:
        raise DataError(f"A matrix of time × configurations has two dimensions, found {values.ndim}.")
    rows, columns = values.shape
    timed = isinstance(matrix, pd.DataFrame) and isinstance(matrix.index, pd.DatetimeIndex)
    across = isinstance(matrix, pd.DataFrame) and isinstance(matrix.columns, pd.DatetimeIndex)
    if across or (columns > rows and not timed):
        raise DataError(
            f"Found {rows} rows and {columns} columns: wanted time down and configurations across, so this looks "
            "transposed. Where there really are more configurations than periods, give a table indexed by time."
        )
    if columns < 2:
        raise DataError("The best of one configuration is no choice: wanted two configurations at least.")
    if rows < 2 * n_blocks:
        raise DataError(f"{rows} rows in {n_blocks} blocks: wanted two rows a block at least, so fewer blocks.")
    if not np.isfinite(values).all():
        bad = np.argwhere(~np.isfinite(values))
        raise DataError(
            f"{len(bad)} of {values.size} results are NaN or infinite, the first in row {bad[0][0]} of configuration "
            f"{bad[0][1]}: put 0 where a configuration had no position, and leave out periods that were not judged."
        )
    return values
