"""One world from bars to the promotion decision, in memory, by the code that judges every series.

Each step that a leak could sit in is a function that can be changed from outside, as in `pipeline.placebo_controls`;
`HONEST` is what the product does.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

import feature_store
import labels
from backtest.engine import Result, run
from market.errors import DataError
from pipeline.job import Job
from pipeline.placebo_views import wanted
from pipeline.placebo_worlds import World
from pipeline.stage import quiet
from registry import gates
from training import crossval, dataset, edges, ensemble
from training.crossval import Trained
from training.dataset import Dataset, Windows
from training.thresholds import Choice, Venue


class Rows(NamedTuple):
    """All events of a world with what is known of them, and its windows."""

    rows: Dataset
    window: Windows


class Steps(NamedTuple):
    """What is done to a world: how its features are made, what is learned from, how thresholds are set and traded by.

    `view` says which sides fixed thresholds want, given opinions of direction and the share of them at either end.
    `choose` and `view` also get the bars up to the end of the judged window and where is traded: honest ones look at
    neither.
    """

    features: Callable[[pd.DataFrame, tuple[str, ...]], pd.DataFrame]
    learnt: Callable[[Rows], Rows]
    choose: Callable[[Choice, pd.DataFrame, pd.DataFrame, Venue], Choice]
    view: Callable[[pd.Series, float, pd.DataFrame, Venue], pd.Series]
    trade: Callable[[pd.DataFrame, pd.DataFrame | pd.Series, Choice, Venue], Result]


class Judged(NamedTuple):
    """What the verdict was of a world, and what it rests on: model, judged rows and score, thresholds, trades."""

    status: str
    gates: list[gates.Gate]
    trained: Trained
    window: Windows
    X: pd.DataFrame
    score: pd.DataFrame
    choice: Choice
    result: Result


class Prepared(NamedTuple):
    """A world with its features and labels, to be judged as often as one likes."""

    bars: pd.DataFrame
    features: pd.DataFrame
    labels: pd.DataFrame


def traded(bars: pd.DataFrame, score: pd.DataFrame | pd.Series, choice: Choice, venue: Venue) -> Result:
    """Trade `score` on `bars`, which end with the judged window, by thresholds."""
    policy = choice.policy(venue.guards)
    return run(bars, score, policy, venue.exits, venue.costs, venue.risk, venue.market)


HONEST = Steps(
    features=lambda bars, groups: feature_store.compute(bars, groups),
    learnt=lambda rows: rows,
    choose=lambda choice, bars, score, venue: choice,
    view=lambda score, tail, bars, venue: wanted(score, tail),
    trade=traded,
)


def prepare(world: World, has_volume: bool, steps: Steps = HONEST) -> Prepared:
    """Return a world with its features and labels."""
    supported = feature_store.groups_for(has_volume)
    groups = tuple(name for name in world.job.recipe.groups or supported if name in supported)
    bars, work = world.bars, world.job
    events = labels.sampled(bars, work.sampling)
    table = labels.triple_barrier(bars, work.exits, work.instrument.costs, events, work.instrument.market)
    return Prepared(bars, steps.features(bars, groups).loc[events], table)


def judge(prepared: Prepared, work: Job, steps: Steps = HONEST) -> Judged:
    """Train on the development window, trade the judged one and hold it against the gates, as the main job does."""
    bars, rows = prepared.bars, _rows(prepared, work)
    trained = _trained(bars, steps.learnt(rows), work)
    judged = dataset.out_of_sample(rows.rows, rows.window)
    score = ensemble.score(trained.ensemble.predict(judged.X), trained.ensemble.outcomes)
    venue, known = work.plan.venue, bars.loc[: rows.window.cut_off]
    choice = steps.choose(trained.choice, known, score, venue)
    result = steps.trade(known, score, choice, venue)
    bounds = {name: float(bound) for name, bound in work.gates.model_dump().items()}
    decided = gates.judge(result.trades, result.equity, trained.folds, bounds, work.risk.per_trade)
    return Judged(gates.status(decided), decided, trained, rows.window, judged.X, score, choice, result)


def figures(judged: Judged) -> dict[str, Any]:
    """Return what a verdict was, in JSON values."""
    got = {gate.name: gate.got for gate in judged.gates}
    return {
        "status": judged.status,
        "failed": [gate.name for gate in judged.gates if not gate.passed],
        "trades": len(judged.result.trades),
        "profit_factor": got["profit_factor"],
        "thresholds": judged.choice.described(),
        "skill": judged.trained.pooled["skill"],
        "skill_low": judged.trained.pooled["skill_low"],
    }


def _rows(prepared: Prepared, work: Job) -> Rows:
    rows, _ = dataset.assemble(prepared.features, prepared.labels)
    ts = pd.DatetimeIndex(prepared.bars.index)
    usable = ts[ts >= rows.X.index[0]]
    if len(usable) < 2:
        raise DataError(f"{len(ts)} bars are too few for a world: give [small] more months in config/placebo.toml.")
    begin = usable[0] - pd.Timedelta(microseconds=1)
    return Rows(rows, dataset.windows(usable, begin, usable[-1], work.research.oos_months))


def _trained(bars: pd.DataFrame, learnt: Rows, work: Job) -> Trained:
    window = learnt.window
    cuts = edges.draw(window.start, window.oos_start, work.research.folds)
    development, known = dataset.up_to(learnt.rows, window), bars.loc[: window.oos_start]
    return crossval.train(development, known, work.plan._replace(threads=1), cuts, 1, quiet)
