"""What is wrong with the rows of a file in themselves: each check names rows, what was found and what was wanted.

A check is a pure function from a chunk of one file's rows to findings; `CHECKS` is the list of them. Rows carry `file`,
`row` (line or row number in the source), `stamp` (as the source has it), `ts` (UTC close), prices, `volume` and
`spread_recorded` (NaN where none). A finding with row 0 is about the whole file and cannot be set aside.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from market import calendars, clocks
from market.findings import COLUMNS, joined, nothing
from market.instruments import Instrument
from market.timeframe import Timeframe

PRICES = ["open", "high", "low", "close"]
EARLIEST = pd.Timestamp("2000-01-01", tz="UTC")

SPREAD_IN_POINTS = 20  # a median spread of so many floors is a number of points
DENORMAL = 1e-300
LEAST_SHAPED = 1_000  # rows of which something is said of their shape
OPENS_APART = 1.0  # median bodies; silver's minutes have 0.5
LONG_WICKS, ABSURD_WICKS = 1.5, 3.0  # mean bodies; a single wild wick is a finding of its own
WIDEST = 0.05  # a spread, of the price
DISPLACED = 0.95  # of the closes in another unit: the whole file is
MOST = 0.8  # of the stamps: if so many are odd, it is no slip
OTHER_CALENDAR, GREGORIAN = "stamps are in another calendar or count", "dates of the Gregorian calendar since 2000"
BROKER_DAYS = ("EET-EU", "NY+7")  # clocks at whose midnight brokers begin the day
STRETCH = 10  # rows in another unit that are more than slips

_FACTORS = (100.0, 0.01, 10.0, 0.1, 1_000.0, 0.001, 10_000.0, 0.0001, 100_000.0, 0.00001)


class Wanted(NamedTuple):
    """What the rows are held against.

    `zone` is the name of the source's clock (its day may start the grid); `displaced` says that the file began in
    another unit of price, `has_volume` that it began with volume (None: this is its beginning).
    """

    timeframe: Timeframe
    instrument: Instrument
    now: pd.Timestamp
    zone: str
    displaced: bool = False
    has_volume: bool | None = None


_NOTHING = nothing()

Describe = Callable[[int], str] | str
Check = Callable[[pd.DataFrame, Wanted], Iterator[pd.DataFrame]]


def check_rows(rows: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """Return all findings of `CHECKS` (columns `COLUMNS`), indexed by position in `rows`, −1 for the whole file."""
    return joined([finding for check in CHECKS for finding in check(rows, wanted)])


def about_rows(
    rows: pd.DataFrame, bad: np.ndarray, problem: str, found: Describe, wanted: Describe, severity: str = "error"
) -> pd.DataFrame:
    """Return one finding for each row where `bad` is true; `found` and `wanted` may be functions of the position."""
    at = np.flatnonzero(bad)
    if not len(at):
        return _NOTHING
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


def some_of(rows: int) -> np.ndarray:
    """Return up to a hundred positions spread over `rows`."""
    return np.unique(np.linspace(0, max(rows - 1, 0), min(rows, 100)).astype("int64"))


def is_displaced(rows: pd.DataFrame, instrument: Instrument) -> bool:
    """Return whether nearly all closes stand outside the prices that the instrument has had since 2000."""
    lowest, highest = instrument.price_range
    close = rows["close"].to_numpy()
    prices = close[np.isfinite(close) & (close >= DENORMAL)]
    return bool(len(prices) and np.mean((prices < lowest) | (prices > highest)) > DISPLACED)


def _prices(rows: pd.DataFrame, _: Wanted) -> Iterator[pd.DataFrame]:
    values = rows[PRICES].to_numpy()
    open_, high, low, close = values.T
    finite = np.isfinite(values)
    positive = (values > 0) | ~finite
    tiny = (values > 0) & (values < DENORMAL)
    top, bottom = np.fmax(open_, close), np.fmin(open_, close)

    def culprit(good: np.ndarray) -> Callable[[int], str]:
        return lambda i: ", ".join(f"{PRICES[k]} {values[i, k]:.10g}" for k in np.flatnonzero(~good[i]))

    yield about_rows(rows, ~finite.all(axis=1), "price is not finite", culprit(finite), "a number")
    yield about_rows(rows, ~positive.all(axis=1), "price is not positive", culprit(positive), "more than 0")
    yield about_rows(rows, tiny.any(axis=1), "price is denormal", culprit(~tiny), "a price; was memory read as prices?")
    sound = finite.all(axis=1)
    above = sound & (high < top)
    yield about_rows(
        rows, above, "high below open or close", lambda i: number(high[i]), lambda i: f"at least {top[i]:.10g}"
    )
    below = sound & (low > bottom)
    yield about_rows(
        rows, below, "low above open or close", lambda i: number(low[i]), lambda i: f"at most {bottom[i]:.10g}"
    )


def _volume_and_spread(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    for name in ("volume", "spread_recorded"):
        values = rows[name].to_numpy()
        label = name.removesuffix("_recorded")
        bad = (values < 0) | np.isinf(values)
        yield about_rows(rows, bad, f"{label} is negative or infinite", lambda i, v=values: number(v[i]), "0 or more")  # type: ignore[misc]
    spread = rows["spread_recorded"].to_numpy()
    most = WIDEST * rows["close"].to_numpy()
    wide = np.isfinite(spread) & (spread > most)
    yield about_rows(
        rows, wide, "spread is implausible", lambda i: number(spread[i]), lambda i: f"less than {most[i]:.4g}"
    )
    missing = rows["volume"].isna().to_numpy()
    if wanted.has_volume or (wanted.has_volume is None and not missing.all()):
        yield about_rows(rows, missing, "volume is missing", "nothing", "a number, as on other rows")


def _magnitude(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """Whole files in another unit, a unit that changes inside, and single rows where the price has never been."""
    lowest, highest = wanted.instrument.price_range
    name = wanted.instrument.symbol
    within = f"{number(lowest)} to {number(highest)}, where {name} has been since 2000"
    if wanted.displaced:
        median = float(rows["close"].median())
        factor = _likeliest_factor(median, lowest, highest)
        how = f"prices look multiplied by {factor:g}" if factor else f"prices are implausible for {name}"
        yield about_file(rows["file"].iloc[0], how, f"a median close of {median:.10g}", within)
        return
    values = rows[["low", "high"]].to_numpy()
    astray = (values >= DENORMAL) & np.isfinite(values) & ((values < lowest) | (values > highest))
    bad = astray.any(axis=1)
    start = _first_stretch(astray.all(axis=1))
    if start is not None:
        yield about_file(
            rows["file"].iloc[0],
            "scale changes inside",
            f"{int(bad[start:].sum())} rows from row {rows['row'].iloc[start]}, {rows['stamp'].iloc[start]}, on at "
            f"{number(values[start][0])}{_how_scaled(rows, start)}",
            f"one unit of price, {within}",
        )
        return
    yield about_rows(
        rows,
        bad,
        "price is implausible",
        lambda i: number(values[i][astray[i]][0]),
        f"{within}; or correct price_range",
    )


def _first_stretch(astray: np.ndarray) -> int | None:
    """Return where the first run of more than a few rows begins, or None."""
    if astray.sum() < STRETCH:
        return None
    edges = np.flatnonzero(np.diff(np.r_[False, astray, False].astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= STRETCH
    return int(starts[long][0]) if long.any() else None


def _how_scaled(rows: pd.DataFrame, start: int) -> str:
    """Return by which power of ten the price leaps at `start`, in words."""
    before = rows["close"].iloc[start - 1] if start else np.nan
    ratio = rows["open"].iloc[start] / before
    if np.isfinite(ratio) and ratio > 0 and abs(np.log10(ratio) - round(np.log10(ratio))) < 0.1:
        return f", multiplied by {10.0 ** round(np.log10(ratio)):g}"
    return ""


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
    spread = rows["spread_recorded"].to_numpy()
    spread = spread[spread > 0]
    median = float(np.median(spread)) if len(spread) else 0.0
    if floor > 0 and median > SPREAD_IN_POINTS * floor:
        yield about_file(
            rows["file"].iloc[0],
            "spreads look like points",
            f"a median spread of {median:.10g}",
            f"price units, near {number(floor)} for {wanted.instrument.symbol}; MetaTrader files are --format mt5",
        )


def _shape(rows: pd.DataFrame, _: Wanted) -> Iterator[pd.DataFrame]:
    """Highs and lows that belong to other opens and closes, and bars that are averages of bars.

    A path that leaps about at random has a mean range of twice its mean body; on real bars of all markets it is 1.6 to
    2.2 times, each wick 0.3 to 0.7 of the body.
    """
    open_, high, low, close = rows[PRICES].to_numpy().T
    sound = np.isfinite(open_ + high + low + close) & (low > 0)
    if sound.sum() < LEAST_SHAPED or (np.diff(microseconds(rows["ts"])) < 0).mean() > 1 - MOST:
        return
    open_, high, low, close = (values[sound] for values in (open_, high, low, close))
    body, least = float(np.abs(close - open_).mean()), 1e-9 * float(close.mean())
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    for name, wick in (("highs", high - top), ("lows", bottom - low)):
        share = float(wick.mean()) / body if body > 0 else 0.0
        if share > LONG_WICKS:
            found = f"a mean wick of {share:.3g} mean bodies"
            wanted = f"less than 1, as in markets: are the {name} of other bars, or in another unit?"
            severity = "error" if share > ABSURD_WICKS else "warning"
            yield about_file(rows["file"].iloc[0], f"{name} stand apart from opens and closes", found, wanted, severity)
    leaps = float(np.median(np.abs(open_[1:] - close[:-1])) / max(np.median(np.abs(close - open_)), least))
    if leaps > OPENS_APART:
        found = f"a median leap from close to open of {leaps:.3g} median bodies"
        wanted = "less than 0.6, as in markets: are opens and closes swapped, or opens of other bars?"
        yield about_file(rows["file"].iloc[0], "opens stand apart from the closes before", found, wanted)
    averaged = np.abs(open_[1:] - (open_[:-1] + close[:-1]) / 2) <= 1e-6 * close[1:]
    if averaged.mean() > MOST and body > 0 and not (np.abs(open_[1:] - close[:-1]) <= 1e-6 * close[1:]).mean() > MOST:
        found = f"{int(averaged.sum())} of {len(averaged)} opens are the middle of the bar before"
        yield about_file(rows["file"].iloc[0], "bars are averages (Heikin-Ashi)", found, "bars at traded prices")


def _clock(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    ts = rows["ts"]
    now = f"a bar that has closed by {wanted.now:%Y-%m-%d %H:%M} UTC"
    early, late = (ts < EARLIEST).to_numpy(), (ts > wanted.now).to_numpy()
    if (early | late).sum() > MOST * len(rows):
        stamps = rows["stamp"].iloc[some_of(len(rows))]
        if told := calendars.explain(stamps.dt.to_pydatetime().tolist()):
            yield about_file(rows["file"].iloc[0], OTHER_CALENDAR, told, GREGORIAN)
    yield about_rows(rows, late, "stamp in the future", lambda i: f"closes {ts.iloc[i]}", now)
    unit = "2000 or later; are the stamps in another unit?"
    yield about_rows(rows, early, "stamp before 2000", lambda i: str(rows["stamp"].iloc[i]), unit)


def _grid(rows: pd.DataFrame, wanted: Wanted) -> Iterator[pd.DataFrame]:
    """Bars start on the UTC grid; coarse ones may all start on that of the source's day, or of brokers' days."""
    length = wanted.timeframe.minutes * 60_000_000
    ts = microseconds(rows["ts"])
    off = ts % length != 0
    if wanted.timeframe.minutes > 60 and off.any():
        opens = ts - length
        days = [microseconds(rows["stamp"]), *(clocks.from_utc(opens, clocks.clock(name)) for name in BROKER_DAYS)]
        off = min((off, *(clock % length != 0 for clock in days)), key=np.sum)
    yield about_rows(
        rows,
        off,
        f"stamp off the {wanted.timeframe.name} grid",
        lambda i: str(rows["stamp"].iloc[i]),
        f"a multiple of {wanted.timeframe.minutes} minutes",
    )


def out_of_order(values: np.ndarray) -> np.ndarray:
    """Return the fewest elements without which `values` never decrease (bool; patience sorting).

    >>> out_of_order(np.array([1, 2, 9, 3, 4])).tolist()
    [False, False, True, False, False]
    """
    out = np.zeros(len(values), dtype=bool)
    settled = np.maximum.accumulate(values) <= np.minimum.accumulate(values[::-1])[::-1] if len(values) else out
    edges = np.flatnonzero(np.diff(np.r_[True, settled, True].astype(np.int8)))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        out[start:stop] = _out_of_order(values[start:stop])
    return out


def _out_of_order(values: np.ndarray) -> np.ndarray:
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


CHECKS: tuple[Check, ...] = (_prices, _volume_and_spread, _magnitude, _points, _shape, _clock, _grid)
