"""How much of a label is its own: concurrency, uniqueness, what it is worth to a fit, and draws that heed overlap.

A label lives from bar `t0` to bar `t1`, both included: integer positions, in any order unless it says otherwise. Each
function raises DataError where a label ends before it starts. Source: López de Prado (2018), Advances in Financial
Machine Learning (AFML), ch. 4.
"""

import numpy as np

from market.compiled import compiled
from market.errors import DataError, UsageError


def concurrency(t0: np.ndarray, t1: np.ndarray, bars: int) -> np.ndarray:
    """Return how many labels are alive on each of `bars` bars, of which `t0` and `t1` are positions (int64).

    Source: AFML §4.3.

    >>> concurrency(np.array([0, 2]), np.array([2, 3]), 5).tolist()
    [1, 1, 2, 1, 0]
    """
    t0, t1 = _spans(t0, t1, bars)
    return _alive(t0, t1, bars)


def average_uniqueness(t0: np.ndarray, t1: np.ndarray) -> np.ndarray:
    """Return the average uniqueness of each label: the mean over its bars of 1 ÷ labels alive on that bar.

    Returns float64 in (0, 1]. Which labels are alive on a bar is known there, so this is known at `t1`, whatever
    starts later. Source: AFML §4.4.

    >>> average_uniqueness(np.array([0, 1]), np.array([1, 2])).tolist()
    [0.75, 0.75]
    """
    t0, t1 = _spans(t0, t1)
    if len(t0) == 0:
        return np.empty(0)
    first = t0.min()
    shares = _inverse(_alive(t0 - first, t1 - first, t1.max() - first + 1))
    return _sums(t0 - first, t1 - first, shares) / (t1 - t0 + 1)


def effective_size(uniqueness: np.ndarray) -> float:
    """Return how many labels without overlap would say as much: the sum of average uniqueness.

    >>> effective_size(average_uniqueness(np.array([0, 1]), np.array([1, 2])))
    1.5
    """
    return float(np.sum(uniqueness))


def return_attribution(t0: np.ndarray, t1: np.ndarray, returns: np.ndarray) -> np.ndarray:
    """Return weights by what each label has to itself of the market's moves, scaled to a mean of 1.

    `returns` holds the log return of every bar, from the close before it to its own. A label gets |Σ return ÷ labels
    alive| over its bars: large where much happened that few others saw. Raises DataError where a return inside a label
    is not finite, or where no label saw a move. Source: AFML §4.6, snippet 4.10.
    """
    t0, t1 = _spans(t0, t1, len(returns))
    if len(t0) == 0:
        return np.empty(0)
    alive = _alive(t0, t1, len(returns))
    if not np.isfinite(returns[alive > 0]).all():
        at = int(np.argmax((alive > 0) & ~np.isfinite(returns)))
        raise DataError(f"The return of bar {at}, inside a label, is {returns[at]}: weights need finite returns.")
    weight = np.abs(_sums(t0, t1, np.where(alive > 0, returns, 0.0) * _inverse(alive)))
    if not weight.sum() > 0.0:
        raise DataError(f"No price moves inside any of {len(t0)} labels: there is no return to attribute.")
    return weight * (len(t0) / weight.sum())


def time_decay(uniqueness: np.ndarray, oldest: float) -> np.ndarray:
    """Return factors for weights that fade with age, linearly in the uniqueness gathered since; the newest has 1.

    `uniqueness` is that of labels in time order. `oldest`, in (−1, 1], is where the line begins, before the first of
    them: 1 is no decay, 0 lets the oldest vanish; below 0 the first −`oldest` of the gathered uniqueness counts
    nothing. Overlapping labels age together as one would. Raises UsageError for other values. Source: AFML §4.7,
    snippet 4.11.

    >>> time_decay(np.array([1.0, 1.0, 1.0, 1.0]), 0.5).tolist()
    [0.625, 0.75, 0.875, 1.0]
    >>> time_decay(np.array([1.0, 1.0, 1.0, 1.0]), -0.5).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    if not -1.0 < oldest <= 1.0:
        raise UsageError(f"oldest = {oldest}: choose above −1 and up to 1, where 1 is no decay.")
    gathered = np.cumsum(uniqueness)
    if len(gathered) == 0:
        return gathered
    slope = (1.0 - oldest if oldest >= 0.0 else 1.0 / (1.0 + oldest)) / gathered[-1]
    return np.maximum(1.0 - slope * (gathered[-1] - gathered), 0.0)


def draw_probabilities(t0: np.ndarray, t1: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return with which probability the sequential bootstrap draws each label next, after `drawn` (their positions).

    It is proportional to the average uniqueness that the label would have among those drawn, itself one more of them.
    Source: AFML §4.5.2.
    """
    t0, t1 = _spans(t0, t1)
    if len(t0) == 0:
        return np.empty(0)
    first, taken = t0.min(), np.asarray(drawn, dtype=np.int64)
    alive = _alive(t0[taken] - first, t1[taken] - first, t1.max() - first + 1)
    unique = _sums(t0 - first, t1 - first, 1.0 / (1.0 + alive)) / (t1 - t0 + 1)
    return unique / unique.sum()


def sequential_bootstrap(t0: np.ndarray, t1: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return the positions (int64) of `draws` labels, drawn with replacement, each by what those before it have left.

    The same seed draws the same. A label is proposed evenly and taken with its average uniqueness among those drawn,
    else another is proposed: the probabilities are exactly those of `draw_probabilities`, and a draw takes as many bars
    to look at as a label is long times as many labels as overlap, whatever their number. Source: AFML §4.5.
    """
    t0, t1 = _spans(t0, t1)
    if len(t0) == 0:
        raise DataError("There is no label to draw.")
    first = t0.min()
    return np.asarray(_drawn(t0 - first, t1 - first, t1.max() - first + 1, draws, np.random.default_rng(seed)))


def _spans(t0: np.ndarray, t1: np.ndarray, bars: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return first and last bars as int64; raises DataError where they are no spans, or none within `bars` bars."""
    t0, t1 = np.asarray(t0, dtype=np.int64), np.asarray(t1, dtype=np.int64)
    if t0.shape != t1.shape:
        raise DataError(f"{len(t0)} labels start and {len(t1)} end: each needs both.")
    if (t1 < t0).any():
        at = int(np.argmax(t1 < t0))
        raise DataError(f"Label {at} ends (bar {t1[at]}) before it starts (bar {t0[at]}).")
    if bars is not None and len(t0) and (t0.min() < 0 or t1.max() >= bars):
        raise DataError(f"Labels live from bar {t0.min()} to bar {t1.max()}: there are only bars 0 to {bars - 1}.")
    return t0, t1


@compiled
def _alive(t0: np.ndarray, t1: np.ndarray, bars: int) -> np.ndarray:
    """Return how many labels are alive on each of `bars` bars."""
    alive = np.zeros(bars + 1, np.int64)
    for i in range(len(t0)):
        alive[t0[i]] += 1
        alive[t1[i] + 1] -= 1
    return np.cumsum(alive)[:-1]


def _inverse(alive: np.ndarray) -> np.ndarray:
    """Return 1 ÷ `alive`, 0 where nothing is."""
    return np.divide(1.0, alive, out=np.zeros(len(alive)), where=alive > 0)


@compiled
def _sums(t0: np.ndarray, t1: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sum of `values` over the bars of each label."""
    total = np.zeros(len(values) + 1)
    for i in range(len(values)):
        total[i + 1] = total[i] + values[i]
    sums = np.empty(len(t0))
    for i in range(len(t0)):
        sums[i] = total[t1[i] + 1] - total[t0[i]]
    return sums


@compiled
def _drawn(t0: np.ndarray, t1: np.ndarray, bars: int, draws: int, random: np.random.Generator) -> np.ndarray:
    alive, shares = np.ones(bars), np.ones(bars)  # on each bar: those drawn and the one to come, and 1 ÷ that
    drawn = np.empty(draws, np.int64)
    for k in range(draws):
        while True:
            i = random.integers(0, len(t0))
            unique = 0.0
            for bar in range(t0[i], t1[i] + 1):
                unique += shares[bar]
            if random.random() * (t1[i] + 1 - t0[i]) < unique:
                break
        drawn[k] = i
        for bar in range(t0[i], t1[i] + 1):
            alive[bar] += 1.0
            shares[bar] = 1.0 / alive[bar]
    return drawn
