"""Whether the best of many is better than a benchmark once the search for it is paid for.

White (2000), A reality check for data snooping, Econometrica 68(5); Hansen (2005), A test for superior predictive
ability, Journal of Business and Economic Statistics 23(4); Romano and Wolf (2005), Stepwise multiple testing as
formalized data snooping, Econometrica 73(4). Bootstraps are those of arch. Its own `studentize` changes nothing but a
label: every column is therefore first divided by its own standard deviation, without which one column that jumps about
hides all the others.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from backtest.ratios import Numbers, finite, varies
from market.errors import DataError, UsageError

if TYPE_CHECKING:
    from arch.bootstrap import SPA


class Superiority(NamedTuple):
    """P-values that nothing beats the benchmark, which columns do beat it, and the mean block that was drawn.

    `consistent` is Hansen's; `upper` is White's reality check, of which columns that are far worse take power; `lower`
    lets none of the worse ones count. `superior` are the names or positions of the columns that are better, the chance
    of a single false one among them being at most the level.
    """

    lower: float
    consistent: float
    upper: float
    superior: tuple[object, ...]
    block: int


def superior_predictive_ability(
    results: np.ndarray | pd.DataFrame,
    benchmark: Numbers | None = None,
    level: float = 0.05,
    paths: int = 1000,
    block: int | None = None,
    seed: int = 0,
) -> Superiority:
    """Return whether any column of `results` (time × configurations) is better on average than `benchmark`.

    `benchmark` is one row of results over the same periods, say of random entries; by default 0, doing nothing.
    Stationary bootstrap of `paths` histories with blocks of mean length `block`, by default that of Politis and White;
    the same seed gives the same answer. Stepwise at `level` for the single columns. Raises DataError where a number is
    missing or a column never differs from the benchmark by more than a constant.
    """
    from arch.bootstrap import SPA  # half a second that others need not wait for

    _check(level, paths, block)
    names = tuple(results.columns) if isinstance(results, pd.DataFrame) else None
    difference = _differences(results, benchmark)
    length = block or block_length(difference)
    scaled = difference / difference.std(axis=0, ddof=1)
    test = SPA(np.zeros(len(scaled)), -scaled, block_size=length, reps=paths, bootstrap="stationary", seed=seed)
    test.compute()
    chances = (1.0 + paths * test.pvalues) / (1.0 + paths)  # a p-value is never 0
    better = _stepwise(test, scaled.shape[1], level)
    superior = tuple(names[column] if names else column for column in better)
    lower, consistent, upper = (float(chances[name]) for name in ("lower", "consistent", "upper"))
    return Superiority(lower, consistent, upper, superior, length)


def block_length(results: np.ndarray | pd.DataFrame) -> int:
    """Return the mean block of a stationary bootstrap for columns of results: their average optimum, rounded up.

    Politis and White (2004), Automatic block-length selection for the dependent bootstrap, Econometric Reviews 23(1),
    corrected 2009.
    """
    from arch.bootstrap import optimal_block_length

    values = np.asarray(results, dtype=np.float64)
    optima = optimal_block_length(values)["stationary"].to_numpy(dtype=np.float64)
    return max(1, int(np.ceil(np.nanmean(np.clip(optima, 1.0, None)))))


def _stepwise(test: "SPA", columns: int, level: float) -> list[int]:
    """Return the columns that are better: those of a step leave, and the rest are compared among themselves again."""
    found: list[int] = []
    while len(found) < columns:
        test.subset(~np.isin(np.arange(columns), found))
        test.compute()
        more = [int(column) for column in test.better_models(level)]
        if not more:
            break
        found += more
    return sorted(found)


def _differences(results: np.ndarray | pd.DataFrame, benchmark: Numbers | None) -> np.ndarray:
    values = np.asarray(results, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not np.isfinite(values).all():
        bad = int(np.sum(~np.isfinite(values)))
        raise DataError(
            f"Results are finite numbers, time × configurations: shape {values.shape} with {bad} that are not."
        )
    against = np.zeros(len(values)) if benchmark is None else finite(benchmark)
    if len(against) != len(values):
        raise DataError(
            f"The benchmark has {len(against)} periods and the results {len(values)}: wanted the same ones."
        )
    difference = values - against[:, None]
    same = [column for column in range(values.shape[1]) if not varies(difference[:, column])]
    if same:
        raise DataError(
            f"{len(same)} columns never differ from the benchmark by more than a constant, the first is {same[0]}: "
            "there is nothing to test, leave them out."
        )
    return difference


def _check(level: float, paths: int, block: int | None) -> None:
    if not 0.0 < level < 1.0:
        raise UsageError(f"The level of a test lies between 0 and 1, found {level:g}: 0.05 is one in twenty.")
    for name, value in (("paths", paths), ("block", block)):
        if value is not None and not (value >= 1 and float(value).is_integer()):
            raise UsageError(f"A bootstrap wants a whole number of {name}, 1 at least, found {value:g}.")
