"""The numbers of a run in MLflow: what was earned, what luck and worse fills make of it, and every verdict.

Only finite numbers are logged, and of trading that did not happen only that there was no trade.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from registry.card import Card

Metric = tuple[str, float, int]

# What trading amounts to: 0 of it without a trade would look like a good number.
_OF_TRADES = {
    *("max_drawdown", "drawdown_money", "drawdown_r", "marked_drawdown_r", "total_r", "total_return", "trades_per_day"),
    *("exposure", "time_under_water", "longest_under_water", "longest_duration", "longest_losing_run", "losses"),
    *("cost_r", "win_rate", "profit_factor", "expectancy", "calmar"),
}
_LUCK = {
    "deflated_sharpe": ("deflated", "probability"),
    "probabilistic_sharpe": ("deflated", "probabilistic"),
    "best_sharpe_of_luck": ("deflated", "luck"),
    "trades_needed": ("record", "needed"),
    "win_rate_p": ("wins", "p"),
    "random_signs_p": ("signs", "p"),
    "shifted_signal_p": ("shifts", "p"),
    "pbo": ("overfitting", "probability"),
    "overfit_and_losing": ("overfitting", "both"),
    "superiority_p": ("superiority", "p"),
    "fold_heterogeneity_p": ("folds", "p"),
    "folds_earning": ("folds", "earning"),
    "shrunken_expectancy": ("shrunken", "expectancy"),
    "without_edge": ("shrunken", "without_edge"),
}
_PERMUTATIONS = ("signs", "shifts")


def metrics(card: Card) -> list[Metric]:
    """Return every finite number of the card as (name, value, step); the step of `fold/…` is its fold, else 0.

    `oos/…` is the judged window; `gate/…` what each gate measured; `verdict/<profile>` is 1 where READY, with the
    number of its gates that failed; `luck/…` are the tests of significance, `permutation_p` the larger of two;
    `stress/…` are the bounds that broke, where the edge dies and the figures of each scenario.
    """
    found: list[tuple[str, Any, int]] = [(f"oos/{name}", value, 0) for name, value in _traded(card.oos)]
    for at, fold in enumerate(card.folds, start=1):
        step = int(fold.get("fold", at))
        found += [(f"fold/{name}", value, step) for name, value in _traded(fold) if name != "fold"]
    found += [(name, value, 0) for told in (_verdicts(card), _luck(card), _stress(card)) for name, value in told]
    return [(name, float(value), step) for name, value, step in found if _is_finite(value)]


def _traded(figures: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    idle = figures.get("trades") == 0
    return ((name, value) for name, value in figures.items() if not (idle and name in _OF_TRADES))


def _verdicts(card: Card) -> Iterator[tuple[str, Any]]:
    verdicts = {card.profile: card.gates} | card.verdicts
    yield from {f"gate/{gate.name}": gate.got for gates in verdicts.values() for gate in gates}.items()
    for profile, gates in verdicts.items():
        failed = sum(not gate.passed for gate in gates)
        yield from ((f"verdict/{profile}", int(failed == 0)), (f"verdict/{profile}/failed", failed))


def _luck(card: Card) -> Iterator[tuple[str, Any]]:
    answers = card.significance
    yield from ((f"luck/{name}", _at(answers, question, number)) for name, (question, number) in _LUCK.items())
    p = [_at(answers, question, "p") for question in _PERMUTATIONS]
    yield "luck/permutation_p", max(p) if all(map(_is_finite, p)) else None


def _stress(card: Card) -> Iterator[tuple[str, Any]]:
    told = card.robustness
    bounds = told.get("verdicts")
    yield "stress/broken", sum(not bound["passed"] for bound in bounds) if bounds else None
    yield "stress/break_even_multiple", _at(told, "break_even", "dead", "multiple")
    for scenario in told.get("scenarios", ()):
        for name, value in _traded(scenario):
            if name != "name":
                yield f"stress/{scenario['name']}/{name}", value


def _at(told: Any, *path: str) -> Any:
    """Return what stands at `path`, None where nothing does."""
    for name in path:
        told = told.get(name) if isinstance(told, Mapping) else None
    return told


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
