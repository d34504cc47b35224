"""Where one bar touches stop and target: a stop, unless bars of a finer timeframe tell which came first."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from market.compiled import compiled
from market.errors import DataError
from market.execution import Bar, Costs, Exits, Fill, State, began, concluded, tied, touched
from market.tape import bar_length, indexed, opens, prices, read_only

_SAME = 1e-6  # prices within a millionth of a tick are the same


class Finer(NamedTuple):
    """Prices of finer bars; `begin` and `end` say for each bar which of them lie in it. Empty: there are none."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    begin: np.ndarray
    end: np.ndarray


_NO_PRICES, _NO_PLACES = read_only(np.empty(0)), np.empty(0, np.int64)
NO_FINER = Finer(_NO_PRICES, _NO_PRICES, _NO_PRICES, _NO_PRICES, _NO_PLACES, _NO_PLACES)


def finer_bars(ts: pd.DatetimeIndex, finer: pd.DataFrame) -> Finer:
    """Return `finer`, bars of a finer timeframe of the same series, by the bars that close at `ts`.

    Raises DataError for bars that are not sound, or not finer.
    """
    finer = indexed(finer)
    within = pd.DatetimeIndex(finer.index)
    length, short = bar_length(ts), bar_length(within)
    if not 0 < short < length:
        raise DataError(f"Finer bars stand {short / 6e7:g} minutes apart, the bars {length / 6e7:g}: give finer ones.")
    stamps = within.as_unit("us").asi8
    arrays = {name: values for name, values in prices(finer).items() if name != "spread"}
    begin = np.searchsorted(stamps, opens(ts, length), side="right")
    return Finer(**arrays, begin=begin, end=np.searchsorted(stamps, ts.as_unit("us").asi8, side="right"))


@compiled
def untied(
    filled: Fill, state: State, bar: Bar, i: int, finer: Finer, exits: Exits, costs: Costs
) -> tuple[Fill, bool, bool]:
    """Return the stop that `fill` says of `bar`, at `i`, or what is true instead; whether it was a tie; and settled.

    Finer bars settle a tie where they are that bar (same open, high, low and close) and the first of them that touches
    a barrier touches one alone; they are charged the spread of the bar. Otherwise a tie is a stop.
    """
    position = began(state, bar, exits, costs)
    if not tied(position, bar, costs):
        return filled, False, False
    if len(finer.begin) == 0 or not _are_the_bar(bar, finer, finer.begin[i], finer.end[i], costs):
        return filled, True, False
    for j in range(finer.begin[i], finer.end[i]):
        within = Bar(finer.open[j], finer.high[j], finer.low[j], finer.close[j], bar.spread, 0.0, 1.0, 0.0)
        reason, price, slippage = touched(position, within, False, costs)
        if reason != 0:
            if tied(position, within, costs):
                return filled, True, False
            return concluded(state, position, reason, price, slippage, bar, costs), True, True
    return filled, True, False


@compiled
def _are_the_bar(bar: Bar, finer: Finer, begin: int, end: int, costs: Costs) -> bool:
    """Return whether the finer bars from `begin` to before `end` have the prices of `bar`."""
    if begin == end:
        return False
    high, low = finer.high[begin], finer.low[begin]
    for j in range(begin + 1, end):
        high, low = max(high, finer.high[j]), min(low, finer.low[j])
    near = _SAME * costs.tick_size
    return (
        abs(finer.open[begin] - bar.open) <= near
        and abs(high - bar.high) <= near
        and abs(low - bar.low) <= near
        and abs(finer.close[end - 1] - bar.close) <= near
    )
