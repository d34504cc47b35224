"""What stops the boosting early is never judged: no watched row is one of the block's, and its labels move nothing."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from tests.training.worlds import rows_of, small_bars, small_plan
from training import edges, inner, judging, parts
from training.dataset import Dataset
from training.members import MEMBERS, Sample
from training.parts import Part

BOOSTED = ("xgboost", "lightgbm")


class Last(NamedTuple):
    """The last fold of a walk-forward, with all rows and bars and where it is cut."""

    rows: Dataset
    bars: pd.DataFrame
    cuts: pd.DatetimeIndex
    part: Part

    def judged(self) -> judging.Judged:
        """Fit the fold by both boosted members, which learn fast, and judge it."""
        plan = small_plan()
        boosted = {
            "members": dict.fromkeys(BOOSTED, 0.5),
            "parameters": {name: {"learning_rate": 0.2} for name in BOOSTED},
        }
        plan = plan._replace(recipe=plan.recipe.model_copy(update=boosted))
        return judging.judge(plan.research.folds, self.part, self.rows, self.bars, plan, self.cuts)

    @property
    def block(self) -> Dataset:
        """Return the labelled rows that are judged."""
        test = self.rows.take(self.part.test)
        return test.take(test.labelled)


@pytest.fixture(scope="module")
def last() -> Last:
    plan, bars = small_plan(), small_bars().iloc[:4000]
    rows = rows_of(bars, plan)
    cuts = edges.draw(rows.X.index[0] - pd.Timedelta(minutes=15), rows.X.index[-1], plan.research.folds)
    return Last(rows, bars, cuts, parts.walk_forward(rows, bars, plan.research, cuts)[-1])


class Seen(NamedTuple):
    """The stamps of rows that a boosting learnt from, and of those that stopped it."""

    learnt: pd.DatetimeIndex
    watched: pd.DatetimeIndex


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Seen]]:
    """Return what is noted of every fit that something stops early."""
    noted: list[Seen] = []
    made: list[tuple[Sample, pd.DatetimeIndex]] = []
    sample_of = inner.sample_of

    def noting(data: Dataset, features: list[str] | None = None) -> Sample:
        made.append((sample_of(data, features), pd.DatetimeIndex(data.X.index)))
        return made[-1][0]

    def stamps(sample: Sample) -> pd.DatetimeIndex:
        (found,) = [index for one, index in made if one is sample]
        return found

    class Watching:
        def __init__(self, member: Any) -> None:
            self.member = member

        def __getattr__(self, name: str) -> Any:
            return getattr(self.member, name)

        def fit(self, sample: Sample, *, held_out: Sample | None, **more: Any) -> Any:
            if held_out is not None:
                noted.append(Seen(stamps(sample), stamps(held_out)))
            return self.member.fit(sample, held_out=held_out, **more)

    monkeypatch.setattr(inner, "sample_of", noting)
    for name in BOOSTED:
        monkeypatch.setitem(MEMBERS, name, Watching(MEMBERS[name]))
    yield noted


def watching(block: Dataset) -> Callable[..., dict[str, int]]:
    """Return the usual mistake: rounds that are counted where the block gets no better."""

    def rounds(train: Dataset, held_out: Part, features: list[str], parameters: Any, plan: Any) -> dict[str, int]:
        learn, watch = inner.sample_of(train, features), inner.sample_of(block, features)
        fits = {name: MEMBERS[name].fit(learn, held_out=watch, rounds=None, seed=0) for name in plan.weights}
        return {name: fitted.rounds for name, fitted in fits.items()}

    return rounds


def none_is_judged(seen: list[Seen], block: Dataset) -> None:
    assert len(seen) == 2, "both members"
    for learnt, watched in seen:
        assert len(watched) > 100 and len(watched.intersection(block.X.index)) == 0
        assert len(learnt.intersection(watched)) == 0 and watched[-1] < block.X.index[0]


def with_its_labels_permuted(last: Last) -> Last:
    """Return the fold with the outcomes of its judged rows in another order."""
    at = last.part.test[last.rows.labelled[last.part.test]]
    other = np.random.default_rng(5).permutation(at)
    y, w, r = last.rows.y.copy(), last.rows.w.copy(), last.rows.r.copy()
    y[at], w[at], r[at] = y[other], w[other], r[other]
    return last._replace(rows=last.rows._replace(y=y, w=w, r=r))


def says_the_same(first: judging.Judged, second: judging.Judged) -> None:
    pd.testing.assert_frame_equal(first.predictions, second.predictions, check_exact=True)
    assert all(np.array_equal(first.raw[name], second.raw[name]) for name in first.raw)
    fitted = ("rounds", "features", "thresholds", "calibrations", "base_rate")
    assert {name: first.figures[name] for name in fitted} == {name: second.figures[name] for name in fitted}


def test_what_stops_the_boosting_is_not_judged_and_judged_labels_change_no_bit_of_what_is_fitted(last, seen):
    permuted = with_its_labels_permuted(last)
    honest, other = last.judged(), permuted.judged()
    none_is_judged(seen[:2], last.block)
    says_the_same(honest, other)
    assert honest.figures["log_loss"] != other.figures["log_loss"]


def test_rounds_that_are_counted_on_the_judged_block_are_caught(last, seen, monkeypatch):
    leaky = []
    for one in (last, with_its_labels_permuted(last)):
        monkeypatch.setattr(inner, "rounds", watching(one.block))
        leaky.append(one.judged())
    with pytest.raises(AssertionError):
        none_is_judged(seen[:2], last.block)
    with pytest.raises(AssertionError):
        says_the_same(*leaky)
