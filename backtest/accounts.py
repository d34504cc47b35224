"""Figures of an account: growth, falls and daily ratios of equity that is marked at each close.

`equity` is a Series by `ts`, one row a bar. What cannot be computed (no rows, no fall, no variation) is None.
"""

import numpy as np
import pandas as pd

from backtest.ratios import finite, largest_fall, sortino, varies
from market.errors import DataError

_DAYS_PER_YEAR = 365.25
_SHORTEST_CALMAR_DAYS = 30.0


def total_return(equity: pd.Series) -> float | None:
    """Return the growth from the first row to the last, as a fraction; None without rows.

    >>> total_return(pd.Series([100.0, 90.0, 110.0]))
    0.1
    """
    values = _account(equity)
    return float((values[-1] - values[0]) / values[0]) if len(values) else None


def max_drawdown(equity: pd.Series) -> float | None:
    """Return the largest fall from the highest equity before, as a positive fraction; None without rows.

    >>> max_drawdown(pd.Series([100.0, 120.0, 90.0, 130.0]))
    0.25
    """
    values = _account(equity)
    return largest_fall(values) if len(values) else None


def calmar(equity: pd.Series) -> float | None:
    """Return the compound annual return over the largest fall: Young (1991), Calmar Ratio, Futures.

    None where equity never fell, where it was ever lost, or under 30 days, of which a year cannot be made.
    """
    values = _account(equity)
    days = _span_days(equity)
    fall = max_drawdown(equity)
    if not fall or days < _SHORTEST_CALMAR_DAYS or values.min() <= 0:
        return None
    return float(((values[-1] / values[0]) ** (_DAYS_PER_YEAR / days) - 1) / fall)


def daily_returns(equity: pd.Series, trading_day: np.ndarray) -> np.ndarray:
    """Return the return of each trading day on which there were rows, as a fraction.

    `trading_day` holds the day of each row as whole days (`market.sessions.trading_day`); a day's return is that from
    the last row of the day before, the first day's from the first row. Empty where equity is ever lost. Finer or
    coarser rows with the same last one a day give the same returns.
    """
    values, days = _account(equity), np.asarray(trading_day)
    if len(days) != len(values):
        raise DataError(f"Equity has {len(values)} rows and {len(days)} trading days, wanted one each.")
    if len(values) == 0 or values.min() <= 0:
        return np.array([])
    closes = values[np.append(np.diff(days) != 0, True)]
    return np.diff(closes, prepend=values[0]) / np.append(values[0], closes[:-1])


def daily_sharpe(equity: pd.Series, trading_day: np.ndarray) -> float | None:
    """Return the Sharpe ratio of daily returns, annualised with the trading days a year that were observed.

    Sharpe (1994), The Sharpe Ratio, Journal of Portfolio Management 21(1). None under two days or without variation.

    >>> equity = pd.Series([100.0, 101.0, 101.0, 103.0])
    >>> round(daily_sharpe(equity, np.array([0, 0, 1, 1])), 3)
    41.088
    """
    returns = daily_returns(equity, trading_day)
    if not varies(returns):
        return None
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(_days_per_year(trading_day, len(returns))))


def daily_sortino(equity: pd.Series, trading_day: np.ndarray) -> float | None:
    """Return the Sortino ratio of daily returns against 0, annualised as `daily_sharpe` is; None without a loss.

    Rollinger and Hoffman (2013), Sortino: A Sharper Ratio. None under two days.

    >>> equity = pd.Series([100.0, 103.0, 103.0, 101.97])
    >>> round(daily_sortino(equity, np.array([0, 0, 1, 1])), 3)
    27.028
    """
    returns = daily_returns(equity, trading_day)
    ratio = sortino(returns) if len(returns) > 1 else None
    return None if ratio is None else float(ratio * np.sqrt(_days_per_year(trading_day, len(returns))))


def monthly_returns(equity: pd.Series) -> pd.Series:
    """Return the return of each calendar month (UTC) as a fraction, by "YYYY-MM"; the first from the first row."""
    values = _account(equity)
    months = pd.DatetimeIndex(equity.index).strftime("%Y-%m").to_numpy(str)
    if not len(values):
        return pd.Series([], index=pd.Index([], name="month", dtype=object), dtype=np.float64)
    last = np.append(months[1:] != months[:-1], True)
    closes, before = values[last], np.append(values[0], values[last][:-1])
    returns = np.divide(closes - before, before, out=np.full(len(closes), np.nan), where=before > 0)
    return pd.Series(returns, index=pd.Index(months[last], name="month", dtype=object))


def drawdown_money(equity: pd.Series) -> float | None:
    """Return the largest fall from the highest equity before, in the account's money; None without rows.

    >>> drawdown_money(pd.Series([100.0, 120.0, 90.0, 130.0]))
    30.0
    """
    values = _account(equity)
    return float(np.max(np.maximum.accumulate(values) - values)) if len(values) else None


def time_under_water(equity: pd.Series) -> float | None:
    """Return the share of rows at which equity is below its highest before; None without rows.

    >>> time_under_water(pd.Series([100.0, 90.0, 95.0, 101.0]))
    0.5
    """
    values = _account(equity)
    return float(np.mean(values < np.maximum.accumulate(values))) if len(values) else None


def longest_under_water(equity: pd.Series) -> float | None:
    """Return the longest time from a highest equity until it was reached again, or the end, in days; None if empty."""
    values = _account(equity)
    if not len(values):
        return None
    at_top = np.flatnonzero(values >= np.maximum.accumulate(values))
    index = equity.index
    ends = [*index[at_top[1:]], index[-1]]
    waits = [(end - begin) / pd.Timedelta(days=1) for begin, end in zip(index[at_top], ends, strict=True)]
    fell = np.diff(np.append(at_top, len(values))) > 1
    return float(max(np.asarray(waits)[fell], default=0.0))


def _account(equity: pd.Series) -> np.ndarray:
    values = finite(equity)
    if len(values) and values[0] <= 0:
        raise DataError(f"Equity begins at {values[0]:g}: an account begins with money in it.")
    return values


def _days_per_year(trading_day: np.ndarray, days: int) -> float:
    """Return the trading days a year at the pace of the span; `days` of them were observed."""
    return days * _DAYS_PER_YEAR / float(trading_day[-1] - trading_day[0] + 1)


def _span_days(equity: pd.Series) -> float:
    return (equity.index[-1] - equity.index[0]) / pd.Timedelta(days=1) if len(equity) else 0.0
