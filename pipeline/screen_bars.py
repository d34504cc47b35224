"""What a person sees of stored bars: whether they are sound, what they are like, where they went."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.validation_report import headline

MOST_DAYS, MOST_SPIKES = 5, 5  # listed on a screen

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOURS_ABREAST = 12
_GOOD, _FAIR = 0.99, 0.9  # shares of expected bars
_COLOURS = {"error": "red", "warning": "yellow"}


def validated(console: Console, answer: Mapping[str, Any]) -> None:
    """Print a validation: first whether the bars are sound, then clock, coverage, gaps, spread, findings."""
    colour = "red" if answer["errors"] else "yellow" if answer["warnings"] else "green"
    held = f"{answer['rows']:,} bars from {_stamp(answer['first'])} to {_stamp(answer['last'])} UTC"
    then = f", as stored at {_stamp(answer['as_of'])} UTC" if answer["as_of"] else ""
    console.print(f"[bold {colour}]{answer['series']} {headline(answer)}[/]: {held}{then}", soft_wrap=True)
    _clock(console, answer["clock"])
    _coverage(console, answer["coverage"])
    _gaps(console, answer["gaps"], answer["holes"])
    _spread(console, answer["spread"])
    _prices(console, answer)
    _versions(console, answer["versions"])
    _findings(console, answer["findings"])
    console.print(f"\nPlot: {escape(answer['plot'])}", soft_wrap=True)
    console.print(f"SHA-256: {answer['sha256'] or 'of that instant is not kept'}", soft_wrap=True)


def exported(console: Console, answer: Mapping[str, Any]) -> None:
    """Print what was exported, and how it is read back."""
    held = f"{answer['rows']:,} bars from {_stamp(answer['first'])} to {_stamp(answer['last'])} UTC"
    console.print(f"[green]{answer['series']}[/] {held} → {escape(answer['file'])}", soft_wrap=True)
    if answer["import"]:
        console.print(f"Read it back with `{escape(answer['import'])}`.", soft_wrap=True)


def _clock(console: Console, clock: Mapping[str, Any]) -> None:
    _heading(console, "Clock")
    stamp = f", stamps were bar {clock['stamp']}s" if clock["stamp"] else ""
    console.print(f"Declared {escape(clock['declared'])}{stamp}. {escape(clock['told'])}", soft_wrap=True)


def _coverage(console: Console, coverage: Mapping[str, Any]) -> None:
    _heading(console, "Coverage: share of the bars expected in trading hours, in %")
    table = _table("year", *(f">{month}" for month in _MONTHS))
    years: dict[str, list[str]] = {}
    for one in coverage["months"]:
        year, month = one["month"].split("-")
        years.setdefault(year, ["–"] * 12)[int(month) - 1] = _share(one["share"])
    for year, shares in years.items():
        table.add_row(year, *shares)
    console.print(table)
    beside = f", {coverage['beside']:,} more stand where none was" if coverage["beside"] else ""
    console.print(f"{coverage['present']:,} of {coverage['expected']:,} expected bars are there{beside}.")
    days = [day for day in coverage["days"] if day["share"] is not None and day["share"] < _GOOD]
    worst = sorted(days, key=lambda day: day["present"] - day["expected"])[:MOST_DAYS]
    if worst:
        named = ", ".join(f"{day['day']} ({day['present']} of {day['expected']})" for day in worst)
        console.print(f"{len(days):,} days have less than {_GOOD:.0%} of theirs, first of all {named}.", soft_wrap=True)


def _gaps(console: Console, kinds: Mapping[str, Any], holes: Sequence[Mapping[str, Any]]) -> None:
    _heading(console, "Gaps")
    table = _table("kind", ">gaps", ">missing bars", ">longest")
    for kind, one in kinds.items():
        longest = _hours(one["longest_hours"]) if one["count"] else "–"
        table.add_row(kind, f"{one['count']:,}", f"{one['missing_bars']:,}", longest)
    console.print(table)
    if not holes:
        return
    _heading(console, "Largest holes in trading hours (UTC)")
    table = _table("from", "to", ">length", ">missing bars")
    for hole in holes:
        table.add_row(hole["start"], hole["end"], _hours(hole["hours"]), f"{hole['missing_bars']:,}")
    console.print(table)


def _spread(console: Console, spread: Mapping[str, Any]) -> None:
    _heading(console, "Recorded spread")
    if not spread["recorded"]:
        console.print(f"None was recorded: the floor of {spread['floor']:g} is charged on every bar.")
        return
    shares = f"{spread['recorded'] / spread['bars']:.0%} of bars have one, {spread['zero_share']:.1%} of these are 0"
    floor = f"{spread['on_floor']:,} bars are charged the floor of {spread['floor']:g}"
    console.print(f"{shares}; {floor}.", soft_wrap=True)
    table = _table("year", ">bars", ">median", ">95 %", ">largest")
    for one in spread["years"]:
        table.add_row(str(one["year"]), f"{one['bars']:,}", *(f"{one[name]:g}" for name in ("median", "p95", "most")))
    console.print(table)
    for first in range(0, len(spread["hours"]), _HOURS_ABREAST):
        _by_hour(console, spread["hours"][first : first + _HOURS_ABREAST])


def _by_hour(console: Console, hours: Sequence[Mapping[str, Any]]) -> None:
    table = _table("UTC hour", *(f">{one['hour']:02}" for one in hours))
    for name, label in (("median", "median"), ("p95", "95 %"), ("most", "largest")):
        table.add_row(label, *(f"{one[name]:.4g}" for one in hours))
    console.print(table)


def _prices(console: Console, answer: Mapping[str, Any]) -> None:
    flat, spikes = answer["flat"], answer["spikes"]
    _heading(console, "Prices")
    console.print(f"{flat['bars']:,} bars ({flat['share']:.2%}) have one price; {flat['unchanged']:,} repeat a close.")
    if flat["longest_runs"]:
        runs = ", ".join(f"{run['bars']} bars until {run['ended']}" for run in flat["longest_runs"])
        console.print(f"Longest stretches of one close: {runs}.", soft_wrap=True)
    console.print(f"{spikes['bad']:,} bad ticks, {spikes['suspicious']:,} suspicious ones.")
    if spikes["rows"]:
        table = _table("bar (UTC close)", ">row", "what", "open high low close")
        for one in spikes["rows"][:MOST_SPIKES]:
            table.add_row(_stamp(one["ts"]), str(one["row"]), one["what"], one["found"])
        console.print(table)
    if not answer["has_volume"]:
        console.print("No volume is recorded.")


def _versions(console: Console, versions: Sequence[Mapping[str, Any]]) -> None:
    if not versions:
        return
    _heading(console, "Versions")
    table = _table(">no.", "stored at (UTC)", ">bars", "from")
    for one in versions:
        sources = ", ".join(str(source.get("name", "")) for source in one["sources"])
        replaced = " (replaced all before)" if one["replaces"] and one["number"] > 1 else ""
        table.add_row(str(one["number"]), _stamp(one["ingested_at"]), f"{one['rows']:,}", escape(sources) + replaced)
    console.print(table)


def _findings(console: Console, findings: Sequence[Mapping[str, Any]]) -> None:
    _heading(console, "Findings")
    if not findings:
        console.print("Nothing is wrong with these bars.")
    for one in findings:
        rows = f" ({one['rows']:,} bars, the first closes {_stamp(one['first'])})" if one["rows"] else ""
        told = (
            f"[{_COLOURS[one['severity']]}]{one['severity']}[/] {escape(one['problem'])}{rows}: {escape(one['found'])}"
        )
        console.print(told, soft_wrap=True)
        console.print(f"  → {escape(one['fix'])}", soft_wrap=True)


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def _table(*names: str) -> Table:
    """Return a table of columns; a name that begins with > is one of numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    return table


def _share(share: float | None) -> str:
    if share is None:
        return "–"
    shown = "100" if share >= 0.9995 else f"{100 * share:.1f}"
    return shown if share >= _GOOD else f"[{'yellow' if share >= _FAIR else 'red'}]{shown}[/]"


def _hours(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:.3g} days"
    return f"{hours:.3g} h" if hours >= 1 else f"{60 * hours:.0f} min"


def _stamp(iso: str) -> str:
    return iso[:16].replace("T", " ")
