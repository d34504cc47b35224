"""Groups in parts: where only some columns of a group are wanted, only the parts that make them are computed.

A group of the house may say `PARTS`: functions of `Bars` whose columns, one part after the other, are those of its
`compute`. Which makes which column is found out by running each part once, on bars that stand still; no group has to
know what is wanted.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from feature_store import own_groups
from feature_store.arrays import COLUMNS, Bars, Columns
from feature_store.groups import GROUPS, lookback
from market.timeframe import Timeframe

Part = Callable[[Bars], Columns]


def made(name: str, bars: Bars, timeframe: Timeframe | None, wanted: frozenset[str] | None = None) -> Columns:
    """Return the columns of a group by their full names; those of `wanted` alone (full names), where it is given."""
    if wanted is None:
        return {f"{name}__{column}": values for column, values in GROUPS[name].compute(bars).items()}
    columns: Columns = {}
    for part in _parts(name, GROUPS[name].compute, timeframe, tuple(bars.companions), wanted):
        columns |= part(bars)
    return {full: values for column, values in columns.items() if (full := f"{name}__{column}") in wanted}


@lru_cache
def _parts(
    name: str, whole: Part, timeframe: Timeframe | None, companions: tuple[str, ...], wanted: frozenset[str]
) -> tuple[Part, ...]:
    """Return the parts of a group that make a column of `wanted`; the `whole` group where it has no parts."""
    parts = getattr(GROUPS[name], "PARTS", None)
    if parts is None or timeframe is None or name in own_groups.entered():
        return (whole,)
    still = _still(lookback([name], timeframe), timeframe, companions)
    return tuple(part for part in parts if any(f"{name}__{column}" in wanted for column in part(still)))


def _still(rows: int, timeframe: Timeframe, companions: tuple[str, ...]) -> Bars:
    """Return bars that stand still, with such companions."""
    ts = np.arange(1, rows + 1, dtype=np.int64) * timeframe.minutes * 60_000_000
    values = np.ones((len(COLUMNS), rows))
    return Bars(ts, values, timeframe, {symbol: Bars(ts, values, timeframe) for symbol in companions})
