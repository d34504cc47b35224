"""What a training is expected to cost before it is begun: seconds, memory and disk, from what others have cost here."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from market import tables
from market.errors import DataError
from pipeline import receipts
from pipeline.workspace import Workspace

_COLUMNS = 400  # of features, where none are stored yet
_FEATURE_BYTES = 2.5  # of a value in the file: 2.4 was measured on gold
_OTHER_BYTES = 80  # a bar, of labels, predictions, scores and equity
_AT_REST = 900_000_000  # bytes of memory of a worker that has trained others before
_COPIES = 6.2  # of the features, as float32, that a training has at its peak
_RUN_BYTES = 4_000_000  # of a bundle, a card, its plots and its MLflow run


class Cost(NamedTuple):
    """Seconds (None where nothing is known), bytes of memory at the peak, bytes on the disk."""

    seconds: float | None
    memory: int
    disk: int


class Known(NamedTuple):
    """What trainings in this home have cost: seconds a bar by stage, seconds by series and stage, columns, peaks."""

    rates: dict[str, float]
    seconds: dict[str, dict[str, float]]
    columns: int
    peaks: dict[str, int]


def known(home: Path, series: Mapping[str, Mapping]) -> Known:
    """Return what the receipts of `home` tell, and the last fleet's `series` where a receipt is gone."""
    seconds: dict[str, dict[str, float]] = {
        name: dict(one.get("seconds", {})) for name, one in series.items() if one.get("seconds")
    }
    for path in sorted((home / "runs").glob("*/*.receipt.json")):
        receipt = receipts.read(path)
        if receipt is not None:
            seconds.setdefault(path.parent.name, {})[receipt.stage] = receipt.seconds
    bars = {name: rows for name in seconds if (rows := _rows(home / "bars" / f"{name}.parquet"))}
    found: dict[str, list[float]] = {}
    for name, rows in bars.items():
        for stage, spent in seconds[name].items():
            found.setdefault(stage, []).append(spent / rows)
    columns = [_columns(path) for path in sorted((home / "features").glob("*.parquet"))]
    peaks = {name: int(one["memory"]) for name, one in series.items() if one.get("memory")}
    return Known(
        {stage: median(each) for stage, each in found.items()},
        seconds,
        round(median(columns)) if columns else _COLUMNS,
        peaks,
    )


def cost(target: Workspace, stages: Iterable[str], bars: int, so_far: Known) -> Cost:
    """Return what `stages` of a series of so many bars will cost."""
    mine = so_far.seconds.get(target.series.name, {})
    expected = [mine.get(stage, _times(so_far.rates.get(stage), bars)) for stage in stages]
    seconds = None if None in expected else round(sum(one for one in expected if one is not None), 1)
    work = {*stages} - {"gate"}
    return Cost(
        seconds,
        max(memory(bars, so_far.columns), so_far.peaks.get(target.series.name, 0)) if work else 0,
        disk(bars, so_far.columns, {*stages}),
    )


def memory(bars: int, columns: int) -> int:
    """Return the bytes that a training of so many bars and features is expected to need at its peak.

    Measured from 9,000 to 342,000 bars of 386 features: the code with its libraries, and 6.2 copies of the features.
    Where only events are labelled (`cusum`) it is far less, and an upper bound.
    """
    return round(_AT_REST + _COPIES * 4 * bars * columns)


def disk(bars: int, columns: int, stages: set[str]) -> int:
    """Return the bytes that `stages` will write; what they replace is there until they are done."""
    features = _FEATURE_BYTES * bars * columns if "enrich" in stages else 0
    others = _OTHER_BYTES * bars if stages & {"label", "train", "backtest"} else 0
    return round(features + others + (_RUN_BYTES if "gate" in stages else 0))


def _times(rate: float | None, bars: int) -> float | None:
    return None if rate is None else rate * bars


def _rows(path: Path) -> int:
    manifest = _manifest(path)
    return 0 if manifest is None else manifest.rows


def _columns(path: Path) -> int:
    manifest = _manifest(path)
    return _COLUMNS if manifest is None else int(manifest.facts.get("columns", _COLUMNS))


def _manifest(path: Path) -> tables.Manifest | None:
    with suppress(DataError):  # whoever needs the table says what is wrong with it
        return tables.read_manifest(path)
    return None
