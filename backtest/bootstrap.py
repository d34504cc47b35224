"""Histories that might have been: trades drawn again in blocks, and what they would have brought.

Circular block bootstrap: Politis and Romano (1992), A circular block-resampling procedure for stationary data. Blocks
keep what hangs together between neighbouring trades; the same seed gives the same histories.
"""

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import pandas as pd

from backtest.ratios import Numbers, Statistic, finite, varies
from market.errors import DataError, UsageError

RowStatistic: TypeAlias = Callable[[np.ndarray], np.ndarray]

_NOT_COMPUTABLE_SHARE = 0.05
_AT_ONCE = 2**19  # values of histories


def block_bootstrap_interval(
    r: Numbers,
    statistic: Statistic,
    level: float = 0.90,
    paths: int = 1000,
    block: int | None = None,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the interval that holds `level` of the statistic over resampled histories of the same length.

    `block` is in trades, by default ∛n. `statistic` takes a history and returns None where it cannot be computed: such
    histories are left out, and where they are more than one in twenty, or the statistic of `r` itself is None, so is
    the interval. Raises UsageError for a level outside of 0 … 1, or less than one path or one trade a block.

    >>> from backtest.ratios import win_rate
    >>> r = [1.4, -1.0, -1.0, 1.4, 1.4] * 40
    >>> [round(bound, 2) for bound in block_bootstrap_interval(r, win_rate)]
    [0.57, 0.62]
    """
    if not 0.0 < level < 1.0:
        raise UsageError(f"The level of an interval lies between 0 and 1, found {level:g}: 0.9 is nine in ten.")
    _check_bootstrap(paths, block)
    values = finite(r)
    if len(values) < 2 or statistic(values) is None:
        return None
    drawn = [statistic(path) for some in histories(values, paths, block, seed) for path in some]
    computed = [value for value in drawn if value is not None]
    if len(computed) < (1 - _NOT_COMPUTABLE_SHARE) * paths:
        return None
    low, high = np.quantile(computed, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrapped(r: Numbers, risk: float, paths: int = 10_000, block: int | None = None, seed: int = 0) -> pd.DataFrame:
    """Return what each of `paths` resampled histories of `r` (net R in exit order) would have brought, a row each.

    Columns: `mean` R, `sharpe_per_trade`, `profit_factor`, `win_rate` and `max_drawdown`, the largest fall, at exits,
    of an account that compounds `risk` (a share of its equity) a trade. NaN where a history has no such number (no
    loss, no variation). Raises DataError where there are fewer than two trades or all are alike.

    >>> r = [1.4, -1.0, -1.0, 1.4, 1.4] * 40
    >>> bootstrapped(r, risk=0.005, paths=1000).quantile([0.05, 0.95]).round(2)["profit_factor"].tolist()
    [1.89, 2.33]
    """
    values = finite(r)
    if not varies(values):
        raise DataError(f"{len(values)} trades without any variation say nothing of other histories.")
    if not 0.0 < risk < 1.0:
        raise UsageError(f"The risk of a trade is a share of equity between 0 and 1, found {risk:g}.")
    measures = STATISTICS | {"max_drawdown": lambda rows: drawdown_of_rows(rows, risk)}
    found: dict[str, list[np.ndarray]] = {name: [] for name in measures}
    for some in histories(values, paths, block, seed):
        for name, measure in measures.items():
            found[name].append(measure(some))
    return pd.DataFrame({name: np.concatenate(parts) for name, parts in found.items()})


def histories(
    values: np.ndarray, paths: int, block: int | None = None, seed: int = 0, length: int | None = None
) -> Iterator[np.ndarray]:
    """Yield `paths` resampled histories of `values`, some rows at a time, each of `length` (by default as many).

    Raises UsageError for less than one path or one trade a block.
    """
    _check_bootstrap(paths, block)
    n = len(values)
    wanted = n if length is None else length
    run = min(n, block or max(1, round(n ** (1 / 3))))
    starts = np.random.default_rng(seed).integers(0, n, size=(paths, -(-wanted // run)))
    around = np.concatenate((values, values[: run - 1]))
    windows = np.lib.stride_tricks.sliding_window_view(around, run)
    rows = max(1, _AT_ONCE // wanted)
    for first in range(0, paths, rows):
        some = windows[starts[first : first + rows]]
        yield np.ascontiguousarray(some.reshape(len(some), -1)[:, :wanted])


def sharpe_of_rows(rows: np.ndarray) -> np.ndarray:
    """Return the mean over the standard deviation (n − 1) of each row; NaN where it does not vary."""
    mean = rows.mean(axis=1)
    deviation = (rows - mean[:, None]).std(axis=1, ddof=1)
    flat = np.ptp(rows, axis=1) <= 1e-12 * np.abs(rows).max(axis=1)
    return np.where(flat, np.nan, mean / np.where(flat, 1.0, deviation))


def profit_factor_of_rows(rows: np.ndarray) -> np.ndarray:
    """Return the sum of gains over the sum of losses of each row; NaN without a loss."""
    gains = np.maximum(rows, 0.0).sum(axis=1)
    losses = -np.minimum(rows, 0.0).sum(axis=1)
    return np.where(losses > 0.0, gains / np.where(losses > 0.0, losses, 1.0), np.nan)


def drawdown_of_rows(rows: np.ndarray, risk: float) -> np.ndarray:
    """Return the largest fall of an account that compounds each row's R at `risk` of its equity; 1 where it is lost.

    `backtest.ratios.drawdown_of_returns` of every row at once.
    """
    growth = 1.0 + risk * rows
    lost = growth.min(axis=1) <= 0.0
    equity = np.cumprod(growth, axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(lost, 1.0, np.max(1.0 - equity / peak, axis=1))


def _check_bootstrap(paths: int, block: int | None) -> None:
    for name, value in (("paths", paths), ("block", block)):
        if value is not None and not (value >= 1 and float(value).is_integer()):
            raise UsageError(f"A bootstrap wants a whole number of {name}, 1 at least, found {value:g}.")


STATISTICS: MappingProxyType[str, RowStatistic] = MappingProxyType(
    {
        "mean": lambda rows: rows.mean(axis=1),
        "sharpe_per_trade": sharpe_of_rows,
        "profit_factor": profit_factor_of_rows,
        "win_rate": lambda rows: np.mean(rows > 0, axis=1),
    }
)
