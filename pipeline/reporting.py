"""The report of a run: what it draws, gathered from the tables of the run, and the page beside the card."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtest.cost_frontier import Point, frontier
from backtest.excursions import excursions
from backtest.rerun import case
from market import durable, tables
from market.errors import AssayError, DataError
from pipeline import answers, input_drift, run_tables, workspace
from pipeline.workspace import Workspace
from registry import champion
from registry.card import Card
from registry.report import NAME, page
from registry.report.shown import Shown
from training.ensemble import PROBABILITIES
from training.reliability import reliability

_CHEAPEST, _DEAREST, _POINTS = 0.5, 3.0, 12  # multiples of the broker's costs
_BEYOND = 1.15  # times the multiple at which the edge dies, where that lies further


def report(name: str) -> Path:
    """Return where the report of the last run of a series is; it is made where there is none yet."""
    target = answers.last_workspace(name)
    path = target.run / NAME
    if not path.exists():
        made = answers.read(target)
        write(target, made, shown(target, made))
    return path


def write(target: Workspace, made: Card, found: Shown) -> None:
    """Write the report of a run beside its card."""
    durable.write_text(target.run / NAME, page.to_html(made, found))


def shown(target: Workspace, made: Card) -> Shown:
    """Return what the report of `made`, the last run of its series, draws; what cannot be had is told with the reason.

    Tables that were made anew since the run are not drawn.
    """
    lacking: dict[str, str] = {}

    def had(name: str, make: Callable[[Workspace, Card], Any], otherwise: Any) -> Any:
        try:
            return make(target, made)
        except AssayError as error:
            lacking[name] = str(error).rstrip(".")
            return otherwise

    return Shown(
        had("equity", _equity, None),
        had("trades", _trades, None),
        had("calibration", _calibration, None),
        had("frontier", _frontier, ()),
        had("drift", input_drift.of, {}),
        had("importance", _importance, {}),
        lacking,
    )


def _calibration(target: Workspace, made: Card) -> pd.DataFrame:
    """Return how often what was predicted out of fold with a probability happened."""
    predictions = tables.read_table(target.run / "predictions.parquet", tables.PREDICTIONS)
    y = run_tables.read(target.labels, tables.LABELS, made.labels_sha256, ["y"])["y"].reindex(predictions.index)
    known = y.notna().to_numpy()
    return reliability(y[known].to_numpy().astype(np.int64), predictions[list(PROBABILITIES)].to_numpy()[known])


def _equity(target: Workspace, _: Card) -> pd.Series:
    return tables.read_table(target.run / "equity.parquet", tables.EQUITY)["equity"]


def _trades(target: Workspace, made: Card) -> pd.DataFrame:
    trades = tables.read_table(target.run / "trades.parquet", tables.TRADES)
    bars = run_tables.read(target.bars, tables.BARS, made.bars_sha256, ["open", "high", "low", "spread"])
    return excursions(trades, bars).assign(r=trades["r"].to_numpy())


def _frontier(target: Workspace, made: Card) -> list[Point]:
    if made.oos.get("trades") == 0:
        raise DataError("no trade was closed")
    bundle = champion.load_bundle(target.bundles / made.bundle_sha256[:16], made.bundle_sha256, made.run_id)
    bars = run_tables.read(target.bars, tables.BARS, made.bars_sha256).loc[: pd.Timestamp(made.window["cut_off"])]
    score = tables.read_table(target.run / "score.parquet", tables.SCORE)
    given = case(bars, score, bundle.policy, bundle.exits, bundle.costs, bundle.risk, bundle.market)
    dead = (made.robustness.get("break_even") or {}).get("dead")
    last = max(_DEAREST, _BEYOND * dead["multiple"] if dead else 0.0)
    return frontier(given, sorted({1.0, *np.linspace(_CHEAPEST, last, _POINTS).round(2).tolist()}))


def _importance(target: Workspace, _: Card) -> dict[str, float]:
    path = target.run / "training.json"
    return workspace.read_json(path)["importance"] if path.exists() else {}
