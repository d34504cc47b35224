"""The one physics: what the market does to an order and to a position, bar by bar.

`fill` says what happened on a bar, `apply` keeps the books; both are compiled and pure. A label is a lone trade run
through them, a backtest is a loop of fill, apply, decide, and the paper broker is the same `fill` on bars that arrive
one at a time. Entry and exit are written nowhere else.

Bars are bid prices: a long pays `open + spread` and leaves on the bid, a short enters on the bid and leaves on
`price + spread`. Inside a bar: pending entry at the open; a barrier that the open has already passed fills there; then
the stop, then the target (so a bar that touches both is a stop); then the time barrier at the close.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.compiled import compiled

REASONS = ("none", "stop", "target", "time", "end")
STOP, TARGET, TIME, END = 1, 2, 3, 4

_NOTHING = 1e-9  # a result below a billionth of the risk is rounding, neither a gain nor a loss
_TOUCH = 1e-6  # in ticks: prices nearer than this are one price, to a barrier as to the edge between two ticks


class Exits(NamedTuple):
    """Barriers of a trade: multiples of the decision bar's ATR, and the bars after which time is up."""

    take_profit: float
    stop_loss: float
    bars: int
    atr_period: int = 14


class Costs(NamedTuple):
    """What trading an instrument costs, and the grid it trades on.

    spread_floor, slippage, tick_size, pip_size and minimum_stop are in price units; commission is in USD per lot and
    side; swaps are in points (ticks) per lot and night, positive where they are paid to the holder.
    """

    spread_floor: float
    commission: float
    slippage: float
    swap_long: float
    swap_short: float
    tick_size: float
    pip_size: float
    minimum_stop: float
    contract_size: float
    lot_step: float
    quote_currency: str = "USD"


class Bar(NamedTuple):
    """One bid bar, with the spread charged on it, the nights of swap that end in it and USD per quote currency.

    `nights` are those since the close before; `nights_before_open` are the ones among them that ended before this bar
    opened, as where a market had closed early, `nights_inside` the ones that ended inside it, with trade after them.
    """

    open: float
    high: float
    low: float
    close: float
    spread: float
    nights: float
    usd_per_quote: float
    nights_before_open: float = 0.0
    nights_inside: float = 0.0


class State(NamedTuple):
    """A position (`side` 0 is flat) and the order for the next open (`order` 0 is none). Never changed in place.

    `size` (lots) and `atr` are fixed at the decision; `swap` and `entry_cost` are in price units per unit.
    """

    side: int
    order: int
    size: float
    atr: float
    entry: float
    stop: float
    target: float
    stop_distance: float
    bars_held: int
    swap: float
    entry_cost: float


class Fill(NamedTuple):
    """What happened on one bar: an entry (`opened` ≠ 0), an exit (`reason` ≠ 0), both or neither.

    `r` is net of all costs in multiples of the initial risk; `pnl` and `cost` are in USD.
    """

    opened: int
    entry: float
    stop: float
    target: float
    stop_distance: float
    entry_cost: float
    swap: float
    reason: int
    exit: float
    r: float
    pnl: float
    cost: float


FLAT = State(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0)


@compiled
def _nearest(ticks: float) -> float:
    """Return the nearest whole number of ticks, half up: what falls short of the half by rounding alone is the half."""
    return np.floor(ticks + 0.5 + _TOUCH)


@compiled
def round_to_tick(price: float, tick_size: float) -> float:
    """Return the price on the tick grid nearest to `price` (half up), as the double that its decimal form parses to."""
    ticks = _nearest(price / tick_size)
    per_unit = np.floor(1.0 / tick_size + 0.5)
    if abs(per_unit * tick_size - 1.0) < 1e-9:
        return ticks / per_unit
    return ticks * tick_size


@compiled
def stop_distance(atr: float, exits: Exits, costs: Costs) -> float:
    """Return the distance from entry to stop: the multiple of ATR, at least the broker's minimum, in whole ticks."""
    distance = max(exits.stop_loss * atr, costs.minimum_stop)
    ticks = max(np.ceil(distance / costs.tick_size - _TOUCH), 1.0)
    return round_to_tick(ticks * costs.tick_size, costs.tick_size)


@compiled
def target_distance(atr: float, exits: Exits, costs: Costs) -> float:
    """Return the distance from entry to target: the multiple of ATR to the nearest tick, at least one."""
    ticks = max(_nearest(exits.take_profit * atr / costs.tick_size), 1.0)
    return round_to_tick(ticks * costs.tick_size, costs.tick_size)


@compiled
def order(side: int, size: float, atr: float) -> State:
    """Return the flat state that holds a market order of `size` lots for the next open."""
    return State(0, side, size, atr, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0)


@compiled
def opened(state: State, bar: Bar, exits: Exits, costs: Costs) -> State:
    """Return the position that the pending order becomes at the open of `bar`."""
    side = state.order
    entry_cost = costs.slippage + (bar.spread if side > 0 else 0.0)
    entry = bar.open + side * entry_cost
    distance = stop_distance(state.atr, exits, costs)
    stop = round_to_tick(entry - side * distance, costs.tick_size)
    target = round_to_tick(entry + side * target_distance(state.atr, exits, costs), costs.tick_size)
    return State(side, 0, state.size, state.atr, entry, stop, target, distance, 0, 0.0, entry_cost)


@compiled
def began(state: State, bar: Bar, exits: Exits, costs: Costs) -> State:
    """Return the position just after the open of `bar`: the pending order filled, or what was held until then.

    What was held has paid for the nights before that open; what is opened there has not.
    """
    if state.order != 0:
        return opened(state, bar, exits, costs)
    return State(
        state.side,
        0,
        state.size,
        state.atr,
        state.entry,
        state.stop,
        state.target,
        state.stop_distance,
        state.bars_held,
        state.swap + _per_night(state, costs) * bar.nights_before_open,
        state.entry_cost,
    )


@compiled
def _per_night(position: State, costs: Costs) -> float:
    """Return the swap of a night in price units."""
    return (costs.swap_long if position.side > 0 else costs.swap_short) * costs.tick_size


@compiled
def _mirrored(position: State, bar: Bar) -> tuple[float, float, float, float]:
    """Return open, worst, best and close of `bar` as the position may leave on them: for a short with the sign turned.

    So one set of comparisons serves both sides.
    """
    side = position.side
    ask = 0.0 if side > 0 else bar.spread
    worst, best = (bar.low, bar.high) if side > 0 else (bar.high, bar.low)
    return side * (bar.open + ask), side * (worst + ask), side * (best + ask), side * (bar.close + ask)


@compiled
def touched(position: State, bar: Bar, last: bool, costs: Costs) -> tuple[int, float, float]:
    """Return how and where `bar` ends the position: reason (0: it does not), price before slippage, slippage.

    `last` says that this bar is the time barrier.
    """
    side = position.side
    open_, worst, best, close = _mirrored(position, bar)
    stop, target = side * position.stop, side * position.target
    near = _TOUCH * costs.tick_size
    if open_ <= stop + near:
        return STOP, side * open_, costs.slippage
    if open_ >= target - near:
        return TARGET, side * open_, 0.0
    if worst <= stop + near:
        return STOP, position.stop, costs.slippage
    if best >= target - near:
        return TARGET, position.target, 0.0
    if last:
        return TIME, side * close, costs.slippage
    return 0, 0.0, 0.0


@compiled
def tied(position: State, bar: Bar, costs: Costs) -> bool:
    """Return whether `bar` opens between stop and target and touches both: it does not tell which came first."""
    side = position.side
    open_, worst, best, _ = _mirrored(position, bar)
    stop, target = side * position.stop, side * position.target
    near = _TOUCH * costs.tick_size
    return stop + near < open_ < target - near and worst <= stop + near and best >= target - near


@compiled
def _swap_until(position: State, reason: int, price: float, bar: Bar, costs: Costs) -> float:
    """Return the swap of a position that `bar` ends at `price`, in price units.

    Whoever leaves at the close has held the nights inside the bar, whoever leaves at the open has not. A barrier in
    between may have been touched before them or after: what they cost is paid, what they earn is not.
    """
    if bar.nights_inside == 0.0:
        return position.swap
    inside = _per_night(position, costs) * bar.nights_inside
    if reason == TIME:
        return position.swap + inside
    at_open = price == bar.open + (0.0 if position.side > 0 else bar.spread)
    return position.swap + (0.0 if at_open else min(inside, 0.0))


@compiled
def settle(position: State, swap: float, reason: int, price: float, slippage: float, bar: Bar, costs: Costs) -> Fill:
    """Return the fill that closes the position at `price` less adverse `slippage`, with its net R, pnl and cost.

    `swap` is what its nights have brought, in price units.
    """
    side = position.side
    exit_ = price - side * slippage
    commission = 2.0 * costs.commission / (costs.contract_size * bar.usd_per_quote)
    gain = side * (exit_ - position.entry) + swap - commission
    paid = position.entry_cost + slippage + (0.0 if side > 0 else bar.spread) + commission - swap
    money = costs.contract_size * position.size * bar.usd_per_quote
    r = gain / position.stop_distance
    if abs(r) < _NOTHING:
        gain, r = 0.0, 0.0
    return Fill(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, reason, exit_, r, gain * money, paid * money)


@compiled
def liquidate(position: State, reason: int, bar: Bar, costs: Costs) -> Fill:
    """Return the fill of closing at the close of `bar`: the position marked to what it would fetch."""
    price = bar.close + (0.0 if position.side > 0 else bar.spread)
    return settle(position, position.swap, reason, price, costs.slippage, bar, costs)


@compiled
def fill(state: State, bar: Bar, exits: Exits, costs: Costs) -> Fill:
    """Return what the market does on `bar` to the pending order and to the position of `state`."""
    position = began(state, bar, exits, costs)
    if position.side == 0:
        return Fill(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0, 0.0, 0.0)
    reason, price, slippage = touched(position, bar, position.bars_held + 1 >= exits.bars, costs)
    if reason != 0:
        return concluded(state, position, reason, price, slippage, bar, costs)
    nights = bar.nights - bar.nights_before_open if state.order != 0 else bar.nights
    return Fill(
        state.order,
        position.entry,
        position.stop,
        position.target,
        position.stop_distance,
        position.entry_cost,
        _per_night(position, costs) * nights,
        0,
        0.0,
        0.0,
        0.0,
        0.0,
    )


@compiled
def concluded(
    state: State, position: State, reason: int, price: float, slippage: float, bar: Bar, costs: Costs
) -> Fill:
    """Return the fill of `bar`, which `state` began as `position` and which ended it as `touched` has told."""
    swap = _swap_until(position, reason, price, bar, costs)
    closing = settle(position, swap, reason, price, slippage, bar, costs)
    return Fill(
        state.order,
        position.entry,
        position.stop,
        position.target,
        position.stop_distance,
        position.entry_cost,
        0.0,
        reason,
        closing.exit,
        closing.r,
        closing.pnl,
        closing.cost,
    )


@compiled
def apply(state: State, fill: Fill) -> State:
    """Return the state after `fill`: flat after an exit, the new position after an entry, one bar older otherwise."""
    if fill.reason != 0:
        return State(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0)
    side = fill.opened if fill.opened != 0 else state.side
    if side == 0:
        return state
    return State(
        side,
        0,
        state.size,
        state.atr,
        fill.entry,
        fill.stop,
        fill.target,
        fill.stop_distance,
        state.bars_held + 1,
        state.swap + fill.swap,
        fill.entry_cost,
    )


def usd_per_quote(bars: pd.DataFrame, costs: Costs) -> np.ndarray:
    """Return USD per unit of quote currency at each bar (float64).

    1 where the quote currency is USD; the column `usd_per_quote` of `bars` where it stands; else the inverse of the
    close, which is right for an instrument whose base currency is USD (USDJPY).
    """
    if costs.quote_currency == "USD":
        return np.ones(len(bars))
    if "usd_per_quote" in bars:
        return bars["usd_per_quote"].to_numpy(dtype=np.float64)
    return 1.0 / bars["close"].to_numpy(dtype=np.float64)


def without_text(costs: Costs) -> Costs:
    """Return `costs` as loops read them: floats alone.

    A text is counted wherever it goes: kernels that handed one to each other took half of their time for that.
    """
    return as_floats(costs)._replace(quote_currency=None)  # type: ignore[arg-type]


def as_floats(costs: Costs) -> Costs:
    """Return `costs` with every number a float, so that a kernel is compiled once.

    >>> as_floats(Costs(0, 0, 0, 0, 0, 0.01, 0.1, 0, 100, 0.01)).contract_size
    100.0
    """
    numbers = {name: float(value) for name, value in costs._asdict().items() if name != "quote_currency"}
    return Costs(**numbers, quote_currency=costs.quote_currency)
