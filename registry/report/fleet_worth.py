"""What the verdicts of a fleet are worth together: luck, the READY ones on one account, and how alike models earn."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from registry.report import account, fleet_told
from registry.report.fleet_told import number
from registry.report.markup import NOTHING, figure, grid, joined, listed, note, table, tag
from registry.shortfall import percent

Told = Mapping[str, Any]

_LOUDEST = 0.5  # of a correlation's colour
_UNCHOSEN = "They were judged one by one and not together: this chooses nothing and is no gate."


def tiles(answer: Told) -> Markup:
    """Return the numbers of the whole fleet, a tile each."""
    luck, alike = answer["luck"], answer["independence"]
    few = luck["unmeasured"]
    false = "unknown" if few else f"{luck['expected_false']:.2f}"
    most = f"nobody has measured the gate for {len(few)}" if few else f"at most {luck['at_most_95']:.2f} at 95 %"
    judged = sum(one["status"] in (fleet_told.READY, fleet_told.FAILED) for one in answer["verdicts"])
    made = (
        ("READY", f"{luck['ready']}", f"of {judged} judged, {len(answer['verdicts'])} in the fleet"),
        ("Looks at judged windows", f"{luck['looks']}", "each a chance for luck"),
        ("False promotions expected", false, most),
        ("Independent models", f"{alike['effective']:g}", f"what {alike['traded']} that traded are worth"),
    )
    return joined([tag("div", *(_tile(*one) for one in made), class_="tiles four"), note(_chance(luck))])


def portfolio(told: Told) -> Markup:
    """Return the equity of the READY models on one account, or that there is none."""
    if "why" in told:
        return note(told["why"])
    equity = pd.Series(told["equity"]["value"], index=pd.DatetimeIndex(told["equity"]["ts"]), dtype=float)
    drawn = account.drawn(equity) if equity.nunique() > 1 else note("No trade was closed.")
    figures = (
        ("Growth", f"{100 * told['total_return']:+.1f} %"),
        ("Largest fall", percent(told["max_drawdown"], 1)),
        ("Profit factor", number(told["profit_factor"])),
        ("Win rate", number(told["win_rate"])),
        ("Daily Sharpe, a year", number(told["daily_sharpe"])),
        ("Trades", f"{told['trades']:,}"),
    )
    by = sorted(told["trades_by_series"].items(), key=lambda one: (-one[1], one[0]))
    sides = [
        tag("div", tag("h3", "Together"), table(("", "Got"), figures)),
        tag("div", tag("h3", "Trades"), table(("Series", "Trades"), [(name, f"{count:,}") for name, count in by])),
        tag("div", tag("h3", "Entries refused"), _refused(told["refused"])),
    ]
    said = fleet_told.portfolio(told).removeprefix("Portfolio of ")
    return joined([tag("p", said), drawn, tag("div", *sides, class_="three"), note(_UNCHOSEN)])


def independence(told: Told) -> Markup:
    """Return the correlation of each pair's daily returns as a heat map, and how many independent models they are."""
    said = tag("p", fleet_told.independence(told).removeprefix("Independence: "))
    pairs = {frozenset((one["first"], one["second"])): one["correlation"] for one in told["pairs"]}
    if not pairs:
        return joined([said, note("No two models have 30 days in common on which both earned or lost something.")])
    names = list(dict.fromkeys(one[side] for one in told["pairs"] for side in ("first", "second")))
    rows = [(_named(at, name), [_cell(pairs, name, other) for other in names[:at]]) for at, name in enumerate(names)]
    numbers = [tag("abbr", f"{at}", title=name) for at, name in enumerate(names, start=1)]
    drawn = grid("Correlation of daily returns by pair", ("", *numbers[:-1]), rows, "matrix")
    left = told["models"] - len(names)
    silent = note(f"{left} more did not trade, or had no 30 days in common with another.") if left else NOTHING
    alike = [f"{a['first']} and {a['second']}: {a['correlation']:+.2f}" for a in told["most_alike"]]
    caption = "Gold: they earn and lose on the same days. Grey: on others. 0 is what unlike bets have."
    return joined(
        [said, figure("Correlation of daily returns", drawn, caption), silent, tag("h3", "Most alike"), listed(alike)]
    )


def _chance(luck: Told) -> str:
    if luck["unmeasured"]:
        return f"Not measured for {', '.join(luck['unmeasured'])}: assay placebo measures how often the gate is wrong."
    chance = percent(luck["chance_of_one_at_most"])
    return f"Looks × the gate's measured error rate; the chance of one false promotion or more is at most {chance}."


def _tile(name: str, value: str, below: str) -> Markup:
    parts = (tag("p", name, class_="name"), tag("p", value, class_="value"), tag("p", below, class_="wanted"))
    return tag("div", *parts, class_="tile plain")


def _refused(told: Told) -> Markup:
    rows = [(reason.replace("_", " "), f"{count:,}") for reason, count in told.items() if count]
    return table(("Reason", "Entries"), rows) if rows else note("None.")


def _named(at: int, name: str) -> Markup:
    return tag("th", tag("span", f"{at + 1}", class_="count"), name, scope="row")


def _cell(pairs: Mapping[frozenset[str], float], name: str, other: str) -> Markup:
    value = pairs.get(frozenset((name, other)))
    if value is None:
        return tag("td", "–", title=f"{other} and {name}: too few days in common")
    value = round(value, 2) + 0.0  # + 0: no −0
    kind = "with" if value >= 0.0 else "against"
    style = f"--share:{_LOUDEST * min(abs(value), 1.0):.2f}"
    return tag("td", f"{value:.2f}".replace("-", "−"), title=f"{other} and {name}", class_=kind, style=style)
