"""Whether the direction of trades says anything: the same trades with other signs, the same signals at other times.

p = (1 + permutations at least as good) ÷ (1 + permutations): Phipson and Smyth (2010), Permutation p-values should
never be zero. Results that share bars must not be shuffled one by one: positions that are open together get one sign,
and signals move all together along the bars.
"""

from typing import NamedTuple

import numpy as np

from backtest.bootstrap import STATISTICS, RowStatistic
from backtest.ratios import Numbers, finite
from market.errors import DataError, UsageError, nearest

FEWEST_SIGNS = 20
FEWEST_SHIFTS = 99

_AT_ONCE = 500  # permutations
_ROUNDING = 1e-9  # of the largest value: nearer than this is equal


class Permuted(NamedTuple):
    """The statistic as it was, its p among the permutations, how many there were, and of how many free choices each."""

    observed: float
    p: float
    permutations: int
    choices: int


def random_signs(
    taken: Numbers,
    mirrored: Numbers,
    entered: np.ndarray,
    left: np.ndarray,
    statistic: str = "mean",
    permutations: int = 10_000,
    seed: int = 0,
) -> Permuted:
    """Return how good trades are among those that enter and leave at the same times with a side by chance.

    `taken` is the net R of each trade and `mirrored` that of the other side over the same bars, costs included;
    `entered` and `left` are the bars of its entry and exit (stamps or positions). Trades that share a bar keep their
    sides to each other: one sign for all of them. `statistic` is a name of `backtest.bootstrap.STATISTICS`; where a
    permutation has none (no loss), it counts as at least as good.

    Says nothing of when to trade. Raises DataError for rows of different length, a trade that leaves before it enters,
    fewer than 20 independent signs (2²⁰ permutations), or a statistic that cannot be computed.
    """
    rows = finite(taken), finite(mirrored)
    spans = np.asarray(entered), np.asarray(left)
    if len({len(row) for row in (*rows, *spans)}) != 1:
        raise DataError(f"Trades, mirrors and times are as many: found {[len(row) for row in (*rows, *spans)]}.")
    of = _together(*spans)
    signs = int(of.max()) + 1 if len(of) else 0
    if signs < FEWEST_SIGNS:
        raise DataError(
            f"{len(of)} trades in {signs} groups that share no bar: wanted {FEWEST_SIGNS} at least. Shift the signal "
            "instead."
        )
    observed = float(_named(statistic)(rows[0][None, :])[0])
    if not np.isfinite(observed):
        raise DataError(f"The {statistic} of these trades cannot be computed, so there is nothing to compare.")
    random = np.random.default_rng(seed)
    as_good = 0
    for first in range(0, permutations, _AT_ONCE):
        flipped = random.integers(0, 2, size=(min(_AT_ONCE, permutations - first), signs), dtype=bool)
        found = _named(statistic)(np.where(flipped[:, of], rows[1], rows[0]))
        as_good += _as_good(found, observed)
    return Permuted(observed, (1 + as_good) / (1 + permutations), permutations, signs)


def circular_shifts(side: np.ndarray, r_long: Numbers, r_short: Numbers, horizon: int) -> Permuted:
    """Return how good a signal is among all its shifts along the bars, by the mean net R of a decision.

    `side` is 1, −1 or 0 (no trade) at each bar, `r_long` and `r_short` what each side would bring that begins there,
    known within `horizon` bars. Every shift by `horizon` to len − `horizon` bars is tried, the end joined to the
    beginning, so signals and outcomes both keep their own clusters and overlaps. No chance is involved.

    Raises DataError for outcomes that are not known (cut those bars), no decision at all, or fewer than 99 shifts.
    """
    sides = np.asarray(side)
    outcomes = finite(r_long), finite(r_short)
    bars = len(sides)
    if not len(outcomes[0]) == len(outcomes[1]) == bars:
        raise DataError(
            f"{bars} sides, {len(outcomes[0])} long and {len(outcomes[1])} short outcomes: wanted one a bar."
        )
    if not np.isin(sides, (-1, 0, 1)).all() or not sides.any():
        raise DataError("Sides are 1, −1 or 0, and some of them are not 0: cut a score at its thresholds first.")
    if not horizon >= 1:
        raise UsageError(f"A signal is shifted by the bars in which its outcome is known, 1 at least: found {horizon}.")
    shifts = bars - 2 * horizon + 1
    if shifts < FEWEST_SHIFTS:
        raise DataError(
            f"{bars} bars leave {max(shifts, 0)} shifts of {horizon} bars or more: wanted {FEWEST_SHIFTS} at least."
        )
    totals = sum(_totals(sides == way, row) for way, row in zip((1, -1), outcomes, strict=True))
    means = np.asarray(totals) / np.count_nonzero(sides)
    return Permuted(
        float(means[0]), (1 + _as_good(means[horizon : bars - horizon + 1], means[0])) / (1 + shifts), shifts, shifts
    )


def _together(entered: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return the number of the group of each trade: those that share a bar, directly or by way of others."""
    if (left < entered).any():
        raise DataError(f"Trade {int(np.argmax(left < entered))} leaves before it enters.")
    order = np.lexsort((left, entered))
    group = np.zeros(len(order), dtype=np.int64)
    if len(order) > 1:
        open_until = np.maximum.accumulate(left[order])
        group[order[1:]] = np.cumsum(entered[order][1:] > open_until[:-1])
    return group


def _totals(chosen: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Return Σ over the chosen bars of the outcome k bars later, around the end, for each shift k."""
    length = len(chosen)
    spectrum = np.conj(np.fft.rfft(chosen.astype(np.float64))) * np.fft.rfft(outcome)
    return np.fft.irfft(spectrum, length)


def _as_good(found: np.ndarray, observed: float) -> int:
    near = _ROUNDING * max(abs(observed), float(np.nanmax(np.abs(found), initial=0.0)))
    return int(np.sum(~(found < observed - near)))


def _named(statistic: str) -> RowStatistic:
    if statistic not in STATISTICS:
        raise UsageError(
            f"No statistic {statistic!r}: there are {', '.join(STATISTICS)}.{nearest(statistic, STATISTICS)}"
        )
    return STATISTICS[statistic]
