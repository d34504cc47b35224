"""From the last bars to a score: what the model says at a close, the same for the runner and for other programs."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

import feature_store
from market.timeframe import Timeframe
from registry.champion import Bundle
from training import ensemble


class Scored(NamedTuple):
    """What a model says of one close: probabilities, directional score, expected net R, confidence. NaN: no answer."""

    p_down: float
    p_flat: float
    p_up: float
    score: float
    expected_r_long: float
    expected_r_short: float
    confidence: float


class Scorer(Protocol):
    """Whatever scores a close: `bars_needed` bars that end with it suffice."""

    bars_needed: int

    def scored(self, bars: pd.DataFrame, companions: Mapping[str, pd.DataFrame]) -> Scored:
        """Return the score of the last of `bars`; `companions` are other symbols' bars, later ones are not seen."""
        ...


NO_SCORE = Scored(*[math.nan] * 7)


class BundleScorer:
    """Scores with the model of a verified bundle, from the features that it names and no others."""

    def __init__(self, bundle: Bundle, timeframe: Timeframe) -> None:
        self._model = bundle.model
        self._timeframe = timeframe
        self._groups = sorted({name.partition("__")[0] for name in self._model.features})
        self.bars_needed = feature_store.lookback(self._groups, timeframe)

    def scored(self, bars: pd.DataFrame, companions: Mapping[str, pd.DataFrame] = MappingProxyType({})) -> Scored:
        """Return the score of the last of `bars`; without an answer where fewer than `bars_needed` stand there.

        `companions` are those that the bundle's features compare with, by symbol.
        """
        if len(bars) < self.bars_needed:
            return NO_SCORE
        row = feature_store.latest(bars, self._groups, self._timeframe, companions, self._model.features)
        p = self._model.probabilities(np.ascontiguousarray(row.to_numpy()))
        score = ensemble.scores(p, self._model.outcomes)
        return Scored(*p[0].tolist(), *(float(values[0]) for values in score.values()))
