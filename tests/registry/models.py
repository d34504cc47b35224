"""A small real model, its bundle, and a home in which it was promoted, made for tests."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import feature_store
from backtest.policy import Policy, stored
from backtest.risk import Risk
from market.execution import Exits
from market.hours import hours
from pipeline.receipts import versions
from registry import golden, promotion, tracking
from registry.bundle import SCHEMA, write_bundle
from registry.card import Card
from registry.incumbent import Comparison
from tests.markets import COSTS, random_bars
from tests.registry.cards import make_card
from training.calibration import IDENTITY
from training.ensemble import Ensemble, Outcomes
from training.members import MEMBERS, Sample

GOLD = "XAUUSD_15T"
GROUPS = ["candlestick", "momentum"]
WEIGHTS = {"xgboost": 0.4, "lightgbm": 0.4, "logistic": 0.2}


class Made(NamedTuple):
    """The content of a bundle, and what it was made from."""

    files: dict[str, bytes]
    meta: dict[str, Any]
    model: Ensemble
    features: pd.DataFrame
    bars: pd.DataFrame


def make_bundle() -> Made:
    """Return a model of three members on twelve features of 1,100 random bars."""
    bars = random_bars(7, 1100)
    features = feature_store.compute(bars, GROUPS).dropna()
    names = [*features.filter(like="momentum__").columns[:10], *features.filter(like="candlestick__").columns[:2]]
    X = np.ascontiguousarray(features[names].to_numpy())
    y = np.sign(np.round(np.nan_to_num(X[:, 0] - np.median(X[:, 0])), 3)).astype(np.int64)
    sample = Sample(X, np.where(np.arange(len(y)) % 5 == 0, 0, y), np.ones(len(y)))
    members = {name: MEMBERS[name].fit(sample, held_out=None, rounds=4, seed=1) for name in WEIGHTS}
    paid = Outcomes((-1.0, -0.1, 1.2), (1.2, -0.1, -1.0))
    model = Ensemble(tuple(names), members, WEIGHTS, dict.fromkeys(WEIGHTS, IDENTITY), paid)
    lookback = feature_store.lookback(GROUPS)
    meta = {
        "schema": SCHEMA,
        "sampling": {"rule": "every_bar"},
        "series": GOLD,
        "recipe": "ensemble",
        "features": names,
        "policy": stored(Policy(0.62, 0.38)),
        "risk": Risk(100_000.0, 0.005, 0.02, 0.03, 8, 5)._asdict(),
        "exits": Exits(1.4, 1.0, 50)._asdict(),
        "costs": COSTS._asdict(),
        "market": "metal",
        "hours": hours("metal")._asdict(),
        "lookback": lookback,
        "inputs": {},
        "window": {"cut_off": "2025-10-22"},
        "versions": versions(),
    }
    files = model.to_files() | {golden.FILE: golden.evidence(model, features, bars.iloc[-lookback:])}
    return Made(files, meta, model, features, bars)


def promoted(home: Path, files: Mapping[str, bytes], meta: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Write the bundle into `home`, log a READY card of it, promote it and return its record."""
    card, folder = logged(home, files, meta, **changes)
    return promotion.promote(home, card, folder, better(home, card.series))


def better(home: Path, series: str) -> Comparison:
    """Return the comparison of a candidate that is better than whatever is in production."""
    incumbent = promotion.production(home).get(series, {})
    return Comparison("better", "as was made for a test", serial=incumbent.get("serial", 0))


def logged(home: Path, files: Mapping[str, bytes], meta: Mapping[str, Any], **changes: Any) -> tuple[Card, Path]:
    """Write the bundle into `home`, log a card of it and return both."""
    card = bundled(home, files, meta, **changes)
    folder = home / "bundles" / meta["series"] / card.bundle_sha256[:16]
    return card.model_copy(update={"run_id": tracking.log_run(home, card, "# Card", {}, {})}), folder


def bundled(home: Path, files: Mapping[str, bytes], meta: Mapping[str, Any], **changes: Any) -> Card:
    """Write the bundle into `home` and return a card of it, of no run yet."""
    aside = home / "bundles" / meta["series"] / "new"
    digest = write_bundle(aside, files, meta)
    folder = aside.with_name(digest[:16])
    if folder.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(folder)
    return make_card(series=meta["series"], bundle_sha256=digest, **changes)
