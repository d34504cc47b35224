"""Stored bars checked again by the rules of an import: each row in itself, and among its neighbours."""

import numpy as np
import pandas as pd

from market import clocks, neighbours, tables, validation
from market.clocks import Clock
from market.findings import Findings
from market.intake import Held
from market.validation import Wanted

_CONTEXT, _AHEAD = 512, 64  # bars before and behind that a bar is judged among


class Recheck:
    """Checks bars that pass by, a window at a time, in stamp order.

    `findings` name bars by their number (from 1) and UTC close. `clock` is that of the source, whose day may
    start the grid of its bars.
    """

    def __init__(self, series: str, held: Held, clock: Clock) -> None:
        self.series, self.held, self.clock = series, held, clock
        self.findings = Findings()
        self._waiting: pd.DataFrame | None = None
        self._judged = self._seen = 0
        self._displaced: bool | None = None

    def see(self, bars: pd.DataFrame) -> None:
        """Check a window of bars; DataError where it breaks a promise of the bars table."""
        if not len(bars):
            return
        tables.check(bars, tables.BARS, self.series)
        rows = self._rows(bars)
        if self._displaced is None:
            self._displaced = validation.is_displaced(rows, self.held.instrument)
        found = validation.check_rows(rows, Wanted(*self.held, self.clock.name, self._displaced, has_volume=True))
        self._add(found, rows)
        self._waiting = rows if self._waiting is None else pd.concat([self._waiting, rows], ignore_index=True)
        self._judge(max(self._judged, len(self._waiting) - _AHEAD))

    def finish(self) -> Findings:
        """Return all findings, those on the last bars too."""
        if self._waiting is not None:
            self._judge(len(self._waiting))
            self._waiting = None
        return self.findings

    def _rows(self, bars: pd.DataFrame) -> pd.DataFrame:
        ts = pd.DatetimeIndex(bars.index)
        rows = bars.reset_index()
        wall = clocks.from_utc(ts.as_unit("us").asi8, self.clock)
        number = self._seen + np.arange(1, len(bars) + 1)
        self._seen += len(bars)
        return rows.assign(file=self.series, row=number, stamp=wall.astype("datetime64[us]"))

    def _judge(self, upto: int) -> None:
        """Judge the waiting rows before `upto` that are not judged yet; keep those among which the next ones stand."""
        rows = self._waiting
        if rows is None or upto <= self._judged:
            return
        found = neighbours.ticks(rows)
        self._add(found[((found.index >= self._judged) & (found.index < upto)) | (found["row"] == 0)], rows)
        keep = max(0, upto - _CONTEXT)
        self._waiting, self._judged = rows.iloc[keep:].reset_index(drop=True), upto - keep

    def _add(self, found: pd.DataFrame, rows: pd.DataFrame) -> None:
        of_row = found.index.to_numpy() >= 0
        closes = rows["ts"].dt.strftime("%Y-%m-%dT%H:%M:%S").to_numpy()[found.index.to_numpy()] if of_row.any() else ""
        self.findings.add(found.assign(stamp=np.where(of_row, closes, "")))
