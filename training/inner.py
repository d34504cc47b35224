"""The purged inner folds of a training part: features chosen, rounds counted and predictions made inside of it.

Each inner fold chooses its own features, from its training rows alone: a scout learns on most of them and is watched on
their purged tail. So the rows that an inner fold leaves out have had no say in which features predict them; in how
many rounds, and where tuned with which parameters, those of the whole training part have.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from training import clusters, ensemble, parts, selection
from training.dataset import Dataset
from training.members import MEMBERS, Fitted
from training.parts import Part
from training.plan import Plan
from training.samples import sample_of
from training.scout import Scout, scout

Parameters = Mapping[str, Mapping[str, float]]


class Inner(NamedTuple):
    """An inner fold: its split, what a scout found in its training rows, the features chosen there, and the scout's."""

    part: Part
    found: Scout
    features: list[str]
    watched: Part

    @property
    def splits(self) -> list[Part]:
        """Return both splits, the scout's named after the inner fold."""
        return [self.part, self.watched._replace(name=f"{self.part.name}, {self.watched.name}")]


class Chosen(NamedTuple):
    """The features that were chosen, and from what: all names, the cluster of each, what the scouts found."""

    features: list[str]
    names: list[str]
    clusters: np.ndarray
    scouts: list[Scout]


def explore(train: Dataset, part: Part, bars: pd.DataFrame, plan: Plan) -> Inner:
    """Return what the training rows of `part`, an inner fold of `train`, say about features; `bars` are all known."""
    learn = train.take(part.train)
    watched = parts.watched(learn, bars, plan.research)
    correlated = clusters.correlation(learn.X.to_numpy())
    groups = clusters.grouped(correlated)
    early, late = (sample_of(learn.take(rows)) for rows in (watched.train, watched.test))
    found = scout(early, late, groups, plan.research.seed)
    chosen = selection.choose(list(learn.X), [found], groups, correlated, plan.recipe.features)
    return Inner(part, found, chosen, watched)


def choose(train: Dataset, inner: Sequence[Inner], plan: Plan) -> Chosen:
    """Return the features that all inner folds of `train` together choose."""
    names, scouts = list(train.X), [one.found for one in inner]
    correlated = clusters.correlation(train.X.to_numpy())
    groups = clusters.grouped(correlated)
    return Chosen(selection.choose(names, scouts, groups, correlated, plan.recipe.features), names, groups, scouts)


def rounds(train: Dataset, held_out: Part, features: list[str], parameters: Parameters, plan: Plan) -> dict[str, int]:
    """Return how many rounds each member takes until the purged tail `held_out` of `train` gets no better."""
    learn, watch = (sample_of(train.take(rows), features) for rows in (held_out.train, held_out.test))
    seed, threads = plan.research.seed, plan.threads
    return {
        name: MEMBERS[name]
        .fit(learn, held_out=watch, rounds=None, seed=seed, parameters=parameters[name], threads=threads)
        .rounds
        for name in plan.weights
    }


def predictions(
    train: Dataset, inner: Sequence[Inner], taken: Mapping[str, int], parameters: Parameters, plan: Plan
) -> dict[str, np.ndarray]:
    """Return each member's raw probabilities of the rows of `train`, each row by the inner fold that left it out."""
    raw = {name: np.full((len(train.y), 3), np.nan) for name in plan.weights}
    for one in inner:
        learn, X = train.take(one.part.train), selection.columns(train.X.iloc[one.part.test], one.features)
        for name in plan.weights:
            member = fit_member(name, learn, one.features, taken[name], parameters[name], plan)
            raw[name][one.part.test] = ensemble.predicted(member, X)
    return raw


def fit_member(
    name: str, train: Dataset, features: list[str], taken: int, parameters: Mapping[str, float], plan: Plan
) -> Fitted:
    """Return the member `name` fitted on all rows of `train` for `taken` rounds."""
    return MEMBERS[name].fit(
        sample_of(train, features),
        held_out=None,
        rounds=taken,
        seed=plan.research.seed,
        parameters=parameters,
        threads=plan.threads,
    )
