"""From columns of a table, whatever file they stood in, to raw rows and findings on what could not be read."""

import numpy as np
import pandas as pd
import pyarrow as pa

from market.bars import Raw
from market.validation import COLUMNS, PRICES
from market.vendors import values
from market.vendors.delimited import Texts

_SHOWN = 160


def shown(text: object) -> str:
    """Return the beginning of a foreign text without anything that a terminal would obey.

    >>> shown("chat\x1b[2J")
    'chat [2J'
    """
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:_SHOWN])


def raw(
    columns: list[pa.ChunkedArray],
    roles: dict[str, list[int]],
    lines: np.ndarray,
    *,
    spread_unit: float = 1.0,
    broken: list[tuple[int, str]] | None = None,
) -> Raw:
    """Return the readable rows, and a finding for each text that is neither stamp nor number and each broken line.

    `roles` says at which positions in `columns` a role stands; `lines` are row numbers in the source. Recorded spreads
    are counted in `spread_unit` of price.
    """
    stamp, bad = values.stamps(_joined(columns, roles["stamp"]))
    rows = pd.DataFrame({"row": lines.astype("int64"), "stamp": stamp})
    content = [_content(columns, int(i)) for i in np.flatnonzero(bad)]
    findings = [_findings(lines[bad], "", "row cannot be read", content, "a stamp such as 2025-01-31 13:45")]
    for role in (*PRICES, "volume", "spread"):
        if role not in roles:
            continue
        column = columns[roles[role][0]]
        rows["spread_recorded" if role == "spread" else role], text = values.numbers(column)
        new = text & ~bad
        found = [shown(value) for value in column.filter(pa.array(new)).to_pylist()]
        findings.append(_findings(lines[new], rows["stamp"][new].astype(str), f"text in {role}", found, "a number"))
        bad = bad | text
    if "spread_recorded" in rows:
        rows["spread_recorded"] = _in_price(rows["spread_recorded"].to_numpy(), spread_unit)
    findings.append(_broken(broken or [], len(columns)))
    unreadable = pd.concat(findings)
    unreadable.index = pd.Index([-1] * len(unreadable), dtype="int64")
    return Raw(rows[~bad].reset_index(drop=True), unreadable)


def from_texts(texts: Texts, roles: dict[str, list[int]], spread_unit: float = 1.0) -> Raw:
    """Return the raw rows of delimited text."""
    return raw(texts.columns, roles, texts.lines, spread_unit=spread_unit, broken=texts.broken)


def _joined(columns: list[pa.ChunkedArray], places: list[int]) -> pa.ChunkedArray:
    """Return the stamps, date and time joined by a blank where they stand apart."""
    if len(places) == 1:
        return columns[places[0]]
    date, time = (pa.compute.cast(columns[place], pa.string()) for place in places)
    return pa.compute.binary_join_element_wise(date, time, " ")


def _content(columns: list[pa.ChunkedArray], i: int) -> str:
    values = (column[i].as_py() for column in columns)
    return shown(" | ".join("" if value is None else str(value) for value in values))


def _findings(lines: np.ndarray, stamp: pd.Series | str, problem: str, found: list[str], wanted: str) -> pd.DataFrame:
    stamps = stamp if isinstance(stamp, str) else stamp.to_numpy()
    columns = {"file": "", "row": lines, "stamp": stamps, "severity": "error", "problem": problem, "found": found}
    return pd.DataFrame(columns | {"wanted": wanted}, index=range(len(lines)), columns=COLUMNS)


def _broken(broken: list[tuple[int, str]], fields: int) -> pd.DataFrame:
    lines = np.array([line for line, _ in broken], dtype="int64")
    content = [shown(text) for _, text in broken]
    return _findings(lines, "", "row cannot be read", content, f"{fields} fields, as in the other rows")


def _in_price(values: np.ndarray, unit: float) -> np.ndarray:
    """Return counts of `unit` as prices: divided by the units in 1 where they are whole, for exactness."""
    per_price = round(1 / unit)
    return values / per_price if abs(per_price * unit - 1) < 1e-9 else values * unit
