"""How large a trade is and when there may be none: sizing and daily limits, pure and compiled, the same for live."""

from typing import NamedTuple

import numpy as np

from market.compiled import compiled
from market.execution import Costs

DAILY_TRADES, DAILY_LOSS, CONSECUTIVE_LOSSES, OPEN_RISK, SIZE = 10, 11, 12, 13, 14


class Risk(NamedTuple):
    """Money and limits: `equity` in USD at the start; shares of equity for a trade, all open risk, a day's loss."""

    equity: float = 100_000.0
    per_trade: float = 0.005
    open_risk: float = 0.05
    daily_loss: float = 0.02
    max_trades_per_day: int = 20
    max_consecutive_losses: int = 5


class Day(NamedTuple):
    """What the limits remember: the trading day, its first equity, its realised result, its trades, losses in a row."""

    day: int
    equity: float
    realised: float
    trades: int
    losses: int


def typed(risk: Risk) -> Risk:
    """Return `risk` with each number of the type that kernels are compiled for."""
    return Risk(
        float(risk.equity),
        float(risk.per_trade),
        float(risk.open_risk),
        float(risk.daily_loss),
        int(risk.max_trades_per_day),
        int(risk.max_consecutive_losses),
    )


@compiled
def on_day(memory: Day, day: int, equity: float, risk: Risk) -> Day:
    """Return the memory for a bar of `day`: a new day starts fresh and forgives a losing streak that had blocked."""
    if day == memory.day:
        return memory
    losses = 0 if memory.losses >= risk.max_consecutive_losses else memory.losses
    return Day(day, equity, 0.0, 0, losses)


@compiled
def after_exit(memory: Day, pnl: float) -> Day:
    """Return the memory after a trade closed with `pnl` USD; only a loss continues a losing streak."""
    losses = memory.losses + 1 if pnl < 0.0 else 0
    return Day(memory.day, memory.equity, memory.realised + pnl, memory.trades, losses)


@compiled
def after_order(memory: Day) -> Day:
    """Return the memory after an order was placed."""
    return Day(memory.day, memory.equity, memory.realised, memory.trades + 1, memory.losses)


@compiled
def limited(memory: Day, risk: Risk) -> int:
    """Return why no trade may be opened for the rest of the day (an index into `policy.REFUSALS`), or 0.

    Anything that is NaN refuses.
    """
    if not memory.trades < risk.max_trades_per_day:
        return DAILY_TRADES
    if not -memory.realised < risk.daily_loss * memory.equity:
        return DAILY_LOSS
    if not memory.losses < risk.max_consecutive_losses:
        return CONSECUTIVE_LOSSES
    if not risk.per_trade <= risk.open_risk:
        return OPEN_RISK
    return 0


@compiled
def position_size(equity: float, distance: float, usd_per_quote: float, costs: Costs, risk: Risk) -> float:
    """Return lots that lose `per_trade` of `equity` at the stop, rounded down to the lot step; 0 below one step.

    0 too where any input is NaN or not positive.
    """
    risk_per_lot = distance * costs.contract_size * usd_per_quote
    if not (risk_per_lot > 0.0 and equity > 0.0):
        return 0.0
    steps = np.floor(equity * risk.per_trade / risk_per_lot / costs.lot_step + 1e-9)
    per_unit = np.floor(1.0 / costs.lot_step + 0.5)
    return steps / per_unit if abs(per_unit * costs.lot_step - 1.0) < 1e-9 else steps * costs.lot_step
