"""A job: one series with every setting that its stages need, read once and checked whole before any work starts."""

import datetime as dt
import os
from typing import Any, NamedTuple

import pandas as pd

from backtest.policy import Policy
from backtest.risk import Risk
from feature_store import groups as feature_groups
from feature_store import own_groups
from labels.sampling import Sampling
from market import gate_settings, instruments, settings, tuning_settings
from market.errors import UsageError
from market.execution import Exits
from market.gate_settings import Gates, Judging
from market.instruments import Instrument, Series
from market.sessions import hours
from market.tuning_settings import Tuning
from pipeline import workspace
from pipeline.workspace import Workspace
from training import parameters
from training.members import MEMBERS
from training.plan import Plan
from training.search import Search
from training.thresholds import Venue


class Job(NamedTuple):
    """A series, where its files are, its settings and how many processes may work.

    `gates` are the six benchmarks; `judging` holds every profile and says which of them decides.
    """

    workspace: Workspace
    instrument: Instrument
    research: settings.Research
    labels: settings.Labels
    trading: settings.PolicyAndRisk
    recipe: settings.Recipe
    gates: Gates
    workers: int
    tuning: Tuning
    judging: Judging

    @property
    def series(self) -> Series:
        """Return the series."""
        return self.workspace.series

    @property
    def exits(self) -> Exits:
        """Return the barriers."""
        return Exits(**{name: getattr(self.labels, name) for name in Exits._fields})

    @property
    def sampling(self) -> Sampling:
        """Return at which bars is labelled, learnt and traded."""
        threshold = None if self.labels.cusum == "off" else float(self.labels.cusum)
        return Sampling(threshold, self.labels.atr_period)

    @property
    def risk(self) -> Risk:
        """Return money and limits."""
        known = type(self.trading).model_fields
        return Risk(**{name: getattr(self.trading, name) for name in Risk._fields if name in known})

    @property
    def guards(self) -> Policy:
        """Return the policy without thresholds: nothing reaches them until training sets some."""
        names = ("cooldown", "max_spread_atr", "min_confidence", "min_volatility")
        guards = {name: getattr(self.trading, name) for name in names}
        return Policy(
            float("inf"),
            float("-inf"),
            blocked_sessions=tuple(self.trading.blocked_sessions),
            max_volatility=float("inf") if self.trading.max_volatility == "off" else self.trading.max_volatility,
            **guards,
        )

    @property
    def plan(self) -> Plan:
        """Return what training does."""
        venue = Venue(self.exits, self.instrument.costs, self.risk, self.guards, self.instrument.market)
        threads = max((os.cpu_count() or 1) // self.workers, 1)
        return Plan(self.recipe, self.research, venue, Search(self.tuning, self.workers), threads)

    @property
    def learnt_by(self) -> list[Any]:
        """Return every setting that what is learnt from bars, features and labels depends on, but for tuning."""
        return [
            self.research.model_dump(mode="json"),
            self.recipe.model_dump(mode="json"),
            self.trading.model_dump(mode="json"),
            self.exits,
            self.sampling,
            self.instrument.costs,
            self.instrument.market,
            hours(self.instrument.market),
        ]

    @property
    def history_start(self) -> pd.Timestamp:
        """Return the instant at which history starts, UTC."""
        return pd.Timestamp(self.research.history_start, tz="UTC")

    @property
    def cut_off(self) -> pd.Timestamp:
        """Return the research cut-off, UTC: the start of the excluded day."""
        return pd.Timestamp(self.research.cut_off, tz="UTC")


def prepare(
    series: Series,
    cut_off: dt.date | None = None,
    recipe: str | None = None,
    workers: int | None = None,
    trials: int | None = None,
    minutes: float | None = None,
) -> Job:
    """Return the job of `series`; every setting is read and checked here.

    `cut_off`, `recipe` and the `trials` and `minutes` of tuning override settings.
    """
    own_groups.enter(settings.own_groups_folder())
    symbol, name = series.symbol, series.timeframe.name
    research = settings.research(symbol, name)
    changes = {"cut_off": cut_off, "recipe": recipe}
    research = research.model_copy(update={key: value for key, value in changes.items() if value is not None})
    recipe_used = settings.recipe(research.recipe)
    _check_recipe(recipe_used, research.recipe)
    return Job(
        workspace.of(series),
        instruments.instrument(symbol),
        research,
        settings.labels(symbol, name),
        settings.policy(symbol, name),
        recipe_used,
        gate_settings.gates(),
        workers or os.cpu_count() or 1,
        tuning_settings.tuning(symbol, name, trials=trials, minutes=minutes),
        gate_settings.judging(),
    )


def _check_recipe(recipe: settings.Recipe, name: str) -> None:
    """Raise UsageError that names the table and the groups or parameters of the recipe `name` that are none."""
    try:
        feature_groups.chosen(recipe.groups)
    except UsageError as error:
        raise UsageError(f"config/recipes.toml [{name}]: {error}") from None
    found = [
        f"[{name}.parameters.{member}] {problem}"
        for member, given in recipe.parameters.items()
        for problem in parameters.problems(MEMBERS[member].ranges, given)
    ]
    if found:
        raise UsageError(f"config/recipes.toml: {parameters.sentence(found)}")
