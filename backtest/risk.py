"""How large a trade is and when there may be none: sizing and limits, pure and compiled, the same for live."""

from typing import NamedTuple

import numpy as np

from market.compiled import compiled
from market.execution import Costs

DAILY_TRADES, DAILY_LOSS, CONSECUTIVE_LOSSES, OPEN_RISK, SIZE = 10, 11, 12, 13, 14
DRAWDOWN, POSITIONS = 16, 17

ROUNDING = 1e-9  # shares of equity


class Risk(NamedTuple):
    """Money and limits: `equity` in USD at the start; shares of equity for a trade, all open risk, a day's loss.

    The last three are limits of an account, as good as absent unless they are set: the share that equity may fall from
    its peak, the positions held at once, and the notional of a position in multiples of equity.
    """

    equity: float = 100_000.0
    per_trade: float = 0.005
    open_risk: float = 0.05
    daily_loss: float = 0.02
    max_trades_per_day: int = 20
    max_consecutive_losses: int = 5
    max_drawdown: float = 1.0
    max_positions: int = 1000
    max_notional: float = 1000.0


class Day(NamedTuple):
    """What the limits remember: the trading day, its first equity, its realised result, its trades, losses in a row."""

    day: int
    equity: float
    realised: float
    trades: int
    losses: int


class Account(NamedTuple):
    """What a new trade is weighed against: realised cash, equity as marked, its peak, and what is open already.

    `halted` once equity has fallen too far from its peak: only a person lifts that. `open_risk` is a share of cash.
    """

    cash: float
    equity: float
    peak: float
    halted: bool
    positions: int
    open_risk: float
    day: Day


def fresh(risk: Risk) -> Account:
    """Return the account before its first bar."""
    equity = float(risk.equity)
    return Account(equity, equity, equity, False, 0, 0.0, Day(-1, equity, 0.0, 0, 0))


def typed(risk: Risk) -> Risk:
    """Return `risk` with each number of the type that kernels are compiled for."""
    return Risk(
        float(risk.equity),
        float(risk.per_trade),
        float(risk.open_risk),
        float(risk.daily_loss),
        int(risk.max_trades_per_day),
        int(risk.max_consecutive_losses),
        float(risk.max_drawdown),
        int(risk.max_positions),
        float(risk.max_notional),
    )


@compiled
def on_day(account: Account, day: int, risk: Risk) -> Account:
    """Return the account on a bar of `day`: a new day starts fresh and forgives a losing streak that had blocked.

    Days never go back: with markets whose days end at different hours, the first to begin a day begins it for all.
    """
    known = account.day
    if day <= known.day:
        return account
    losses = 0 if known.losses >= risk.max_consecutive_losses else known.losses
    return _with_day(account, account.cash, Day(day, account.cash, 0.0, 0, losses))


@compiled
def after_exit(account: Account, pnl: float) -> Account:
    """Return the account after a trade closed with `pnl` USD; only a loss continues a losing streak."""
    known = account.day
    losses = known.losses + 1 if pnl < 0.0 else 0
    day = Day(known.day, known.equity, known.realised + pnl, known.trades, losses)
    return _with_day(account, account.cash + pnl, day)


@compiled
def after_order(account: Account) -> Account:
    """Return the account after an order was placed."""
    known = account.day
    day = Day(known.day, known.equity, known.realised, known.trades + 1, known.losses)
    return _with_day(account, account.cash, day)


@compiled
def marked(account: Account, equity: float, risk: Risk) -> Account:
    """Return the account marked to `equity` at a close; too far below its peak, or NaN, it is halted from then on."""
    peak = max(account.peak, equity)
    halted = account.halted or not equity > (1.0 - risk.max_drawdown) * peak
    return Account(account.cash, equity, peak, halted, account.positions, account.open_risk, account.day)


@compiled
def holding(account: Account, positions: int, open_risk: float) -> Account:
    """Return the account with `positions` open at `open_risk`, a share of cash."""
    return Account(account.cash, account.equity, account.peak, account.halted, positions, open_risk, account.day)


@compiled
def _with_day(account: Account, cash: float, day: Day) -> Account:
    return Account(cash, account.equity, account.peak, account.halted, account.positions, account.open_risk, day)


@compiled
def limited(account: Account, risk: Risk) -> int:
    """Return why no trade may be opened (an index into `policy.REFUSALS`), or 0. Anything that is NaN refuses.

    Trades, loss and losing streak block for the rest of the day, the drawdown until a person lifts it.
    """
    if account.halted:
        return DRAWDOWN
    if not account.day.trades < risk.max_trades_per_day:
        return DAILY_TRADES
    if not -account.day.realised < risk.daily_loss * account.day.equity:
        return DAILY_LOSS
    if not account.day.losses < risk.max_consecutive_losses:
        return CONSECUTIVE_LOSSES
    if not account.positions < risk.max_positions:
        return POSITIONS
    if not account.open_risk + risk.per_trade <= risk.open_risk + ROUNDING:
        return OPEN_RISK
    return 0


@compiled
def position_size(
    equity: float, distance: float, price: float, usd_per_quote: float, costs: Costs, risk: Risk
) -> float:
    """Return lots that lose `per_trade` of `equity` at the stop, rounded down to the lot step; 0 below one step.

    No more than `max_notional` times equity at `price`; 0 too where any input is NaN or not positive.
    """
    risk_per_lot = distance * costs.contract_size * usd_per_quote
    notional_per_lot = price * costs.contract_size * usd_per_quote
    if not (risk_per_lot > 0.0 and notional_per_lot > 0.0 and equity > 0.0):
        return 0.0
    lots = min(equity * risk.per_trade / risk_per_lot, equity * risk.max_notional / notional_per_lot)
    if not lots > 0.0:
        return 0.0
    steps = np.floor(lots / costs.lot_step + 1e-9)
    per_unit = np.floor(1.0 / costs.lot_step + 0.5)
    return steps / per_unit if abs(per_unit * costs.lot_step - 1.0) < 1e-9 else steps * costs.lot_step
