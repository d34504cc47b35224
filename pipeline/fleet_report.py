"""`assay fleet report`: what the verdicts of a fleet are worth together, made from what stands in the home."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from backtest import multiplicity
from market import fleet_settings, settings, tables
from market.errors import AssayError, DataError, UnavailableError
from market.instruments import Series
from pipeline import (
    answers,
    fleet_board,
    fleet_champions,
    fleet_independence,
    fleet_plan,
    fleet_portfolio,
    input_drift,
    job,
    receipts,
    shared_stages,
    verdict,
    workspace,
)
from pipeline.fleet_board import FAILED
from pipeline.fleet_plan import GATE
from pipeline.job_stages import stages_of
from pipeline.workspace import Workspace
from registry import ledger
from registry.card import Card
from registry.report.features import news

_FIGURES = ("trades", "profit_factor", "win_rate", "sharpe_per_trade", "max_drawdown", "total_return")


def report(only: Iterable[str]) -> dict[str, Any]:
    """Return verdicts, what luck would pass of them, how alike their models earn, the READY ones together, champions,
    how far inputs have drifted, and costs.

    Of the series that fit one of the patterns `only` (all of the fleet without one). Raises UnavailableError where none
    of them has a verdict that stands.
    """
    found = known(only)
    if found is None:
        raise UnavailableError("No series of the fleet has a verdict that stands: `assay fleet run`.")
    return found


def known(only: Iterable[str]) -> dict[str, Any] | None:
    """Return the same, None where none of the series has a verdict that stands."""
    home = settings.home()
    chosen = [workspace.of(one) for one in fleet_plan.selected(fleet_settings.series(), [*only])]
    board = fleet_board.last(home).get("series", {})
    rows, cards = [], dict[str, Card]()
    for target in chosen:
        row, card = _row(target, board.get(target.series.name, {}))
        rows.append(row)
        if card is not None:
            cards[target.series.name] = card
    if not cards:
        return None
    targets = {target.series.name: target for target in chosen if target.series.name in cards}
    return {
        "home": str(home),
        "verdicts": rows,
        "counts": dict(Counter(one["status"] for one in rows)),
        "luck": _luck([one.series.name for one in chosen], cards),
        "independence": fleet_independence.of(targets),
        "portfolio": fleet_portfolio.of(
            targets, {name: card for name, card in cards.items() if card.status == "READY"}
        ),
        "champions": fleet_champions.of(home, {target.series.name for target in chosen}),
        "drift": {name: _drift(target, cards[name]) for name, target in targets.items()},
        "cost": _cost(targets),
    }


def _row(target: Workspace, known: dict[str, Any]) -> tuple[dict[str, Any], Card | None]:
    """Return what is told of a series, and its card where what it judges still stands in the home."""
    series = target.series
    row: dict[str, Any] = {"series": series.name, "symbol": series.symbol, "timeframe": series.timeframe.name}
    row |= {"status": "–", "why": known.get("why", "")}
    if not (target.run / "card.json").exists():
        return row | {"status": "refused" if known.get("refused") else known.get("state", "not run")}, None
    try:
        card = answers.read(target)
    except AssayError as error:
        return row | {"status": "damaged", "why": str(error)}, None
    if known.get("state") == FAILED and _instant(known["at"]) > _instant(card.made_at):
        return row | {"status": "refused" if known.get("refused") else FAILED}, None
    row |= {"run_id": card.run_id, "looks": card.looks, "trials": card.trials}
    row |= {name: card.oos.get(name) for name in _FIGURES}
    if not _stands(target):
        return row | {"status": "stale", "why": "trained again since, and not judged yet"}, None
    if outdated := _outdated(series):
        return row | {"status": "stale", "why": outdated}, None
    failed = [gate.name for gate in card.gates if gate.asked and not gate.passed]
    judged = {"profile": card.profile, "gates": [gate.model_dump(mode="json") for gate in card.gates]}
    return row | {"status": card.status, "failed": failed, "why": ""} | judged, card


def _stands(target: Workspace) -> bool:
    """Return whether the trades and predictions in the run's folder are those that the card judges."""
    receipt = receipts.read(target.receipt(GATE))
    names = ("training.json", "backtest.json")
    return receipt is not None and all(
        (target.run / name).exists() and receipt.inputs.get(name) == tables.sha256_of_file(target.run / name)
        for name in names
    )


def _outdated(series: Series) -> str | None:
    """Return why a verdict is not of today's bars, settings and code, None where it is; no table is read for it."""
    work = job.prepare(series)
    for name, order_of in (*((stage.name, stage.order) for stage in stages_of()), (GATE, verdict.order_of)):
        made = receipts.read(work.workspace.receipt(name))
        try:
            held = made is not None and shared_stages.key_of(made) == shared_stages.key_of(order_of(work))
        except (DataError, FileNotFoundError):  # tables that were pruned make no verdict untrue
            continue
        if not held:
            return f"{name}: bars, settings or code are others than it was made from; `assay fleet plan` says which"
    return None


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _luck(names: Sequence[str], cards: dict[str, Card]) -> dict[str, Any]:
    """Return how many of so many looks the gate is expected to promote without any edge, by its measured error rate.

    All looks at the series `names` count, also of those whose verdict stands no more, at the worst rate of the others;
    `elsewhere` are those at other series. An expectation adds up, however alike the series are; `at_most_95` uses the
    upper bound of the rate.
    """
    entries = ledger.read(settings.home()).entries
    counted = Counter(one.series for one in entries if one.kind == "look")
    taken = {name: max(counted[name], cards[name].looks if name in cards else 0) for name in names}
    unmeasured = [name for name, card in cards.items() if "upper_bound_95" not in card.placebo]
    rates = {
        name: (card.placebo["promotions"] / card.placebo["worlds"], card.placebo["upper_bound_95"])
        for name, card in cards.items()
        if name not in unmeasured
    }
    worst = max(rates.values(), key=lambda one: one[1], default=(0.0, 0.0))
    looks = sum(taken.values())
    expected = sum(count * rates.get(name, worst)[0] for name, count in taken.items())
    at_most = sum(count * rates.get(name, worst)[1] for name, count in taken.items())
    ready = sum(card.status == "READY" for card in cards.values())
    rate = at_most / max(looks, 1)
    return {
        "looks": looks,
        "elsewhere": sum(count for name, count in counted.items() if name not in taken),
        "ready": ready,
        "unmeasured": unmeasured,
        "gate_failed": sorted(name for name, one in cards.items() if one.placebo.get("status", "PASSED") != "PASSED"),
        "expected_false": None if unmeasured else round(expected, 4),
        "at_most_95": None if unmeasured else round(at_most, 4),
        "chance_of_one_at_most": None if unmeasured else round(multiplicity.chance_of_a_pass(looks, rate), 4),
    }


def _drift(target: Workspace, card: Card) -> dict[str, Any]:
    """Return how many inputs lie further off in the judged window than ever before, and the furthest of these.

    Of all where none does. Population stability indices (`doctor_drift`); {"why": …} where they cannot be measured.
    """
    try:
        found = input_drift.of(target, card)
    except AssayError as error:
        return {"why": str(error)}
    further = news(found)
    worst = max(further or found, key=lambda name: (found[name].judged, name))
    return {"features": len(found), "further": len(further), "worst": worst, **found[worst]._asdict()}


def _cost(targets: dict[str, Workspace]) -> dict[str, Any]:
    """Return seconds of work by stage and by series, from their receipts."""
    spent: dict[str, dict[str, float]] = {}
    for stage in (*(stage.name for stage in stages_of(paths=True)), GATE):
        found = {name: receipts.read(target.receipt(stage)) for name, target in targets.items()}
        if known := {name: receipt.seconds for name, receipt in found.items() if receipt is not None}:
            spent[stage] = known
    by_series = {name: round(sum(one.get(name, 0.0) for one in spent.values()), 1) for name in targets}
    total = sum(by_series.values())
    slowest = max(by_series, key=lambda name: by_series[name])
    stages = {
        stage: {
            "seconds": round(sum(each.values()), 1),
            "median": round(median(each.values()), 2),
            "slowest": max(each, key=lambda name: each[name]),
            "most": max(each.values()),
        }
        for stage, each in spent.items()
    }
    share = round(by_series[slowest] / total, 4) if total else None
    return {
        "seconds": round(total, 1),
        "stages": stages,
        "slowest": slowest,
        "slowest_share": share,
        "series": by_series,
    }
