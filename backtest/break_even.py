"""The cost at which an edge dies, beside what the broker charges: found on the engine, by raising all of it."""

from typing import NamedTuple

from backtest import metrics
from backtest.rerun import Case, Outcome, paid, rerun
from backtest.worse_fills import dearer

_STEP, _STEPS = 1.25, 20  # up to 87 times the costs
_PRECISION = 1e-3  # of the multiple


class RoundTrip(NamedTuple):
    """What an average trade pays at `multiple` times the broker's costs: USD a lot, in price units, in R."""

    multiple: float
    usd_per_lot: float
    price: float
    r: float


class BreakEven(NamedTuple):
    """What a round trip costs (None: no trade) and may cost before nothing is earned; else why that is None."""

    own: RoundTrip | None
    dead: RoundTrip | None
    why: str = ""


def break_even(case: Case, undisturbed: Outcome) -> BreakEven:
    """Return the least multiple of all costs at which the expectancy of `case` is no longer positive.

    Looked for in steps of a quarter, then halved to a thousandth. Expectancy does not fall strictly: barriers hang on
    the fill, so a dearer fill may escape a gap that a cheaper one ran into. It is the first crossing that is told, as
    far as the steps see. `undisturbed` is the run at the broker's own costs.
    """
    own = _round_trip(case, undisturbed, 1.0)
    if own is None:
        return BreakEven(None, None, "no trade was closed")
    if not _earns(undisturbed):
        return BreakEven(own, None, "none: nothing is earned at the broker's own costs")
    alive = 1.0
    for step in range(1, _STEPS + 1):
        dead = _STEP**step
        if not _earns(rerun(dearer(case, dead))):
            return BreakEven(own, _crossing(case, alive, dead))
        alive = dead
    return BreakEven(own, None, f"more than {alive:.0f} times the broker's own")


def _crossing(case: Case, alive: float, dead: float) -> RoundTrip | None:
    """Return the round trip where expectancy crosses 0 between two multiples."""
    while dead - alive > _PRECISION * alive:
        middle = (alive + dead) / 2.0
        alive, dead = (middle, dead) if _earns(rerun(dearer(case, middle))) else (alive, middle)
    dearest = dearer(case, dead)
    return _round_trip(dearest, rerun(dearest), dead)


def _earns(outcome: Outcome) -> bool:
    return (metrics.expectancy(outcome.r) or 0.0) > 0.0


def _round_trip(case: Case, outcome: Outcome, multiple: float) -> RoundTrip | None:
    if not len(outcome.rows):
        return None
    return RoundTrip(multiple, *(float(values.mean()) for values in paid(case, outcome)))
