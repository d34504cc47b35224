"""Metrics of trades and of equity, one function each.

`r` is the net result of each trade in R (multiples of its initial risk), in the order of exits; `equity` a Series by
`ts`, one row a bar, marked at each close; `trades` the trades table, whose `t_entry` may be its index or a column.
What cannot be computed (no trades, no loss, no variation) is None, "not computable": never 0, infinity or NaN.
Numbers that are not finite are refused with DataError.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from market import sessions
from market.errors import DataError, UsageError, nearest
from market.tape import DEFAULT_MARKET

Numbers: TypeAlias = np.ndarray | pd.Series | Sequence[float]
Statistic: TypeAlias = Callable[[np.ndarray], float | None]

BREAKDOWNS = ("side", "session", "month")

_DAYS_PER_YEAR = 365.25
_SHORTEST_CALMAR_DAYS = 30.0
_NOT_COMPUTABLE_SHARE = 0.05


def profit_factor(r: Numbers) -> float | None:
    """Return the sum of gains over the sum of losses; None without a loss.

    Also known as the Bernardo–Ledoit ratio, or Omega at 0: Bernardo and Ledoit (2000), Gain, Loss and Asset Pricing.

    >>> profit_factor([2.0, -1.0, 1.0, -1.0])
    1.5
    >>> profit_factor([1.0, 2.0]) is None
    True
    """
    values = _finite(r)
    losses = -values[values < 0].sum()
    return float(values[values > 0].sum() / losses) if losses > 0 else None


def win_rate(r: Numbers) -> float | None:
    """Return the share of trades with r > 0; a trade that ends at exactly 0 is no win. None without trades.

    >>> win_rate([2.0, -1.0, 0.0, 1.0])
    0.5
    """
    values = _finite(r)
    return float(np.mean(values > 0)) if len(values) else None


def sharpe(r: Numbers) -> float | None:
    """Return the mean over the standard deviation (n − 1) per trade, never annualised; None under two trades.

    Sharpe (1994), The Sharpe Ratio, Journal of Portfolio Management 21(1).

    >>> round(sharpe([1.0, 2.0, 3.0]), 9)
    2.0
    """
    values = _finite(r)
    return float(values.mean() / values.std(ddof=1)) if _varies(values) else None


def sortino(r: Numbers) -> float | None:
    """Return the mean over the downside deviation below 0, √(Σ min(r, 0)² / n), per trade; None without a loss.

    Rollinger and Hoffman (2013), Sortino: A Sharper Ratio: n counts every trade, not only the losing ones.

    >>> round(sortino([0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04]), 3)
    4.417
    """
    values = _finite(r)
    if not (values < 0).any():
        return None
    return float(values.mean() / np.sqrt(np.mean(np.minimum(values, 0.0) ** 2)))


def expectancy(r: Numbers) -> float | None:
    """Return the mean net R of a trade; None without trades.

    >>> expectancy([2.0, -1.0])
    0.5
    """
    values = _finite(r)
    return float(values.mean()) if len(values) else None


def break_even_win_rate(r: Numbers) -> float | None:
    """Return the win rate at which trades of this average gain and loss earn nothing; None without both kinds.

    A trade at exactly 0 counts among the losses, as in `win_rate`: a win rate above this is a positive expectancy.

    >>> break_even_win_rate([3.0, -1.0, -1.0])
    0.25
    """
    values = _finite(r)
    won = values > 0
    if not won.any() or not (values < 0).any():
        return None
    gain, loss = values[won].mean(), -values[~won].mean()
    return float(loss / (gain + loss))


def drawdown_of_returns(r: Numbers, risk: float) -> float | None:
    """Return the largest fall of an account that compounds each trade's r at `risk` (a fraction) of its equity.

    A positive fraction of the highest equity before; 1 where the account is lost; None without trades. It marks at
    exits alone; `max_drawdown` of an equity that is marked at each bar sees the falls between them too.

    >>> round(drawdown_of_returns([1.0, -1.0, -1.0, 4.0], risk=0.01), 6)
    0.0199
    """
    values = _finite(r)
    if not len(values):
        return None
    growth = np.concatenate(([1.0], 1.0 + risk * values))
    if growth.min() <= 0:
        return 1.0
    return _largest_fall(np.cumprod(growth))


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
    return _largest_fall(values) if len(values) else None


def calmar(equity: pd.Series) -> float | None:
    """Return the compound annual return over the largest fall: Young (1991), Calmar Ratio, Futures.

    None where equity never fell, where it is lost, or under 30 days, of which a year cannot be made.
    """
    values = _account(equity)
    days = _span_days(equity)
    fall = max_drawdown(equity)
    if not fall or days < _SHORTEST_CALMAR_DAYS or values[-1] <= 0:
        return None
    return float(((values[-1] / values[0]) ** (_DAYS_PER_YEAR / days) - 1) / fall)


def daily_sharpe(equity: pd.Series, trading_day: np.ndarray) -> float | None:
    """Return the Sharpe ratio of daily returns, annualised with the trading days a year that were observed.

    `trading_day` holds the day of each row as whole days (`market.sessions.trading_day`); a day's return is that from
    the last row of the day before, the first day's from the first row. None under two days or without variation.

    >>> equity = pd.Series([100.0, 101.0, 101.0, 103.0])
    >>> round(daily_sharpe(equity, np.array([0, 0, 1, 1])), 3)
    41.088
    """
    values, days = _account(equity), np.asarray(trading_day)
    if len(days) != len(values):
        raise DataError(f"daily_sharpe: {len(days)} trading days for {len(values)} rows of equity, wanted one each.")
    if len(values) == 0 or values.min() <= 0:
        return None
    closes = values[np.append(np.diff(days) != 0, True)]
    returns = np.diff(closes, prepend=values[0]) / np.append(values[0], closes[:-1])
    if not _varies(returns):
        return None
    per_year = len(returns) * _DAYS_PER_YEAR / (days[-1] - days[0] + 1)
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(per_year))


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


def durations(trades: pd.DataFrame) -> np.ndarray:
    """Return the hours from the bar of the entry to the bar of the exit for each trade; 0 within one bar."""
    return ((_stamps(trades, "t_exit") - _stamps(trades, "t_entry")) / pd.Timedelta(hours=1)).to_numpy()


def exposure(trades: pd.DataFrame, equity: pd.Series) -> float | None:
    """Return the share of bars in which a position stood, entry and exit bars included; None without bars."""
    if not len(equity):
        return None
    if not len(trades):
        return 0.0
    opened = equity.index.searchsorted(_stamps(trades, "t_entry"))
    closed = equity.index.searchsorted(_stamps(trades, "t_exit"))
    change = np.zeros(len(equity) + 1)
    np.add.at(change, opened, 1.0)
    np.add.at(change, closed + 1, -1.0)
    return float(np.mean(np.cumsum(change)[:-1] > 0))


def trades_per_day(trades: pd.DataFrame, trading_day: np.ndarray) -> float | None:
    """Return trades per trading day; `trading_day` holds the day of each bar of the span; None without bars."""
    days = len(np.unique(trading_day))
    return len(trades) / days if days else None


def breakdown(trades: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return trades win_rate profit_factor expectancy total_r of each side, session of entry, or month of exit.

    A row for each that occurs, in their order, indexed by `by`. Raises UsageError for another `by`.
    """
    if by not in BREAKDOWNS:
        raise UsageError(
            f"Cannot break trades down by {by!r}: choose one of {', '.join(BREAKDOWNS)}.{nearest(by, BREAKDOWNS)}"
        )
    r = trades["r"].to_numpy(float)
    keys = _breakdown_keys(trades, by) if len(r) else np.array([], dtype=str)
    names = sorted(set(keys.tolist()), key=_order(by))
    rows = [_breakdown_row(r[keys == name]) for name in names]
    columns = {
        column: pd.Series([row[column] for row in rows], index=pd.Index(names, name=by, dtype=object), dtype=object)
        for column in _breakdown_row(np.zeros(1))
    }
    return pd.DataFrame(columns)


def summary(trades: pd.DataFrame, equity: pd.Series, market: str = DEFAULT_MARKET) -> dict[str, float | None]:
    """Return every metric by name for trades in exit order and the equity of their span.

    `market` names the hours that make a trading day. Durations are in hours, `longest_under_water` in days.
    """
    r = trades["r"].to_numpy(float)
    days = sessions.trading_day(pd.DatetimeIndex(equity.index), market)
    hours = durations(trades)
    return {
        "trades": len(trades),
        "profit_factor": profit_factor(r),
        "win_rate": win_rate(r),
        "break_even_win_rate": break_even_win_rate(r),
        "expectancy": expectancy(r),
        "total_r": float(_finite(r).sum()),
        "sharpe_per_trade": sharpe(r),
        "sortino": sortino(r),
        "total_return": total_return(equity),
        "max_drawdown": max_drawdown(equity),
        "calmar": calmar(equity),
        "daily_sharpe": daily_sharpe(equity, days),
        "time_under_water": time_under_water(equity),
        "longest_under_water": longest_under_water(equity),
        "mean_duration": float(hours.mean()) if len(hours) else None,
        "median_duration": float(np.median(hours)) if len(hours) else None,
        "longest_duration": float(hours.max()) if len(hours) else None,
        "exposure": exposure(trades, equity),
        "trades_per_day": trades_per_day(trades, days),
    }


def block_bootstrap_interval(
    r: Numbers,
    statistic: Statistic,
    level: float = 0.90,
    paths: int = 1000,
    block: int | None = None,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the interval that holds `level` of the statistic over resampled histories of the same length.

    Circular block bootstrap: Politis and Romano (1992), A circular block-resampling procedure for stationary data.
    `block` is in trades, by default ∛n. The same seed gives the same interval. `statistic` takes a history and returns
    None where it cannot be computed: such histories are left out, and where they are more than one in twenty, or the
    statistic of `r` itself is None, so is the interval.

    >>> r = [1.4, -1.0, -1.0, 1.4, 1.4] * 40
    >>> [round(bound, 2) for bound in block_bootstrap_interval(r, win_rate)]
    [0.57, 0.62]
    """
    values = _finite(r)
    n = len(values)
    if n < 2 or statistic(values) is None:
        return None
    length = min(n, block or max(1, round(n ** (1 / 3))))
    starts = np.random.default_rng(seed).integers(0, n, size=(paths, -(-n // length), 1))
    within = np.arange(length)
    drawn = [statistic(values[((path + within) % n).ravel()[:n]]) for path in starts]
    computed = [value for value in drawn if value is not None]
    if len(computed) < (1 - _NOT_COMPUTABLE_SHARE) * paths:
        return None
    low, high = np.quantile(computed, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _finite(numbers: Numbers) -> np.ndarray:
    values = np.asarray(numbers, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        bad = int(np.sum(~np.isfinite(values)))
        raise DataError(f"Metrics take one row of finite numbers: got shape {values.shape} with {bad} NaN or infinite.")
    return values


def _account(equity: pd.Series) -> np.ndarray:
    values = _finite(equity)
    if len(values) and values[0] <= 0:
        raise DataError(f"Equity begins at {values[0]:g}: an account begins with money in it.")
    return values


def _varies(values: np.ndarray) -> bool:
    """Return whether there is a standard deviation to divide by; rounding alone is none."""
    return len(values) > 1 and bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def _largest_fall(values: np.ndarray) -> float:
    return float(np.max(1.0 - values / np.maximum.accumulate(values)))


def _span_days(equity: pd.Series) -> float:
    return (equity.index[-1] - equity.index[0]) / pd.Timedelta(days=1) if len(equity) else 0.0


def _stamps(trades: pd.DataFrame, name: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(trades.index if trades.index.name == name else trades[name])


def _breakdown_keys(trades: pd.DataFrame, by: str) -> np.ndarray:
    if by == "side":
        return np.where(trades["side"].to_numpy() > 0, "long", "short")
    if by == "session":
        return np.array(sessions.SESSIONS)[sessions.session(_stamps(trades, "t_entry"))]
    return _stamps(trades, "t_exit").strftime("%Y-%m").to_numpy(str)


def _order(by: str) -> Callable[[str], int | str]:
    return sessions.SESSIONS.index if by == "session" else str


def _breakdown_row(r: np.ndarray) -> dict[str, float | None]:
    return {
        "trades": len(r),
        "win_rate": win_rate(r),
        "profit_factor": profit_factor(r),
        "expectancy": expectancy(r),
        "total_r": float(r.sum()),
    }
