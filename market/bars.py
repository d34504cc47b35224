"""Bars as Assay keeps them, from rows as others write them: close-stamped, UTC, checked, with the spread as charged."""

import zoneinfo
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market import neighbours, sessions, validation
from market.errors import UsageError, nearest
from market.instruments import Instrument
from market.timeframe import Timeframe

OPEN, CLOSE = "open", "close"
OFF_HOURS = 0.02  # of all bars; a zone that is wrong by an hour moves 4 % of gold's bars into its daily break


class Raw(NamedTuple):
    """What a reader of a vendor's format gives: the rows that could be read, and findings on those that could not.

    rows: `row` (line or row number in the source, from 1), `stamp` (datetime64, naive or with a zone), open high low
    close (float64), optionally `volume` and `spread_recorded` (price units, NaN where none).
    unreadable: the columns of `validation.COLUMNS`. source and sha256 are filled in at the door.
    """

    rows: pd.DataFrame
    unreadable: pd.DataFrame
    source: str = "rows"
    sha256: str = ""


class Imported(NamedTuple):
    """Sound bars, a report on every row that is not among them (and warnings on some that are), facts, rows merged."""

    bars: pd.DataFrame
    report: pd.DataFrame
    facts: dict[str, Any]
    merged: int

    @property
    def errors(self) -> pd.DataFrame:
        """Return the part of the report that blocks an import."""
        return self.report[self.report["severity"] == "error"]

    @property
    def beyond_quarantine(self) -> pd.DataFrame:
        """Return the errors about whole files, which no setting aside of rows can mend."""
        return self.errors[self.errors["row"] == 0]


def to_bars(
    raw: Raw | Sequence[Raw],
    *,
    timezone: str | None,
    stamp: str | None,
    timeframe: Timeframe,
    instrument: Instrument,
    now: pd.Timestamp,
) -> Imported:
    """Return sound bars of one series from the rows of one or several sources, and a report on all others.

    `timezone` is the zone of naive stamps (Europe/Athens, UTC …); stamps that carry a zone need none. `stamp` says
    whether stamps mark the `open` or the `close` of a bar. Local hours that summer time repeats or skips are errors.
    Rows of several sources are joined in stamp order; those that repeat another source's row exactly are merged.
    bars: indexed by `ts`; open high low close volume spread spread_recorded (float64). `spread` is the larger of the
    recorded one and the instrument's floor. Missing volume is 0. Nothing is raised for bad rows: see `Imported.errors`.
    Raises UsageError where `timezone` or `stamp` is missing or contradicts the stamps.
    """
    raws = [raw] if isinstance(raw, Raw) else list(raw)
    _check_stamp_side(stamp)
    rows, zone = _together(raws, timezone, timeframe.delta if stamp == OPEN else pd.Timedelta(0))
    wanted = validation.Wanted(timeframe, instrument, now, zone)
    unreadable = [one.unreadable.assign(file=one.source) for one in raws]
    ambiguous = validation.about_rows(
        rows,
        rows["ts"].isna().to_numpy(),
        "local hour that summer time repeats or skips",
        lambda i: str(rows["stamp"].iloc[i]),
        f"a stamp with one meaning in {zone}; UTC stamps have no such hours",
    )
    report = validation.joined([*unreadable, ambiguous, validation.check_rows(rows, wanted)])
    sound, more, merged = _among_neighbours(_without(rows, report))
    bars = _charged(sound, instrument)
    facts = _facts(bars, raws, validation.joined([report, more]), wanted) | {"stamp": stamp, "merged": merged}
    report = validation.joined([report, more, _off_hours(facts, wanted)]).reset_index(drop=True)
    return Imported(bars, report, facts, merged)


def _check_stamp_side(stamp: str | None) -> None:
    if stamp is None:
        raise UsageError(
            "Say whether stamps mark the open or the close of a bar: add --stamp open (MetaTrader, Binance, HistData) "
            "or --stamp close."
        )
    if stamp not in (OPEN, CLOSE):
        raise UsageError(f"--stamp is {stamp!r}: choose open or close.{nearest(stamp, (OPEN, CLOSE))}")


def _together(raws: Sequence[Raw], timezone: str | None, shift: pd.Timedelta) -> tuple[pd.DataFrame, str]:
    """Return the rows of all sources with `file` and `ts`, and the zone of their stamps."""
    parts, zones = [], []
    for one in raws:
        ts, zone = utc(one.rows["stamp"], timezone, one.source)
        part = pd.DataFrame({"file": one.source, "row": one.rows["row"], "stamp": one.rows["stamp"].astype(object)})
        part["ts"] = (ts + shift).dt.as_unit("us")
        for name in (*validation.PRICES, "volume", "spread_recorded"):
            part[name] = one.rows[name].astype("float64") if name in one.rows else np.nan
        parts.append(part)
        zones.append(zone)
    if len(set(zones)) > 1:
        raise UsageError(
            f"The files carry different zones, {' and '.join(sorted(set(zones)))}: import them one by one."
        )
    return pd.concat(parts, ignore_index=True), zones[0]


def utc(stamps: pd.Series, timezone: str | None, source: str) -> tuple[pd.Series, str]:
    """Return stamps in UTC (NaT where a local hour has no one meaning) and the zone that they came in."""
    if timezone is not None:
        _check_zone(timezone)
    if stamps.empty:
        return pd.Series([], dtype="datetime64[us, UTC]"), timezone or "UTC"
    if stamps.dt.tz is None:
        if timezone is None:
            raise UsageError(
                f"{source}: the stamps carry no time zone: declare it, --timezone UTC or, as most MetaTrader brokers "
                "keep, --timezone Europe/Athens."
            )
        return stamps.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC"), timezone
    carried = str(stamps.dt.tz)
    if timezone is not None and _clock(stamps, timezone) != _clock(stamps, carried):
        raise UsageError(f"{source}: the stamps carry the zone {carried}, not {timezone}: leave --timezone out.")
    return stamps.dt.tz_convert("UTC"), carried


def _clock(stamps: pd.Series, zone: str) -> list[pd.Timestamp]:
    some = stamps.iloc[:: max(1, len(stamps) // 1_000)]
    return list(some.dt.tz_convert(zone).dt.tz_localize(None))


def _check_zone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = nearest(name, zoneinfo.available_timezones())
        raise UsageError(f"Unknown time zone {name!r}: wanted a name such as UTC or Europe/Athens.{known}") from None


def _without(rows: pd.DataFrame, report: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that no error names, in the order of their stamps."""
    blamed = report.index[(report["severity"] == "error") & (report["row"] > 0)]
    keep = np.ones(len(rows), dtype=bool)
    keep[blamed[blamed >= 0]] = False
    return rows[keep].sort_values("ts", kind="stable").reset_index(drop=True)


def _among_neighbours(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return rows that fit their neighbours, findings on those that do not, and how many were merged."""
    found, merge = neighbours.repeated(rows)
    report = [found]
    rows = _without(rows[~merge], found) if merge.any() or len(found) else rows
    for check in (neighbours.astray, neighbours.ticks):
        found = check(rows)
        rows = _without(rows, found)
        report.append(found)
    return rows, validation.joined(report), int(merge.sum())


def _charged(rows: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    bars = rows.set_index("ts")[[*validation.PRICES, "volume", "spread_recorded"]]
    bars["volume"] = bars["volume"].fillna(0.0)
    bars.insert(5, "spread", np.fmax(bars["spread_recorded"], instrument.costs.spread_floor))
    return bars


def _facts(bars: pd.DataFrame, raws: Sequence[Raw], report: pd.DataFrame, wanted: validation.Wanted) -> dict[str, Any]:
    ts = pd.DatetimeIndex(bars.index)
    floor = wanted.instrument.costs.spread_floor
    errors = report[(report["severity"] == "error") & (report["row"] > 0)]
    return {
        "rows": len(bars),
        "first": ts[0].isoformat() if len(ts) else None,
        "last": ts[-1].isoformat() if len(ts) else None,
        "timezone": wanted.zone,
        "bars_on_spread_floor": int((bars["spread"] <= floor).sum()),
        "has_volume": bool((bars["volume"] > 0).any()),
        "sources": [{"name": raw.source, "sha256": raw.sha256, "rows": len(raw.rows)} for raw in raws],
        "set_aside": len(errors[["file", "row"]].drop_duplicates()),
        "suspicious_ticks": int((report["problem"] == "suspicious tick").sum()),
        **coverage(ts, wanted.timeframe, wanted.instrument.market, validation.grid_zone(pd.Series(ts), wanted)),
    }


def _off_hours(facts: dict[str, Any], wanted: validation.Wanted) -> pd.DataFrame:
    """Return a warning where so many bars trade in closed hours that the declared zone is in doubt."""
    outside, rows = facts["bars_outside_session"], facts["rows"]
    if outside <= OFF_HOURS * rows:
        return validation.joined([])
    market = wanted.instrument.market
    found = f"{outside} of {rows} bars stand in hours in which the {market} market is shut"
    right = f"the source's true time zone: {wanted.zone} looks wrong"
    return validation.about_file("", "bars outside trading hours", found, right, "warning")


def coverage(ts: pd.DatetimeIndex, timeframe: Timeframe, market: str, grid_zone: str = "UTC") -> dict[str, Any]:
    """Return how bars closing at `ts` cover the hours in which `market` trades.

    `gaps` are runs of missing bars inside trading hours, holidays included, `missing_bars` what they sum to,
    `longest_gap_hours` the longest of them; `bars_outside_session` trade while the market is shut.
    """
    if len(ts) == 0:
        return {"gaps": 0, "missing_bars": 0, "longest_gap_hours": 0.0, "bars_outside_session": 0}
    local = ts.tz_convert(grid_zone).tz_localize(None).as_unit("us").asi8
    length = timeframe.minutes * 60_000_000
    absent = np.maximum(np.diff(local) // length - 1, 0)
    run = np.repeat(np.arange(len(absent)), absent)
    within = np.arange(len(run)) - np.repeat(np.cumsum(absent) - absent, absent) + 1
    wall = pd.DatetimeIndex((local[run] + within * length).astype("datetime64[us]"))
    missing = wall.tz_localize(grid_zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    known = ~missing.isna()
    trading = np.zeros(len(run), dtype=bool)
    trading[known] = _trades_in(missing[known], timeframe, market)
    each = np.bincount(run[trading], minlength=1)
    return {
        "gaps": int((each > 0).sum()),
        "missing_bars": int(trading.sum()),
        "longest_gap_hours": float(each.max()) * timeframe.minutes / 60,
        "bars_outside_session": int((~_trades_in(ts, timeframe, market)).sum()),
    }


def _trades_in(ts: pd.DatetimeIndex, timeframe: Timeframe, market: str) -> np.ndarray:
    """Return whether the market trades at the start or at the end of the bar that closes at `ts`."""
    last_instant = ts - pd.Timedelta(microseconds=1)
    return sessions.is_open(ts - timeframe.delta, market) | sessions.is_open(last_instant, market)
