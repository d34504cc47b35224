"""Versions of bars that nobody needs: those that an import with --replace made void before any verdict that is kept.

What is emptied stays in the list of versions, so that it is known that there were bars; what they were is gone.
"""

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from market import tables, versions
from market.errors import DataError
from market.tables import BARS
from market.versions import Version

PRUNED = "pruned"


def superseded(bars: Path, judged: Sequence[pd.Timestamp]) -> list[Version]:
    """Return the versions of the table at `bars` that are of no use, not emptied yet, oldest first.

    That are those before the last one that replaces all others and is older than each of the instants `judged`, UTC:
    what was known at such an instant can still be told. Without any the last one that replaces is it.
    """
    listed = versions.listed(bars) if tables.read_manifest(bars) is not None else []
    first = min(judged, default=None)
    begun = [one.number for one in listed if one.replaces and (first is None or one.ingested_at <= first)]
    return [one for one in listed if begun and one.number < begun[-1] and one.rows]


def empty(bars: Path, number: int) -> None:
    """Let a version hold no bars. A kill leaves the table empty under the old manifest, and the next call goes on."""
    path = versions.path_of(bars, number)
    manifest = tables.read_manifest(path)
    if manifest is None:
        raise DataError(f"Version {number} of {bars} is gone: {path}.")
    aside = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    facts = manifest.facts | {PRUNED: dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
    tables.write_table(aside, _no_bars(), BARS, inputs={}, config_sha256="", code_sha256="", facts=facts)
    aside.replace(path)
    tables.manifest_path(aside).replace(tables.manifest_path(path))


def require_kept(bars: Path, when: pd.Timestamp | None) -> None:
    """Raise DataError where the bars that were stored at `when` (None: now) were pruned since."""
    known = [one for one in versions.listed(bars) if when is not None and one.ingested_at <= when]
    begun = [at for at, one in enumerate(known) if one.replaces]
    if when is None or not begun:
        return
    manifest = tables.read_manifest(versions.path_of(bars, known[begun[-1]].number))
    if manifest is not None and PRUNED in manifest.facts:
        raise DataError(
            f"The bars of {bars.stem} as they were stored at {when:%Y-%m-%d %H:%M:%S} UTC were pruned on "
            f"{manifest.facts[PRUNED][:10]}: later ones replaced them, and no verdict that is kept was made on them."
        )


def _no_bars() -> pd.DataFrame:
    ts = pd.DatetimeIndex([], dtype="datetime64[us, UTC]", name=BARS.key)
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in BARS.columns.items()}).set_index(ts)
