"""Who earned what: trades by side, session, hour, weekday, month and by how wild the market was.

Each table has a row for each group that occurs, with its trades, win_rate, profit_factor, expectancy and total_r. Small
groups say little: a dozen hours looked at are a dozen chances to find a good one by luck. Columns are numbers, but of
objects where a group has None, which is not computable.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from backtest.dealings import stamps
from backtest.ratios import expectancy, profit_factor, win_rate
from market import sessions
from market.atr import atr
from market.errors import DataError, UsageError, nearest
from market.tape import DEFAULT_MARKET

BREAKDOWNS = ("side", "session", "hour", "weekday", "month")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
REGIMES = ("calm", "usual", "wild", "unknown")

_FIRST_WEEKDAY = 3  # 1970 began on a Thursday
_MOMENT = pd.Timedelta(microseconds=1)  # a stamp ends its bar: just before it, the bar's own hour
_PAST, _FEWEST = pd.Timedelta(days=90), 200  # of bars that a regime is told by


def breakdown(trades: pd.DataFrame, by: str, market: str = DEFAULT_MARKET) -> pd.DataFrame:
    """Return trades win_rate profit_factor expectancy total_r of each group `by` one of `BREAKDOWNS`.

    `hour` is the UTC hour in which the bar of the entry ends, `session` and `weekday` are those of that bar; the
    weekday is that of the trading day of `market`, so that a Sunday evening is Monday. `month` is that of the exit.
    Indexed by `by`, in order. Raises UsageError for another `by`.
    """
    if by not in BREAKDOWNS:
        raise UsageError(
            f"Cannot break trades down by {by!r}: choose one of {', '.join(BREAKDOWNS)}.{nearest(by, BREAKDOWNS)}"
        )
    keys = _keys(trades, by, market) if len(trades) else np.array([], dtype=str)
    ordered = {"session": sessions.SESSIONS, "weekday": WEEKDAYS}
    return _table(trades, keys, by, ordered.get(by, sorted(set(keys.tolist()))))


def by_regime(trades: pd.DataFrame, bars: pd.DataFrame, atr_period: int) -> pd.DataFrame:
    """Return the same table by the regime of volatility in which each trade was decided, as `regimes` tells it."""
    return _table(trades, regimes(trades, bars, atr_period), "regime", REGIMES)


def regimes(trades: pd.DataFrame, bars: pd.DataFrame, atr_period: int) -> np.ndarray:
    """Return for each trade whether the bar of its decision was calm, usual or wild; what was known then decides.

    The ATR of that bar (the one before the entry), as a share of its close, is ranked among those of the 90 days
    before: lowest, middle or highest third, ties by half. "unknown" where fewer than 200 bars stand in those days.
    `bars` (by `ts`) hold the bars of the entries; raises DataError where they do not.
    """
    width = atr(bars, atr_period) / bars["close"].to_numpy(float)
    entered = bars.index.get_indexer(stamps(trades, "t_entry"))
    if (entered < 0).any():
        raise DataError(f"A trade was entered at {stamps(trades, 't_entry')[entered < 0][0]}, where there is no bar.")
    begins = bars.index.searchsorted(bars.index[np.maximum(entered - 1, 0)] - _PAST)
    found = [_regime(width, begin, at - 1) for begin, at in zip(begins, entered, strict=True)]
    return np.array(found, dtype=str)


def _regime(width: np.ndarray, begin: int, decided: int) -> str:
    past = width[begin : max(decided, 0)]
    past = past[np.isfinite(past)]
    if len(past) < _FEWEST or not np.isfinite(width[decided]):
        return "unknown"
    rank = (np.mean(past < width[decided]) + np.mean(past <= width[decided])) / 2
    return REGIMES[min(int(3 * rank), 2)]


def _keys(trades: pd.DataFrame, by: str, market: str) -> np.ndarray:
    if by == "side":
        return np.where(trades["side"].to_numpy() > 0, "long", "short")
    if by == "session":
        return np.array(sessions.SESSIONS)[sessions.session(stamps(trades, "t_entry"))]
    if by == "hour":
        return (stamps(trades, "t_entry") - _MOMENT).strftime("%H").to_numpy(str)
    if by == "weekday":
        days = sessions.trading_day(stamps(trades, "t_entry"), market)
        return np.array(WEEKDAYS)[(days + _FIRST_WEEKDAY) % 7]
    return stamps(trades, "t_exit").strftime("%Y-%m").to_numpy(str)


def _table(trades: pd.DataFrame, keys: np.ndarray, by: str, ordered: Sequence[str]) -> pd.DataFrame:
    r = trades["r"].to_numpy(float)
    names = [name for name in ordered if name in set(keys.tolist())]
    rows = [_row(r[keys == name]) for name in names]
    index = pd.Index(names, name=by, dtype=object)
    return pd.DataFrame({column: _column([row[column] for row in rows], index) for column in _row(np.zeros(1))})


def _column(values: list[float | None], index: pd.Index) -> pd.Series:
    column = pd.Series(values, index=index, dtype=object)
    return column if None in values else column.infer_objects()


def _row(r: np.ndarray) -> dict[str, float | None]:
    return {
        "trades": len(r),
        "win_rate": win_rate(r),
        "profit_factor": profit_factor(r),
        "expectancy": expectancy(r),
        "total_r": float(r.sum()),
    }
