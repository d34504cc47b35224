"""Walk-forward: every fold fitted on its past and judged on its block, then the final model from what the folds found.

Folds are independent and run in processes beside each other, so that the result is the same on any machine.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd

from market.errors import DataError
from training import final, parts
from training.dataset import Dataset, drop_labels_past
from training.ensemble import Ensemble
from training.journals import Journals
from training.judging import Judged, judge
from training.plan import Plan
from training.skill import skill
from training.thresholds import Choice
from training.trials import Trial
from training.workers import Progress, spread


class Trained(NamedTuple):
    """The final model with the thresholds fitted out of fold, the folds' figures and the pooled predictions.

    `splits` are the audits of all splits that were used, those inside the folds and of the final model too; `trials`
    those of the final model's tuning (a fold's are among its figures); `selection` says why its features were chosen,
    `model` how it was fitted.
    """

    ensemble: Ensemble
    choice: Choice
    splits: list[dict[str, Any]]
    folds: list[dict[str, Any]]
    predictions: pd.DataFrame
    pooled: dict[str, Any]
    trials: list[Trial]
    selection: dict[str, Any]
    model: dict[str, Any]


def train(
    data: Dataset,
    bars: pd.DataFrame,
    plan: Plan,
    edges: pd.DatetimeIndex,
    workers: int,
    progress: Progress,
    finished: Mapping[int, Judged] | None = None,
    keep: Callable[[Judged], None] = lambda judged: None,
    store: Journals | None = None,
) -> Trained:
    """Run the walk-forward on development rows `data` and fit the final model.

    `bars` are all bars up to the end of development; `edges` pin the blocks. `progress(what, done, total)` is called as
    work completes. `finished` holds folds that an interrupted run has judged already (with the same arguments), `keep`
    gets each newly judged one, `store` keeps trials of tuning. Raises DataError where the first fold has too few usable
    rows.
    """
    splits = dict(enumerate(parts.walk_forward(data, bars, plan.research, edges), start=1))
    _check_first(splits[1].train, data, bars, edges, plan)
    done = dict(finished or {})
    largest_first = [number for number in reversed(splits) if number not in done]
    tasks = [joblib.delayed(judge)(number, splits[number], data, bars, plan, edges, store) for number in largest_first]
    for one in spread(tasks, workers, "folds", progress, len(splits)):
        keep(one)
        done[one.figures["fold"]] = one
    judged = [done[number] for number in splits]
    labelled = data.take(np.flatnonzero(data.labelled))
    last = final.fit(labelled, bars, plan, judged, workers, progress, store)
    return Trained(
        last.ensemble,
        last.choice,
        [told for one in judged for told in one.figures["splits"]] + last.splits,
        [one.figures for one in judged],
        pd.concat([one.predictions for one in judged]).dropna(),
        _pooled_figures(data, judged, edges, plan.venue.exits.bars),
        last.trials,
        last.selection,
        last.told,
    )


def _check_first(rows: np.ndarray, data: Dataset, bars: pd.DataFrame, edges: pd.DatetimeIndex, plan: Plan) -> None:
    """Raise DataError where the first fold, which has the fewest rows of all, has too few of them to be fitted."""
    needed = plan.research.minimum_rows
    if len(rows) < needed:
        why = f"it has {len(rows)} usable training rows up to {edges[1]:%Y-%m-%d}, wanted {needed}."
    else:
        train = data.take(rows)
        try:
            parts.rehearse(train, bars.loc[: train.t1.max()], plan.research)
            return
        except DataError as error:
            why = str(error)
    raise DataError(
        f"Too few bars for {plan.research.folds} folds. Of the first fold: {why} Ask for fewer folds in "
        f"config/research.toml, import more history (now {len(data.y)} rows from {data.X.index[0]:%Y-%m-%d}), or use a "
        "finer timeframe."
    )


def _pooled_figures(data: Dataset, judged: list[Judged], edges: pd.DatetimeIndex, block: int) -> dict[str, Any]:
    """Return the classification figures of all folds together, each row against its own fold's base rate.

    As in each fold, labels that end past the edge of its block are left out.
    """
    predictions = pd.concat([one.predictions for one in judged])
    rates = np.vstack([np.tile(one.figures["base_rate"], (len(one.predictions), 1)) for one in judged])
    rows = data.take(data.X.index.get_indexer(predictions.index))
    ends = edges[predictions["fold"].to_numpy(dtype=np.int64) + 1]
    return skill(drop_labels_past(rows, ends), predictions, rates, block)
