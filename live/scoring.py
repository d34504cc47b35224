"""From the last bars to a score: what the model says at a close, the same for the runner and for other programs."""

import math
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

import feature_store
from market.errors import DataError
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
        self._model = bundle.model
        self._timeframe = timeframe
        self._groups = sorted({name.partition("__")[0] for name in self._model.features})
        self._columns = pd.Index([])
        self._positions = np.array([], dtype=np.int64)
        self.bars_needed = feature_store.lookback(self._groups, timeframe)

    def scored(self, bars: pd.DataFrame) -> Scored:
        """Return the score of the last of `bars`; without an answer where fewer than `bars_needed` stand there."""
        if len(bars) < self.bars_needed:
            return NO_SCORE
        features = feature_store.latest(bars, self._groups, self._timeframe)
        p = self._model.probabilities(np.ascontiguousarray(features.to_numpy()[:, self._places(features.columns)]))
        score = ensemble.scores(p, self._model.outcomes)
        return Scored(*p[0].tolist(), *(float(values[0]) for values in score.values()))

    def _places(self, columns: pd.Index) -> np.ndarray:
        """Return where each feature of the model stands among `columns`, by name."""
        if columns is not self._columns:
            self._columns, self._positions = columns, columns.get_indexer(pd.Index(self._model.features))
            if missing := [name for name, at in zip(self._model.features, self._positions, strict=True) if at < 0]:
                raise DataError(f"The model needs features that are not made here: {', '.join(missing)}.")
        return self._positions
