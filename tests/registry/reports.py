"""Reports made for tests: a card that has been asked everything, with all that a report draws."""

from typing import Any

import numpy as np
import pandas as pd

from backtest.cost_frontier import Point
from registry.card import Card
from registry.report.shown import Drift, Shown
from tests.registry.cards import a_selection, account, make_card
from tests.registry.proofs import LUCK, WORSE

R = np.random.default_rng(7).choice([1.33, -1.07], 400, p=[0.56, 0.44])
FEATURES = [f"made__feature_{number}" for number in range(1, 19)] + ["momentum__rsi_14", "trend__adx_14"]
CHANCES = {
    "expectancy": 0.32,
    "trades": 400,
    "histories": 4_000,
    "luck": {"profit_factor": 0.004, "every": 0.00025},
    "power": {"profit_factor": 0.9, "every": 0.8},
}


def rates(promoted: int, worlds: int) -> dict[str, Any]:
    """Return how many of `worlds` were promoted, with an interval around their share."""
    share = promoted / worlds
    return {"promoted": promoted, "share": share, "low": max(share - 0.1, 0.0), "high": min(share + 0.1, 1.0)}


PLACEBO: dict[str, Any] = {
    "tier": "night",
    "status": "PASSED",
    "complaints": [],
    "source": "XAUUSD_15T",
    "variant": "small",
    "worlds": 300,
    "promotions": 0,
    "upper_bound_95": 0.00994,
    "leaks": 4,
    "leaks_seen": 4,
    "told": "This gate promoted 0 of 300 worlds without an edge.",
    "profiles": {
        "six": {"promotions": 0, "worlds": 300, "upper_bound_95": 0.00994},
        "honest": {"promotions": 1, "worlds": 300, "upper_bound_95": 0.0157},
    },
    "power": [
        {
            "edge": edge,
            "worlds": 20,
            "oracle_profit_factor": 1.0 + 4.0 * edge,
            "profiles": {"six": rates(promoted, 20), "honest": rates(max(promoted - 2, 0), 20)},
        }
        for edge, promoted in ((0.1, 1), (0.2, 9), (0.4, 20))
    ],
}


def a_path(number: int) -> dict[str, Any]:
    """Return what a path earned: the later, the better."""
    figures = {"sharpe_per_trade": 0.1 + 0.02 * number, "win_rate": 0.5 + 0.01 * number, "max_drawdown": 0.09}
    return {"trades": 500 + number, "profit_factor": 1.1 + 0.1 * number, "expectancy": 0.05 * number} | figures


PATHS: dict[str, Any] = {
    "groups": 6,
    "held_out": 2,
    "splits": 15,
    "silent": 0,
    "audits": 75,
    "leaks": 0,
    "tuned": False,
    "histories": 1_000,
    "paths": [a_path(number) for number in range(1, 6)],
    "median": a_path(3),
    "bad_end": a_path(1),
    "drawn_anew": a_path(0),
}


def asked_everything(**changes: Any) -> Card:
    """Return a READY card on which nothing is missing, with `changes`."""
    known = {
        "features": FEATURES,
        "selection": a_selection(18),
        "significance": LUCK,
        "robustness": WORSE,
        "chances": CHANCES,
        "placebo": PLACEBO,
        "paths": PATHS,
        "verdicts": {},
    }
    return make_card(**known | changes)


def everything() -> Shown:
    """Return all that a report draws, of the account that earned `R`."""
    trades, equity = account(R)
    draws = np.random.default_rng(8)
    lost = R < 0
    mae, mfe = (np.where(which, 1.0, draws.uniform(0.0, 0.9, len(R))) for which in (lost, ~lost))
    rows = [
        (name, p, p + draws.normal(0.0, 0.01), 500) for name in ("down", "flat", "up") for p in (0.2, 0.3, 0.4, 0.5)
    ]
    return Shown(
        equity["equity"],
        pd.DataFrame({"r": trades["r"].to_numpy(), "mae": mae, "mfe": mfe}),
        pd.DataFrame(rows, columns=["label", "predicted", "observed", "count"]),
        [Point(multiple, 400, 2.2 - 0.38 * multiple, 0.4 - 0.1 * multiple) for multiple in (0.5, 1.0, 2.0, 3.0, 3.7)],
        {name: Drift(0.02 * at, 0.01, 0.2, 12) for at, name in enumerate(FEATURES)},
    )
