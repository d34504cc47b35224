"""Combinatorial purged cross-validation: the whole procedure of a fold on every choice of held-out groups of history.

Each split holds some groups of the development rows out and fits on the purged rest, also on what comes later, so that
its predictions are no forecast; `training.paths` trades them. Held-out groups are holes in the rows that train:

- What is cut inside a training part (inner folds, tails) is cut from training rows, each of which keeps purge and
  embargo from every hole; gaps between them are counted in bars of the whole history, those of a hole too.
- Thresholds are chosen by the engine on all bars up to the last training label. In a hole and in the gap around it is
  no score, so nothing is decided there, and a trade that was opened before is the trade that its row's label settled:
  it has ended an embargo before the hole.
- ATR after a hole knows the bars in it, as every feature does: they had closed by then.

Source: López de Prado (2018), Advances in Financial Machine Learning, §12.4.
"""

from collections.abc import Callable, Mapping

import joblib
import pandas as pd

from market.combinatorial_settings import Combinatorial
from market.errors import DataError
from training import calibration, fold, parts
from training.dataset import Dataset, base_rate
from training.judging import Judged
from training.parts import Part
from training.plan import Plan
from training.search import OFF
from training.workers import Progress, spread


def judged(
    data: Dataset,
    bars: pd.DataFrame,
    plan: Plan,
    edges: pd.DatetimeIndex,
    wanted: Combinatorial,
    workers: int,
    progress: Progress,
    finished: Mapping[int, Judged] | None = None,
    keep: Callable[[Judged], None] = lambda judged: None,
) -> list[Judged]:
    """Return what each split predicts of its held-out groups, in the order of `CombinatorialPurgedCV`, from 1 on.

    `data` are the development rows, `bars` all bars up to their end, `edges` those of the walk-forward, whose first
    block says how many trades thresholds need. Members have the recipe's own parameters: nothing is tuned. `finished`
    holds splits that an interrupted run has left (by number, with the same arguments), `keep` gets each new one. Raises
    GateError where a split leaks, DataError where one has too few usable rows.
    """
    splits = dict(enumerate(parts.combinatorial(data, bars, plan.research, wanted.groups, wanted.held_out), start=1))
    _check(splits, plan)
    untuned, done = plan._replace(tuning=OFF), dict(finished or {})
    blocks, rows = (edges[-1] - edges[0]) / (edges[1] - edges[0]), data.labelled.sum()
    tasks = [
        joblib.delayed(judge)(number, part, data, bars, untuned, blocks * len(part.train) / rows)
        for number, part in splits.items()
        if number not in done
    ]
    for one in spread(tasks, workers, "splits", progress, len(splits)):
        keep(one)
        done[one.figures["fold"]] = one
    return [done[number] for number in splits]


def judge(number: int, part: Part, data: Dataset, bars: pd.DataFrame, plan: Plan, blocks: float) -> Judged:
    """Fit split `number` on the rows of `data` that train in `part` as a fold is fitted, and predict the others.

    The figures hold what trading needs: `choice` (thresholds) and `outcomes` (what classes have paid). `blocks` is as
    in `training.fold.fit`.
    """
    train = data.take(part.train)
    fitted = fold.fit(train, bars.loc[: train.t1.max()], plan, blocks, part.name)
    model = fitted.ensemble
    figures = {
        "fold": number,
        "rows": len(train.y),
        "test_rows": len(part.test),
        "rounds": fitted.rounds,
        "calibrations": {name: calibration.named(one) for name, one in model.calibrations.items()},
        "choice": fitted.choice._asdict(),
        "outcomes": {side: list(paid) for side, paid in model.outcomes._asdict().items()},
        "features": list(model.features),
        "base_rate": base_rate(train).tolist(),
        "splits": [part.told(), *(inner.told(part.name) for inner in fitted.splits)],
    }
    predictions = model.predict(data.X.iloc[part.test])
    return Judged(figures, predictions.assign(fold=number), {}, fitted.rounds, [])


def _check(splits: Mapping[int, Part], plan: Plan) -> None:
    number, least = min(((at, len(part.train)) for at, part in splits.items()), key=lambda one: one[1])
    if least < plan.research.minimum_rows:
        raise DataError(
            f"Too few bars for combinatorial paths: split {number} of {len(splits)} has {least} usable training rows, "
            f"wanted {plan.research.minimum_rows}. Import more history, or hold out fewer groups in "
            "config/combinatorial.toml."
        )
