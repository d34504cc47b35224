"""What a result is worth at other costs: the profit factor along multiples of all the broker charges."""

from collections.abc import Sequence
from typing import NamedTuple

from backtest import metrics
from backtest.rerun import Case, rerun
from backtest.worse_fills import dearer


class Point(NamedTuple):
    """What is earned at `multiple` times the broker's costs; None is not computable."""

    multiple: float
    trades: int
    profit_factor: float | None
    expectancy: float | None


def frontier(case: Case, multiples: Sequence[float]) -> list[Point]:
    """Return what `case` earns at each of `multiples` (above 0) of its costs, each a whole run of the engine.

    1 is the result as judged; `backtest.break_even` finds where the expectancy crosses 0.
    """
    return [_point(case, multiple) for multiple in multiples]


def _point(case: Case, multiple: float) -> Point:
    r = rerun(dearer(case, multiple)).r
    return Point(multiple, len(r), metrics.profit_factor(r), metrics.expectancy(r))
