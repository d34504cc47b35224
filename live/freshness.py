"""What a backtest cannot have: bars that come late, feeds that freeze, clocks that disagree."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from live.window import told
from market import sessions
from market.timeframe import Timeframe

SKEW_TOLD = 1_000_000  # microseconds by which a bar may be stamped after now before it is told
SKEW_REFUSED = 5_000_000  # and before no entry hangs on it

_MINUTE = 60_000_000
_CHUNK = 1440  # minutes asked of the session clock at a time


class Limits(NamedTuple):
    """What is expected of a series: its timeframe and market, and in seconds the oldest bar and the longest silence."""

    timeframe: Timeframe
    market: str
    maximum_age: float
    maximum_silence: float


class Freshness:
    """Knows when each series was last heard of. Times are whole microseconds since 1970 UTC."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        self._limits = dict(limits)
        self._heard: dict[str, _Heard] = {}

    def arrived(self, series: str, ts: int, now: int) -> str | None:
        """Note the bar of `series` that closed at `ts`; return a warning where it is stamped over 1 s after `now`."""
        known = self._heard.get(series)
        if known is None or ts > known.last:
            self._heard[series] = _Heard(ts)
        if ts - now > SKEW_TOLD:
            return f"clock skew: a bar of {series} is stamped {(ts - now) / 1e6:,.1f} s after now"
        return None

    def refusal(self, series: str, ts: int, now: int) -> str | None:
        """Return why no entry may hang on the bar of `series` that closed at `ts`, None where one may."""
        if series not in self._limits:
            return f"stale: nothing is known of how old a bar of {series} may be"
        age, limit = (now - ts) / 1e6, self._limits[series].maximum_age
        if ts - now > SKEW_REFUSED:
            return (
                f"clock skew: the bar is stamped {-age:,.0f} s after now, at most {SKEW_REFUSED / 1e6:g} s are allowed"
            )
        if not age <= limit:
            return f"stale: the bar closed {age:,.0f} s ago, at most {limit:,.0f} s are allowed"
        return None

    def silent(self, now: int) -> list[str]:
        """Return a sentence for each series that its market's opening hours have heard too little of.

        A bar is due a timeframe after the last one; from then on only open minutes count. A sentence stays the same
        until the series is heard of again. A series never heard of counts from when this is first asked.
        """
        return [sentence for series in self._limits if (sentence := self._frozen(series, now))]

    def _frozen(self, series: str, now: int) -> str | None:
        heard, limits = self._heard.setdefault(series, _Heard(now)), self._limits[series]
        allowed = limits.timeframe.minutes * 60 + limits.maximum_silence
        heard.count(limits.market, now, allowed)
        if heard.open_seconds <= allowed:
            return None
        return (
            f"frozen: no bar of {series} since {told(heard.last)}, for more than {allowed:,.0f} s while its market is "
            f"open ({limits.timeframe.name} and {limits.maximum_silence:,.0f} s)"
        )


class _Heard:
    """When a series was last heard of, and for how long its market has been open since: whole minutes, counted once."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.open_seconds = 0
        self._counted = -(-last // _MINUTE)

    def count(self, market: str, now: int, enough: float) -> None:
        """Count the open minutes up to `now`, but no further than `enough` seconds."""
        until = now // _MINUTE
        while self._counted < until and self.open_seconds <= enough:
            chunk = range(self._counted, min(until, self._counted + _CHUNK))
            minutes = pd.DatetimeIndex(pd.array(chunk, dtype="int64").to_numpy().astype("M8[m]").astype("M8[us]"))
            self.open_seconds += 60 * int(sessions.is_open(minutes.tz_localize("UTC"), market).sum())
            self._counted = chunk.stop
