"""What luck and worse fills would have made of a judged run, found once for its gates and its card."""

from typing import Any, NamedTuple

import pandas as pd

from backtest.stress import Stress, stress
from market import tables
from pipeline.job import Job
from registry import against_random, chances, comparable, deflation, ledger, luck_and_stress, trials
from registry.evidence import Proof
from registry.measures import SEED
from registry.plain_values import plain
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
    decided = _decisions(job, training)
    bounds = job.judging.stress
    proof = luck_and_stress.proof(trades, decided, training["folds"], tried, looks, stressed, bounds)
    if len(trades):
        coin = plain(against_random.superiority(tried, _coin(job, training)))
        proof = proof._replace(significance=dict(proof.significance) | {"superiority_random": coin})
    return Found(
        proof,
        plain(chances.chances(trades, training["folds"], job.gates.bounds(), job.risk.per_trade)),
        stressed,
    )


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


def _coin(job: Job, training: dict[str, Any]) -> pd.Series:
    """Return what random sides at the rows that were predicted out of fold are expected to earn by day."""
    predictions = tables.read_table(job.workspace.run / "predictions.parquet", tables.PREDICTIONS)
    columns = ["t1_long", "t1_short", "r_long", "r_short", "weight"]
    labels = tables.read_table(job.workspace.labels, tables.LABELS, columns)
    return against_random.coin(predictions, labels, pd.Timestamp(training["window"]["development_end"]))


def _decisions(job: Job, training: dict[str, Any]) -> Decisions:
    score = tables.read_table(job.workspace.run / "score.parquet", tables.SCORE, ["score"])["score"]
    labels = tables.read_table(job.workspace.labels, tables.LABELS, ["t1_long", "t1_short", "r_long", "r_short"])
    policy = Choice(**training["choice"]).policy(job.guards)
    return luck_and_stress.decisions(score, labels, pd.Timestamp(training["window"]["cut_off"]), policy, job.exits.bars)
