"""Bars as Assay keeps them, from files as others write them: close-stamped, UTC, checked, the spread as charged."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd

from market import clock_check, clocks, findings, intake, suspicions
from market.clock_check import ClockCheck
from market.findings import ERROR, WARNING, Findings
from market.intake import File, Held
from market.tally import Tally
from market.validation import about_file

OFF_HOURS, ALL_HOURS = 0.005, 0.05  # of all bars: real ones have 0.003 at most


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


class Incoming:
    """Bars of one series on their way in: windows pass once; then `facts` says what they are, `findings` what is wrong.

    bars: indexed by `ts`; open high low close volume spread spread_recorded (float64), see `market.intake.bars`.
    """

    def __init__(
        self,
        files: Sequence[File],
        held: Held,
        sha256: Sequence[str],
        reported: Callable[[pd.DataFrame], None] = lambda _: None,
    ) -> None:
        self.held = held
        self.findings = Findings(reported)
        self.tally = Tally(held.timeframe, held.instrument)
        self._files, self._sha256 = files, sha256

    def windows(self) -> Iterator[pd.DataFrame]:
        """Yield the bars, a window at a time, and at the end look back on the whole."""
        for window in intake.bars(self._files, self.held, self.findings):
            self.tally.see(window)
            yield window
        self._look_back()

    def all(self) -> Imported:
        """Return all bars at once."""
        windows = list(self.windows())
        bars = pd.concat(windows) if windows else intake.no_bars()
        return Imported(bars, self.findings.table(), self.facts(), self.findings.merged)

    def facts(self) -> dict[str, Any]:
        """Return what a reader of any result on these bars should know (JSON values)."""
        found = self.findings
        zones = list(dict.fromkeys(found.zones[file.name] for file in self._files if file.name in found.zones))
        sources = [
            {"name": file.name, "sha256": sha256, "rows": found.rows[file.name]}
            for file, sha256 in zip(self._files, self._sha256, strict=True)
        ]
        return self.tally.facts() | {
            "timezone": ", ".join(zones) or "UTC",
            "stamp": self._files[0].stamp,
            "sources": sources,
            "set_aside": found.set_aside,
            "merged": found.merged,
            "suspicious_ticks": found.count("warning", "suspicious tick"),
            "warnings": found.warnings(),
        }

    def clock(self) -> ClockCheck | None:
        """Return what the weekends of the bars say of their clock; None where their files keep several."""
        zones = set(self.findings.zones.values())
        if len(zones) != 1:
            return None
        gaps = self.tally.profile().gaps
        declared = clocks.clock(zones.pop()) if all(file.clock for file in self._files) else clocks.clock("UTC")
        market = self.held.instrument.market
        return clock_check.check(
            gaps["start"].to_numpy(), gaps["end"].to_numpy(), declared, self.held.timeframe, market
        )

    def _look_back(self) -> None:
        """Add what only a look at all bars reveals."""
        name = self._files[0].name if len(self._files) == 1 else f"{len(self._files)} files"
        if self.tally.rows == 0:
            return
        self.findings.add(suspicions.check(self.tally.profile(), self.held.timeframe, self.held.instrument, name))
        found = self.clock()
        doubts = findings.nothing() if found is None else clock_check.doubts(found, name)
        self.findings.add(doubts)
        outside, rows, market = self.tally.outside, self.tally.rows, self.held.instrument.market
        if outside > OFF_HOURS * rows and not (doubts["severity"] == ERROR).any():
            severity = ERROR if outside > ALL_HOURS * rows else WARNING
            told = f"{outside} of {rows} bars stand in hours in which the {market} market is shut"
            wanted = "bars of trading hours only: leave filled-in ones out, or correct config/sessions.toml"
            self.findings.add(about_file(name, "bars outside trading hours", told, wanted, severity))
