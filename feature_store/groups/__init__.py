"""The feature groups: one file each, entered in `GROUPS`.

A group is a module with `LOOKBACK` (own bars that stand behind a row, the row included: a whole number, or one for each
timeframe name where it depends on that) and `compute(bars)`, which takes `feature_store.arrays.Bars` and returns bare
names and float64 arrays. A group that means nothing without volume says `NEEDS_VOLUME = True`, one that means nothing
without bars of other symbols `NEEDS_COMPANIONS = True`. Row t may depend on bars
up to t alone, and computed on the LOOKBACK bars that end at t it must equal full history: whole numbers exactly, the
rest within 1e-9 of the column's standard deviation. `CATALOGUE` (`feature_store.described`) says what each column is.
To add a group, write the file, enter it here and `make docs`; the contract tests run over every member.

An array ends with the last bar. It may leave out rows before the one that has LOOKBACK − 1 bars before it, for these do
not count: a column that looks at 100 bars is made from `bars.close[LOOKBACK - 100 :]`. So the last row alone, which a
live runner wants, costs no more than it must.

A group may say of which `PARTS` its `compute` consists (`feature_store.parts`): where a model wants few columns, the
other parts are not computed.
"""

from collections.abc import Collection, Sequence
from types import ModuleType

import pandas as pd

from feature_store.groups import (
    calendar,
    candlestick,
    companions,
    context,
    cycle,
    entropy,
    fractional,
    microstructure,
    momentum,
    order_flow,
    price_statistics,
    range_structure,
    regime,
    trend,
    volatility,
    volume,
)
from market.errors import UsageError, nearest
from market.timeframe import Timeframe, infer

GROUPS: dict[str, ModuleType] = {
    "momentum": momentum,
    "trend": trend,
    "volatility": volatility,
    "volume": volume,
    "cycle": cycle,
    "candlestick": candlestick,
    "price_statistics": price_statistics,
    "entropy": entropy,
    "fractional": fractional,
    "range_structure": range_structure,
    "microstructure": microstructure,
    "order_flow": order_flow,
    "calendar": calendar,
    "regime": regime,
    "context": context,
    "companions": companions,
}

COMPANIONS = "companions"


def chosen(groups: Sequence[str] | None) -> tuple[str, ...]:
    """Return the group names asked for in the order of `GROUPS`; all of them for None or an empty sequence.

    Raises UsageError for an unknown name, with the nearest known one.
    """
    wanted = tuple(groups) if groups is not None and len(groups) else tuple(GROUPS)
    for name in wanted:
        if name not in GROUPS:
            raise UsageError(f"Unknown feature group {name!r}: choose from {', '.join(GROUPS)}.{nearest(name, GROUPS)}")
    return tuple(name for name in GROUPS if name in wanted)


def groups_for(has_volume: bool, companions: Collection[str] = ()) -> tuple[str, ...]:
    """Return the groups that a series supports: those that need volume or companions are left out without.

    >>> sorted(set(groups_for(True)) - set(groups_for(False))), set(groups_for(True, ["DXY"])) - set(groups_for(True))
    (['order_flow', 'volume'], {'companions'})
    """
    lacking = [
        flag for flag, there in (("NEEDS_VOLUME", has_volume), ("NEEDS_COMPANIONS", bool(companions))) if not there
    ]
    return tuple(name for name, group in GROUPS.items() if not any(getattr(group, flag, False) for flag in lacking))


def supported(groups: Sequence[str] | None, companions: Collection[str]) -> tuple[str, ...]:
    """Return the groups asked for (None or empty: all that there are sources for), in the order of `GROUPS`.

    Raises UsageError for an unknown name, and for a group by name whose companions are not there.
    """
    if groups is None or not len(groups):
        return groups_for(True, companions)
    names = chosen(groups)
    if lacking := set(names) - set(groups_for(True, companions)):
        raise UsageError(
            f"Feature group {', '.join(sorted(lacking))} needs bars of other symbols, and there are none: give "
            "companions, or leave the group out."
        )
    return names


def lookback(groups: Sequence[str] | None = None, timeframe: Timeframe | None = None) -> int:
    """Return the own bars that the last row of `groups` needs; without a timeframe, what suffices for any of them.

    >>> lookback(["calendar"]), lookback() <= 3000
    (2, True)
    """
    return max(_bars(GROUPS[name].LOOKBACK, timeframe) for name in chosen(groups))


def timeframe_of(bars: pd.DataFrame, groups: Sequence[str] | None = None) -> Timeframe | None:
    """Return the timeframe of bars indexed by `ts` where the lookback of a group depends on it, else None.

    Raises DataError where it depends on it and the stamps do not tell.
    """
    depends = any(isinstance(GROUPS[name].LOOKBACK, dict) for name in chosen(groups))
    return infer(pd.DatetimeIndex(bars.index)) if depends else None


def _bars(declared: int | dict[str, int], timeframe: Timeframe | None) -> int:
    if isinstance(declared, int):
        return declared
    return max(declared.values()) if timeframe is None else declared[timeframe.name]
