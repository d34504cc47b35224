"""From the last bars to a score: what the model says at a close, the same for the runner and for other programs."""

import math
from typing import NamedTuple, Protocol

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

    def scored(self, bars: pd.DataFrame) -> Scored:
        """Return the score of the last of `bars`."""
        ...


NO_SCORE = Scored(*[math.nan] * 7)


class BundleScorer:
    """Scores with the model of a verified bundle, from the features that it names and no others."""

    def __init__(self, bundle: Bundle, timeframe: Timeframe) -> None:
        self._bundle = bundle
        self.features = bundle.model.features
        self._groups = sorted({name.partition("__")[0] for name in self.features})
        self.bars_needed = feature_store.lookback(self._groups, timeframe)

    def scored(self, bars: pd.DataFrame) -> Scored:
        """Return the score of the last of `bars`; without an answer where fewer than `bars_needed` stand there."""
        if len(bars) < self.bars_needed:
            return NO_SCORE
        features = feature_store.compute(bars.iloc[-self.bars_needed :], self._groups).iloc[-1:]
        predictions = self._bundle.predict(features)
        score = ensemble.score(predictions, self._bundle.model.outcomes)
        return Scored(*predictions.to_numpy()[0].tolist(), *score.to_numpy()[0].tolist())
