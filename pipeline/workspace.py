"""Where the files of a series are. Simulated series live apart, under `demo/`, with a registry of their own."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from market import settings, tables, versions
from market.errors import DataError, UnavailableError
from market.instruments import Series


class Workspace(NamedTuple):
    """The folders and files of one series."""

    home: Path
    series: Series

    @property
    def bars(self) -> Path:
        """Return the bars table."""
        return self.home / "bars" / f"{self.series.name}.parquet"

    @property
    def features(self) -> Path:
        """Return the features table."""
        return self.home / "features" / f"{self.series.name}.parquet"

    @property
    def labels(self) -> Path:
        """Return the labels table."""
        return self.home / "labels" / f"{self.series.name}.parquet"

    @property
    def run(self) -> Path:
        """Return the folder of the last training: predictions, trades, equity, receipts, card."""
        return self.home / "runs" / self.series.name

    @property
    def bundles(self) -> Path:
        """Return the folder that holds a bundle for each trained model, named by its digest."""
        return self.home / "bundles" / self.series.name

    def receipt(self, stage: str) -> Path:
        """Return the receipt of a stage."""
        return self.run / f"{stage}.receipt.json"


def of(series: Series, home: Path | None = None) -> Workspace:
    """Return the workspace of `series` under `home` (default: `ASSAY_HOME`)."""
    root = settings.home() if home is None else home
    return Workspace(root / "demo" if series.simulated else root, series)


def require_bars(workspace: Workspace) -> None:
    """Raise UnavailableError unless bars of the series are stored, DataError where they were changed since."""
    manifest = tables.read_manifest(workspace.bars)
    if manifest is None:
        name = workspace.series.name
        raise UnavailableError(
            f"No bars stored for {name}: import some with "
            f"`assay import FILE --symbol {workspace.series.symbol} --timeframe {workspace.series.timeframe.name} "
            "--timezone ZONE --stamp open`."
        )
    if tables.sha256_of_file(workspace.bars) != manifest.sha256:
        raise DataError(f"{workspace.bars} was changed after it was imported: import the bars again.")


@contextmanager
def locked(workspace: Workspace) -> Iterator[None]:
    """Hold the series against other processes, and sweep it; raises UnavailableError where one works on it."""
    workspace.run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(workspace.run / ".lock", timeout=0):
            sweep(workspace)
            yield
    except Timeout:
        raise UnavailableError(
            f"{workspace.series.name} is being worked on by another assay process: wait for it, or stop it."
        ) from None


def sweep(workspace: Workspace) -> None:
    """Remove what a killed process left half-written for this series; call it while holding the series' lock."""
    for table in (workspace.bars, workspace.features, workspace.labels):
        for left in table.parent.glob(f".{table.stem}.*.tmp"):
            left.unlink()
    versions.sweep(workspace.bars)
    for left in workspace.run.glob("**/.*.tmp"):
        left.unlink()
    for left in workspace.bundles.glob(".*"):
        shutil.rmtree(left)


def stored(home: Path) -> list[str]:
    """Return the names of all series with stored bars, sorted."""
    return sorted(path.stem for path in (home / "bars").glob("*.parquet"))


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object that a stage left at `path`; raises DataError where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise DataError(f"{path} is damaged: delete it and run `assay train` again.") from None
