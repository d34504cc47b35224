"""What a notebook reads: the series it is about, its tables, and its last verdict."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from market import instruments, settings, tables
from market.errors import UnavailableError
from pipeline import answers, job, reporting, validate, workspace
from pipeline.job import Job
from pipeline.workspace import Workspace
from registry.card import Card
from registry.record import DEMO
from registry.report.shown import Shown

CARD = "card"
NEEDED = {
    "bars": "assay import FILE --symbol {0.symbol} --timeframe {0.timeframe.name} --timezone ZONE --stamp open",
    "features": "assay enrich {0.name}",
    "labels": "assay label {0.symbol} {0.timeframe.name}",
    CARD: "assay train {0.symbol} {0.timeframe.name}",
}
"""What a notebook may need, and what is typed to get it."""


class Opened(NamedTuple):
    """A series whose tables are read when they are asked for, each verified against its manifest."""

    workspace: Workspace

    @property
    def name(self) -> str:
        """Return the name of the series."""
        return self.workspace.series.name

    @property
    def job(self) -> Job:
        """Return the series with its settings."""
        return job.prepare(self.workspace.series)

    @property
    def bars(self) -> pd.DataFrame:
        """Return the bars table."""
        return tables.read_table(self.workspace.bars, tables.BARS)

    @property
    def features(self) -> pd.DataFrame:
        """Return the features table."""
        return tables.read_table(self.workspace.features, tables.FEATURES)

    @property
    def labels(self) -> pd.DataFrame:
        """Return the labels table."""
        return tables.read_table(self.workspace.labels, tables.LABELS)

    @property
    def trades(self) -> pd.DataFrame:
        """Return the trades of the judged window."""
        return tables.read_table(self.workspace.run / "trades.parquet", tables.TRADES)

    @property
    def equity(self) -> pd.DataFrame:
        """Return the account over the judged window."""
        return tables.read_table(self.workspace.run / "equity.parquet", tables.EQUITY)

    @property
    def judged(self) -> bool:
        """Return whether the series has a verdict."""
        return there(self.workspace, CARD)

    @property
    def card(self) -> Card:
        """Return the card of the last verdict."""
        return answers.read(self.workspace)

    @property
    def shown(self) -> Shown:
        """Return what the report of the last verdict draws: it is gathered from the tables of the run."""
        return reporting.shown(self.workspace, self.card)

    @property
    def validated(self) -> dict[str, Any]:
        """Return what `assay validate` finds in the bars; it keeps its picture beside them."""
        symbol, _, timeframe = self.name.rpartition("_")
        return validate.validate(symbol, timeframe)

    def receipt(self, stage: str) -> dict[str, Any]:
        """Return what a stage has left to say of itself; empty where it was not run."""
        path = self.workspace.receipt(stage)
        return workspace.read_json(path) if path.exists() else {}


def opened(series: str = "", home: str = "", config: str = "") -> Opened:
    """Return the series that a notebook is about; without a name the one that `chosen` finds.

    `home` and `config` are folders that then stand for ASSAY_HOME and ASSAY_CONFIG in this process; "" leaves these.
    Raises UnavailableError where there is nothing to read, and DataError where a table was changed.
    """
    for name, folder in (("ASSAY_HOME", home), ("ASSAY_CONFIG", config)):
        if folder:
            os.environ[name] = folder
    target = chosen(series)
    if target is None:
        raise UnavailableError(f"There are no bars in {settings.home()} yet: `make train` judges a simulated market.")
    workspace.require_bars(target)
    return Opened(target)


def chosen(name: str = "") -> Workspace | None:
    """Return where the tables of a series are, or of the simulated market of its name; None without bars.

    Without a name: of the first series with a verdict, else of the first with bars, those of real bars before simulated
    ones.
    """
    if name:
        series = instruments.series_named(name)
        every = [workspace.of(one) for one in dict.fromkeys((series, series._replace(simulated=True)))]
    else:
        every = [one for folder in (settings.home(), settings.home() / DEMO) for one in _stored(folder)]
    with_bars = [one for one in every if there(one, "bars")]
    return next((one for one in with_bars if there(one, CARD)), next(iter(with_bars), None))


def there(target: Workspace, what: str) -> bool:
    """Return whether a table of the series, or its card, has been made."""
    return (target.run / "card.json" if what == CARD else getattr(target, what)).exists()


def _stored(folder: Path) -> list[Workspace]:
    return [workspace.of(instruments.series_named(name)) for name in workspace.stored(folder)]
