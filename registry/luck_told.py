"""What each question to luck was answered, in a sentence: the number, and what it says."""

from collections.abc import Callable, Mapping
from typing import Any

from registry.figures import counted
from registry.shortfall import percent

Told = Mapping[str, Any]


def lines(significance: Told) -> dict[str, str]:
    """Return a line for each question of `registry.significance` that was asked, in the order of reading."""
    return {
        name: f"{title}: {_said(significance[name], say)}"
        for name, (title, say) in LINES.items()
        if name in significance
    }


def _said(answer: Told, say: Callable[[Told], str]) -> str:
    if "why" in answer:
        return f"not computable, {answer['why']}"
    return answer["unasked"] if "unasked" in answer else say(answer)


def _p(chance: float) -> str:
    if chance < 1e-4:
        return "below 0.0001"
    return f"{chance:.4f}" if chance < 0.1 else f"{chance:.2f}"


def _result(one: Told) -> str:
    ratio = "–" if one["sharpe"] is None else f"{one['sharpe']:.3f}"
    return f"{one['expectancy']:+.3f} R a trade over {one['trades']:,} trades, a Sharpe ratio of {ratio}"


def _shrunken(one: Told) -> str:
    return (
        f"{one['expectancy']:+.3f} R a trade is what such a result is worth on average if {percent(one['share'])} of "
        f"what is tried has an edge; with {percent(one['without_edge'], 1)} there is none behind it"
    )


def _deflated(one: Told) -> str:
    return (
        f"{one['probability']:.3f} is the chance that the true ratio is above {one['luck']:.3f}, which the best of "
        f"{one['trials']:,.1f} independent trials shows by luck; above 0 it is with {one['probabilistic']:.3f}"
    )


def _record(one: Told) -> str:
    enough = "no number of trades is" if one["needed"] is None else f"{one['needed']:,.0f} trades are"
    told = f"{enough} enough to be 95 % sure that such a Sharpe ratio is above 0, and there are {one['had']:,}"
    if one["luck"] < 1.0:
        return told
    return f"{told}; of up to {one['luck']:,.0f} trades luck alone shows it on average"


def _wins(one: Told) -> str:
    return (
        f"{one['wins']:,} of {one['trades']:,} trades, {percent(one['rate'], 1)} (95 % interval "
        f"{percent(one['low'], 1)} … {percent(one['high'], 1)}); {percent(one['against'], 1)} would earn nothing, from "
        f"which chance wins as often with p {_p(one['p'])}"
    )


def _signs(one: Told) -> str:
    return (
        f"of the same trades with sides by chance ({one['choices']:,} free choices) a share of {_p(one['p'])} does as "
        "well"
    )


def _shifts(one: Told) -> str:
    return (
        f"of the {one['shifts']:,} other times at which the same {one['decisions']:,} signals could have come a share "
        f"of {_p(one['p'])} does as well"
    )


def _overfitting(one: Told) -> str:
    return (
        f"of {one['configurations']:,} configurations over {one['days']:,} days, the best of one half is below the "
        f"median of the other in {percent(one['probability'])} of the splits (noise: about half), loses in "
        f"{percent(one['loss'])}, both in {percent(one['both'])}"
    )


def _superiority(one: Told) -> str:
    return (
        f"that none of {counted(one['configurations'], 'configuration')} earns anything, out of fold, has p "
        f"{_p(one['p'])}; {one['superior']:,} of them {'does' if one['superior'] == 1 else 'do'} so by itself"
    )


def _superiority_random(one: Told) -> str:
    do = "does" if one["superior"] == 1 else "do"
    return (
        f"that none of {counted(one['configurations'], 'configuration')} earns more than a coin's sides at the same "
        f"rows has p {_p(one['p'])}; {one['superior']:,} of them {do} so by itself"
    )


def _folds(one: Told) -> str:
    return (
        f"{one['earning']} of {one['folds']} earned; folds of one edge of {one['pooled']:+.3f} R differ as much with p "
        f"{_p(one['p'])} (Q {one['q']:.1f} of {one['freedom']}, {percent(one['i_squared'])} beyond noise)"
    )


LINES: dict[str, tuple[str, Callable[[Told], str]]] = {
    "result": ("Measured", _result),
    "shrunken": ("Shrunken", _shrunken),
    "deflated": ("Deflated Sharpe ratio", _deflated),
    "record": ("Track record", _record),
    "wins": ("Wins", _wins),
    "signs": ("Other signs", _signs),
    "shifts": ("Other times", _shifts),
    "overfitting": ("Overfitting", _overfitting),
    "superiority": ("Superiority", _superiority),
    "superiority_random": ("Against random entries", _superiority_random),
    "folds": ("Folds", _folds),
}
