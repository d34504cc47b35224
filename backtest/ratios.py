"""Ratios of trades: what a row of net results in R says.

`r` is the net result of each trade in R (multiples of its initial risk), in the order of exits. What cannot be computed
(no trades, no loss, no variation) is None; numbers that are not finite are refused with DataError.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from market.errors import DataError

Numbers: TypeAlias = np.ndarray | pd.Series | Sequence[float]
Statistic: TypeAlias = Callable[[np.ndarray], float | None]


def profit_factor(r: Numbers) -> float | None:
    """Return the sum of gains over the sum of losses; None without a loss.

    Also known as the Bernardo–Ledoit ratio, or Omega at 0: Bernardo and Ledoit (2000), Gain, Loss and Asset Pricing.

    >>> profit_factor([2.0, -1.0, 1.0, -1.0])
    1.5
    >>> profit_factor([1.0, 2.0]) is None
    True
    """
    values = finite(r)
    losses = -values[values < 0].sum()
    return float(values[values > 0].sum() / losses) if losses > 0 else None


def win_rate(r: Numbers) -> float | None:
    """Return the share of trades with r > 0; a trade that ends at exactly 0 is no win. None without trades.

    >>> win_rate([2.0, -1.0, 0.0, 1.0])
    0.5
    """
    values = finite(r)
    return float(np.mean(values > 0)) if len(values) else None


def sharpe(r: Numbers) -> float | None:
    """Return the mean over the standard deviation (n − 1) per trade, never annualised; None under two trades.

    Sharpe (1994), The Sharpe Ratio, Journal of Portfolio Management 21(1).

    >>> round(sharpe([1.0, 2.0, 3.0]), 9)
    2.0
    """
    values = finite(r)
    return float(values.mean() / values.std(ddof=1)) if varies(values) else None


def sortino(r: Numbers) -> float | None:
    """Return the mean over the downside deviation below 0, √(Σ min(r, 0)² / n), per trade; None without a loss.

    Rollinger and Hoffman (2013), Sortino: A Sharper Ratio: n counts every trade, not only the losing ones.

    >>> round(sortino([0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04]), 3)
    4.417
    """
    values = finite(r)
    if not (values < 0).any():
        return None
    return float(values.mean() / np.sqrt(np.mean(np.minimum(values, 0.0) ** 2)))


def expectancy(r: Numbers) -> float | None:
    """Return the mean net R of a trade; None without trades.

    >>> expectancy([2.0, -1.0])
    0.5
    """
    values = finite(r)
    return float(values.mean()) if len(values) else None


def break_even_win_rate(r: Numbers) -> float | None:
    """Return the win rate at which trades of this average gain and loss earn nothing; None without both kinds.

    A trade at exactly 0 counts among the losses, as in `win_rate`: a win rate above this is a positive expectancy.

    >>> break_even_win_rate([3.0, -1.0, -1.0])
    0.25
    """
    values = finite(r)
    won = values > 0
    if not won.any() or not (values < 0).any():
        return None
    gain, loss = values[won].mean(), -values[~won].mean()
    return float(loss / (gain + loss))


def payoff_ratio(r: Numbers) -> float | None:
    """Return the average gain over the average loss; None without both kinds.

    A trade at exactly 0 counts among the losses, as in `win_rate`: the break-even win rate is 1 / (1 + this). It is
    the "avg win / avg loss" of Kestner (2003), Quantitative Trading Strategies.

    >>> payoff_ratio([3.0, -1.0, -1.0])
    3.0
    """
    needed = break_even_win_rate(r)
    return float(1.0 / needed - 1.0) if needed else None


def longest_losing_run(r: Numbers) -> int | None:
    """Return the most losses in a row (r < 0; a trade at exactly 0 ends a run); None without trades.

    >>> longest_losing_run([-1.0, -1.0, 0.0, -1.0, 2.0])
    2
    """
    values = finite(r)
    if not len(values):
        return None
    ends = np.flatnonzero(np.concatenate(([True], values >= 0, [True])))
    return int(np.max(np.diff(ends)) - 1)


def drawdown_r(r: Numbers) -> float | None:
    """Return the largest fall of the running sum of R from its highest value before (at first 0); None without trades.

    Sizing does not touch it: an account that risks a share f of its first equity a trade fell by about f times this.
    The maximum drawdown of Magdon-Ismail and Atiya (2004), Maximum Drawdown, Risk 17(10), in R.

    >>> drawdown_r([1.0, -1.0, -1.5, 4.0])
    2.5
    """
    values = finite(r)
    if not len(values):
        return None
    summed = np.concatenate(([0.0], np.cumsum(values)))
    return float(np.max(np.maximum.accumulate(summed) - summed))


def annual_sharpe(r: Numbers, years: float) -> float | None:
    """Return `sharpe` × √(trades a year), over the `years` in which the trades were made; None where there is none.

    Lo (2002), The Statistics of Sharpe Ratios, Financial Analysts Journal 58(4): for results that do not hang together.
    The trades a year are those that happened.

    >>> round(annual_sharpe([1.0, 2.0, 3.0, 2.0], years=0.25), 3)
    9.798
    """
    ratio, count = sharpe(r), len(finite(r))
    return None if ratio is None or not years > 0 else float(ratio * np.sqrt(count / years))


def drawdown_of_returns(r: Numbers, risk: float) -> float | None:
    """Return the largest fall of an account that compounds each trade's r at `risk` (a fraction) of its equity.

    A positive fraction of the highest equity before; 1 where the account is lost; None without trades. It marks at
    exits alone; `max_drawdown` of an equity that is marked at each bar sees the falls between them too.

    >>> round(drawdown_of_returns([1.0, -1.0, -1.0, 4.0], risk=0.01), 6)
    0.0199
    """
    values = finite(r)
    if not len(values):
        return None
    growth = np.concatenate(([1.0], 1.0 + risk * values))
    if growth.min() <= 0:
        return 1.0
    return largest_fall(np.cumprod(growth))


def finite(numbers: Numbers) -> np.ndarray:
    """Return `numbers` as float64; raises DataError unless they are one row of finite numbers."""
    values = np.asarray(numbers, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        bad = int(np.sum(~np.isfinite(values)))
        raise DataError(f"Metrics take one row of finite numbers: got shape {values.shape} with {bad} NaN or infinite.")
    return values


def varies(values: np.ndarray) -> bool:
    """Return whether there is a standard deviation to divide by; rounding alone is none."""
    return len(values) > 1 and bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def largest_fall(values: np.ndarray) -> float:
    """Return the largest fall from the highest value before, as a fraction of it."""
    return float(np.max(1.0 - values / np.maximum.accumulate(values)))
