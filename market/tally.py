"""What is counted of bars while they pass: how many, from when to when, on the spread floor, in and out of hours."""

from typing import Any

import numpy as np
import pandas as pd

from market import gaps, profile, sessions
from market.instruments import Instrument
from market.timeframe import Timeframe


class Tally:
    """Counts bars that pass by, a window at a time, in stamp order."""

    def __init__(self, timeframe: Timeframe, instrument: Instrument) -> None:
        self.timeframe, self.instrument = timeframe, instrument
        self.rows = self.on_floor = self.outside = 0
        self.has_volume = False
        self.first: pd.Timestamp | None = None
        self.last: pd.Timestamp | None = None
        self._scan = profile.start(timeframe)
        self._profile: profile.Profile | None = None

    def see(self, bars: pd.DataFrame) -> None:
        """Count a window of bars (indexed by `ts`; open high low close volume spread spread_recorded)."""
        if not len(bars):
            return
        ts = pd.DatetimeIndex(bars.index)
        self.first, self.last = ts[0] if self.first is None else self.first, ts[-1]
        self.rows += len(bars)
        self.on_floor += int((bars["spread"] <= self.instrument.costs.spread_floor).sum())
        self.outside += int((~trades_in(ts, self.timeframe, self.instrument.market)).sum())
        self.has_volume = self.has_volume or bool((bars["volume"] > 0).any())
        self._scan, self._profile = self._scan.see(bars), None

    def profile(self) -> profile.Profile:
        """Return the profile of the bars that have passed."""
        if self._profile is None:
            self._profile = self._scan.finish()
        return self._profile

    def facts(self) -> dict[str, Any]:
        """Return the counts; see `coverage` for those of gaps."""
        return {
            "rows": self.rows,
            "first": None if self.first is None else self.first.isoformat(),
            "last": None if self.last is None else self.last.isoformat(),
            "bars_on_spread_floor": self.on_floor,
            "has_volume": self.has_volume,
            **coverage(self.profile(), self.timeframe, self.instrument.market),
            "bars_outside_session": self.outside,
        }


def coverage(of: profile.Profile, timeframe: Timeframe, market: str) -> dict[str, Any]:
    """Return how bars cover the hours in which `market` trades, holidays left out.

    `gaps` are holes inside trading hours, `missing_bars` what they sum to, `longest_gap_hours` the longest of them.
    """
    kinds = gaps.kinds(of.gaps["start"].to_numpy(), of.gaps["end"].to_numpy(), timeframe, market)
    missing = kinds["missing"].to_numpy()
    small = int(of.days["small_gaps"].sum())
    return {
        "gaps": int((missing > 0).sum()) + small,
        "missing_bars": int(missing.sum()) + small,
        "longest_gap_hours": float(max(missing.max(initial=0), min(small, 1))) * timeframe.minutes / 60,
    }


def trades_in(ts: pd.DatetimeIndex, timeframe: Timeframe, market: str) -> np.ndarray:
    """Return whether the market trades at the start or at the end of the bar that closes at `ts` (bool)."""
    last_instant = ts - pd.Timedelta(microseconds=1)
    return sessions.is_open(ts - timeframe.delta, market) | sessions.is_open(last_instant, market)
