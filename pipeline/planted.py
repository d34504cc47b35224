"""Simulated markets of the demo: gold's hours and costs, with a planted edge or without one, judged like any series.

Each is judged in a home of its own, an `ASSAY_HOME`, so that its ledger and its registry know nothing else. Costs,
barriers, policy and gates are those of the configuration; what is judged on what is fixed here, so that a market is
small and the same everywhere: five folds, since the profit factors of ten short ones vary by chance alone. Bars go on
past the cut-off: nothing has seen them, and a champion can be traded on them.
"""

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from market import instruments, settings, simulated, tables
from pipeline import answers, job, main_job, oracle, workspace
from pipeline.job import Job
from pipeline.screen import Screen

SERIES = "SIM_XAUUSD_15T"
EDGE = 0.45
SEEDS = tuple(range(1, 11))

START = dt.date(2019, 1, 2)
CUT_OFF = dt.date(2020, 3, 1)
END = dt.date(2020, 4, 11)
_RESEARCH = settings.Research(
    history_start=START,
    cut_off=CUT_OFF,
    oos_months=4,
    folds=5,
    purge=50,
    embargo=100,
    minimum_rows=300,
    inner_folds=3,
    inner_holdout=0.2,
    oldest_weight=1.0,
    max_feature_auc=0.95,  # its edge is no secret to a feature and far beyond any real one
    max_feature_ic=0.80,
    recipe="ensemble",
    seed=20190102,
)
_FEATURES = 20


class Market(NamedTuple):
    """A simulated market: the strength of its edge (0: none) and the seed of its draws."""

    edge: float
    seed: int

    @property
    def world(self) -> dict[str, Any]:
        """Return what `market.simulated.simulate` makes it from."""
        return {"start": str(START), "end": str(END), "edge": self.edge, "seed": self.seed}

    def signal(self) -> pd.Series:
        """Return its hidden signal by `ts`."""
        series = instruments.series_named(SERIES)
        return simulated.hidden_signal(series.symbol, series.timeframe.name, str(START), str(END), self.seed)


def prepare(home: Path, workers: int | None = None) -> Job:
    """Return the job that judges a simulated market in `home`."""
    work = job.prepare(instruments.series_named(SERIES), workers=workers)
    recipe = settings.recipe(_RESEARCH.recipe).model_copy(update={"features": _FEATURES})
    return work._replace(workspace=workspace.of(work.series, home), research=_RESEARCH, recipe=recipe)


def judge(market: Market, home: Path, screen: Screen, workers: int | None = None) -> dict[str, Any]:
    """Run what is stale of the main job on `market` in `home`, and return its verdict."""
    return main_job.run(prepare(home, workers), screen, **market.world)


def oracle_of(market: Market, home: Path) -> oracle.Oracle:
    """Return what the oracle brings in the window on which `market` was judged in `home`."""
    work = prepare(home)
    window = answers.read(work.workspace).window
    return oracle.trade(
        tables.read_table(work.workspace.bars, tables.BARS),
        market.signal(),
        work.plan,
        pd.Timestamp(window["oos_start"]),
        pd.Timestamp(window["cut_off"]),
    )
