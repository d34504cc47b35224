"""Bars as features read them: indexed by `ts`, complete, finite and in order, or refused with the place."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from feature_store.arrays import COLUMNS
from market.errors import DataError

Companions = Mapping[str, pd.DataFrame]

_PRICES = ("open", "high", "low", "close")
_INDEX = pd.Index(COLUMNS)


def by_ts(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars indexed by `ts`, with the columns that features read, all of them checked.

    Raises DataError naming every missing column at once, or the first row that is not finite, has a price that is not
    positive, or is stamped out of order.
    """
    indexed = bars.set_index("ts") if "ts" in bars.columns else bars
    missing = [name for name in COLUMNS if name not in indexed.columns]
    if missing:
        raise DataError(f"Bars lack the columns {', '.join(missing)}: features need {', '.join(COLUMNS)}.")
    ts = indexed.index
    if not isinstance(ts, pd.DatetimeIndex) or ts.tz is None:
        raise DataError("Bars must be indexed by `ts`, or carry a column `ts`, of stamps with a time zone (UTC).")
    if not (ts.is_monotonic_increasing and ts.is_unique):
        at = ts[1:][np.diff(ts.as_unit("us").asi8) <= 0][0]
        raise DataError(f"Bars are out of order or doubled at {at}: stamps must increase strictly.")
    read = indexed if tuple(indexed.columns) == COLUMNS else indexed[list(COLUMNS)]
    values = read.to_numpy(dtype=np.float64)
    if not (np.isfinite(values).all() and (values[:, : len(_PRICES)] > 0.0).all()):
        bad = ~np.isfinite(values) | ~(values > 0.0) & np.isin(COLUMNS, _PRICES)
        row, column = np.argwhere(bad)[0]
        found = values[row, column]
        raise DataError(f"Bar {ts[row]} has {COLUMNS[column]} {found}: it must be finite, and a price over 0.")
    return pd.DataFrame(values, index=ts, columns=_INDEX, copy=False)


def seen(companions: Companions | None, ts: pd.Index) -> Companions:
    """Return of each companion's bars those that are known at one of the stamps `ts`."""
    known = {}
    for symbol, frame in (companions or {}).items():
        indexed = frame.set_index("ts") if "ts" in frame.columns else frame
        first, last = indexed.index.searchsorted(ts[[0, -1]], side="right")
        known[symbol] = indexed.iloc[max(int(first) - 1, 0) : int(last)]
    return known


def checked(companions: Companions | None) -> Companions:
    """Return the companions' bars as `by_ts` returns them; raises DataError that names the symbol."""
    found = {}
    for symbol, frame in (companions or {}).items():
        try:
            found[symbol] = by_ts(frame)
        except DataError as error:
            raise DataError(f"Companion {symbol}: {error}") from None
    return found
