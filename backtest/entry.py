"""The one way into a trade, in backtest and live: wanted by the policy, allowed by the limits, sized by the risk."""

from backtest.policy import REFUSALS, Observation, Rules, decide
from backtest.risk import SIZE, Account, Risk, limited, position_size
from market.compiled import compiled
from market.execution import FLAT, Costs, Exits, State, order, stop_distance

_END_OF_DATA = REFUSALS.index("end_of_data")


@compiled
def entry(
    seen: Observation,
    price: float,
    usd_per_quote: float,
    account: Account,
    rules: Rules,
    exits: Exits,
    costs: Costs,
    risk: Risk,
) -> tuple[State, int]:
    """Return the flat state after the decision at a close, with an order for the next open or with the reason for none.

    `price` is that close. The reason is an index into `policy.REFUSALS`, 0 where there is an order.
    """
    side, why = decide(seen, rules)
    if side == 0:
        return FLAT, why
    why = limited(account, risk)
    if why != 0:
        return FLAT, why
    distance = stop_distance(seen.atr, exits, costs)
    size = position_size(account.cash, distance, price, usd_per_quote, costs, risk)
    if not size > 0.0:
        return FLAT, SIZE
    return order(side, size, seen.atr), 0


@compiled
def unless_last(state: State, why: int, last: bool) -> tuple[State, int]:
    """Return the decision, but no order on the last bar, after which nothing could fill it."""
    return (FLAT, _END_OF_DATA) if last and state.order != 0 else (state, why)
