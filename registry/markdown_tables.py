"""Lists and tables of a card: every figure and setting by the name that people use, with its unit."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from registry.figures import FIGURES, FORECASTS, GROUPED, SETTINGS, Show
from registry.shortfall import percent

_SHARES = {
    *("win_rate", "max_drawdown", "total_return", "exposure", "accuracy", "flat_share"),
    *("per_trade", "open_risk", "daily_loss"),
}
_DIGITS = {
    "equity": ",.0f",
    "profit_factor": ".2f",
    "PF": ".2f",
    "skill": "+.4f",
    "skill_low": "+.4f",
    "skill_high": "+.4f",
}


def section(title: str, body: str) -> str:
    """Return a section of the page, an empty string where there is nothing in it."""
    return f"## {title}\n\n{body}" if body else ""


def bullets(lines: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {line}" for line in lines)


def pairs(values: Mapping[str, Any]) -> str:
    """Return a list of settings by their people's names, with units."""
    return bullets(f"{words(name)}: {_with_unit(name, value)}" for name, value in values.items())


def figures(values: Mapping[str, Any]) -> str:
    """Return a table of figures by their people's names, in the order of `FIGURES`, those of the forecast after."""
    named = FIGURES | FORECASTS
    rows = [{"Figure": named[name][0], "Got": _told(name, values[name], named)} for name in named if name in values]
    others = (name for name in values if name not in named)
    return table([*rows, *({"Figure": words(name), "Got": show(name, values[name])} for name in others)])


def grouped(by: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of what each group `by` something earned."""
    told = []
    for row in rows:
        values = {title: _told(name, row[name], GROUPED) for name, (title, _) in GROUPED.items() if name in row}
        told.append({by.capitalize(): str(row[by]).replace("_", " ")} | values)
    return table(told)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table with a column for each name in `rows`."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(words(name) for name in columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(show(name, row.get(name)) for name in columns)} |" for row in rows]
    return "\n".join(lines)


def words(name: str) -> str:
    """Return what people call a field: its title, else its own words."""
    if name in SETTINGS:
        return SETTINGS[name][0]
    return name.replace("_", " ") if name.islower() else name


def show(name: str, value: Any) -> str:
    """Return a value as people read it; `name` says what it is."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return percent(value, 1) if name in _SHARES else format(value, _DIGITS.get(name, ".4g"))
    if isinstance(value, Mapping):
        return ", ".join(f"{words(str(key))} {_with_unit(str(key), item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple | set):
        return ", ".join(show(name, item) for item in value) or "none"
    return str(value).replace("|", "/").replace("\n", " ")


def _with_unit(name: str, value: Any) -> str:
    shown, unit = show(name, value), SETTINGS.get(name, ("", ""))[1]
    return f"{shown} {unit}" if unit and shown not in ("–", "off") else shown


def _told(name: str, value: float | None, named: Mapping[str, tuple[str, Show]]) -> str:
    return "–" if value is None else named[name][1](value)
