"""The same case in a worse market: later decisions, dearer costs, a wider spread, worse fills, lost orders.

Each function returns a new case (or what a re-run adds to its fills) and leaves the rules of entry and exit alone.
"""

import numpy as np

from backtest.observed import Scores
from backtest.rerun import Case
from market.tape import read_only


def late(case: Case, bars: int) -> Case:
    """Return the case whose scores are acted upon `bars` later.

    All else is of the bar that acts: its ATR sets barriers and size, its spread and session may refuse. −1 acts on a
    score before it is known: nobody can, and what that brings is told by `backtest.leak_signature` alone.
    """
    return case._replace(scores=Scores(*(_shifted(values, bars) for values in case.scores)))


def dearer(case: Case, multiple: float) -> Case:
    """Return the case at `multiple` times its spread, slippage and commission; swap is worse by as much of itself.

    A swap that is paid is `multiple` times as large; of one that is earned (`multiple` − 1) of itself is lost. The
    bound on the spread widens with the spread, so that the same entries are allowed and only the bill grows. 1 is the
    case itself, bit for bit.
    """
    costs, more = case.costs, multiple - 1.0
    charged = costs._replace(
        spread_floor=costs.spread_floor * multiple,
        slippage=costs.slippage * multiple,
        commission=costs.commission * multiple,
        swap_long=costs.swap_long - more * abs(costs.swap_long),
        swap_short=costs.swap_short - more * abs(costs.swap_short),
    )
    return case._replace(
        tape=case.tape._replace(spread=read_only(case.tape.spread * multiple)),
        costs=charged,
        policy=case.policy._replace(max_spread_atr=case.policy.max_spread_atr * multiple),
    )


def with_spread_floor(case: Case, floor: float) -> Case:
    """Return the case at a broker whose spread is never below `floor` (price units); the policy sees that spread."""
    return case._replace(tape=case.tape._replace(spread=read_only(np.maximum(case.tape.spread, floor))))


def with_lost_orders(case: Case, share: float, draws: np.random.Generator) -> Case:
    """Return the case in which `share` of the decisions never reach the broker: there the bar has no score.

    The next bar decides anew, so a view that lasts is entered a bar later.
    """
    score = np.where(draws.random(len(case.scores.score)) < share, np.nan, case.scores.score)
    return case._replace(scores=case.scores._replace(score=read_only(score)))


def extra_slippage(case: Case, multiple: float, draws: np.random.Generator) -> np.ndarray:
    """Return extra slippage for each bar: exponential, of mean `multiple` × the slippage of the costs, a tick at least.

    Never below 0: noise around 0 would pay for a bad fill with a good one, and barriers that hang on the fill would
    make profit of it.
    """
    mean = multiple * max(case.costs.slippage, case.costs.tick_size)
    return read_only(draws.exponential(mean, len(case.scores.score)))


def _shifted(values: np.ndarray, bars: int) -> np.ndarray:
    """Return `values` as many places later; where nothing came from stands no view, or no event."""
    moved = np.full_like(values, False if values.dtype == np.bool_ else np.nan)
    kept = max(len(values) - abs(bars), 0)
    if bars >= 0:
        moved[len(values) - kept :] = values[:kept]
    else:
        moved[:kept] = values[len(values) - kept :]
    return read_only(moved)
