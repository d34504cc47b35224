"""A fleet while it runs, on standard error: one live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.fleet_board import ENDED, FAILED, JUDGED, JUDGING, MISSING, UP_TO_DATE, WAITING, WORKING
from pipeline.fleet_plan import GATE
from pipeline.job_stages import stages_of

Series = Mapping[str, Mapping[str, Any]]

_AT_WORK = (WORKING, JUDGING)
_COLOURS = {"READY": "green", "FAILED": "red", FAILED: "red", WORKING: "cyan", JUDGING: "cyan"}
_FRAME = 4  # lines: two of counts, two headings
_LAST = 5  # verdicts that have room, however many are at work


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
        with Live(self._picture(), console=self._console, auto_refresh=False, transient=True) as self._live:
            yield
        self._live = None

    def changed(self, name: str, series: Series) -> None:
        """Show that a series stands elsewhere now."""
        self._series = series
        if self._live is not None:
            self.tick()
        elif line := _line(name, series[name]):
            told = ", ".join([_ended(series), *_pace(series, time.monotonic() - self._began)])
            self._console.print(escape(f"{line} ({told})"), soft_wrap=True)

    def tick(self) -> None:
        """Show how time goes by."""
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        return picture(self._series, time.monotonic() - self._began, self._console.height)


def picture(series: Series, spent: float, height: int) -> Group:
    """Return what a terminal of so many lines shows after `spent` seconds: counts and pace, who is at work, what came
    last.

    However many series there are, it fits; whatever has no room is counted.
    """
    busy = [(name, one) for name, one in series.items() if one["state"] in _AT_WORK]
    came = sorted(((n, one) for n, one in series.items() if one["state"] in (JUDGED, FAILED)), key=_when, reverse=True)
    room = max(height - _FRAME, 2)
    rows = max(room - min(len(came), _LAST), 1)
    shown = busy if len(busy) <= rows else busy[: max(rows - 1, 0)]
    left = len(busy) - len(shown)
    lines = [_counts(series), ", ".join([_ended(series), *_pace(series, spent)])]
    parts: list[Any] = [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]
    parts += [_at_work(shown)] if shown else []
    parts += [Text(f"… and {left} more at work")] if left else []
    last = came[: room - len(shown) - bool(left)]
    return Group(*parts, *([_verdicts(last)] if last else []))


def _at_work(busy: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Return who is at work at which stage, with the seconds of those behind it."""
    stages = [*(stage.name for stage in stages_of()), GATE]
    table = _table("at work", "", *stages)
    for name, one in busy:
        table.add_row(name, _coloured(one["state"]), *_cells(one, stages))
    return table


def _verdicts(last: Sequence[tuple[str, Mapping[str, Any]]]) -> Table:
    """Return what came last, the newest first."""
    table = _table("came last", "", "trades", "s", "")
    for name, one in last:
        trades = "" if one.get("trades") is None else f"{one['trades']}"
        spent = sum(one.get("seconds", {}).values())
        word = one["verdict"] if one["state"] == JUDGED else FAILED
        told = "in production" if one.get("promoted") else "" if word == "FAILED" else one.get("why", "")
        table.add_row(name, _coloured(word), trades, f"{spent:.0f}" if spent else "", escape(told))
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table


def _cells(one: Mapping[str, Any], stages: Sequence[str]) -> list[str]:
    """Return a cell for each stage: seconds where it is done, a sign where it is at work."""
    done, at = one.get("seconds", {}), one.get("stage", "")
    return ["[cyan]…[/]" if name == at else f"{done[name]:.1f}" if name in done else "" for name in stages]


def _line(name: str, one: Mapping[str, Any]) -> str:
    """Return what is said of a change where there is no terminal, "" for what is not worth a line."""
    if one["state"] == JUDGED:
        spent = sum(one.get("seconds", {}).values())
        return f"{name}: {one['verdict']}, {one.get('trades')} trades, {spent:.0f} s of work"
    if one["state"] in (FAILED, MISSING):
        return f"{name}: {one['state']}: {one['why']}"
    if one["state"] == WORKING:
        return f"{name}: {one.get('stage') or 'begun'}"
    return ""


def _counts(series: Series) -> str:
    """Return how many are in each state, those that were judged by their verdicts."""
    states = [one["verdict"] if one["state"] == JUDGED else one["state"] for one in series.values()]
    order = (WORKING, JUDGING, WAITING, "READY", "FAILED", FAILED, UP_TO_DATE, MISSING)
    return ", ".join(f"{states.count(state)} {state}" for state in order if state in states)


def _ended(series: Series) -> str:
    return f"{sum(one['state'] in ENDED for one in series.values())} of {len(series)}"


def _pace(series: Series, spent: float) -> list[str]:
    """Return how many verdicts an hour, and when the rest will have come; nothing before the first."""
    judged = [one for one in series.values() if one["state"] == JUDGED]
    rest = [one.get("expected") for one in series.values() if one["state"] not in ENDED]
    if not judged:
        return []
    told = [f"{3600 * len(judged) / max(spent, 1e-9):.0f} an hour"]
    trained = sum(one.get("expected") or 0.0 for one in judged)
    if rest and trained and None not in rest:
        told.append(f"{_time(spent * sum(one or 0.0 for one in rest) / trained)} left")
    elif rest:
        told.append(f"{_time(spent * len(rest) / len(judged))} left")
    return told


def _when(one: tuple[str, Mapping[str, Any]]) -> str:
    return str(one[1].get("at", ""))


def _coloured(word: str) -> str:
    return f"[{_COLOURS[word]}]{word}[/]" if word in _COLOURS else escape(word)


def _time(seconds: float) -> str:
    """Return a duration for people.

    >>> _time(59.6), _time(3660.0)
    ('1 min', '61 min')
    """
    return f"{seconds:.0f} s" if seconds < 59.5 else f"{seconds / 60:.0f} min"
