"""`assay gate`: the last run of a series judged by any profile of gates, without a look, a run or a promotion."""

from collections.abc import Mapping
from typing import Any

from market import gate_settings, instruments, tables
from market.errors import GateError, UnavailableError
from pipeline import answers, receipts
from pipeline.workspace import Workspace
from registry import gates, ledger
from registry.card import Card
from registry.evidence import Proof


def gate(name: str, profile: str | None) -> dict[str, Any]:
    """Judge the last run of the series `name` by `profile` (default: the one that decides promotion).

    Trades, account and folds are those of the run, and what was found of luck and stress stands on its card; bounds,
    those of the stress test too, and looks at the window are as of now. Raises UsageError for an unknown profile,
    UnavailableError without a verdict, or where the run's files are not those that were judged.
    """
    judging = gate_settings.judging()
    asked = profile or judging.decides
    bounds = gate_settings.gates(asked).bounds()
    target = answers.last_workspace(name)
    made = answers.read(target)
    _require_judged(target)
    looks = _looks(target, made)
    decided = gates.judge(
        tables.read_table(target.run / "trades.parquet", tables.TRADES),
        tables.read_table(target.run / "equity.parquet", tables.EQUITY),
        made.folds,
        bounds,
        made.risk["per_trade"],
        Proof(made.significance, _held_against(made.robustness, judging.stress.model_dump()), looks),
        instruments.instrument(target.series.symbol).market,
    )
    return {
        "series": made.series,
        "run_id": made.run_id,
        "profile": asked,
        "decides": judging.decides,
        "status": gates.status(decided, asked),
        "looks": looks,
        "gates": [one.model_dump(mode="json") for one in decided],
        "oos": {"trades": made.oos.get("trades")},
    }


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return how the verb ends: 3 where the profile says no, else 0."""
    return 0 if answer["status"] == "READY" else GateError.exit_code


def _looks(target: Workspace, made: Card) -> int:
    entries = ledger.of(target.home, made.series)
    return max(made.looks, ledger.count_of(entries, made.window["oos_start"], made.window["cut_off"]).looks)


def _require_judged(target: Workspace) -> None:
    """Raise UnavailableError unless the trades of the run's folder are those that its card judges."""
    receipt = receipts.read(target.receipt("gate"))
    judged = {} if receipt is None else receipt.inputs
    for name in ("training.json", "backtest.json"):
        path = target.run / name
        if not path.exists() or judged.get(name) != tables.sha256_of_file(path):
            raise UnavailableError(
                f"{path} is not what the last card of {target.series.name} judged: a training was interrupted, or is "
                "at work. Run `assay train` again."
            )


def _held_against(robustness: Mapping[str, Any], bounds: Mapping[str, float]) -> dict[str, Any]:
    """Return a stress test as a card keeps it with each verdict reached by `bounds` instead."""
    verdicts = [
        one | {"wanted": bounds[one["name"]], "passed": gates.meets(one["got"], bounds[one["name"]], one["direction"])}
        for one in robustness.get("verdicts", ())
    ]
    return dict(robustness) | ({"verdicts": verdicts} if verdicts else {})
