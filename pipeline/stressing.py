"""`assay stress`: a judged run on its own judged window again, with worse fills, without training anything."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from backtest import stress as worse
from backtest.stress import BOUNDS
from market import instruments, tables
from market.durable import write_bytes, write_json
from market.errors import GateError, UnavailableError
from market.stress_settings import stress_bounds
from pipeline import judged, parity, workspace
from pipeline.judged import Judged
from pipeline.screen import Screen
from pipeline.workspace import Workspace
from registry import stress_plots
from registry.measures import SEED
from registry.plain_values import plain

FIGURES, PICTURE = "stress.json", "stress.png"


def stress(name: str, run_id: str | None, screen: Screen) -> dict[str, Any]:
    """Put the run `run_id` of the series `name` (default: the champion, else the last run) under stress.

    It is tried on the stored bars of its own judged window, which is no new look, with the rules it was judged by and
    the bounds of config/gates.toml. Writes figures and a picture, and returns the figures. Raises UsageError for an
    unknown series or run, UnavailableError without bars or a model.
    """
    bounds = stress_bounds()
    target = workspace.of(instruments.series_named(name))
    workspace.require_bars(target)
    asked = judged.of_series(target) if run_id is None else judged.of_run(target, run_id)
    assert asked.bundle is not None  # what is no rule has one
    bars = tables.read_table(target.bars, tables.BARS)
    inside = _window(target, asked, pd.DatetimeIndex(bars.index))
    bars = bars.loc[: inside[-1]]
    with screen.stage("score"):
        score = parity.scored_as_stored(asked.bundle, bars, inside[0])
    with screen.stage("stress"):
        found = worse.stress(bars, score, *asked.rules, bounds, SEED)
    answer = {
        "series": target.series.name,
        "run_id": asked.bundle.run_id,
        "judged": asked.told,
        "sha256": asked.sha256,
        "bars_sha256": tables.verified(target.bars, tables.BARS).sha256,
        "first": inside[0].isoformat(),
        "last": inside[-1].isoformat(),
        "bars": len(inside),
        "seed": SEED,
        "bounds": bounds.model_dump(),
        "passed": found.passed,
        "folder": str(target.home / "stress" / target.series.name / asked.name),
    }
    answer = plain(answer | found._asdict())
    _write(target, asked, answer)
    return answer


def exit_code(answer: Mapping[str, Any]) -> int:
    """Return how the verb ends: 3 where a bound fails, else 0."""
    return 0 if answer["passed"] else GateError.exit_code


def complaint(answer: Mapping[str, Any]) -> str:
    """Return one line about what fails, empty where nothing does."""
    failed = [one for one in answer["verdicts"] if not one["passed"]]
    if not failed:
        return ""
    if answer["scenarios"][0]["trades"] == 0:
        return f"{answer['judged']} closed no trade in its judged window: there is nothing that could survive."
    told = "; ".join(BOUNDS[one["name"]].title.lower() for one in failed)
    return f"{len(failed)} of {len(answer['verdicts'])} bounds of config/gates.toml [stress] do not hold: {told}."


def _window(target: Workspace, asked: Judged, ts: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the closes of the stored bars `ts` in the judged window."""
    begins, ends = (pd.Timestamp(asked.window[name]) for name in ("oos_start", "cut_off"))
    inside = ts[(ts > begins) & (ts <= ends)]
    if not len(inside):
        raise UnavailableError(
            f"No bars of {target.series.name} are stored in the window that {asked.told} was judged on, from "
            f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}: they reach from {ts[0]:%Y-%m-%d} to {ts[-1]:%Y-%m-%d}."
        )
    return inside


def _write(target: Workspace, asked: Judged, answer: Mapping[str, Any]) -> None:
    folder = target.home / "stress" / target.series.name / asked.name
    write_json(folder / FIGURES, {name: value for name, value in answer.items() if name != "folder"})
    write_bytes(folder / PICTURE, stress_plots.draw(f"{answer['series']}, {answer['judged']}", answer))
