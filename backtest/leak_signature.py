"""Whether a result looks like a score that knows the bar after its own: what it brings one bar early and one bar late.

A score that is acted upon a bar early is not executable and no scenario; it only tells where the edge comes from.
"""

from typing import NamedTuple

import numpy as np

from backtest import metrics
from backtest.rerun import Case, Outcome, paid, rerun
from backtest.worse_fills import late

_KEPT = 0.5  # of the edge, a bar later: whoever keeps more has lost nothing suddenly
_STEPS = 1.5  # of what acting a bar late changes: whoever changes by more a bar early lives on its own bar


class Signature(NamedTuple):
    """Mean R before costs where scores are acted upon a bar early, in time and a bar late, and what that says.

    `deviations` is the fall from `now` to `late` in standard errors; 0 unless it has a leak's shape. None is not
    computable: fewer than two trades somewhere.
    """

    early: float | None
    now: float | None
    late: float | None
    deviations: float | None


def signature(case: Case, now: Outcome, later: Outcome) -> Signature:
    """Return the signature of `case`, whose run is `now` and whose run of one bar of latency is `later`.

    Results are taken before costs, so that no edge is 0. The shape of a leak, early ≈ now ≫ late: a bar late at most
    half of the edge is left, and acting a bar early changes it by no more than 1.5 times what acting a bar late does.
    A score that lasts is not of the first kind. One that is made of its own bar's move is not of the second: a bar
    early it knows that move before it trades it, which is worth more than any edge. A leak that mixes the bar ahead
    with its own loses about the same at both steps.
    """
    early = late(case, -1)
    runs = [_before_costs(early, rerun(early)), _before_costs(case, now), _before_costs(case, later)]
    means = [metrics.expectancy(r) for r in runs]
    if any(mean is None for mean in means) or not all(len(r) > 1 for r in runs[1:]):
        return Signature(means[0], means[1], means[2], None)
    ahead, here, behind = (float(mean) for mean in means if mean is not None)
    error = float(np.hypot(*(r.std(ddof=1) / np.sqrt(len(r)) for r in runs[1:])))
    fall = here - behind
    alike = fall > 0.0 and behind <= _KEPT * here and abs(here - ahead) <= _STEPS * fall
    return Signature(ahead, here, behind, fall / error if alike and error > 0.0 else 0.0)


def _before_costs(case: Case, outcome: Outcome) -> np.ndarray:
    """Return what each trade would have brought in R without its costs, on the same fills."""
    return outcome.r + paid(case, outcome).r
