"""At which bars a series is asked: every one, or the events of a CUSUM; labels, training and the runner share the rule.

López de Prado (2018), Advances in Financial Machine Learning, §2.5, calls it event-based sampling.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from labels.events import daily_cusum, every_bar
from market.atr import ATR_BARS
from market.errors import DataError
from market.timeframe import DAY, Timeframe

_EVERY_BAR, _DAILY_CUSUM = "every_bar", "daily_cusum"


class Sampling(NamedTuple):
    """The bars that are events: by `labels.daily_cusum` of `threshold` ATRs, or every one where that is None."""

    threshold: float | None = None
    atr_period: int = 14

    @property
    def told(self) -> str:
        """Return the rule as people read it."""
        return "every bar" if self.threshold is None else f"daily CUSUM of {self.threshold:g} ATR({self.atr_period})"


EVERY_BAR = Sampling()


def sampled(bars: pd.DataFrame, sampling: Sampling) -> pd.DatetimeIndex:
    """Return the stamps of the events among `bars` (indexed by or carrying `ts`); known at their closes."""
    if sampling.threshold is None:
        return every_bar(bars)
    return daily_cusum(bars, sampling.threshold, sampling.atr_period)


def is_event(bars: pd.DataFrame, sampling: Sampling) -> bool:
    """Return whether the last of `bars` (indexed by `ts`) is an event; `bars_needed` of them tell as all would."""
    if sampling.threshold is None:
        return True
    events = sampled(bars, sampling)
    return len(events) > 0 and events[-1] == bars.index[-1]


def bars_needed(sampling: Sampling, timeframe: Timeframe) -> int:
    """Return how many bars that end with a close tell whether it is an event: those of its day, and those of an ATR.

    >>> from market.timeframe import parse
    >>> bars_needed(Sampling(1.0), parse("15T")), bars_needed(EVERY_BAR, parse("15T"))
    (1496, 1)
    """
    return 1 if sampling.threshold is None else DAY.minutes // timeframe.minutes + ATR_BARS * sampling.atr_period


def stored(sampling: Sampling) -> dict[str, Any]:
    """Return `sampling` as JSON knows it.

    >>> stored(EVERY_BAR), stored(Sampling(0.5))["rule"]
    ({'rule': 'every_bar'}, 'daily_cusum')
    """
    return {"rule": _EVERY_BAR} if sampling.threshold is None else {"rule": _DAILY_CUSUM} | sampling._asdict()


def read(known: Mapping[str, Any]) -> Sampling:
    """Return what `stored` wrote; raises DataError for a rule that is not known here.

    >>> read(stored(Sampling(0.5, 20)))
    Sampling(threshold=0.5, atr_period=20)
    """
    rule = known["rule"]
    if rule not in (_EVERY_BAR, _DAILY_CUSUM):
        raise DataError(f"Bars are sampled by {rule!r}: this version knows {_EVERY_BAR} and {_DAILY_CUSUM}.")
    return EVERY_BAR if rule == _EVERY_BAR else Sampling(float(known["threshold"]), int(known["atr_period"]))
