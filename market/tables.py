"""Our tables on disk: one schema each, checked on write and on read, with checksums and a manifest beside the data.

A table `x.parquet` is real only with its `x.manifest.json`: both are written aside and made durable, then renamed, so a
kill leaves the old table or the new one, and between the two renames none; never a mixture. The manifest carries the
hashes that lead from raw bars to a model: of the bytes, of the inputs, of the configuration and of the code.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from market.durable import as_json, written_aside
from market.errors import DataError


class Schema(NamedTuple):
    """A table's name, its key columns and the dtypes of the columns it must have; more are allowed where `open`."""

    name: str
    key: str
    columns: dict[str, str]
    open: bool = False


_ROW_GROUP = 65_536  # rows
_BLOCK = 1 << 20  # bytes

_F8, _I1, _TS, _TEXT = "float64", "int8", "datetime64[us, UTC]", "str"
_PRICES = dict.fromkeys(("open", "high", "low", "close", "volume", "spread"), _F8)
_LABELS = {"t1_long": _TS, "t1_short": _TS, "y": _I1, "r_long": _F8, "r_short": _F8, "reason_long": _TEXT}
_LABELS |= {"reason_short": _TEXT, "atr": _F8, "weight": _F8}
_TRADES = {"t_exit": _TS, "side": _I1} | dict.fromkeys(
    ("size", "entry", "exit", "stop", "target", "cost", "r", "pnl"), _F8
)
_TRADES |= {"reason": _TEXT, "score": _F8}

BARS = Schema("bars", "ts", _PRICES, open=True)
FEATURES = Schema("features", "ts", {}, open=True)
LABELS = Schema("labels", "ts", _LABELS)
PREDICTIONS = Schema("predictions", "ts", {"p_down": _F8, "p_flat": _F8, "p_up": _F8, "fold": "int64", "recipe": _TEXT})
SCORE = Schema("score", "ts", dict.fromkeys(("score", "expected_r_long", "expected_r_short", "confidence"), _F8))
TRADES = Schema("trades", "t_entry", _TRADES)
EQUITY = Schema("equity", "ts", {"equity": _F8, "open_risk": _F8})


class Manifest(BaseModel):
    """What stands beside a table: enough to verify it and to know what it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    rows: int
    first: str | None
    last: str | None
    sha256: str
    inputs: dict[str, str]
    config_sha256: str
    code_sha256: str
    facts: dict[str, Any]


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of bytes, or of anything else as canonical JSON.

    >>> sha256_of({"b": 1, "a": 2}) == sha256_of({"a": 2, "b": 1})
    True
    """
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.sha256(value).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in constant memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def manifest_path(path: Path) -> Path:
    """Return where the manifest of the table at `path` stands."""
    return path.with_suffix(".manifest.json")


def write_table(
    path: Path,
    frame: pd.DataFrame,
    schema: Schema,
    *,
    inputs: Mapping[str, str],
    config_sha256: str,
    code_sha256: str,
    facts: Mapping[str, Any] | None = None,
) -> Manifest:
    """Check `frame` (indexed by the schema's key) and write it with its manifest; both appear whole or not at all.

    Raises DataError naming the first broken promise. `facts` is whatever a reader should know (JSON values).
    """
    with appending(path, schema) as table:
        table.add(frame)
        return table.finish(inputs=inputs, config_sha256=config_sha256, code_sha256=code_sha256, facts=facts)


class Appender:
    """A table that grows by windows in the order of its key; made by `appending`, it appears once it is finished."""

    def __init__(self, aside: Path, manifest_aside: Path, schema: Schema, where: str) -> None:
        self.aside, self._manifest_aside, self._schema, self._where = aside, manifest_aside, schema, where
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self.rows, self.first, self.last = 0, None, None
        self.finished = False
        self._digest, self._hashed = hashlib.sha256(), 0

    def add(self, frame: pd.DataFrame) -> None:
        """Check a window (indexed by the schema's key) and append it; DataError where it breaks a promise."""
        check(frame, self._schema, self._where)
        table = _arrow(frame)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.aside, table.schema, write_page_checksum=True, **_written(table))
            self._waiting = [table.slice(0, 0)]
        if not len(frame):
            return
        if self.last is not None and frame.index[0] <= self.last:
            raise DataError(
                f"{self._where}: {self._schema.name} at {frame.index[0]} come after {self.last}: sort them."
            )
        self.first, self.last = frame.index[0] if self.first is None else self.first, frame.index[-1]
        self.rows += len(frame)
        self._waiting.append(table)
        self._write(whole_groups=True)

    def finish(
        self,
        *,
        inputs: Mapping[str, str],
        config_sha256: str,
        code_sha256: str,
        facts: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Write what is left and the manifest; the table appears as the `appending` block ends."""
        if self._writer is None:
            raise DataError(f"{self._where}: no {self._schema.name} to write.")
        self._write(whole_groups=False)
        self._writer.close()
        manifest = self._manifest(inputs, config_sha256, code_sha256, facts or {})
        self._manifest_aside.write_text(as_json(manifest.model_dump()), encoding="utf-8")
        self.finished = True
        return manifest

    def manifest(self, facts: Mapping[str, Any]) -> bytes:
        """Return the manifest that a finished table would have with other `facts`, as it stands on the disk."""
        return as_json(self._manifest({}, "", "", facts).model_dump()).encode()

    def _manifest(
        self, inputs: Mapping[str, str], config_sha256: str, code_sha256: str, facts: Mapping[str, Any]
    ) -> Manifest:
        return Manifest(
            table=self._schema.name,
            rows=self.rows,
            first=None if self.first is None else self.first.isoformat(),
            last=None if self.last is None else self.last.isoformat(),
            sha256=self._sha256(),
            inputs=dict(inputs),
            config_sha256=config_sha256,
            code_sha256=code_sha256,
            facts=dict(facts),
        )

    def close(self) -> None:
        """Let go of a table that is not to be."""
        if self._writer is not None:
            self._writer.close()

    def _sha256(self) -> str:
        """Return the hash of what is written, which only grows: no byte is read twice, nor all at the end."""
        with self.aside.open("rb") as stream:
            stream.seek(self._hashed)
            while block := stream.read(_BLOCK):
                self._digest.update(block)
            self._hashed = stream.tell()
        return self._digest.hexdigest()

    def _write(self, whole_groups: bool) -> None:
        """Write row groups of one size, so that the bytes do not depend on the windows.

        What is left waits as a part of the last window, and keeps that one in memory and no other.
        """
        held = sum(table.num_rows for table in self._waiting)
        ready = held // _ROW_GROUP * _ROW_GROUP if whole_groups else held
        if not ready or self._writer is None:
            return
        last = self._waiting[-1]
        rest = held - ready
        table = pa.concat_tables([*self._waiting[:-1], last.slice(0, last.num_rows - rest)]).combine_chunks()
        self._writer.write_table(table, row_group_size=_ROW_GROUP)
        self._sha256()
        self._waiting = [last.slice(last.num_rows - rest)]


@contextmanager
def appending(path: Path, schema: Schema) -> Iterator[Appender]:
    """Yield a table that grows by windows; it appears at `path`, with its manifest, if it was finished in the block."""
    with written_aside(path, manifest_path(path), appears=lambda: appender.finished) as (aside, manifest_aside):
        appender = Appender(aside, manifest_aside, schema, str(path))
        try:
            yield appender
        finally:
            appender.close()


def read_manifest(path: Path) -> Manifest | None:
    """Return the manifest of the table at `path`, or None where the table or its manifest is not there."""
    beside = manifest_path(path)
    if not (path.exists() and beside.exists()):
        return None
    try:
        return Manifest.model_validate_json(beside.read_bytes())
    except ValidationError as error:
        raise DataError(f"{beside} is not a manifest of this version: delete {path} and make it again.") from error


def read_table(path: Path, schema: Schema, columns: list[str] | None = None) -> pd.DataFrame:
    """Return the table at `path` indexed by its key, verified against its manifest and schema.

    `columns` limits what is read. Raises DataError where the file is missing, changed, corrupt or of another shape.
    """
    verified(path, schema)
    wanted = None if columns is None else [schema.key, *columns]
    table = pq.read_table(path, columns=wanted, page_checksum_verification=True)
    frame = table.to_pandas().set_index(schema.key)
    if columns is None:
        check(frame, schema, str(path))
    return frame


def windows(path: Path, schema: Schema, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """Yield the table at `path` a row group at a time, verified as `read_table` verifies it."""
    manifest = verified(path, schema)
    wanted = None if columns is None else [schema.key, *columns]
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for i in range(file.num_row_groups if manifest.rows else 0):
            yield file.read_row_group(i, columns=wanted, use_threads=False).to_pandas().set_index(schema.key)


def column_names(path: Path, schema: Schema) -> list[str]:
    """Return the names of the columns of the table at `path`, in order, its key left out; no content is verified."""
    try:
        return [name for name in pq.read_schema(path).names if name != schema.key]
    except (OSError, pa.ArrowInvalid):
        raise DataError(f"{path} cannot be read as a {schema.name} table: delete it and make it again.") from None


def verified(path: Path, schema: Schema) -> Manifest:
    """Return the manifest of the table at `path`; DataError where there is none, or the table was changed since."""
    manifest = read_manifest(path)
    if manifest is None:
        raise DataError(f"No {schema.name} table at {path}: make it first.")
    found = sha256_of_file(path)
    if found != manifest.sha256:
        raise DataError(
            f"{path} was changed after it was written: sha256 {found[:12]}…, manifest {manifest.sha256[:12]}…. "
            "Delete it and make it again."
        )
    return manifest


def check(frame: pd.DataFrame, schema: Schema, where: str) -> None:
    """Raise DataError at the first promise of `schema` that `frame` breaks."""
    missing = [name for name in schema.columns if name not in frame]
    surplus = [] if schema.open else [name for name in frame if name not in schema.columns]
    if missing or surplus:
        raise DataError(f"{where}: {schema.name} lacks columns {missing or 'none'}, has surplus {surplus or 'none'}.")
    _check_key(frame.index, schema, where)
    for name, dtype in schema.columns.items():
        if str(frame[name].dtype) != dtype:
            raise DataError(f"{where}: {schema.name}.{name} is {frame[name].dtype}, wanted {dtype}.")
    promise = _PROMISES.get(schema.name)
    if promise is not None and len(frame):
        promise(frame, where)


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """Return the key and the columns; features as they are in memory, elsewhere an unknown number is null."""
    columns = {str(frame.index.name): _instants(frame.index.to_series())}
    if frame.shape[1] and (frame.dtypes == np.float32).all():
        return pa.table(columns | dict(zip(map(str, frame), map(pa.array, frame.to_numpy().T), strict=True)))
    for name, values in frame.items():
        zoned = isinstance(values.dtype, pd.DatetimeTZDtype)
        columns[str(name)] = _instants(values) if zoned else pa.array(values)
    return pa.table(columns)


def _instants(values: pd.Series) -> pa.Array:
    instants = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return pa.array(instants, type=pa.timestamp("us", tz="UTC"))


def _written(table: pa.Table) -> dict[str, Any]:
    """Return how the columns are written: text by dictionary; features by byte, in LZ4, without statistics.

    Features are many and have few equal bytes but the highest of each number. Split by byte and in LZ4 they are as
    small as in Zstandard, and written and read in less time.
    """
    features = [field.name for field in table.schema if field.type == pa.float32()]
    others = [field.name for field in table.schema if field.type != pa.float32()]
    return {
        "compression": dict.fromkeys(features, "lz4") | dict.fromkeys(others, "zstd"),
        "use_dictionary": [field.name for field in table.schema if pa.types.is_string(field.type)] or False,
        "use_byte_stream_split": features or False,
        "write_statistics": others,
    }


def _check_key(key: pd.Index, schema: Schema, where: str) -> None:
    if key.name != schema.key or str(key.dtype) != _TS:
        raise DataError(
            f"{where}: {schema.name} is keyed by {key.name!r} ({key.dtype}), wanted {schema.key!r} ({_TS})."
        )
    if not key.is_monotonic_increasing or not key.is_unique:
        raise DataError(
            f"{where}: the stamps of {schema.name} must increase strictly; sort them and remove duplicates."
        )


def _first(bad: np.ndarray, frame: pd.DataFrame) -> str:
    return f"{int(bad.sum())} rows, first at {frame.index[int(np.argmax(bad))]}"


def _promise_bars(frame: pd.DataFrame, where: str) -> None:
    open_, high, low, close = (frame[name].to_numpy() for name in ("open", "high", "low", "close"))
    broken = {
        "a price that is not positive and finite": ~(np.isfinite(frame[list(_PRICES)[:4]]).all(axis=1) & (low > 0)),
        "low above open or close": low > np.minimum(open_, close),
        "high below open or close": high < np.maximum(open_, close),
        "a spread that is negative or not finite": ~(np.isfinite(frame["spread"]) & (frame["spread"] >= 0)),
        "a volume that is negative or not finite": ~(np.isfinite(frame["volume"]) & (frame["volume"] >= 0)),
    }
    for what, bad in broken.items():
        if np.any(bad):
            raise DataError(f"{where}: bars have {what} ({_first(np.asarray(bad), frame)}).")


def _promise_features(frame: pd.DataFrame, where: str) -> None:
    for name, dtype in frame.dtypes.items():
        if dtype != np.float32:
            raise DataError(f"{where}: feature {name} is {dtype}, wanted float32.")
    infinite = np.isinf(frame.to_numpy())
    if infinite.any():
        column = int(infinite.any(axis=0).argmax())
        name, bad = frame.columns[column], infinite[:, column]
        raise DataError(f"{where}: feature {name} is infinite ({_first(bad, frame)}).")


def _promise_labels(frame: pd.DataFrame, where: str) -> None:
    bad = (frame["t1_long"] <= frame.index).to_numpy() | (frame["t1_short"] <= frame.index).to_numpy()
    if bad.any():
        raise DataError(f"{where}: a label ends before its row is known ({_first(bad, frame)}).")


_PROMISES = {"bars": _promise_bars, "features": _promise_features, "labels": _promise_labels}
