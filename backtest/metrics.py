"""Metrics of trades and of equity: one name for each, and all of them at once.

`r` is the net result of each trade in R (multiples of its initial risk), in the order of exits; `equity` a Series by
`ts`, one row a bar, marked at each close; `trades` the trades table, whose `t_entry` may be its index or a column.
What cannot be computed (no trades, no loss, no variation) is None, "not computable": never 0, infinity or NaN.
Numbers that are not finite are refused with DataError.
"""

import numpy as np
import pandas as pd

from backtest.accounts import (
    calmar,
    daily_returns,
    daily_sharpe,
    daily_sortino,
    drawdown_money,
    longest_under_water,
    max_drawdown,
    monthly_returns,
    time_under_water,
    total_return,
)
from backtest.bootstrap import block_bootstrap_interval
from backtest.breakdowns import BREAKDOWNS, REGIMES, WEEKDAYS, breakdown, by_regime, regimes
from backtest.dealings import cost_share, durations, exposure, stamps, traded, trades_per_day, turnover
from backtest.excursions import excursions
from backtest.marked_r import marked_drawdown_r, marked_r
from backtest.ratios import (
    Numbers,
    Statistic,
    annual_sharpe,
    break_even_win_rate,
    drawdown_of_returns,
    drawdown_r,
    expectancy,
    finite,
    longest_losing_run,
    payoff_ratio,
    profit_factor,
    sharpe,
    sortino,
    win_rate,
)
from market import sessions
from market.tape import DEFAULT_MARKET

FEWEST_DAYS = 20  # on which a trade ended: of less, a year cannot be told

__all__ = [
    "BREAKDOWNS",
    "FEWEST_DAYS",
    "REGIMES",
    "WEEKDAYS",
    "Numbers",
    "Statistic",
    "annual_sharpe",
    "block_bootstrap_interval",
    "break_even_win_rate",
    "breakdown",
    "by_regime",
    "calmar",
    "cost_share",
    "daily_returns",
    "daily_sharpe",
    "daily_sortino",
    "drawdown_money",
    "drawdown_of_returns",
    "drawdown_r",
    "durations",
    "excursions",
    "expectancy",
    "exposure",
    "longest_losing_run",
    "longest_under_water",
    "marked_drawdown_r",
    "marked_r",
    "max_drawdown",
    "monthly_returns",
    "payoff_ratio",
    "profit_factor",
    "regimes",
    "sharpe",
    "sortino",
    "summary",
    "time_under_water",
    "total_return",
    "traded",
    "trades_per_day",
    "turnover",
    "win_rate",
]


def summary(trades: pd.DataFrame, equity: pd.Series, market: str = DEFAULT_MARKET) -> dict[str, float | None]:
    """Return every metric by name for trades in exit order and the equity of their span.

    `market` names the hours that make a trading day. Calmar and the daily ratios are None unless trades ended on
    `FEWEST_DAYS` of them: one lucky trade makes a fine year of the days around it. Durations are in hours,
    `longest_under_water` in days, `drawdown_money` in the account's money.
    """
    r = trades["r"].to_numpy(float)
    days = sessions.trading_day(pd.DatetimeIndex(equity.index), market)
    hours = durations(trades)
    ended = sessions.trading_day(stamps(trades, "t_exit"), market)
    known = len(np.unique(ended)) >= FEWEST_DAYS
    return {
        "trades": len(trades),
        "profit_factor": profit_factor(r),
        "win_rate": win_rate(r),
        "break_even_win_rate": break_even_win_rate(r),
        "payoff_ratio": payoff_ratio(r),
        "expectancy": expectancy(r),
        "total_r": float(finite(r).sum()),
        "sharpe_per_trade": sharpe(r),
        "sortino": sortino(r),
        "longest_losing_run": longest_losing_run(r),
        "drawdown_r": drawdown_r(r),
        "marked_drawdown_r": marked_drawdown_r(trades, equity),
        "total_return": total_return(equity),
        "max_drawdown": max_drawdown(equity),
        "drawdown_money": drawdown_money(equity),
        "calmar": calmar(equity) if known else None,
        "daily_sharpe": daily_sharpe(equity, days) if known else None,
        "daily_sortino": daily_sortino(equity, days) if known else None,
        "time_under_water": time_under_water(equity),
        "longest_under_water": longest_under_water(equity),
        "mean_duration": float(hours.mean()) if len(hours) else None,
        "median_duration": float(np.median(hours)) if len(hours) else None,
        "longest_duration": float(hours.max()) if len(hours) else None,
        "exposure": exposure(trades, equity),
        "trades_per_day": trades_per_day(trades, days),
    }
