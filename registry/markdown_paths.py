"""How a card tells combinatorial paths: what each earned, their median and their bad end, and what they are not."""

from collections.abc import Mapping
from typing import Any

from registry.figures import counted
from registry.markdown_tables import section, table
from registry.shortfall import percent

Told = Mapping[str, Any]

_ALL_PATHS = 20  # of so many paths the worst twentieth is the worst path


def paths(card: Told) -> str:
    """Return the section on combinatorial paths; empty where none were asked for."""
    told = card["paths"]
    if not told:
        return ""
    rows = [_row(str(number), path) for number, path in enumerate(told["paths"], start=1)]
    rows += [_row("median", told["median"]), _row(_bad_end(told), told["bad_end"])]
    if told["drawn_anew"]:
        rows.append(_row("5 %, trades drawn anew", told["drawn_anew"]))
    return section("Combinatorial paths", "\n\n".join([_made(told), table(rows), _explained(told)]))


def lines(card: Told) -> list[str]:
    """Return a line for a terminal: median and bad end of what the paths earned; none where none were asked for."""
    told = card["paths"]
    if not told:
        return []
    middle, bad = told["median"], told["bad_end"]
    if middle["expectancy"] is None:
        return [f"{counted(len(told['paths']), 'combinatorial path')}: no trade on any of them"]
    return [
        f"{counted(len(told['paths']), 'combinatorial path')}: median {middle['expectancy']:+.3f} R a trade, profit "
        f"factor {_number(middle['profit_factor'])}; {_bad_end(told)} {bad['expectancy']:+.3f} R, "
        f"{_number(bad['profit_factor'])}"
    ]


def _made(told: Told) -> str:
    splits, silent = told["splits"], told["silent"]
    said = (
        f"History before the judged window in {told['groups']} groups, {told['held_out']} held out at a time: "
        f"{counted(splits, 'split')}, each fitted anew as a fold is, {counted(told['leaks'], 'leak')} in "
        f"{counted(told['audits'], 'audited split')}."
    )
    if silent:
        said += (
            f" In {silent} of {splits} no threshold earned anything on enough trades, so that their groups hold none."
        )
    if told["tuned"]:
        said += " Parameters are the recipe's own: those of the model were tuned, those of the paths not."
    return said


def _explained(told: Told) -> str:
    said = (
        "On a path each group is traded by a model that held it out, but that learnt from what came later too: this is "
        "how outcomes of the same procedure are spread, and no forecast."
    )
    if len(told["paths"]) <= _ALL_PATHS:
        said += f" Of {counted(len(told['paths']), 'path')} the 5 % is the worst, figure by figure."
    if told["drawn_anew"]:
        said += (
            f" Paths share their bars; drawn anew, {told['histories']:,} histories of each path's trades in blocks, "
            "laid together, add the luck of the market."
        )
    return said


def _bad_end(told: Told) -> str:
    return "5 % (worst path)" if len(told["paths"]) <= _ALL_PATHS else "5 %"


def _row(name: str, figures: Told) -> dict[str, str]:
    return {
        "Path": name,
        "Trades": "–" if "trades" not in figures else f"{figures['trades']:,.0f}",
        "PF": _number(figures["profit_factor"]),
        "R/trade": _signed(figures["expectancy"], 3),
        "Sharpe": _number(figures["sharpe_per_trade"]),
        "Wins": _share(figures["win_rate"]),
        "Fall": _share(figures["max_drawdown"]),
        "Skill": _signed(figures.get("skill"), 4),
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _signed(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:+.{digits}f}"


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value, 1)
