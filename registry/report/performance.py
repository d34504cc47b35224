"""What the judged window earned: equity and its falls, months, how far trades went before they ended."""

from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from backtest import metrics
from registry.card import Card
from registry.figures import FIGURES, FORECASTS, GROUPED
from registry.report import account, svg
from registry.report.markup import NOTHING, figure, folded, joined, note, table, tag
from registry.report.shown import Shown

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_TRADE = "No trade was closed in the judged window."
_LOUDEST = 0.6  # of a month's colour


def equity(card: Card, shown: Shown) -> Markup:
    """Return equity and the fall below its highest value before, and every figure of the window."""
    if shown.equity is None:
        drawn = note(f"No equity is drawn: {shown.why_not('equity')}.")
    elif card.oos.get("trades") == 0 or shown.equity.nunique() < 2:
        drawn = note(_NO_TRADE)
    else:
        bound = next((gate.wanted for gate in card.gates if gate.name == "max_drawdown"), None)
        drawn = account.drawn(shown.equity, bound)
    return joined([drawn, folded("Every figure of the judged window", _figures(card)), _groups(card)])


def months(card: Card, shown: Shown) -> Markup:
    """Return the growth of equity in each month, and in each year."""
    if shown.equity is None:
        return note(f"Not told: {shown.why_not('equity')}.")
    if card.oos.get("trades") == 0:
        return note(_NO_TRADE)
    found: dict[str, float] = metrics.monthly_returns(shown.equity).dropna().to_dict()
    top = max((abs(value) for value in found.values()), default=0.0) or 1.0
    years = [_year(year, found, top) for year in sorted({name[:4] for name in found})]
    told = note("Growth of equity in %, marked at each close, months of UTC; first and last may be parts of a month.")
    return joined([*years, told])


def excursions(shown: Shown) -> Markup:
    """Return how far each trade went against and with its holder before it ended."""
    if shown.trades is None:
        return note(f"Not drawn: {shown.why_not('trades')}.")
    if not len(shown.trades):
        return note(_NO_TRADE)
    found, won = shown.trades, (shown.trades["r"] > 0).to_numpy()
    x = svg.numbers(0.0, max(1.05 * float(found["mae"].max()), 1.0), "{:g}".format)
    y = svg.numbers(0.0, max(1.05 * float(found["mfe"].max()), 1.0), "{:g}".format)
    marks = [
        svg.dots(x, y, found["mae"][which].tolist(), found["mfe"][which].tolist(), kind)
        for kind, which in (("bad", ~won), ("good", won))
    ]
    drawn = svg.plot(
        "Farthest against and farthest with the holder of each trade", x, y, *marks, height=300,
        x_title="Farthest against (MAE), R →", y_title="↑ Farthest with (MFE), R",
    )  # fmt: skip
    key = tag("p", _key("good", f"{won.sum():,} won"), _key("bad", f"{(~won).sum():,} lost"), class_="key")
    told = table(("", "Against, median", "9 in 10", "With, median", "9 in 10"), _went(found, won))
    seen = figure("Where each trade had been before it ended", joined([key, drawn]))
    return tag("div", seen, tag("div", tag("h3", "In R"), told), class_="two")


def _figures(card: Card) -> Markup:
    named = FIGURES | FORECASTS
    rows = [(title, _told(card.oos[name], show)) for name, (title, show) in named.items() if name in card.oos]
    return table(("Figure", "Got"), rows)


def _groups(card: Card) -> Markup:
    parts = [
        tag(
            "div",
            tag("h3", f"By {by}"),
            table((by.capitalize(), *_columns(rows)), [_group(by, row, rows) for row in rows]),
        )
        for by, rows in card.oos_breakdown.items()
        if rows and by != "month"
    ]
    return tag("div", *parts, class_="two") if parts else NOTHING


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return [title for name, (title, _) in GROUPED.items() if any(name in row for row in rows)]


def _group(by: str, row: dict[str, Any], rows: list[dict[str, Any]]) -> tuple[str, ...]:
    known = [name for name in GROUPED if any(name in other for other in rows)]
    return (str(row[by]).replace("_", " "), *(_told(row.get(name), GROUPED[name][1]) for name in known))


def _year(year: str, found: dict[str, float], top: float) -> Markup:
    grown = 1.0
    for name, value in found.items():
        grown *= 1.0 + value if name.startswith(year) else 1.0
    cells = [_month(name, found.get(f"{year}-{at:02}"), top) for at, name in enumerate(_MONTHS, start=1)]
    head = tag("h3", year, tag("span", f"{100 * (grown - 1):+.1f} %", class_="aside"))
    return tag("div", head, tag("div", *cells, class_="months"))


def _month(name: str, value: float | None, top: float) -> Markup:
    if value is None:
        return tag("div", tag("span", name), class_="heat none")
    kind = "good" if value >= 0 else "bad"
    share = f"--share:{_LOUDEST * abs(value) / top:.2f}"
    return tag("div", tag("span", name), tag("b", f"{100 * value:+.1f}"), class_=f"heat {kind}", style=share)


def _went(found: pd.DataFrame, won: np.ndarray) -> list[tuple[str, ...]]:
    rows = []
    for name, which in (("won", won), ("lost", ~won)):
        part = found[which]
        values = [
            part[column].quantile(share) if len(part) else None for column in ("mae", "mfe") for share in (0.5, 0.9)
        ]
        rows.append((name, *(_told(value, "{:.2f}".format) for value in values)))
    return rows


def _key(kind: str, words: str) -> Markup:
    return tag("span", words, class_=f"dot {kind}")


def _told(value: Any, show: Any) -> str:
    return "–" if value is None else show(value)
