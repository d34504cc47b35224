"""Recorded spreads by UTC hour and by year, counted exactly in little memory while bars pass."""

from typing import Any

import numpy as np
import pandas as pd

from market.instruments import Instrument

TAIL = 0.95

_HOUR = 3_600_000_000  # microseconds
_PARTS_OF_A_TICK = 10


class Spreads:
    """Counts each recorded spread, to a tenth of a tick, in the UTC hour and year of its bar's last instant."""

    def __init__(self, instrument: Instrument) -> None:
        self.unit = instrument.costs.tick_size / _PARTS_OF_A_TICK
        self.bars = 0
        self._counts = pd.Series(dtype="int64")

    def see(self, bars: pd.DataFrame) -> None:
        """Count a window of bars (indexed by `ts`; `spread_recorded` in price units, NaN where none)."""
        self.bars += len(bars)
        spread = bars["spread_recorded"].to_numpy()
        known = ~np.isnan(spread)
        inside = pd.DatetimeIndex(bars.index).as_unit("us").asi8[known] - 1
        keys = pd.DataFrame(
            {
                "year": inside.astype("M8[us]").astype("M8[Y]").astype(np.int64) + 1970,
                "hour": inside // _HOUR % 24,
                "units": np.rint(spread[known] / self.unit).astype(np.int64),
            }
        )
        fresh = keys.value_counts()
        both = pd.concat([self._counts, fresh]) if len(self._counts) else fresh
        self._counts = both.groupby(level=["year", "hour", "units"]).sum() if len(both) else self._counts

    def profile(self) -> dict[str, Any]:
        """Return how many bars have a spread, the share of zeros, median, 95th percentile and largest (price units).

        Whole, and by `hour` and `year`; None where none was recorded.
        """
        recorded = int(self._counts.sum())
        answer: dict[str, Any] = {"bars": self.bars, "recorded": recorded, "not_recorded": self.bars - recorded}
        if not recorded:
            return answer | {"zero_share": None, "median": None, "p95": None, "most": None, "hours": [], "years": []}
        units = self._counts.groupby(level="units").sum()
        answer |= {"zero_share": float(units.get(0, 0)) / recorded, **self._quantiles(units)}
        for name in ("hour", "year"):
            by = self._counts.groupby(level=[name, "units"]).sum()
            parts = ((at, by.xs(at)) for at in by.index.unique(name))
            answer[f"{name}s"] = [{name: int(at), "bars": int(of.sum()), **self._quantiles(of)} for at, of in parts]
        return answer

    def _quantiles(self, counts: pd.Series) -> dict[str, float]:
        """Return quantiles from how often each spread was counted (indexed by units, ascending)."""
        upto = counts.cumsum().to_numpy()
        at = np.searchsorted(upto, np.array([0.5, TAIL]) * upto[-1])
        chosen = [*counts.index[at], counts.index[-1]]
        return {name: self._price(units) for name, units in zip(("median", "p95", "most"), chosen, strict=True)}

    def _price(self, units: int) -> float:
        return round(int(units) * self.unit, 12)
