"""From columns of a table, whatever file they stood in, to raw rows and findings on what could not be read."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from market import calendars
from market.errors import UsageError
from market.findings import COLUMNS
from market.intake import Raw
from market.validation import GREGORIAN, MOST, OTHER_CALENDAR, PRICES, some_of
from market.vendors import delimited, values
from market.vendors.foreign import shown
from market.vendors.source import Source
from market.vendors.values import Form

OTHER_ORDER = {"day": "month", "month": "day"}
A_STRETCH = 24  # dates in another order that are no slip
_NUMBERS = (*PRICES, "volume", "spread", "ask")

Roles = dict[str, list[int]]


def from_text(
    source: Source,
    lay: delimited.Layout,
    roles: Roles,
    *,
    spread_unit: float = 1.0,
    order: str | None = None,
    form: Form | None = None,
) -> Iterator[Raw]:
    """Yield the raw rows of delimited text; see `raw` for `spread_unit`.

    `order` is what comes first in a date, `year`, `day` or `month`, and `form` what all stamps are, where the format
    fixes it.
    """
    numbers = [place for role in _NUMBERS for place in roles.get(role, [])]
    carried: set[str] = set()
    for texts in delimited.chunks(source, lay, numbers):
        stamp = _stamp(texts.columns, roles) if texts.columns else None
        if form is None and stamp is not None and len(stamp):
            form = form_of(stamp, source, order)
        read = raw(
            texts.columns, roles, texts.lines, form or Form(False, False), spread_unit, texts.broken, len(lay.names)
        )
        if form is not None and form.offsets and stamp is not None:
            carried |= set(values.offsets(stamp)[1])
            read = read._replace(unreadable=_together([read.unreadable, _many(carried)]))
        yield read


def form_of(stamp: pa.ChunkedArray, source: Source, order: str | None = None) -> Form:
    """Return what the stamps of a file are; UsageError where day and month cannot be told apart."""
    form = values.form_of(stamp)
    if order is not None and not form.counts:
        return form._replace(order=order)
    if form.order == "":
        raise UsageError(
            f"{source.path}: {shown(stamp[0].as_py())!r} may be day first or month first: say --dates day or "
            "--dates month."
        )
    return form


def raw(
    columns: list[pa.ChunkedArray],
    roles: Roles,
    lines: np.ndarray,
    form: Form,
    spread_unit: float = 1.0,
    broken: list[tuple[int, str]] | None = None,
    fields: int = 0,
) -> Raw:
    """Return the readable rows, and a finding for each text that is neither stamp nor number and each broken line.

    `roles` says at which positions in `columns` a role stands; `lines` are row numbers in the source. Recorded spreads
    are counted in `spread_unit` of price; where there is the `ask` of the close instead, they are the whole units from
    close to ask. Each other line had another number than `fields`.
    """
    findings = [_broken(broken or [], fields)]
    if not columns:
        empty = pd.DataFrame(
            {"row": lines, "stamp": pd.Series([], dtype="datetime64[us]")} | dict.fromkeys(PRICES, 0.0)
        )
        return Raw(empty, _together(findings))
    stamp, bad = values.stamps(_stamp(columns, roles), form)
    rows = {"row": lines.astype("int64"), "stamp": stamp}
    findings.append(_unread(columns, roles, lines, bad, form))
    if bad.sum() > MOST * len(bad):
        findings.append(_explained(_stamp(columns, roles)))
    for role in _NUMBERS:
        if role not in roles:
            continue
        column = columns[roles[role][0]]
        rows["spread_recorded" if role == "spread" else role], text = values.numbers(column)
        new = text & ~bad
        if new.any():
            found = [shown(value) for value in column.filter(pa.array(new)).to_pylist()]
            findings.append(_findings(lines[new], stamp[new].astype(str), f"text in {role}", found, "a number"))
            bad = bad | text
    if "symbol" in roles:
        rows["symbol"] = columns[roles["symbol"][0]].cast(pa.string()).to_pandas().to_numpy()
    if "ask" in rows:
        rows["spread_recorded"] = np.round((rows.pop("ask") - rows["close"]) / spread_unit)
    if "spread_recorded" in rows:
        rows["spread_recorded"] = in_price(rows["spread_recorded"], spread_unit)
    frame = pd.DataFrame(rows)
    return Raw(frame[~bad].reset_index(drop=True) if bad.any() else frame, _together(findings))


def in_utc(chunks: Iterator[Raw]) -> Iterator[Raw]:
    """Yield the chunks with naive stamps marked as UTC, which the format says that they are."""
    for rows, unreadable in chunks:
        naive = len(rows) > 0 and rows["stamp"].dt.tz is None
        yield Raw(rows.assign(stamp=rows["stamp"].dt.tz_localize("UTC")) if naive else rows, unreadable)


def without_empty_volume(chunks: Iterator[Raw]) -> Iterator[Raw]:
    """Yield the chunks without volume as long as it is 0 throughout: some vendors write 0 where they record none."""
    recorded = False
    for rows, unreadable in chunks:
        recorded = recorded or ("volume" in rows and bool((rows["volume"].to_numpy() != 0).any()))
        yield Raw(rows if recorded else rows.drop(columns="volume", errors="ignore"), unreadable)


def _many(offsets: set[str]) -> pd.DataFrame:
    """Return a warning where stamps carry more offsets from UTC than one clock has in a year: two, an hour apart."""
    minutes = {values.minutes(offset) for offset in offsets}
    told = len(minutes) > 2 or max(minutes) - min(minutes) > 60 if minutes else False
    found = f"the offsets {', '.join(sorted(offsets))}"
    finding = _findings(np.array([0] * told), "", "offsets are many", [found] * told, "those of one clock, at most two")
    return finding.assign(severity="warning")


def _unread(
    columns: list[pa.ChunkedArray], roles: Roles, lines: np.ndarray, bad: np.ndarray, form: Form
) -> pd.DataFrame:
    """Return findings on rows whose stamps cannot be read, by themselves or among the others."""
    if not bad.any():
        return _findings(lines[bad], "", "", [], "")
    at, stamps = np.flatnonzero(bad), _stamp(columns, roles).filter(pa.array(bad))
    content = [_content(columns, int(i)) for i in at]
    if form.counts or not values.is_text(stamps.type):
        return _findings(lines[bad], "", "row cannot be read", content, "a stamp such as 2025-01-31 13:45")
    swapped = _swapped(stamps, form)
    if swapped >= A_STRETCH:
        found = f"{swapped} dates in which what is read as the month is over 12"
        other = f"--dates {OTHER_ORDER[form.order]}"
        return _findings(np.array([0]), "", "day and month are in the other order", [found], other)
    odd = values.offsets(stamps)[0] != form.offsets
    odd &= ~values.stamps(stamps, form._replace(offsets=not form.offsets))[1]
    problem = np.where(odd, "offsets are mixed", "row cannot be read")
    wanted = np.where(
        odd, f"an offset on {'all' if form.offsets else 'none'} of the stamps", "a stamp such as 2025-01-31 13:45"
    )
    return _findings(lines[bad], "", problem, content, wanted)


def _swapped(stamps: pa.ChunkedArray, form: Form) -> int:
    """Return how many dates that cannot be read could be with day and month the other way round."""
    other = OTHER_ORDER.get(form.order)
    return 0 if other is None else int((~values.stamps(stamps, form._replace(order=other))[1]).sum())


def _explained(stamps: pa.ChunkedArray) -> pd.DataFrame:
    """Return a finding on the whole file where its stamps are in another calendar or count."""
    told = calendars.explain(stamps.take(pa.array(some_of(len(stamps)))).to_pylist())
    return _findings(np.array([0] * bool(told)), "", OTHER_CALENDAR, [told or ""] * bool(told), GREGORIAN)


def _stamp(columns: list[pa.ChunkedArray], roles: Roles) -> pa.ChunkedArray:
    """Return the stamps, date and time joined by a blank where they stand apart."""
    places = roles["stamp"]
    return columns[places[0]] if len(places) == 1 else values.joined(*(columns[place] for place in places))


def _content(columns: list[pa.ChunkedArray], i: int) -> str:
    cells = (column[i].as_py() for column in columns)
    return shown(" | ".join("" if cell is None else str(cell) for cell in cells))


def _findings(
    lines: np.ndarray, stamp: pd.Series | str, problem: str | np.ndarray, found: list[str], wanted: str | np.ndarray
) -> pd.DataFrame:
    stamps = stamp if isinstance(stamp, str) else stamp.to_numpy()
    columns = {"file": "", "row": lines, "stamp": stamps, "severity": "error", "problem": problem, "found": found}
    return pd.DataFrame(columns | {"wanted": wanted}, index=range(len(lines)), columns=COLUMNS)


def _broken(broken: list[tuple[int, str]], fields: int) -> pd.DataFrame:
    lines = np.array([line for line, _ in broken], dtype="int64")
    content = [shown(text) for _, text in broken]
    return _findings(lines, "", "row cannot be read", content, f"{fields} fields, as in the other rows")


def _together(findings: list[pd.DataFrame]) -> pd.DataFrame:
    some = [one for one in findings if len(one)]
    together = pd.concat(some).sort_values("row", kind="stable") if some else pd.DataFrame(columns=COLUMNS)
    together.index = pd.Index([-1] * len(together), dtype="int64")
    return together


def in_price(counted: np.ndarray, unit: float) -> np.ndarray:
    """Return counts of `unit` as prices: divided by the units in 1 where they are whole, for exactness."""
    per_price = round(1 / unit)
    return counted / per_price if abs(per_price * unit - 1) < 1e-9 else counted * unit
