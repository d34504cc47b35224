"""Proofs, folds and accounts that pass every gate of the honest profile, to be spoilt one by one."""

from typing import Any

import numpy as np

from registry.evidence import Proof

LUCK: dict[str, Any] = {
    "result": {"trades": 400, "expectancy": 0.32, "sharpe": 0.27},
    "shrunken": {"expectancy": 0.14, "without_edge": 0.12, "share": 0.05},
    "deflated": {"probability": 0.991, "probabilistic": 0.999, "trials": 7.3, "luck": 0.06},
    "record": {"needed": 38.0, "had": 400, "luck": 24.6},
    "wins": {"wins": 240, "trades": 400, "rate": 0.6, "against": 0.43, "p": 1e-9, "low": 0.55, "high": 0.65},
    "signs": {"p": 0.0004, "permutations": 10_000, "choices": 310},
    "shifts": {"p": 0.012, "shifts": 11_000, "decisions": 1_900},
    "overfitting": {
        "both": 0.01,
        "probability": 0.31,
        "loss": 0.02,
        "slope": -0.2,
        "configurations": 12,
        "days": 1_400,
    },
    "superiority": {"p": 0.003, "superior": 9, "configurations": 12},
    "folds": {"q": 8.1, "freedom": 9, "p": 0.52, "i_squared": 0.0, "pooled": 0.2, "earning": 10, "folds": 10},
}


def verdict(name: str, got: float | None, wanted: float, direction: str = ">=") -> dict[str, Any]:
    """Return a bound of the stress test as a card keeps it."""
    good = got is not None and (got >= wanted if direction == ">=" else got <= wanted)
    return {"name": name, "got": got, "wanted": wanted, "direction": direction, "passed": good, "note": ""}


def scenario(name: str, factor: float | None = 1.9, trades: int = 400) -> dict[str, Any]:
    """Return a scenario of the stress test as a card keeps it."""
    figures = {"expectancy": 0.3, "sharpe_per_trade": 0.26, "win_rate": 0.59, "max_drawdown": 0.04}
    return {"name": name, "trades": trades, "profit_factor": factor} | figures


WORSE: dict[str, Any] = {
    "scenarios": [scenario("undisturbed"), scenario("jitter_5", 1.5), scenario("costs_2x", None)],
    "bootstrapped": {"profit_factor": {"low": 1.4, "high": 2.5}, "max_drawdown": {"low": 0.02, "high": 0.05}},
    "break_even": {
        "own": {"multiple": 1.0, "usd_per_lot": 34.5, "price": 0.345, "r": 0.07},
        "dead": {"multiple": 3.2, "usd_per_lot": 110.4, "price": 1.104, "r": 0.22},
        "why": "",
    },
    "leak": {"early": 0.4, "now": 0.39, "late": 0.36, "deviations": 0.0},
    "verdicts": [verdict("costs_25_profit_factor", 1.7, 1.3), verdict("drawdown_95", 0.05, 0.08, "<=")],
    "bounds": {"paths": 10_000},
}
GOOD_PROOF = Proof(LUCK, WORSE, 1)


def steady_folds(seed: int = 1, number: int = 10) -> list[dict[str, Any]]:
    """Return folds of 80 trades that all have the same edge of 0.4 R."""
    draws = np.random.default_rng(seed)
    return [fold_of(at, draws.normal(0.4, 1.1, 80)) for at in range(1, number + 1)]


def fold_of(number: int, r: np.ndarray) -> dict[str, Any]:
    """Return the figures that a fold with these trades keeps."""
    mean, gains, losses = float(r.mean()), float(r[r > 0].sum()), float(-r[r < 0].sum())
    return {
        "fold": number,
        "trades": len(r),
        "losses": int((r < 0).sum()),
        "profit_factor": gains / losses if losses else None,
        "expectancy": mean,
        "sharpe_per_trade": mean / float(r.std(ddof=1)),
    }


def spoilt(question: str, **numbers: Any) -> Proof:
    """Return the good proof with other numbers of one question."""
    return GOOD_PROOF._replace(significance=LUCK | {question: LUCK[question] | numbers})
