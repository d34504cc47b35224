"""The way of bars from files into a table: in stamp order, a window at a time, in the same memory however many.

Each file's rows are moved to UTC, checked in themselves and put in order; files are merged by stamp; then each window
is checked among its neighbours. Rows with an error leave the stream and stand in the findings; what is left is sound.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from market import clocks, coarser, neighbours, timeframe, validation
from market.errors import DataError, UsageError
from market.findings import Findings
from market.instruments import Instrument
from market.timeframe import Timeframe
from market.validation import PRICES, Wanted, about_file, about_rows, microseconds

OPEN, CLOSE = "open", "close"
DISORDER = 0.01  # a larger share of rows out of order is no slip but another file

_HELD = 4_096  # rows of a chunk that wait for the next one: a stray stamp is seen by those behind it
_STRETCH = 24  # bars of another timeframe that are no slip
_CONTEXT, _AHEAD = 512, 1_500  # rows before and behind that a row is judged among: a day of minutes
_TOGETHER = 65_536  # rows that are judged together, or more
_MOST_AT_ONCE = 1_000_000  # rows of one stamp
_NUMBERS = (*PRICES, "volume", "spread_recorded")


class Raw(NamedTuple):
    """A chunk of a file: the rows that could be read, and findings on those that could not.

    rows: `row` (line or row number in the source, from 1), `stamp` (datetime64, naive or with a zone), open high low
    close (float64), optionally `volume` and `spread_recorded` (price units, NaN where none).
    unreadable: the columns of `findings.COLUMNS`.
    """

    rows: pd.DataFrame
    unreadable: pd.DataFrame


class File(NamedTuple):
    """A file at the door: its name, its chunks, the clock of naive stamps and which side of a bar they mark.

    `ask` gives the chunks of ask prices, where a second file holds them: the spread is ask close minus bid close.
    """

    name: str
    chunks: Iterator[Raw]
    clock: str | None
    stamp: str
    ask: Iterator[Raw] | None = None


class Held(NamedTuple):
    """What the rows are held against, for all files alike."""

    timeframe: Timeframe
    instrument: Instrument
    now: pd.Timestamp


def bars(files: Sequence[File], held: Held, findings: Findings) -> Iterator[pd.DataFrame]:
    """Yield sound bars in windows: indexed by `ts`; open high low close volume spread spread_recorded (float64).

    `spread` is the larger of the recorded one and the instrument's floor. Missing volume is 0. Raises UsageError where
    a clock is missing or contradicts the stamps; nothing is raised for bad rows: see `findings`.
    """
    names = [file.name for file in files]
    streams = [_rows_of(file, names, held, findings) for file in files]
    merged = _merged(streams) if len(streams) > 1 else streams[0]
    floor = held.instrument.costs.spread_floor
    for rows in _among_neighbours(merged, held, findings):
        window = rows.set_index("ts")[list(_NUMBERS)]
        window["volume"] = window["volume"].fillna(0.0)
        window.insert(5, "spread", np.fmax(window["spread_recorded"], floor))
        yield window


def no_bars() -> pd.DataFrame:
    """Return a table of bars without any."""
    index = pd.DatetimeIndex([], tz="UTC", name="ts").as_unit("us")
    return pd.DataFrame({name: np.empty(0) for name in (*PRICES, "volume", "spread", "spread_recorded")}, index=index)


def _rows_of(file: File, names: list[str], held: Held, findings: Findings) -> Iterator[pd.DataFrame]:
    """Yield one file's rows that are sound in themselves, in stamp order: file row stamp ts and the prices."""
    order = _Order(file.name, held.timeframe, findings)
    displaced = has_volume = None
    for rows, zone in _with_spread(file, names, held, findings):
        wanted = Wanted(*held, zone, bool(displaced), has_volume)
        if displaced is None:
            displaced = validation.is_displaced(rows, held.instrument)
            wanted = wanted._replace(displaced=displaced)
        found = validation.check_rows(rows, wanted)
        findings.add(found)
        order.spaced(microseconds(rows["ts"]))
        if has_volume is None:
            has_volume = not rows["volume"].isna().all()
        yield from order.put(_without(rows, found))
    yield from order.end()


def _in_utc(
    file: File, chunks: Iterator[Raw], code: int, names: list[str], held: Held, findings: Findings
) -> Iterator[tuple[pd.DataFrame, str]]:
    """Yield chunks as frames with file, row, stamp (as its clock shows it), ts and numbers, and the clock's name.

    The file is one of `names`, by its `code`.
    """
    name = names[code]
    shift = held.timeframe.minutes * 60_000_000 if file.stamp == OPEN else 0
    for chunk in chunks:
        findings.add(chunk.unreadable.assign(file=name))
        if not len(chunk.rows):
            continue
        utc, wall, unknown, zone = in_utc(chunk.rows["stamp"], file.clock, name)
        findings.zones[name] = zone
        findings.rows[name] += len(chunk.rows)
        columns = {"file": pd.Categorical.from_codes(np.full(len(utc), code), names)}
        columns |= {"row": chunk.rows["row"].to_numpy(), "stamp": wall.astype("datetime64[us]")}
        columns["ts"] = pd.DatetimeIndex((utc + shift).astype("datetime64[us]"), tz="UTC")
        for number in _NUMBERS:
            columns[number] = chunk.rows[number].to_numpy(dtype="float64") if number in chunk.rows else np.nan
        rows = pd.DataFrame(columns)
        if unknown.any():
            wanted = f"a stamp with one meaning in {zone}; UTC stamps have no such hours"
            twice = "local hour that summer time repeats or skips"
            found = about_rows(rows, unknown, twice, "no one instant", wanted)
            findings.add(found)
            rows = _without(rows, found)
        yield rows, zone


def in_utc(stamps: pd.Series, clock: str | None, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return instants in UTC, what the source's clock shows (both in us), which are unknown, and the clock's name.

    Raises UsageError where naive stamps have no declared clock, or stamps that carry a zone contradict it.
    """
    declared = clocks.clock(clock) if clock is not None else None
    if stamps.dt.tz is None:
        if declared is None:
            raise UsageError(
                f"{source}: the stamps carry no time zone: declare it, --timezone UTC or, as most MetaTrader brokers "
                "keep, --timezone Europe/Athens."
            )
        wall = microseconds(stamps)
        utc, unknown = clocks.to_utc(wall, declared)
        return utc, wall, unknown, declared.name
    carried = str(stamps.dt.tz)
    utc = microseconds(stamps.dt.tz_convert("UTC"))
    wall = microseconds(stamps.dt.tz_localize(None))
    if declared is not None and (clocks.from_utc(utc[::97], declared) != wall[::97]).any():
        raise UsageError(f"{source}: the stamps carry the zone {carried}, not {clock}: leave --timezone out.")
    return utc, wall, np.zeros(len(utc), dtype=bool), carried


def _with_spread(file: File, names: list[str], held: Held, findings: Findings) -> Iterator[tuple[pd.DataFrame, str]]:
    """Yield chunks of bid rows, with the spread to the ask file's closes where there is one."""
    bids = _in_utc(file, file.chunks, names.index(file.name), names, held, findings)
    if file.ask is None:
        yield from bids
        return
    asks = _in_utc(file, file.ask, 0, [f"{file.name} (ask)"], held, findings)
    waiting, more, unpaired = pd.Series(dtype="float64", index=pd.DatetimeIndex([], tz="UTC")), True, 0
    digits = 3 - round(np.log10(held.instrument.costs.tick_size))
    for rows, zone in bids:
        last = rows["ts"].max()
        while more and (waiting.empty or waiting.index.max() <= last):
            ask = next(asks, None)
            more = ask is not None
            waiting = waiting if ask is None else pd.concat([waiting, ask[0].set_index("ts")["close"]])
        waiting = waiting[~waiting.index.duplicated()]
        at_once = waiting.reindex(pd.DatetimeIndex(rows["ts"])).to_numpy(dtype="float64")
        unpaired += int(np.isnan(at_once).sum())
        yield rows.assign(spread_recorded=np.round(at_once - rows["close"].to_numpy(), digits)), zone
        waiting = waiting[waiting.index > last]
    if unpaired:
        findings.add(about_file(file.name, "bars without an ask", f"{unpaired} bars", "an ask for each bid", "warning"))


class _Order:
    """Puts rows of one file in order, one chunk at a time, and sets aside those that stand out of it."""

    def __init__(self, file: str, frame: Timeframe, findings: Findings) -> None:
        self.file, self.timeframe, self.findings = file, frame, findings
        self.waiting: pd.DataFrame | None = None
        self.passed = np.iinfo("int64").min
        self.before: int | None = None
        self.rows = self.strays = 0
        self.first: tuple[int, str] | None = None
        self.spacings: Counter[int] = Counter()

    def put(self, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Take a chunk and yield what is settled."""
        self.rows += len(rows)
        window = rows if self.waiting is None else pd.concat([self.waiting, rows], ignore_index=True)
        yield from self._settled(window, _HELD)

    def end(self) -> Iterator[pd.DataFrame]:
        """Yield what still waits, then say what only the whole file tells."""
        if self.waiting is not None:
            yield from self._settled(self.waiting.reset_index(drop=True), 0)
        if self.strays > max(1.0, DISORDER * self.rows) and self.first:
            row, stamp = self.first
            found = f"{self.strays} of {self.rows} rows out of order, the first is row {row}, {stamp}"
            self.findings.add(about_file(self.file, "stamps are not sorted", found, "oldest first"))
        self._spacing()

    def _settled(self, window: pd.DataFrame, hold: int) -> Iterator[pd.DataFrame]:
        ts = microseconds(window["ts"])
        stray = ts < self.passed
        backwards = np.flatnonzero(np.diff(ts) < 0)
        if len(backwards) or stray.any():
            first = int(np.argmax(stray)) if stray.any() else int(backwards[0]) + 1
            self.first = self.first or (int(window["row"].iloc[first]), str(window["stamp"].iloc[first]))
            ordered = np.flatnonzero(~stray)
            stray[ordered[validation.out_of_order(ts[ordered])]] = True
            run = stray & (np.r_[False, stray[:-1]] | np.r_[stray[1:], False])
            stray &= ~(run & np.isin(ts, ts[~stray]))  # rows in a row that repeat stamps are judged beside their twins
        settled = np.arange(len(window)) < len(window) - hold
        out = stray & settled
        if out.any():
            self.strays += int(out.sum())
            wanted = "stamps that increase, oldest first"
            shown = window["stamp"]
            self.findings.add(about_rows(window, out, "stamp out of order", lambda i: str(shown.iloc[i]), wanted))
        self.waiting = window[~settled] if hold else None
        ready = window[settled & ~stray]
        if len(ready):
            yield ready.sort_values("ts", kind="stable", ignore_index=True)
            self.passed = int(ts[ready.index].max())

    def spaced(self, ts: np.ndarray) -> None:
        """Count how far rows stand apart, bad ones among them: stamps as they come, in microseconds."""
        before = ts[:1] if self.before is None else [self.before]
        apart = np.diff(np.r_[before, ts])
        spacings, counts = np.unique(apart[apart > 0], return_counts=True)
        self.spacings.update(dict(zip(spacings.tolist(), counts.tolist(), strict=True)))
        self.before = int(ts[-1]) if len(ts) else self.before

    def _spacing(self) -> None:
        """Say so where bars stand apart as those of another timeframe do, all of them or many."""
        if not self.spacings:
            return
        wanted, length = self.timeframe.name, self.timeframe.minutes * 60_000_000
        most = max(sorted(self.spacings), key=lambda one: self.spacings[one])
        finer = Counter({one: count for one, count in self.spacings.items() if one < length})
        other = most if most != length else max(sorted(finer), key=lambda one: finer[one], default=length)
        if min(self.spacings[length], self.spacings[other]) >= _STRETCH and other != length:
            counts = (self.spacings[length], self.spacings[other])
            found = f"{counts[0]:,} bars of {wanted}, {counts[1]:,} of {timeframe.of_spacing(other)}"
            advice = f"{wanted} bars only: split the file, and import each part as what it is"
            self.findings.add(about_file(self.file, "bars of several timeframes", found, advice))
        elif most != length:
            advice = f"{wanted} bars: import it as what it is, then resample"
            found = f"it looks like {timeframe.of_spacing(most)}"
            self.findings.add(about_file(self.file, f"bars are not {wanted}", found, advice))


def _merged(streams: Sequence[Iterator[pd.DataFrame]]) -> Iterator[pd.DataFrame]:
    """Yield the rows of all streams in stamp order; of the same stamp, in the order of the streams."""
    heads = [next(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        limit = min(head["ts"].iloc[-1] for head in heads if head is not None)
        upto = [0 if head is None else int(head["ts"].searchsorted(limit, side="right")) for head in heads]
        parts = [head.iloc[:n] for head, n in zip(heads, upto, strict=True) if head is not None and n]
        rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        yield rows.sort_values("ts", kind="stable", ignore_index=True) if len(parts) > 1 else rows
        for i, (head, n) in enumerate(zip(heads, upto, strict=True)):
            if head is not None:
                heads[i] = head.iloc[n:] if n < len(head) else next(streams[i], None)


class _Context(NamedTuple):
    """The last rows that have been judged: the sound ones, and those among which coarser bars are told."""

    sound: pd.DataFrame
    ordered: pd.DataFrame


def _among_neighbours(windows: Iterator[pd.DataFrame], held: Held, findings: Findings) -> Iterator[pd.DataFrame]:
    """Yield rows that fit their neighbours; rows of the same stamp are always judged together."""
    context: _Context | None = None
    pending: list[pd.DataFrame] = []
    for window in windows:
        pending.append(window)
        if sum(map(len, pending)) < _TOGETHER:
            continue
        rows = pd.concat(pending, ignore_index=True)
        ts = microseconds(rows["ts"])
        ready = int(np.searchsorted(ts, ts[max(0, len(ts) - _AHEAD)]))
        if not ready and len(rows) > _MOST_AT_ONCE:
            stamp = rows["stamp"].iloc[0]
            raise DataError(f"{rows['file'].iloc[0]}: {len(rows)} rows bear the stamp {stamp}: export it again.")
        if ready:
            context, sound = _judged(context, rows, ready, held, findings)
            yield sound
        pending = [rows.iloc[ready:]]
    if pending:
        rows = pd.concat(pending, ignore_index=True)
        yield _judged(context, rows, len(rows), held, findings)[1]


def _judged(
    context: _Context | None, rows: pd.DataFrame, ready: int, held: Held, findings: Findings
) -> tuple[_Context, pd.DataFrame]:
    """Return the context of the next rows, and those of the first `ready` rows that are sound."""
    found, merge = neighbours.repeated(rows)
    findings.add(found[(found.index < ready)])
    findings.merged += int(merge[:ready].sum())
    keep = ~merge
    keep[found.index[found["severity"] == "error"]] = False
    rows, ready = rows[keep].reset_index(drop=True), int(keep[:ready].sum())

    before = 0 if context is None else len(context.ordered)
    ordered = rows if context is None else pd.concat([context.ordered, rows], ignore_index=True)
    found = coarser.coarser(ordered, held.timeframe)
    found.index -= before
    findings.add(found[(found.index >= 0) & (found.index < ready)])
    fine = ~np.isin(np.arange(len(rows)), found.index)
    ordered = ordered.iloc[max(0, before + ready - _CONTEXT) : before + ready]
    rows, ready = rows[fine], int(fine[:ready].sum())

    before = 0 if context is None else len(context.sound)
    rows = rows.reset_index(drop=True) if context is None else pd.concat([context.sound, rows], ignore_index=True)
    upto = before + ready
    for check in (neighbours.astray, neighbours.ticks):
        found = check(rows)
        now = found[((found.index >= before) & (found.index < upto)) | (found["row"] == 0)]
        findings.add(now)
        out = now.index[(now["severity"] == "error") & (now["row"] > 0)]
        if len(out):
            rows, upto = rows.drop(index=out).reset_index(drop=True), upto - len(out)
    return _Context(rows.iloc[max(0, upto - _CONTEXT) : upto], ordered), rows.iloc[before:upto]


def _without(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that no error names."""
    blamed = found.index[(found["severity"] == "error") & (found["row"] > 0)]
    return rows.drop(index=blamed).reset_index(drop=True) if len(blamed) else rows


def timeframe_of(stamps: pd.Series, source: str) -> Timeframe:
    """Return the timeframe of a file from the most common spacing of its first stamps; DataError where it is none."""
    try:
        found = timeframe.infer(pd.DatetimeIndex(stamps.drop_duplicates().sort_values()))
    except DataError as error:
        raise DataError(f"{source}: {error} Say it: --timeframe 15T.") from error
    if found.name not in timeframe.TIMEFRAMES:
        known = ", ".join(timeframe.TIMEFRAMES)
        raise DataError(f"{source} looks like {found.name} bars, and only {known} are kept: export a finer timeframe.")
    return found
