"""Context: the same indicators on coarser bars, of the next two timeframes of the ladder and of the day.

Only completed coarse bars count: they are joined as of their close stamps, so what a row sees of a coarser timeframe
was knowable at the row's own `ts`. Coarse bars lie on the grid of UTC, the day too, as those of `assay resample`: the
week of a market that opens on Sunday evening has six days, the Sunday's of a few hours. Indicators look at a fixed
number of coarse bars, so that a tail of LOOKBACK own bars gives the same bits as full history; where the day does not
fit into 3,000 own bars, the window is shorter and the column's name says so. Distances are in the mean true range of
the coarse window; 0 if nothing moved.
"""

import numpy as np

from feature_store.arrays import Bars, Columns, change, log_return, ratio, true_range
from feature_store.described import Catalogue, Described
from feature_store.window_lines import window_fit
from feature_store.window_moments import window_deviation, window_mean, window_sum
from feature_store.window_order import window_highest
from market.timeframe import DAY, TIMEFRAMES, Timeframe

_WINDOW = 20
_MOST_BARS = 3000


def coarser(timeframe: Timeframe) -> tuple[Timeframe, ...]:
    """Return the timeframes that a row sees: the next two of the ladder, and the day.

    >>> [seen.name for seen in coarser(TIMEFRAMES["15T"])], [seen.name for seen in coarser(TIMEFRAMES["4H"])]
    (['30T', '1H', 'D'], ['D'])
    """
    above = [other for other in TIMEFRAMES.values() if other.minutes > timeframe.minutes]
    return (*above[:2], DAY) if timeframe.minutes < DAY.minutes else ()


def window(timeframe: Timeframe, coarse: Timeframe) -> int:
    """Return how many coarse bars the indicators look at: 20, or what fits into 3,000 own bars.

    Besides the window, an indicator needs the coarse bar before it, and the row's own coarse bar is unfinished.

    >>> window(TIMEFRAMES["15T"], DAY), window(TIMEFRAMES["5T"], DAY), window(TIMEFRAMES["1T"], DAY)
    (20, 8, 0)
    """
    return min(_WINDOW, _MOST_BARS // (coarse.minutes // timeframe.minutes) - 2)


def _own_bars(timeframe: Timeframe, coarse: Timeframe) -> int:
    return (window(timeframe, coarse) + 2) * (coarse.minutes // timeframe.minutes)


LOOKBACK = {
    name: max(_own_bars(timeframe, coarse) for coarse in coarser(timeframe)) for name, timeframe in TIMEFRAMES.items()
}

CATALOGUE: Catalogue = {
    "{coarse}_body_share": Described(
        "(Close − open) ÷ range of the newest complete {0} bar", "own", "share", -1.0, 1.0
    ),
    "{coarse}_close_place": Described("(Close − low) ÷ range of the newest complete {0} bar", "own", "share", 0.0, 1.0),
    "{coarse}_last_return": Described(
        "Log return of the newest complete {0} bar ÷ deviation of its window", "own", "deviations", -np.inf, np.inf
    ),
    "{coarse}_last_range_atr": Described(
        "True range of the newest complete {0} bar ÷ mean of its window", "own", "ratio", 0.0, 20.0
    ),
    "{coarse}_rsi_{n}": Described(
        "Sum of gains ÷ sum of gains and losses of {1} complete {0} bars", "Cutler's RSI", "points", 0.0, 100.0
    ),
    "{coarse}_place_in_range_{n}": Described(
        "(Close − lowest low) ÷ (highest high − lowest low) of {1} complete {0} bars", "own", "share", 0.0, 1.0
    ),
    "{coarse}_close_to_sma_{n}_atr": Described(
        "Close − mean close of {1} complete {0} bars", "own", "mean true ranges", -np.inf, np.inf
    ),
    "{coarse}_line_{n}_fit": Described(
        "R² of the straight line through {1} complete {0} closes, with the sign of its slope", "own", "share", -1.0, 1.0
    ),
    "{coarse}_deviation_{n}_percent": Described(
        "Standard deviation of log returns of {1} complete {0} bars", "own", "percent", 0.0, np.inf
    ),
    "{coarse}_range_change_{n}": Described(
        "Mean true range of the newest quarter of {1} complete {0} bars ÷ of all", "own", "ratio", 0.0, 4.0
    ),
    "{coarse}_since_close_atr": Described(
        "Close − close of the newest complete {0} bar", "own", "mean true ranges", -np.inf, np.inf
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the columns of each coarser timeframe at each bar (float64, NaN until the first window is complete)."""
    columns: Columns = {}
    for coarse in coarser(bars.timeframe):
        columns |= _as_known(bars, coarse)
    return columns


def _as_known(bars: Bars, coarse: Timeframe) -> Columns:
    """Return the coarse columns as of each own close: those of the newest coarse bar with a stamp at or before it."""
    first = LOOKBACK[bars.timeframe.name] - _own_bars(bars.timeframe, coarse)
    ts, length = bars.ts[first:], coarse.minutes * 60_000_000
    ends = -(-ts // length) * length
    starts, lasts = np.flatnonzero(np.diff(ends, prepend=0)), np.flatnonzero(np.diff(ends, append=0))
    open_, close = bars.open[first:][starts], bars.close[first:][lasts]
    high, low = np.maximum.reduceat(bars.high[first:], starts), np.minimum.reduceat(bars.low[first:], starts)
    counted = LOOKBACK[bars.timeframe.name] - 1
    newest = np.searchsorted(ends[starts], bars.ts[counted:], side="right") - 1
    indicators = _indicators(open_, high, low, close, window(bars.timeframe, coarse))
    known = {name: values[newest] for name, values in indicators.items()}
    known["since_close_atr"] = ratio(bars.close[counted:] - known.pop("close"), known.pop("unit"))
    return {f"{coarse.name}_{name}": values for name, values in known.items()}


def _indicators(open_: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, span: int) -> Columns:
    """Return the indicators of each coarse bar from `span` bars, and its close and unit (price units)."""
    columns = {
        "close": close,
        "unit": high - low,
        "body_share": ratio(close - open_, high - low),
        "close_place": ratio(close - low, high - low, neutral=0.5),
    }
    return columns | _windowed(high, low, close, span) if span else columns


def _windowed(high: np.ndarray, low: np.ndarray, close: np.ndarray, span: int) -> Columns:
    ranges = true_range(high, low, close)
    unit = window_mean(ranges, span)
    moves, returns = change(close), log_return(close)
    gains, losses = window_sum(np.maximum(moves, 0.0), span), window_sum(np.maximum(-moves, 0.0), span)
    top, bottom = window_highest(high, span), window_highest(-low, span)
    deviation = window_deviation(returns, span)
    return {
        "unit": unit,
        "last_return": ratio(returns, deviation),
        "last_range_atr": ratio(ranges, unit, neutral=1.0),
        f"rsi_{span}": 100.0 * ratio(gains, gains + losses, neutral=0.5),
        f"place_in_range_{span}": ratio(close + bottom, top + bottom, neutral=0.5),
        f"close_to_sma_{span}_atr": ratio(close - window_mean(close, span), unit),
        f"line_{span}_fit": window_fit(close, span),
        f"deviation_{span}_percent": 100.0 * deviation,
        f"range_change_{span}": ratio(window_mean(ranges, max(span // 4, 1)), unit, neutral=1.0),
    }
