"""What a backtest on request judges: a trained run with the rules it was judged by, or a user's own scores."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from backtest.policy import Policy
from backtest.risk import Risk
from market import settings, tables
from market.errors import UnavailableError, UsageError
from market.execution import Costs, Exits
from market.hours import hours
from market.vendors import scores
from pipeline import answers, job
from pipeline.workspace import Workspace
from registry import champion, runs
from registry import record as records
from registry.card import Card
from registry.champion import Bundle

LONG, SHORT = 0.6, 0.4  # thresholds of a rule that names none

_DIGITS = 12  # of a run's id or a rule's digest in a folder's name


class Rules(NamedTuple):
    """Everything but the score that decides what is traded and what it costs."""

    policy: Policy
    exits: Exits
    costs: Costs
    risk: Risk
    market: str

    @property
    def sha256(self) -> str:
        """Return one digest of these rules and the hours of their market."""
        return tables.sha256_of([*self, hours(self.market)])


class Judged(NamedTuple):
    """A model of a run (`bundle`) or the scores of a rule file (`score`), with its rules, digest and name.

    `kind` is champion, run or rule; `told` says to people what it is.
    """

    kind: str
    name: str
    sha256: str
    told: str
    rules: Rules
    bundle: Bundle | None = None
    score: pd.DataFrame | None = None

    @property
    def window(self) -> dict[str, Any]:
        """Return what the run was trained and judged on; empty for a rule."""
        return {} if self.bundle is None else self.bundle.meta["window"]


def of_rule(target: Workspace, path: Path, long: float, short: float) -> Judged:
    """Return the scores of a rule file with these thresholds and the settings of the series."""
    work = job.prepare(target.series)
    score = scores.read(path)
    policy = work.guards._replace(long_threshold=long, short_threshold=short)
    rules = Rules(policy, work.exits, work.instrument.costs, work.risk, work.instrument.market)
    digest = tables.sha256_of(score.index.asi8.tobytes() + score.to_numpy().tobytes())
    name = tables.sha256_of([digest, rules.sha256])[:_DIGITS]
    return Judged("rule", name, digest, f"rule {path.name}, long ≥ {long:g}, short ≤ {short:g}", rules, score=score)


def of_champion(target: Workspace) -> Judged:
    """Return the champion of the series; raises UnavailableError where there is none."""
    return _of_bundle("champion", champion.load_champion(target.series.name, target.home), "the champion")


def of_run(target: Workspace, run_id: str) -> Judged:
    """Return the run whose id is or starts with `run_id`; raises UsageError for an unknown one or another series'."""
    card = runs.find_run(settings.home(), run_id)
    if card.series != target.series.name:
        raise UsageError(f"Run {card.run_id} is of {card.series}, not of {target.series.name}: name its own series.")
    return _of_card(card)


def of_series(target: Workspace) -> Judged:
    """Return the champion of the series, else its last run; raises UnavailableError where there is neither."""
    series = target.series
    if series.name in records.production(target.home):
        return of_champion(target)
    if (target.run / "card.json").exists():
        return _of_card(answers.read(target))
    raise UnavailableError(
        f"No model of {series.name} yet: run `assay train {series.name.rpartition('_')[0]} {series.timeframe.name}`, "
        "or give scores of your own with --rule FILE."
    )


def _of_card(card: Card) -> Judged:
    bundle = champion.load_bundle(runs.bundle_folder(settings.home(), card), card.bundle_sha256, card.run_id)
    return _of_bundle("run", bundle, card.status)


def _of_bundle(kind: str, bundle: Bundle, what: str) -> Judged:
    rules = Rules(bundle.policy, bundle.exits, bundle.costs, bundle.risk, bundle.market)
    told = f"run {bundle.run_id[:_DIGITS]}, {what}"
    return Judged(kind, bundle.run_id[:_DIGITS], bundle.sha256, told, rules, bundle=bundle)
