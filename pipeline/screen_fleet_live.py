"""A fleet while it runs, on standard error: a live table of series and stages on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

STAGES = ("enrich", "label", "causality", "train", "backtest", "gate")

_COLOURS = {"judged": "green", "up to date": "dim", "failed": "red", "missing": "yellow", "working": "cyan"}
_ENDED = ("up to date", "judged", "failed", "missing")
_ROWS = 60

Series = Mapping[str, Mapping[str, Any]]


class Watched:
    """Whoever looks on."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._series: Series = {}
        self._began = time.monotonic()

    @contextmanager
    def shown(self, series: Series) -> Iterator[None]:
        """Show `series` until the block ends, on a terminal."""
        self._series, self._began = series, time.monotonic()
        if not self._console.is_terminal:
            yield
            return
        with Live(self._table(), console=self._console, auto_refresh=False, transient=True) as self._live:
            yield
        self._live = None

    def changed(self, name: str, series: Series) -> None:
        """Show that a series stands elsewhere now."""
        self._series = series
        if self._live is not None:
            self.tick()
        elif line := _line(name, series[name]):
            self._console.print(escape(f"{line}{_progress(series, time.monotonic() - self._began)}"), soft_wrap=True)

    def tick(self) -> None:
        """Show how time goes by."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)

    def _table(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("series", "state", *STAGES, "verdict"):
            table.add_column(name, no_wrap=True)
        busy_first = sorted(self._series.items(), key=lambda one: one[1]["state"] not in ("working", "judging"))
        for name, one in busy_first[:_ROWS]:
            colour = _COLOURS.get(one["state"], "default")
            table.add_row(name, f"[{colour}]{one['state']}[/]", *_cells(one), escape(one.get("verdict", "")))
        return Group(table, Text(_progress(self._series, time.monotonic() - self._began).strip()))


def _line(name: str, one: Mapping[str, Any]) -> str:
    """Return what is said of a change where there is no terminal, "" for what is not worth a line."""
    if one["state"] == "judged":
        spent = sum(one.get("seconds", {}).values())
        return f"{name}: {one['verdict']}, {one.get('trades')} trades, {spent:.0f} s of work"
    if one["state"] in ("failed", "missing"):
        return f"{name}: {one['state']}: {one['why']}"
    if one["state"] == "working":
        return f"{name}: {one.get('stage') or 'begun'}"
    return ""


def _progress(series: Series, spent: float) -> str:
    """Return how many have ended, how many an hour, and when the rest will have."""
    done = sum(one["state"] in _ENDED for one in series.values())
    judged = sum(one["state"] == "judged" for one in series.values())
    told = f" ({done} of {len(series)}"
    if judged:
        rest = [one.get("expected") for one in series.values() if one["state"] not in _ENDED]
        trained = sum(one.get("expected") or 0.0 for one in series.values() if one["state"] == "judged")
        told += f", {3600 * judged / max(spent, 1e-9):.0f} an hour"
        if trained and None not in rest:
            told += f", {_time(spent * sum(one or 0.0 for one in rest) / trained)} left"
        elif rest:
            told += f", {_time(spent * len(rest) / judged)} left"
    return told + ")"


def _cells(one: Mapping[str, Any]) -> list[str]:
    """Return a cell for each stage: seconds where it is done, a sign where it is at work."""
    done = one.get("seconds", {})
    at = one.get("stage", "") if one["state"] in ("working", "judging") else ""
    return ["[cyan]…[/]" if name == at else f"{done[name]:.1f}" if name in done else "" for name in STAGES]


def _time(seconds: float) -> str:
    """Return a duration for people.

    >>> _time(59.6), _time(3660.0)
    ('1 min', '61 min')
    """
    return f"{seconds:.0f} s" if seconds < 59.5 else f"{seconds / 60:.0f} min"
