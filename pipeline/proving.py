"""What luck and worse fills would have made of a judged run, found once for its gates and its card."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest.stress import Stress, stress
from market import tables
from pipeline.job import Job
from registry import chances, comparable, deflation, ledger, significance, trials
from registry.card import plain
from registry.evidence import Proof
from registry.measures import NO_TRADE, SEED
from registry.significance import Decisions
from training.thresholds import Choice


class Found(NamedTuple):
    """What the gates ask, the chances of the six benchmarks, and the whole stress test for its picture or None."""

    proof: Proof
    chances: dict[str, Any]
    stress: Stress | None


def find(job: Job, training: dict[str, Any], trades: pd.DataFrame, looks: int, cost: deflation.Deflation) -> Found:
    """Return what luck and worse fills make of `trades`, by the ledger as it is: write trial and look before.

    `training` is what the training stage left. Without a trade nothing can be asked, and that is what is found.
    """
    entries, kept = ledger.of(job.workspace.home, job.series.name), trials.kept(job.workspace.home, job.series.name)
    tried = comparable.tried(entries, kept.daily, training["bundle"], cost)
    stressed = _stressed(job, training) if len(trades) else None
    told = {"why": NO_TRADE} if stressed is None else robustness(stressed, job)
    luck = significance.significance(trades, _decisions(job, training), training["folds"], tried)
    bounds = job.gates.bounds()
    return Found(
        Proof(plain(luck), told, looks),
        plain(chances.chances(trades, training["folds"], bounds, job.risk.per_trade)),
        stressed,
    )


def robustness(found: Stress, job: Job) -> dict[str, Any]:
    """Return a stress test as a card keeps it: everything but its draws, and the bounds that it was held against."""
    kept = {name: value for name, value in found._asdict().items() if name != "jittered"}
    return plain(kept | {"bounds": job.judging.stress.model_dump()})


def _stressed(job: Job, training: dict[str, Any]) -> Stress:
    bars = tables.read_table(job.workspace.bars, tables.BARS)
    score = tables.read_table(job.workspace.run / "score.parquet", tables.SCORE)
    venue, choice = job.plan.venue, Choice(**training["choice"])
    return stress(
        bars.loc[: pd.Timestamp(training["window"]["cut_off"])],
        score,
        choice.policy(venue.guards),
        venue.exits,
        venue.costs,
        venue.risk,
        venue.market,
        job.judging.stress,
        SEED,
    )


def _decisions(job: Job, training: dict[str, Any]) -> Decisions:
    """Return what the score wanted at each judged row whose labels end in the window, by thresholds alone."""
    score = tables.read_table(job.workspace.run / "score.parquet", tables.SCORE, ["score"])["score"]
    columns = ["t1_long", "t1_short", "r_long", "r_short"]
    labels = tables.read_table(job.workspace.labels, tables.LABELS, columns).reindex(score.index)
    ends = labels[["t1_long", "t1_short"]].max(axis=1)
    known = labels[columns].notna().all(axis=1) & (ends <= pd.Timestamp(training["window"]["cut_off"]))
    choice = Choice(**training["choice"]).policy(job.guards)
    wanted = score[known].to_numpy()
    side = np.where(wanted >= choice.long_threshold, 1, np.where(wanted <= choice.short_threshold, -1, 0))
    r_long, r_short = (labels.loc[known, name].to_numpy(np.float64) for name in ("r_long", "r_short"))
    return Decisions(side.astype(np.int64), r_long, r_short, job.exits.bars)
