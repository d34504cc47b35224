"""The top three remedies of a model that failed: computed from its own folds, else what their facts say in words.

Never from the judged window: it has spoken once. What is computed is the best of many tries on the same folds, and says
so; a change that luck would show as well is not proposed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from registry.figures import counted
from registry.gates import GATES, Gate
from registry.remedy_facts import gather
from registry.remedy_rules import RULES
from registry.remedy_search import LEVEL, Outcome, Search

TOP = 3

_ENDS = 3  # groups named at each end of the ranking

_KINDS = {"thresholds": "thresholds", "barriers": "barriers", "side": "sides", "session": "sessions", "risk": "risk"}


def remedies(
    gates: Sequence[Gate],
    folds: Sequence[Mapping[str, Any]],
    oos: Mapping[str, float | int | None],
    risk_per_trade: float | None = None,
    found: Search | None = None,
    selection: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return at most three remedies for the failed gates, the most likely to matter first; [] where none failed.

    `found` is what was computed on the folds, `selection` why the features were chosen, as on the card. Of each fold
    are used, where present: `skill_low` (above 0 is skill), `thresholds` (`"no trade"` or None where none had positive
    expectancy), `trades`, `expectancy` (net R a trade), `cost_r` (costs in R a trade), `profit_factor`. `oos` serves
    only to say that the folds' edge did not last.
    """
    if all(gate.passed for gate in gates):
        return []
    computed = found is not None and bool(found.outcomes)
    facts = gather(gates, folds, oos, risk_per_trade, computed)
    words = (text for rule in RULES if (text := rule(facts)) is not None)
    if found is None or not computed:
        return [*words][:TOP]
    proposed = [proposal(one, found, gates) for one in found.proposals[:TOP]]
    features = [] if proposed else [*groups_told(selection or {})]
    return [*(proposed or [nothing_helps(found)]), *features, *words][:TOP]


def proposal(one: Outcome, found: Search, gates: Sequence[Gate]) -> str:
    """Return a computed remedy in words: what to do, each failed gate that it moves beyond luck, and the warning."""
    moved = [_moved(gate, one, found) for gate in gates if one.better.get(gate.name, 1.0) <= LEVEL]
    failed = sum(not gate.passed for gate in gates)
    turns = (
        f"it turns {len(one.turned)} of {counted(failed, 'failed benchmark')}" if one.turned else "it turns none yet"
    )
    loses = f" and loses {', '.join(GATES[name].title for name in one.lost)}" if one.lost else ""
    return (
        f"{one.tried.told}. On the {found.folds} folds {'; '.join(moved)}: {turns} there{loses}. No promise: it is the "
        f"best of {len(found.outcomes)} tries on the same folds."
    )


def nothing_helps(found: Search) -> str:
    """Return that no change of trading helps, with the best there was and how often luck does as well."""
    tried = len(found.outcomes)
    kinds = ", ".join(dict.fromkeys(_KINDS[one.tried.kind] for one in found.outcomes))
    earning = [one for one in found.outcomes if one.earns <= LEVEL]
    lead = f"Trading otherwise does not help: of {tried} changes ({kinds}) tried on the {found.folds} folds none"
    if earning:
        return (
            f"{lead} betters what failed there by more than the best of {tried} does by luck: change the features or "
            "the labels."
        )
    best = min(found.outcomes, key=lambda one: (one.earns, -one.trades))
    if not best.trades:
        return f"{lead} makes a trade whose expected result is above 0: change the features or the labels."
    return (
        f"{lead} earns more than the best of {tried} does by luck (the likeliest, {best.trades:,} trades, is matched "
        f"in {100 * best.earns:.0f} of 100 histories without an edge): change the features or the labels."
    )


def groups_told(selection: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence on feature groups, from the most to the least that permuting their clusters costs."""
    ranked = [*groups(selection).items()]
    if len(ranked) < 2:
        return
    shown = ranked if len(ranked) <= 2 * _ENDS else [*ranked[:_ENDS], ("…", None), *ranked[-_ENDS:]]
    order = ", ".join(name if nats is None else f"{name} {1e4 * nats:+.1f}" for name, nats in shown)
    least = [name for name, nats in ranked if nats <= 0.0] or [ranked[-1][0]]
    yield (
        f"Train without the feature groups that told least, {', '.join(least)} (groups of the recipe), or with a "
        "source that is not among them. Permuting what was chosen of each cost, in 0.0001 nats a row inside the "
        f"development: {order}; that is of all three classes, and Flat, which is known best, earns nothing. More "
        "cannot be said without a training, which is a trial that counts."
    )


def groups(selection: Mapping[str, Any]) -> dict[str, float]:
    """Return by feature group what permuting its clusters costs in all, nats a row, the most costly first."""
    costs: dict[str, dict[int, float]] = {}
    for name, one in selection.get("features", {}).items():
        costs.setdefault(name.partition("__")[0], {})[one["cluster"]] = one["permutation"]
    total = {group: sum(clusters.values()) for group, clusters in costs.items()}
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _moved(gate: Gate, one: Outcome, found: Search) -> str:
    benchmark = GATES[gate.name]
    before, after, luck = found.now[gate.name], one.figures[gate.name], one.luck.get(gate.name)
    shown = [("–" if value is None else benchmark.show(value)) for value in (before, after)]
    sign = "≥" if gate.direction == ">=" else "≤"
    by_luck = f", luck moves it by {benchmark.show(luck)}" if luck and gate.name in _PLAIN_LUCK else ""
    return f"{benchmark.title} {shown[0]} → {shown[1]} (wanted {sign} {benchmark.show(gate.wanted)}{by_luck})"


_PLAIN_LUCK = ("profit_factor", "max_drawdown", "sharpe_per_trade", "win_rate", "trades", "expectancy", "daily_sharpe")
