"""One world from bars to the promotion decision, in memory, by the code that judges every series.

Each step that a leak could sit in is a function that can be changed from outside, as in `pipeline.placebo_controls`;
`HONEST` is what the product does.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

import feature_store
import labels
from backtest import metrics
from backtest.engine import Result, run
from backtest.stress import Stress, stress
from market.errors import DataError
from market.gate_settings import HONEST as HONEST_PROFILE
from market.gate_settings import SIX, Judging
from pipeline.job import Job
from pipeline.placebo_views import wanted
from pipeline.placebo_worlds import World
from pipeline.stage import quiet
from registry import gates, luck_and_stress
from registry.evidence import Proof
from registry.measures import SEED
from registry.significance import Tried
from training import crossval, dataset, edges, ensemble
from training.crossval import Trained
from training.dataset import Dataset, Windows
from training.performance import out_of_fold
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
    """What the verdicts were of a world, and what they rest on: model, judged rows and score, thresholds, trades.

    `verdicts` are the gates of each profile that is asked, the one that decides first.
    """

    verdicts: dict[str, list[gates.Gate]]
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


def judge(prepared: Prepared, work: Job, steps: Steps = HONEST, earlier: Sequence[Trained] = ()) -> Judged:
    """Train on the development window, trade the judged one and hold it against the gates, as the main job does.

    `earlier` are the models that were judged on this window before: each is a trial and a look more.
    """
    bars, rows = prepared.bars, _rows(prepared, work)
    trained = _trained(bars, steps.learnt(rows), work)
    judged = dataset.out_of_sample(rows.rows, rows.window)
    score = ensemble.score(trained.ensemble.predict(judged.X), trained.ensemble.outcomes)
    venue, known = work.plan.venue, bars.loc[: rows.window.cut_off]
    choice = steps.choose(trained.choice, known, score, venue)
    result = steps.trade(known, score, choice, venue)
    stressed = _stressed(known, score, choice, venue, work.judging) if len(result.trades) else None
    proof = luck_and_stress.proof(
        result.trades,
        luck_and_stress.decisions(
            score["score"], prepared.labels, rows.window.cut_off, choice.policy(venue.guards), venue.exits.bars
        ),
        trained.folds,
        _tried([*earlier, trained], prepared.labels, rows.window.oos_start),
        len(earlier) + 1,
        stressed,
        work.judging.stress,
    )
    verdicts = _verdicts(result, trained, proof, work)
    return Judged(verdicts, trained, rows.window, judged.X, score, choice, result)


def figures(judged: Judged) -> dict[str, Any]:
    """Return what the verdicts were, in JSON values."""
    r = judged.result.trades["r"].to_numpy()
    return {
        "verdicts": {
            profile: {
                "status": gates.status(asked, profile),
                "failed": [gate.name for gate in asked if not gate.passed],
            }
            for profile, asked in judged.verdicts.items()
        },
        "trades": len(r),
        "profit_factor": metrics.profit_factor(r),
        "expectancy": metrics.expectancy(r),
        "thresholds": judged.choice.described(),
        "skill": judged.trained.pooled["skill"],
        "skill_low": judged.trained.pooled["skill_low"],
    }


def _verdicts(result: Result, trained: Trained, proof: Proof, work: Job) -> dict[str, list[gates.Gate]]:
    risk, market = work.risk.per_trade, work.instrument.market
    return {
        profile: gates.judge(
            result.trades, result.equity, trained.folds, work.judging.profiles[profile], risk, proof, market
        )
        for profile in dict.fromkeys((work.judging.decides, SIX, HONEST_PROFILE))
    }


def _stressed(bars: pd.DataFrame, score: pd.DataFrame, choice: Choice, venue: Venue, judging: Judging) -> Stress:
    rules = (choice.policy(venue.guards), venue.exits, venue.costs, venue.risk, venue.market)
    return stress(bars, score, *rules, judging.stress, SEED)


def _tried(models: Sequence[Trained], known: pd.DataFrame, development_end: pd.Timestamp) -> Tried:
    """Return what the last of `models` was chosen among; retries count in full, as if nothing linked them."""
    earned = [out_of_fold(one.predictions, known, development_end) for one in models]
    daily = pd.concat(earned, axis=1, keys=[f"attempt {i}" for i in range(1, len(models) + 1)]).dropna()
    return Tried(len(models), float(len(models)), daily)


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
