"""Cards, gates, folds and accounts made for tests."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from registry.card import Card
from registry.gates import GATES, Gate, meets

BOUNDS = {
    "profit_factor": 1.60,
    "max_drawdown": 0.06,
    "sharpe_per_trade": 0.25,
    "win_rate": 0.52,
    "trades": 200,
    "fold_profit_factor_variation": 0.35,
}
OTHERS = {
    "expectancy": 0.20,
    "daily_sharpe": 1.80,
    "deflated_sharpe": 0.95,
    "overfitting": 0.05,
    "permutation_p": 0.05,
    "stress": 0,
    "fold_heterogeneity_p": 0.05,
    "folds_earning": 0.80,
    "looks": 3,
}
EVERY = BOUNDS | OTHERS
GOOD = {
    "profit_factor": 1.82,
    "max_drawdown": 0.041,
    "sharpe_per_trade": 0.31,
    "win_rate": 0.57,
    "trades": 312,
    "fold_profit_factor_variation": 0.18,
}
MEASURED: dict[str, Any] = {
    "tier": "night",
    "status": "PASSED",
    "complaints": [],
    "source": "bundled with the project",
    "mean_sharpe_z": 0.4,
    "skilled": 0,
    "variant": "small",
    "decides": "six",
    "decided_by": "e" * 64,
    "worlds": 300,
    "promotions": 0,
    "upper_bound_95": 0.00994,
    "profiles": {"six": {"worlds": 300, "promotions": 0, "upper_bound_95": 0.00994}},
    "leaks": 6,
    "leaks_seen": 6,
    "power": [],
    "told": "This gate promoted 0 of 300 worlds without an edge: at most 1.0 % at 95 %.",
}


def gate(name: str, got: float | None, note: str = "") -> Gate:
    """Return the gate `name` for `got`, with an interval a tenth to each side."""
    direction, wanted = GATES[name].direction, EVERY[name]
    interval = None if got is None else (0.9 * got, 1.1 * got)
    passed = meets(got, wanted, direction)
    return Gate(name=name, got=got, wanted=wanted, direction=direction, passed=passed, interval=interval, note=note)


def a_fold(number: int) -> dict[str, Any]:
    """Return a decent fold."""
    start = dt.date(2019, 8, 1) + dt.timedelta(days=210 * (number - 1))
    return {
        "fold": number,
        "test_start": f"{start}T00:00:00+00:00",
        "test_end": f"{start + dt.timedelta(days=210)}T00:00:00+00:00",
        "trades": 80 + number,
        "losses": 35,
        "profit_factor": 1.3 + 0.05 * number,
        "win_rate": 0.55,
        "expectancy": 0.18,
        "skill": 0.004,
        "skill_low": 0.001,
        "skill_high": 0.007,
        "thresholds": {"long": 0.62, "short": 0.38},
    }


def a_split(number: int) -> dict[str, Any]:
    """Return the audit of a fold that leaks nothing."""
    counts = {"test": 900, "purged": 49, "embargoed": 100, "left": 1000 * number, "leaks": 0}
    return {"split": f"fold {number}", "kind": "walk-forward"} | counts


def a_selection(count: int) -> dict[str, Any]:
    """Return why `count` features were chosen: the later, the more it moves and the less it held."""
    features = {
        f"made__feature_{number}": {
            "cluster": number % 4,
            "permutation": 1e-4 * (19 - number),
            "gain": (count + 1 - number) / (count * (count + 1) / 2),
            "shap": number / (count * (count + 1) / 2),
            "folds": number // 2,
        }
        for number in range(1, count + 1)
    }
    return {"stability": 0.81, "clusters": 12, "features": features}


def make_card(**changes: Any) -> Card:
    """Return a READY card of gold with `changes`; its status follows from its gates."""
    gates = changes.pop("gates", [gate(name, got) for name, got in GOOD.items()])
    fields: dict[str, Any] = {
        "series": "XAUUSD_15T",
        "status": "READY" if all(one.passed for one in gates) else "FAILED",
        "run_id": "",
        "made_at": "2025-11-03T10:00:00+00:00",
        "simulated": False,
        "bars_sha256": "a" * 64,
        "features_sha256": "b" * 64,
        "labels_sha256": "c" * 64,
        "bundle_sha256": "d" * 64,
        "recipe": "ensemble",
        "members": {"xgboost": 0.4, "lightgbm": 0.4, "logistic": 0.2},
        "window": {"history_start": "2019-01-02", "oos_start": "2025-04-22", "cut_off": "2025-10-22", "rows": 158_000},
        "validation": {"folds": 10, "purge": 50, "embargo": 100},
        "gates": gates,
        "oos": {**GOOD, "expectancy": 0.21, "calmar": None},
        "oos_breakdown": {"side": [{"side": "long", "trades": 200, "win_rate": 0.58, "profit_factor": 1.9}]},
        "folds": [a_fold(number) for number in range(1, 11)],
        "splits": [a_split(number) for number in range(1, 11)],
        "skill": {
            "oos": {"skill": 0.0051, "low": 0.0012, "high": 0.0089},
            "out_of_fold": {"skill": 0.0044, "low": 0.003, "high": 0.006},
        },
        "features": ["momentum__rsi_14", "trend__adx_14"],
        "labels": {"up": 0.39, "down": 0.38, "flat": 0.23},
        "costs": {"spread_floor": 0.25, "slippage": 0.05},
        "policy": {"cooldown": 5},
        "risk": {"per_trade": 0.005},
        "exits": {"take_profit": 1.4, "stop_loss": 1.0, "bars": 50},
        "trials": 3,
        "looks": 1,
        "warnings": ["12 % of the bars stand on the spread floor"],
        "remedies": [],
        "versions": {"numpy": "2.4.6", "xgboost": "3.2.0"},
        "seconds": {"train": 61.2},
        "placebo": MEASURED,
    }
    return Card.model_validate(fields | changes)


def account(r: np.ndarray, risk: float = 0.005) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trades of `r`, one every four hours, and the equity of an account that compounds them at `risk`."""
    ts = pd.date_range("2025-04-22", periods=16 * len(r) + 1, freq="15min", tz="UTC").as_unit("us").rename("ts")
    steps = np.concatenate([[1.0], np.cumprod(1.0 + risk * r)])
    equity = pd.DataFrame({"equity": 1e5 * np.append(np.repeat(steps[:-1], 16), steps[-1:])}, index=ts)
    money = {"pnl": 1e5 * np.diff(steps), "size": 1.0, "entry": 2000.0, "stop": 1999.0}
    trades = pd.DataFrame({"t_exit": ts[16::16], "side": 1, "r": r} | money, index=ts[1:-1:16].rename("t_entry"))
    return trades, equity
