"""The tear sheet of a backtest: a Markdown page, and a picture beside it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backtest.risk import Risk
from market import durable
from pipeline.backtest_figures import Played
from registry.figures import FIGURES, GROUPED, MONEY, NUMBER, SETTINGS, counted

PAGE, PICTURE = "tear_sheet.md", "tear_sheet.png"
FILES = (PAGE, PICTURE, "trades.parquet", "equity.parquet")
ABSENT = "not enough trades"
NO_LIMIT = {name: getattr(Risk(), name) for name in ("max_drawdown", "max_positions", "max_notional")}

COSTS = ("spread_floor", "commission", "slippage", "swap_long", "swap_short")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write(folder: Path, answer: Mapping[str, Any], played: Played) -> None:
    """Write the page and the picture of a backtest into `folder`."""
    from pipeline import tear_sheet_plot

    durable.write_bytes(folder / PICTURE, tear_sheet_plot.draw(answer, played))
    durable.write_text(folder / PAGE, page(answer))


def page(answer: Mapping[str, Any]) -> str:
    """Return the tear sheet as Markdown: what was judged, warnings, figures, costs, refusals, breakdowns, rules."""
    sections = [
        f"# {answer['series']}: {answer['judged']}",
        f"{counted(answer['bars'], 'bar')}, closing {_span(answer)} UTC.{same(answer)}",
        "\n".join(f"- **{line}**" for line in answer["warnings"]),
        f"![tear sheet]({PICTURE})",
        _section("Figures", _table(("", "", "90 % interval"), figure_rows(answer))),
        _section("Costs", costs(answer)),
        _section("How trades ended", _pairs(answer["exits_by_reason"]) + f"\n\n{ties(answer)}"),
        _section("Why there was no order", _pairs(refused(answer))),
        _section("Before they ended", _table(("R", *_EXCURSIONS.values()), excursion_rows(answer))),
        _section("Months", _table(("Year", *_MONTHS, "Year's"), month_rows(answer["months"]))),
        *(_section(f"By {by}", _table(*breakdown(by, rows))) for by, rows in answer["breakdown"].items()),
        _section("Rules", "\n".join(_rules(answer))),
        _section("Made from", _pairs(_made_from(answer))),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


_WITHOUT = {
    "cost_share": "no gain before costs",
    **dict.fromkeys(("profit_factor", "sortino"), "no loss"),
    **dict.fromkeys(("break_even_win_rate", "payoff_ratio"), "no gain or no loss"),
}


def absent(name: str, figures: Mapping[str, Any]) -> str:
    """Return why a figure cannot be computed: for want of trades, or of what it divides by."""
    return _WITHOUT.get(name, ABSENT) if figures["trades"] else ABSENT


def figure_rows(answer: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return title, value and interval of each figure."""
    rows = []
    for name, (title, show) in FIGURES.items():
        interval = answer["intervals"].get(name)
        told = "" if interval is None else f"{show(interval[0])} … {show(interval[1])}"
        value = answer["figures"][name]
        rows.append((title, absent(name, answer["figures"]) if value is None else show(value), told))
    return rows


def breakdown(by: str, rows: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the head and the rows of a breakdown as text."""
    head = (by.capitalize(), *(title for title, _ in GROUPED.values()))
    return head, [
        (
            str(row[by]).replace("_", " "),
            *("–" if row[name] is None else show(row[name]) for name, (_, show) in GROUPED.items()),
        )
        for row in rows
    ]


def month_rows(months: Mapping[str, float | None]) -> list[tuple[str, ...]]:
    """Return a row a year: its name, the return of each month in %, and that of the year."""
    rows = []
    for year in sorted({name[:4] for name in months}):
        named = [months.get(f"{year}-{month:02}") for month in range(1, 13)]
        grown = 1.0
        for value in named:
            grown *= 1.0 + (value or 0.0)
        cells = ("" if value is None else f"{100 * value:+.1f}" for value in named)
        rows.append((year, *cells, f"{100 * (grown - 1):+.1f}"))
    return rows


_EXCURSIONS = {
    "mae_median": "against, median",
    "mae_nine_in_ten": "against, nine in ten",
    "mfe_median": "with, median",
    "mfe_nine_in_ten": "with, nine in ten",
}


def excursion_rows(answer: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return how far winners and losers went against and with their holder, in R."""
    told = answer["excursions"]
    return [(who, *("–" if told[who] is None else NUMBER(told[who][name]) for name in _EXCURSIONS)) for who in told]


def costs(answer: Mapping[str, Any]) -> str:
    """Return in a sentence or two what was charged and what it came to."""
    charged = answer["costs"]
    rates = ", ".join(f"{name.replace('_', ' ')} {charged[name]:g}" for name in COSTS)
    figures = answer["figures"]
    share = figures["cost_share"]
    came = (
        "there was no result before costs to pay them from"
        if share is None
        else f"{share:.1%} of the result before them"
    )
    return f"{MONEY(figures['cost'])} were paid, {came}. Charged: recorded spread, {rates}."


def ties(answer: Mapping[str, Any]) -> str:
    """Return how many trades ended on a bar that touched both barriers, and what became of them."""
    told = answer["ties"]
    share = "" if told["share"] is None else f" ({told['share']:.1%})"
    begun = f"{counted(told['count'], 'trade')}{share} ended on a bar that touched stop and target"
    if told["by"] is None:
        return f"{begun}; each counts as a stop."
    return f"{begun}; bars of {told['by']} tell of {told['settled']:,} of them what came first, the others are stops."


def refused(answer: Mapping[str, Any]) -> dict[str, int]:
    """Return how many decisions each reason refused."""
    return {name: count for name, count in answer["refusals"].items() if name != "none"}


def same(answer: Mapping[str, Any]) -> str:
    """Return that these are the recorded trades where they are, or ""."""
    return " The trades are those recorded when the run was judged, bit for bit." * (answer["recorded"] == "the same")


def _span(answer: Mapping[str, Any]) -> str:
    return f"from {answer['first'][:16]} to {answer['last'][:16]}"


def _made_from(answer: Mapping[str, Any]) -> dict[str, Any]:
    digests = {name: answer[name] for name in ("run_id", "sha256", "bars_sha256")}
    return digests | {"finer_bars_sha256": answer["ties"]["bars_sha256"]}


def _rules(answer: Mapping[str, Any]) -> list[str]:
    return [f"{name.capitalize()}: {_listed(answer[name])}\n" for name in ("policy", "exits", "risk")]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{SETTINGS[name][0]}: {_plain(name, value)}" for name, value in values.items())


def _plain(name: str, value: Any) -> str:
    """Return a setting with its unit, or that there is none."""
    if value is None:
        return "off" if name == "max_volatility" else "never"
    if name in NO_LIMIT and value >= NO_LIMIT[name]:
        return "no limit"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return f"{f'{value:g}' if isinstance(value, float) else value} {SETTINGS[name][1]}".rstrip()


def _pairs(values: Mapping[str, Any]) -> str:
    told = (
        f"- {name.replace('_', ' ')}: {f'{value:,}' if isinstance(value, int) else value}"
        for name, value in values.items()
        if value is not None
    )
    return "\n".join(told) or "Never."


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}".rstrip()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
