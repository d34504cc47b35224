"""The catalogue of features: what every column means, where it comes from, its unit and the range that it keeps to.

A group says this of its columns in `CATALOGUE` (`feature_store.described`); every column that `compute` returns matches
exactly one of its keys. `python -m feature_store.catalogue` writes the page `docs/features.md`.
"""

import re
import sys
from functools import lru_cache

import numpy as np
import pandas as pd

from feature_store.arrays import COLUMNS, Bars
from feature_store.described import Catalogue, Described
from feature_store.groups import GROUPS, groups_for, lookback
from market.errors import UsageError, nearest
from market.timeframe import DAY, TIMEFRAMES, Timeframe

_PLACEHOLDERS = {
    "{n}": r"(\d+)",
    "{coarse}": f"({'|'.join([*TIMEFRAMES, DAY.name])})",
    "{companion}": r"([a-z0-9_]+?)",
}
_QUARTER_HOUR = TIMEFRAMES["15T"]
_EXAMPLE = "DXY"


def described(column: str) -> Described:
    """Return what `<group>__<name>` is, the placeholders of its meaning filled in.

    >>> described("momentum__rsi_14").meaning.partition(":")[0], described("momentum__rsi_14").most
    ('RSI of 14 bars', 100.0)

    Raises UsageError for a name that no group describes, with the nearest one of 15-minute bars.
    """
    group, _, name = column.partition("__")
    entries = entries_of(group) if group in GROUPS else {}
    keys = matches(entries, name)
    match = _pattern(keys[0]).fullmatch(name) if keys else None
    if match is None:
        known = [f"{group}__{name}" for group in GROUPS for name in bare_columns(group, _QUARTER_HOUR)]
        raise UsageError(f"No feature {column!r} is described: docs/features.md lists them.{nearest(column, known)}")
    entry = entries[keys[0]]
    return entry._replace(meaning=entry.meaning.format(*match.groups()))


def entries_of(group: str) -> Catalogue:
    """Return what a group says of its columns: nothing where it is a user's own and says nothing."""
    return getattr(GROUPS[group], "CATALOGUE", {})


def matches(entries: Catalogue, name: str) -> list[str]:
    """Return the keys of a group's catalogue that the bare column `name` matches: one, if the catalogue is right.

    >>> nothing = Described("", "", "", 0.0, 1.0)
    >>> matches({"return_{n}": nothing, "{coarse}_rsi_{n}": nothing}, "4H_rsi_20")
    ['{coarse}_rsi_{n}']
    """
    return [key for key in entries if _pattern(key).fullmatch(name)]


def bare_columns(group: str, timeframe: Timeframe) -> list[str]:
    """Return the names of the columns that a group computes at a timeframe, without the group's own.

    Of other symbols' bars, those of one stand for all: DXY.
    """
    rows = lookback([group], timeframe)
    ts = np.arange(1, rows + 1, dtype=np.int64) * timeframe.minutes * 60_000_000
    still = Bars(ts, np.ones((len(COLUMNS), rows)), timeframe)
    return list(GROUPS[group].compute(Bars(ts, np.ones((len(COLUMNS), rows)), timeframe, {_EXAMPLE: still})))


def catalogue(timeframe: Timeframe = _QUARTER_HOUR) -> pd.DataFrame:
    """Return a row for each feature of a timeframe: name, group, what `Described` holds, and its group's lookback.

    Only groups that describe their columns are in it. Raises UsageError where one describes some of them alone.
    """
    rows = []
    for group in filter(entries_of, GROUPS):
        bars = lookback([group], timeframe)
        for name in bare_columns(group, timeframe):
            full = f"{group}__{name}"
            rows.append({"name": full, "group": group, **described(full)._asdict(), "lookback": bars})
    return pd.DataFrame(rows)


def markdown(timeframe: Timeframe = _QUARTER_HOUR) -> str:
    """Return the catalogue as a page: a section for each group, a table row for each column."""
    table = catalogue(timeframe)
    counts = ", ".join(f"{_alone(catalogue(each))} at {each.name}" for each in TIMEFRAMES.values())
    lines = [
        "# Features",
        "",
        f"Made from the code by `make docs`. Features of a bar: {counts}.",
        f"Listed are those at {timeframe.name}; at other timeframes, columns of coarser bars have other names. Every",
        f"other symbol whose bars are at hand adds the columns that are listed for {_EXAMPLE}.",
        "",
        "A column is stored as `<group>__<column>`, in float32. *Range* is what no value ever leaves. *ATR* is the",
        "average true range of 14 bars, *deviations* are standard deviations. Where prices are compared, as in ADX and",
        "candlesticks, they are whole numbers of 10⁻⁸, so that no tie is settled by rounding. The bars of a group are",
        "those that a row needs, itself included, before it has a value.",
    ]
    for group, part in table.groupby("group", sort=False):
        lines += ["", *_section(str(group), part)]
    return "\n".join(lines) + "\n"


def _alone(table: pd.DataFrame) -> int:
    """Return how many features a series has that has volume and no other symbols beside it."""
    return int(table["group"].isin(groups_for(has_volume=True)).sum())


def _section(group: str, part: pd.DataFrame) -> list[str]:
    purpose, *rules = [" ".join(text.split()) for text in (GROUPS[group].__doc__ or "").strip().split("\n\n")]
    lines = [
        f"## {group}",
        "",
        f"{purpose} {len(part)} columns, {part['lookback'].iloc[0]} bars.",
        *(line for text in rules for line in ("", text)),
        "",
        "| column | meaning | unit | range | source |",
        "|---|---|---|---|---|",
    ]
    return lines + [
        _row(Described(*row[:-1]), name) for name, *row in part.drop(columns="group").itertuples(index=False)
    ]


def _row(entry: Described, name: str) -> str:
    meaning = entry.meaning[:1].upper() + entry.meaning[1:]
    note = "" if entry.scale_free else " (moves with the scale of prices)"
    cells = (meaning + note, entry.unit, _range(entry.least, entry.most), entry.source)
    told = " | ".join(cell.replace("|", r"\|") for cell in cells)
    return f"| `{name.partition('__')[2]}` | {told} |"


def _range(least: float, most: float) -> str:
    """Return a range in words.

    >>> _range(0.0, 1.0), _range(0.0, np.inf), _range(-np.inf, np.inf)
    ('0 to 1', 'from 0', 'any')
    """
    if np.isinf(least) and np.isinf(most):
        return "any"
    if np.isinf(most):
        return f"from {_number(least)}"
    return f"up to {_number(most)}" if np.isinf(least) else f"{_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


@lru_cache
def _pattern(key: str) -> re.Pattern[str]:
    pattern = re.escape(key)
    for placeholder, stands_for in _PLACEHOLDERS.items():
        pattern = pattern.replace(re.escape(placeholder), stands_for)
    return re.compile(pattern)


if __name__ == "__main__":
    sys.stdout.write(markdown())
