"""Walk-forward: every fold fitted on its past and judged on its block, then the final model from what the folds found.

Folds are independent and run in processes of one thread each, so that the result is the same on any machine.
"""

from collections.abc import Callable, Mapping
from statistics import median_low
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd

from backtest import metrics
from backtest.engine import run
from market.errors import DataError
from training import calibration, classification, ensemble, fold, parts, selection
from training.dataset import Dataset, base_rate, drop_labels_past
from training.ensemble import PROBABILITIES, Ensemble
from training.fold import Plan
from training.members import MEMBERS
from training.parts import Part
from training.thresholds import Choice
from training.workers import Progress, spread

_CONSTANT = 1e-3  # directional probabilities within a tenth of a percent of each other are one opinion


class Judged(NamedTuple):
    """A judged fold: its figures (JSON values), calibrated predictions of its block, and the members' raw ones."""

    figures: dict[str, Any]
    predictions: pd.DataFrame
    raw: dict[str, np.ndarray]
    rounds: dict[str, int]


class Trained(NamedTuple):
    """The final model with the thresholds fitted out of fold, the folds' figures and the pooled predictions.

    `splits` are the audits of all splits that were used, those inside the folds and of the final model too.
    """

    ensemble: Ensemble
    choice: Choice
    splits: list[dict[str, Any]]
    folds: list[dict[str, Any]]
    predictions: pd.DataFrame
    pooled: dict[str, Any]


def train(
    data: Dataset,
    bars: pd.DataFrame,
    plan: Plan,
    edges: pd.DatetimeIndex,
    workers: int,
    progress: Progress,
    finished: Mapping[int, Judged] | None = None,
    keep: Callable[[Judged], None] = lambda judged: None,
) -> Trained:
    """Run the walk-forward on development rows `data` and fit the final model.

    `bars` are all bars up to the end of development; `edges` pin the blocks. `progress(what, done, total)` is called as
    work completes. `finished` holds folds that an interrupted run has judged already (with the same arguments), `keep`
    gets each newly judged one. Raises DataError where the first fold has too few usable rows.
    """
    splits = dict(enumerate(parts.walk_forward(data, bars, plan.research, edges), start=1))
    _check_first(splits[1].train, data, edges, plan)
    done = dict(finished or {})
    largest_first = [number for number in reversed(splits) if number not in done]
    tasks = [joblib.delayed(judge)(number, splits[number], data, bars, plan, edges) for number in largest_first]
    for one in spread(tasks, workers, "folds", progress, len(splits)):
        keep(one)
        done[one.figures["fold"]] = one
    judged = [done[number] for number in splits]
    model, choice, audits = _final(data.take(np.flatnonzero(data.labelled)), bars, plan, judged, workers, progress)
    audits = [told for one in judged for told in one.figures["splits"]] + audits
    pooled = pd.concat([one.predictions for one in judged]).dropna()
    figures = _pooled_figures(data, judged, plan.venue.exits.bars)
    return Trained(model, choice, audits, [one.figures for one in judged], pooled, figures)


def judge(number: int, part: Part, data: Dataset, bars: pd.DataFrame, plan: Plan, edges: pd.DatetimeIndex) -> Judged:
    """Fit fold `number` on the rows of `data` that train in `part` and judge it on its block, on a fresh account."""
    train_part, block = data.take(part.train), data.take(part.test)
    train_end = train_part.X.index[-1]
    known = bars.loc[: train_part.t1.max()]
    span = (train_end - edges[0]) / (edges[1] - edges[0])
    fitted = fold.fit(train_part, known, plan, blocks=span)
    model = fitted.ensemble
    predictions = model.predict(block.X)
    venue = plan.venue
    result = run(
        bars.loc[: edges[number + 1]],
        ensemble.score(predictions, model.outcomes),
        fitted.choice.policy(venue.guards),
        venue.exits,
        venue.costs,
        venue.risk,
        venue.market,
    )
    rates = base_rate(train_part)
    figures = {
        "fold": number,
        "train_start": train_part.X.index[0].isoformat(),
        "train_end": train_end.isoformat(),
        "test_start": block.X.index[0].isoformat(),
        "test_end": block.X.index[-1].isoformat(),
        "rows": len(train_part.y),
        "purged": part.audit.purged,
        "embargoed": part.audit.embargoed,
        "test_rows": len(block.y),
        "rounds": fitted.rounds,
        "thresholds": fitted.choice.described(),
        "cost_r": cost_in_r(result.trades),
        "inner_trades": fitted.choice.trades,
        "inner_expectancy": fitted.choice.expectancy,
        "features": list(model.features),
        "refusals": result.refusals,
        "losses": int((result.trades["r"] < 0).sum()),
    }
    figures["base_rate"] = rates.tolist()
    figures["splits"] = [part.told(), *(inner.told(part.name) for inner in fitted.splits)]
    figures |= skill(drop_labels_past(block, edges[number + 1]), predictions, rates, venue.exits.bars)
    figures |= metrics.summary(result.trades, result.equity["equity"], venue.market)
    return Judged(figures, predictions.assign(fold=number), model.raw(block.X), fitted.rounds)


def skill(data: Dataset, predictions: pd.DataFrame, rates: np.ndarray, block: int) -> dict[str, float | None]:
    """Return the classification figures of `predictions` on the labelled rows of `data`, and skill with its interval.

    `skill` asks what a trader asks: of the rows that ended up or down, does the model know which, better than the base
    rate? `class_skill` is that of all three classes; it is positive on any market, because a wide spread or a quiet
    hour makes Flat likelier and is known beforehand. A forecast that is the same for every row knows nothing: its
    skill is 0, whatever luck the mix of classes brought it. `rates` is the base rate of the training labels, (3,) or
    one for each row; `block` rows are resampled together, since labels overlap.
    """
    p = predictions[list(PROBABILITIES)].to_numpy()
    rows = data.labelled & np.isfinite(p).all(axis=1)
    y, p, rates = data.y[rows], p[rows], np.broadcast_to(rates, p.shape)[rows]
    figures = {
        name.replace("skill", "class_skill"): value for name, value in classification.scores(y, p, rates, block).items()
    }
    moved = y != 0
    sides, odds = _of_sides(p[moved]), _of_sides(rates[moved])
    if len(sides) and np.ptp(sides[:, 2]) < _CONSTANT:
        return figures | {"skill": 0.0, "skill_low": 0.0, "skill_high": 0.0}
    interval = classification.log_loss_skill_interval(y[moved], sides, odds, block) or (None, None)
    value = classification.log_loss_skill(y[moved], sides, odds)
    return figures | {"skill": value, "skill_low": interval[0], "skill_high": interval[1]}


def _of_sides(p: np.ndarray) -> np.ndarray:
    """Return probabilities of down and up given that it is not flat; even where both are 0."""
    total = p[:, 0] + p[:, 2]
    up = np.divide(p[:, 2], total, out=np.full(len(p), 0.5), where=total > 0)
    return np.column_stack([1.0 - up, np.zeros(len(p)), up])


def cost_in_r(trades: pd.DataFrame) -> float | None:
    """Return what trading cost in multiples of the risk taken, everything included; None without trades."""
    at_risk = (trades["pnl"] / trades["r"].where(trades["r"] != 0)).sum()
    return float(trades["cost"].sum() / at_risk) if len(trades) and at_risk > 0 else None


def _check_first(rows: np.ndarray, data: Dataset, edges: pd.DatetimeIndex, plan: Plan) -> None:
    needed = plan.research.minimum_rows
    if len(rows) < needed:
        raise DataError(
            f"Too few bars for {plan.research.folds} folds: the first fold has {len(rows)} usable training rows up to "
            f"{edges[1]:%Y-%m-%d}, wanted {needed}. Import more history (now {len(data.y)} rows from "
            f"{data.X.index[0]:%Y-%m-%d}) or use a finer timeframe."
        )


def _final(
    data: Dataset, bars: pd.DataFrame, plan: Plan, judged: list[Judged], workers: int, progress: Progress
) -> tuple[Ensemble, Choice, list[dict[str, Any]]]:
    """Return the model of all development rows that end a gap before the judged window, thresholds and audits."""
    before = parts.final(data, bars, plan.research)
    usable = data.take(before.train)
    inner = parts.inner(usable, bars, plan.research)
    importance = fold.gains_of(usable, inner, plan)
    chosen = selection.select(usable.X.to_numpy(), list(usable.X), importance, plan.recipe.features)
    rounds = {name: median_low([one.rounds[name] for one in judged]) for name in plan.weights}
    tasks = [joblib.delayed(_named)(name, usable, chosen, rounds[name], plan.research.seed) for name in plan.weights]
    fitted = dict(spread(tasks, workers, "final members", progress, len(tasks)))
    members = {name: MEMBERS[name].load(fitted[name]) for name in plan.weights}
    calibrations = _pooled_calibrations(data, judged)
    paid = ensemble.outcomes(usable.y, usable.r, usable.w)
    model = Ensemble(tuple(chosen), members, plan.weights, calibrations, paid)
    voted = np.vstack([ensemble.vote(one.raw, model.weights, calibrations) for one in judged])
    predictions = pd.DataFrame(voted, columns=list(PROBABILITIES), index=_stamps(judged)).dropna()
    audits = [before.told(), *(part.told(before.name) for part in inner)]
    return model, fold.choose(predictions, paid, bars, plan, blocks=len(judged)), audits


def _named(name: str, usable: Dataset, chosen: list[str], rounds: int, seed: int) -> tuple[str, bytes]:
    return name, fold.fit_member(name, usable, chosen, rounds, seed)


def _stamps(judged: list[Judged]) -> pd.Index:
    return pd.concat([one.predictions for one in judged]).index


def _pooled_calibrations(data: Dataset, judged: list[Judged]) -> dict[str, calibration.Calibration]:
    rows = data.X.index.get_indexer(_stamps(judged))
    raw = {name: np.vstack([one.raw[name] for one in judged]) for name in judged[0].raw}
    have = (rows >= 0) & np.isfinite(next(iter(raw.values()))[:, 0])
    y, w = data.y[rows[have]], data.w[rows[have]]
    return {name: calibration.fit(p[have], y, w) for name, p in raw.items()}


def _pooled_figures(data: Dataset, judged: list[Judged], block: int) -> dict[str, Any]:
    """Return the classification figures of all folds together, each row against its own fold's base rate."""
    predictions = pd.concat([one.predictions for one in judged])
    rates = np.vstack([np.tile(one.figures["base_rate"], (len(one.predictions), 1)) for one in judged])
    return skill(data.take(data.X.index.get_indexer(predictions.index)), predictions, rates, block)
