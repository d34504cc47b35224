"""What a report shows besides the card: tables of the run that are too long for a card."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from backtest.cost_frontier import Point

Told = Mapping[str, Any]


class Drift(NamedTuple):
    """How far the judged window of a feature lies from all before, and how far the nearest and furthest of those lie.

    Population stability indices; `windows` were before, as long as the judged one.
    """

    judged: float
    least: float
    largest: float
    windows: int


class Shown(NamedTuple):
    """What a report draws; what is not there is told with the reason in `lacking`, by the name of the field.

    `equity` is the judged account by `ts`, marked at each close; `trades` has `r` (net), `mae` and `mfe` (R) of each in
    order; `calibration` is `training.reliability.reliability`; `frontier` the result along multiples of costs; `drift`
    by feature; `importance` any non-negative weight by feature, for cards that know of no SHAP.
    """

    equity: pd.Series | None = None
    trades: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    frontier: Sequence[Point] = ()
    drift: Mapping[str, Drift] = {}
    importance: Mapping[str, float] = {}
    lacking: Mapping[str, str] = {}

    def why_not(self, name: str) -> str:
        """Return why the field `name` is not there."""
        return self.lacking.get(name, "it is not known to this run")
