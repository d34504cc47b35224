"""What is wrong with bars that somebody hands us: each check names rows, what was found and what was wanted.

A check is a pure function from rows to findings; `CHECKS` is the list of them. Rows carry `file`, `row` (line or row
number in the source), `stamp` (as the source has it), `ts` (UTC close, NaT where the local hour is ambiguous), prices,
`volume` and `spread_recorded` (NaN where none). A finding with row 0 is about a whole file and cannot be set aside.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from market import timeframe as timeframes
from market.errors import DataError
from market.instruments import Instrument
from market.timeframe import Timeframe

COLUMNS = ["file", "row", "stamp", "severity", "problem", "found", "wanted"]
PRICES = ["open", "high", "low", "close"]
EARLIEST = pd.Timestamp("2000-01-01", tz="UTC")

DISORDER = 0.01  # a larger share of rows out of order is no slip but another file
SPREAD_IN_POINTS = 20  # a median spread of so many floors is a number of points

_FACTORS = (100.0, 0.01, 10.0, 0.1, 1_000.0, 0.001, 10_000.0, 0.0001, 100_000.0, 0.00001)


class Wanted(NamedTuple):
    """What the rows are held against. `zone` is the declared zone of the source (its day starts the grid)."""

    timeframe: Timeframe
    instrument: Instrument
    now: pd.Timestamp
    zone: str


Describe = Callable[[int], str] | str
Check = Callable[[pd.DataFrame, Wanted], Iterator[pd.DataFrame]]


def check_rows(rows: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """Return all findings of `CHECKS` (columns `COLUMNS`), indexed by position in `rows`; −1 is about a whole file."""
    return joined([finding for check in CHECKS for finding in check(rows, wanted)])


def joined(findings: list[pd.DataFrame]) -> pd.DataFrame:
    """Return findings under each other."""
    some = [finding for finding in findings if len(finding)]
    return pd.concat(some) if some else pd.DataFrame(columns=COLUMNS, index=pd.Index([], dtype="int64"))


def about_rows(
    rows: pd.DataFrame, bad: np.ndarray, problem: str, found: Describe, wanted: Describe, severity: str = "error"
) -> pd.DataFrame:
    """Return one finding for each row where `bad` is true; `found` and `wanted` may be functions of the position."""
    at = np.flatnonzero(bad)
    frame = rows.iloc[at]
    return pd.DataFrame(
        {
            "file": frame["file"].to_numpy(),
            "row": frame["row"].to_numpy(),
            "stamp": [str(stamp) for stamp in frame["stamp"]],
            "severity": severity,
            "problem": problem,
            "found": [found if isinstance(found, str) else found(int(i)) for i in at],
            "wanted": [wanted if isinstance(wanted, str) else wanted(int(i)) for i in at],
        },
        index=at,
        columns=COLUMNS,
    )


def about_file(file: str, problem: str, found: str, wanted: str, severity: str = "error") -> pd.DataFrame:
    """Return a finding about a whole file."""
    return pd.DataFrame([[file, 0, "", severity, problem, found, wanted]], columns=COLUMNS, index=[-1])


def number(value: float) -> str:
    """Return a number as people write it.

    >>> number(1.0734), number(154759.0)
    ('1.0734', '154759')
    """
    return f"{value:.10g}"


def microseconds(ts: pd.Series) -> np.ndarray:
    """Return stamps as whole microseconds since 1970 (int64)."""
    return pd.DatetimeIndex(ts).as_unit("us").asi8


def _prices(rows: pd.DataFrame, _: Wanted) -> Iterator[pd.DataFrame]:
    values = rows[PRICES].to_numpy()
    open_, high, low, close = values.T
    finite = np.isfinite(values)
    positive = (values > 0) | ~finite
    top, bottom = np.fmax(open_, close), np.fmin(open_, close)

    def culprit(good: np.ndarray) -> Callable[[int], str]:
        return lambda i: ", ".join(f"{PRICES[k]} {values[i, k]:.10g}" for k in np.flatnonzero(~good[i]))

    yield about_rows(rows, ~finite.all(axis=1), "price is not finite", culprit(finite), "a number")
    yield about_rows(rows, ~positive.all(axis=1), "price is not positive", culprit(positive), "more than 0")
    sound = finite.all(axis=1)
    above = sound & (high < top)
    yield about_rows(
        rows, above, "high below open or close", lambda i: number(high[i]), lambda i: f"at least {top[i]:.10g}"
    )
    below = sound & (low > bottom)
    yield about_rows(
        rows, below, "low above open or close", lambda i: number(low[i]), lambda i: f"at most {bottom[i]:.10g}"
    )


def _volume_and_spread(rows: pd.DataFrame, _: Wanted) -> Iterator[pd.DataFrame]:
    for name in ("volume", "spread_recorded"):
        values = rows[name].to_numpy()
        label = name.removesuffix("_recorded")
        bad = (values < 0) | np.isinf(values)
        yield about_rows(rows, bad, f"{label} is negative or infinite", lambda i, v=values: number(v[i]), "0 or more")  # type: ignore[misc]
    volume = rows["volume"]
    missing = volume.isna() & volume.notna().groupby(rows["file"]).transform("any")
    yield about_rows(rows, missing.to_numpy(), "volume is missing", "nothing", "a number, as on other rows")


def _magnitude(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """Whole files in another unit, and single rows where the price has never been."""
    lowest, highest = wanted.instrument.price_range
    name = wanted.instrument.symbol
    within = f"{number(lowest)} to {number(highest)}, where {name} has been since 2000"
    displaced = np.zeros(len(rows), dtype=bool)
    for file, part in rows.groupby("file", sort=False):
        median = float(part["close"].median())
        if not np.isfinite(median) or median <= 0 or lowest <= median <= highest:
            continue
        displaced |= (rows["file"] == file).to_numpy()
        factor = _likeliest_factor(median, lowest, highest)
        how = f"prices look multiplied by {factor:g}" if factor else f"prices are implausible for {name}"
        yield about_file(str(file), how, f"a median close of {median:.10g}", within)
    values = rows[["low", "high"]].to_numpy()
    astray = (values > 0) & np.isfinite(values) & ((values < lowest) | (values > highest))
    bad = astray.any(axis=1) & ~displaced
    yield about_rows(
        rows,
        bad,
        "price is implausible",
        lambda i: number(values[i][astray[i]][0]),
        f"{within}; or correct price_range",
    )


def _likeliest_factor(price: float, lowest: float, highest: float) -> float | None:
    """Return the power of ten without which `price` stands nearest to the middle of its range, or None.

    >>> _likeliest_factor(30_000.0, 200.0, 12_000.0), _likeliest_factor(190.0, 200.0, 210.0)
    (10.0, None)
    """
    fitting = [factor for factor in _FACTORS if lowest <= price / factor <= highest]
    return min(fitting, key=lambda factor: abs(np.log((price / factor) ** 2 / (lowest * highest))), default=None)


def _points(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """Spreads that were recorded in points but are read as prices."""
    floor = wanted.instrument.costs.spread_floor
    for file, part in rows.groupby("file", sort=False):
        spread = part["spread_recorded"]
        median = float(spread[spread > 0].median())
        if floor > 0 and median > SPREAD_IN_POINTS * floor:
            yield about_file(
                str(file),
                "spreads look like points",
                f"a median spread of {median:.10g}",
                f"price units, near {number(floor)} for {wanted.instrument.symbol}; MetaTrader files are --format mt5",
            )


def _clock(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    ts = rows["ts"]
    now = f"a bar that has closed by {wanted.now:%Y-%m-%d %H:%M} UTC"
    yield about_rows(rows, (ts > wanted.now).to_numpy(), "stamp in the future", lambda i: f"closes {ts.iloc[i]}", now)
    early = (ts < EARLIEST).to_numpy()
    unit = "2000 or later; are the stamps in another unit?"
    yield about_rows(rows, early, "stamp before 2000", lambda i: str(rows["stamp"].iloc[i]), unit)


def _grid(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """Bars start on the UTC grid, or all on the grid of the source's own day."""
    off = off_grid(rows["ts"], wanted.timeframe, grid_zone(rows["ts"], wanted))
    yield about_rows(
        rows,
        off,
        f"stamp off the {wanted.timeframe.name} grid",
        lambda i: str(rows["stamp"].iloc[i]),
        f"a multiple of {wanted.timeframe.minutes} minutes",
    )


def grid_zone(ts: pd.Series, wanted: Wanted) -> str:
    """Return the zone whose midnight starts the bars' grid: UTC, or the source's own where more bars stand on that."""
    if wanted.timeframe.minutes <= 60:
        return "UTC"
    return min(("UTC", wanted.zone), key=lambda zone: int(off_grid(ts, wanted.timeframe, zone).sum()))


def off_grid(ts: pd.Series, timeframe: Timeframe, zone: str) -> np.ndarray:
    """Return where the bar that closes at `ts` starts off the grid of `timeframe` on the clock of `zone` (bool)."""
    start = (ts.dropna() - timeframe.delta).dt.tz_convert(zone).dt.tz_localize(None)
    off = start.dt.as_unit("us").astype("int64") % (timeframe.minutes * 60_000_000) != 0
    return off.reindex(ts.index, fill_value=False).to_numpy(dtype=bool)


def _spacing(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    for file, part in rows.groupby("file", sort=False):
        ts = part["ts"].dropna().drop_duplicates().sort_values()
        if len(ts) < 2:
            continue
        try:
            found = timeframes.infer(pd.DatetimeIndex(ts)).name
        except DataError as error:
            found = str(error)
        if found != wanted.timeframe.name:
            name = wanted.timeframe.name
            advice = f"{name} bars: import it as what it is, then resample"
            yield about_file(str(file), f"bars are not {name}", f"it looks like {found}", advice)


def _order(rows: pd.DataFrame, _: Wanted) -> Iterator[pd.DataFrame]:
    """Rows that must leave for the rest of their file to be in order; a file in disorder is refused whole."""
    stray = np.zeros(len(rows), dtype=bool)
    for file, at in rows.groupby("file", sort=False).indices.items():
        valid = at[rows["ts"].iloc[at].notna().to_numpy()]
        ts = microseconds(rows["ts"].iloc[valid])
        backwards = np.flatnonzero(np.diff(ts) < 0)
        if not len(backwards):
            continue
        out = valid[out_of_order(ts)]
        if len(out) > max(1.0, DISORDER * len(valid)):
            first = rows.iloc[valid[backwards[0] + 1]]
            found = f"{len(out)} of {len(valid)} rows out of order, the first is row {first['row']}, {first['stamp']}"
            yield about_file(str(file), "stamps are not sorted", found, "oldest first")
        else:
            stray[out] = True
    yield about_rows(
        rows, stray, "stamp out of order", lambda i: str(rows["stamp"].iloc[i]), "stamps that increase, oldest first"
    )


def out_of_order(values: np.ndarray) -> np.ndarray:
    """Return the fewest elements without which `values` never decrease (bool; patience sorting).

    >>> out_of_order(np.array([1, 2, 9, 3, 4])).tolist()
    [False, False, True, False, False]
    """
    tails: list[int] = []
    at: list[int] = []
    before = np.full(len(values), -1)
    for i, value in enumerate(values.tolist()):
        place = bisect_right(tails, value)
        before[i] = at[place - 1] if place else -1
        tails[place : place + 1] = [value]
        at[place : place + 1] = [i]
    out = np.ones(len(values), dtype=bool)
    i = at[-1] if at else -1
    while i >= 0:
        out[i] = False
        i = before[i]
    return out


CHECKS: tuple[Check, ...] = (_prices, _volume_and_spread, _magnitude, _points, _clock, _grid, _spacing, _order)
