"""The main job: enrich → label → train → backtest → gate → card, and the questions that are asked of its results."""

import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import feature_store
from feature_store import causality as causality_check
from market import instruments, settings, tables
from market.errors import UnavailableError, nearest
from pipeline import job, stages, verdict, workspace
from pipeline.job import Job
from pipeline.screen import Screen
from pipeline.workspace import Workspace
from registry import ledger as trial_ledger
from registry import promotion, tracking

_SIMULATED_SYMBOL = "XAUUSD"


def train(
    symbol: str, timeframe: str, cut_off: dt.date | None, recipe: str | None, workers: int | None, screen: Screen
) -> dict[str, Any]:
    """Run what is stale of the main job of a series and return its verdict."""
    series = instruments.series(symbol, timeframe)
    if recipe is not None:
        settings.recipe(recipe)
    if not series.simulated and not workspace.of(series).bars.exists() and series.symbol == _SIMULATED_SYMBOL:
        screen.say(
            f"No bars are imported for {series.name}: judging the built-in simulated market SIM_{series.name} instead. "
            "Import yours with `assay import FILE …`."
        )
        series = series._replace(simulated=True)
    work = job.prepare(series, cut_off, recipe, workers)
    if not series.simulated:
        workspace.require_bars(work.workspace)
    with _locked(work.workspace):
        return _run(work, screen)


def _run(work: Job, screen: Screen) -> dict[str, Any]:
    changed = False
    for name, stage, told in _STAGES:
        if name == "simulate" and not work.series.simulated:
            continue
        with screen.stage(name) as report:
            done = stage(work, report)
        screen.finished(name, told.format(**_flat(done.receipt.facts)), done.why)
        changed = changed or done.why is not None
    with screen.stage("gate") as report:
        card, why = verdict.judge(work, dict(screen.seconds), report)
    screen.finished("gate", "judged", why)
    if not changed and why is None:
        screen.say("Nothing has changed since the last verdict: no stage was run.")
    return verdict.answer(work.workspace, card)


def enrich(names: list[str], screen: Screen) -> dict[str, Any]:
    """Compute the features of the named series, or of all imported ones."""
    series = [instruments.series_named(name) for name in names or workspace.stored(settings.home())]
    if not series:
        raise UnavailableError("No bars are imported: import some with `assay import FILE …`.")
    answers = []
    for one in series:
        work = job.prepare(one)
        with _locked(work.workspace):
            with screen.stage("enrich") as report:
                done = stages.enrich(work, report)
            screen.finished("enrich", one.name, done.why)
        answers.append({"series": one.name, "seconds": done.receipt.seconds, "why": done.why} | done.receipt.facts)
    return {"series": answers}


def label(symbol: str, timeframe: str) -> dict[str, Any]:
    """Label the stored bars of a series."""
    work = job.prepare(instruments.series(symbol, timeframe))
    with _locked(work.workspace):
        done = stages.label(work)
    return {"series": work.series.name, "why": done.why} | done.receipt.facts


def causality(symbol: str, timeframe: str, cuts: int) -> dict[str, Any]:
    """Perturb what was not yet available at cut points of the stored bars, and return the features that noticed."""
    target = workspace.of(instruments.series(symbol, timeframe))
    workspace.require_bars(target)
    bars = tables.read_table(target.bars, tables.BARS)
    manifest = tables.read_manifest(target.bars)
    groups = feature_store.groups_for(bool(manifest is None or manifest.facts.get("has_volume", True)))
    leaks = causality_check.check(bars, groups, cuts=cuts)
    columns = feature_store.compute(
        bars.iloc[-feature_store.lookback(groups, target.series.timeframe) :], groups
    ).shape[1]
    return {
        "series": target.series.name,
        "columns": columns,
        "cuts": cuts,
        "leaks": [leak._asdict() for leak in leaks],
    }


def card(name: str) -> dict[str, Any]:
    """Return the last verdict of a series; without real bars of gold, that of the simulated market."""
    target = _judged(name)
    return verdict.answer(target, verdict.read(target))


def card_markdown(name: str) -> str:
    """Return the last card of a series as Markdown."""
    return (_judged(name).run / "card.md").read_text(encoding="utf-8")


def ledger(name: str) -> dict[str, Any]:
    """Return the trials and looks of a series."""
    target = _judged(name)
    entries = [entry for entry in trial_ledger.read(target.home).entries if entry.series == target.series.name]
    counts = trial_ledger.count(target.home, target.series.name)
    rows = [entry.model_dump() for entry in entries]
    return {"series": target.series.name, "trials": counts.trials, "looks": counts.looks, "entries": rows}


def models() -> list[dict[str, Any]]:
    """Return what is in production, by series."""
    return [{"series": name} | dict(entry) for name, entry in promotion.production(settings.home()).items()]


def effective_settings(name: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return each effective setting of a series and where it comes from."""
    series = instruments.series_named(name)
    found = settings.effective(series.symbol, series.timeframe.name)
    return {file: {key: one._asdict() for key, one in values.items()} for file, values in found.items()}


def ui(port: int, demo: bool) -> None:
    """Run the MLflow UI on loopback until it is interrupted."""
    home = settings.home() / "demo" if demo else settings.home()
    if not demo and not (home / "mlflow.db").exists() and (home / "demo" / "mlflow.db").exists():
        home = home / "demo"
    if not (home / "mlflow.db").exists():
        raise UnavailableError(f"No runs yet under {home}: run `make train SYMBOL=XAUUSD TF=15T` first.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UnavailableError(f"Port {port} is in use: choose another with --port.") from None
    sys.stderr.write(f"MLflow UI of {home} on http://127.0.0.1:{port} in some seconds. Ctrl-C ends it.\n")
    server = subprocess.Popen(
        tracking.ui_command(home, port), start_new_session=True, env=os.environ | {"PYTHONWARNINGS": "ignore"}
    )
    try:
        code = server.wait()
    except KeyboardInterrupt:
        server.terminate()
        code = min(server.wait(), 0)
    if code > 0:
        raise UnavailableError(f"The MLflow server ended with code {code}; its output is above.")


def _judged(name: str) -> Workspace:
    series = instruments.series_named(name)
    target = workspace.of(series)
    if not (target.run / "card.json").exists() and not series.simulated:
        simulated = workspace.of(series._replace(simulated=True))
        if (simulated.run / "card.json").exists():
            return simulated
    if not (target.run / "card.json").exists():
        known = _with_cards(target.home)
        raise UnavailableError(
            f"No verdict for {name} yet: run `assay train {series.symbol} {series.timeframe.name}`."
            f"{nearest(name, known)}"
        )
    return target


def _with_cards(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "runs").glob("*/card.json"))


@contextmanager
def _locked(target: Workspace) -> Iterator[None]:
    target.run.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target.run / ".lock", timeout=0):
            workspace.sweep(target)
            yield
    except Timeout:
        raise UnavailableError(
            f"{target.series.name} is being worked on by another assay process: wait for it, or stop it."
        ) from None


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"rows": 0, "columns": 0, "trades": 0} | dict(facts)


_STAGES: tuple[tuple[str, Any, str], ...] = (
    ("simulate", lambda work, report: stages.simulate(work), "{rows:,} bars"),
    ("enrich", stages.enrich, "{columns} features × {rows:,} bars"),
    ("label", lambda work, report: stages.label(work), "{rows:,} labels"),
    ("train", stages.train, "walk-forward and final model"),
    ("backtest", lambda work, report: stages.backtest(work), "{trades} trades"),
)
