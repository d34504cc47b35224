"""Reports on fleets made for tests: series in every state, with all that the page shows."""

from typing import Any

import numpy as np
import pandas as pd

from tests.registry.cards import BOUNDS, GOOD, gate

SYMBOLS = ("XAUUSD", "XAGUSD", "EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "BTCUSD", "US500")
TIMEFRAMES = ("1T", "5T", "15T", "30T", "1H", "4H")
READY = ("XAUUSD_15T", "BTCUSD_1H", "EURUSD_4H")
OTHERS = {
    "XAUUSD_1T": ("failed", "train: it was killed"),
    "XAGUSD_1T": ("stale", "trained again since, and not judged yet"),
    "US500_1T": ("missing", "no bars of US 500: `assay import FILE --symbol US500 --timeframe 1T --timezone ZONE`"),
    "US500_5T": ("refused", "fewer than 300 training rows in the first fold"),
    "USDJPY_1T": ("not run", ""),
    "AUDUSD_1T": ("working", ""),
    "GBPUSD_1T": ("damaged", "card.json is not a model card of this version"),
}
NAMES = [f"{symbol}_{name}" for symbol in SYMBOLS for name in TIMEFRAMES]
FEATURES = ("momentum__rsi_14", "volatility__garman_klass_50", "microstructure__spread_basis_points")


def judged(name: str, missed: int = 0) -> dict[str, Any]:
    """Return the row of a series that lacks the first `missed` gates."""
    got = GOOD | {one: BOUNDS[one] * (1.7 if one.startswith(("max", "fold")) else 0.6) for one in [*GOOD][:missed]}
    gates = [gate(one, value) for one, value in got.items()]
    failed = [one.name for one in gates if not one.passed]
    told = {"status": "FAILED" if failed else "READY", "failed": failed, "profile": "six", "trials": 2, "looks": 1}
    return row(name) | told | {"gates": [one.model_dump(mode="json") for one in gates], **got, "total_return": 0.1}


def row(name: str, status: str = "–", why: str = "") -> dict[str, Any]:
    """Return the row of a series without a verdict."""
    symbol, _, timeframe = name.partition("_")
    return {"series": name, "symbol": symbol, "timeframe": timeframe, "status": status, "why": why}


def every(names: list[str] = NAMES, ready: tuple[str, ...] = READY) -> dict[str, Any]:
    """Return the report on a fleet of `names`: `OTHERS` as they are, those of `ready`, and FAILED ones."""
    verdicts = [
        row(name, *OTHERS[name]) if name in OTHERS else judged(name, 0 if name in ready else 1 + at % 6)
        for at, name in enumerate(names)
    ]
    models = [one["series"] for one in verdicts if "gates" in one]
    counts = [one["status"] for one in verdicts]
    return {
        "home": "/srv/assay/home",
        "verdicts": verdicts,
        "counts": {status: counts.count(status) for status in dict.fromkeys(counts)},
        "luck": luck(len(models), counts.count("READY")),
        "independence": independence(models),
        "portfolio": portfolio([name for name in models if name in ready]),
        "champions": [champion(name, 40 * at - 30) for at, name in enumerate(one for one in models if one in ready)],
        "drift": {name: drift(at) for at, name in enumerate(models)},
        "cost": cost(models),
    }


def luck(looks: int, ready: int) -> dict[str, Any]:
    """Return what luck would promote of so many looks, of which none has promoted any world."""
    told = {"expected_false": 0.0, "at_most_95": round(0.00994 * looks, 4), "chance_of_one_at_most": 0.34}
    return {"looks": looks, "elsewhere": 0, "ready": ready, "unmeasured": [], "gate_failed": []} | told


def independence(models: list[str]) -> dict[str, Any]:
    """Return correlations of models, those of one symbol the most alike; the last model has none."""
    draws = np.random.default_rng(3)
    pairs = []
    for at, first in enumerate(models[:-1]):
        for second in models[at + 1 : -1]:
            near = 0.6 if first.partition("_")[0] == second.partition("_")[0] else 0.05
            pairs.append({"first": first, "second": second, "correlation": round(near + draws.normal(0, 0.12), 4)})
    alike = sorted(pairs, key=lambda one: -one["correlation"])[:5]
    mean = float(np.mean([one["correlation"] for one in pairs])) if pairs else 0.0
    effective = round(mean + (1.0 - mean) * len(models), 2)
    told = {
        "models": len(models),
        "traded": len(models),
        "days": 260,
        "mean_correlation": round(mean, 4),
        "effective": effective,
    }
    return told | {"most_alike": alike, "pairs": pairs}


def portfolio(ready: list[str]) -> dict[str, Any]:
    """Return what `ready` models earned together over a year."""
    if not ready:
        return {"why": "No model is READY: there is nothing to put on an account."}
    ts = pd.date_range("2024-10-22", "2025-10-22", periods=600, tz="UTC").round("min")
    value = 1e5 * np.exp(np.cumsum(np.random.default_rng(5).normal(4e-4, 4e-3, len(ts))))
    return {
        "series": ready,
        "first": ts[0].isoformat(),
        "last": ts[-1].isoformat(),
        "trades": 312,
        "trades_by_series": dict.fromkeys(ready, 104),
        "profit_factor": 1.71,
        "win_rate": 0.561,
        "total_return": 0.184,
        "max_drawdown": 0.043,
        "daily_sharpe": 2.113,
        "equity": {"ts": [stamp.isoformat() for stamp in ts], "value": value.round(2).tolist()},
        "refused": {"open_risk": 12, "daily_loss": 3},
        "risk": {"per_trade": 0.005},
    }


def champion(name: str, expired_days: int) -> dict[str, Any]:
    """Return a champion that expired so many days before `TODAY`; it lasts where that is below 0."""
    expires = TODAY - pd.Timedelta(days=expired_days)
    return {
        "series": name,
        "version": 2,
        "run_id": "a" * 32,
        "trained_until": "2025-04-22T00:00:00+00:00",
        "promoted": (expires - pd.Timedelta(days=182)).isoformat(),
        "by": "somebody on a machine",
        "expires": expires.isoformat(),
        "expired": expired_days >= 0,
        "stage": "live" if expired_days < 0 else "paper",
        "problem": "",
    }


TODAY = pd.Timestamp("2026-03-01T12:00:00+00:00").to_pydatetime()


def drift(at: int) -> dict[str, Any]:
    """Return how far the inputs of a model have drifted: the later, the further; every fifth could not be measured."""
    if at % 5 == 4:
        return {"why": "fewer than 4 windows of the judged one's length came before it"}
    told = {"features": 50, "further": at % 4, "worst": FEATURES[at % 3], "windows": 12}
    return told | {"judged": 0.02 * at**1.5, "least": 0.03, "largest": 0.9}


def cost(models: list[str]) -> dict[str, Any]:
    """Return seconds by stage and series."""
    by = {name: 40.0 + 13.0 * at for at, name in enumerate(models)}
    total, slowest = sum(by.values()), max(by, key=lambda name: by[name])
    shares = {"enrich": 0.1, "label": 0.02, "causality": 0.2, "train": 0.6, "backtest": 0.03, "gate": 0.05}
    stages = {
        stage: {
            "seconds": round(share * total, 1),
            "median": round(share * total / len(by), 2),
            "slowest": slowest,
            "most": round(share * by[slowest], 1),
        }
        for stage, share in shares.items()
    }
    told = {"seconds": round(total, 1), "slowest": slowest, "slowest_share": round(by[slowest] / total, 4)}
    return told | {"stages": stages, "series": by}
