"""Walk-forwards made for tests: simulated bars, their labels, and predictions that know as much as one wants."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest.engine import run
from backtest.policy import Policy
from backtest.risk import Risk
from labels import triple_barrier
from market import settings, simulated
from market.execution import Exits
from market.instruments import instrument
from registry.development import Development, development
from training import ensemble
from training.thresholds import Venue

EXITS = Exits(1.4, 1.0, 50, 14)
START, DEVELOPMENT_END, CUT_OFF = "2023-01-02", "2023-09-01", "2023-10-15"
FOLDS = 5
COSTS = instrument("XAUUSD").costs._replace(spread_floor=0.05, commission=0.0, slippage=0.0)
VENUE = Venue(EXITS, COSTS, Risk(), Policy(np.inf, -np.inf), "forex")
RESEARCH = settings.research("XAUUSD", "15T").model_copy(update={"embargo": 100})


class World(NamedTuple):
    """Everything that a run leaves of its walk-forward."""

    bars: pd.DataFrame
    labels: pd.DataFrame
    predictions: pd.DataFrame
    training: dict[str, Any]
    venue: Venue

    def folds(self) -> Development:
        return development(self.bars, self.labels, self.predictions, self.training, self.venue, RESEARCH)


def market(seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the bars of nine months without an edge, and their labels."""
    bars = simulated.simulate("XAUUSD", "15T", START, CUT_OFF, seed=seed)
    bars["spread"] = COSTS.spread_floor
    return bars, triple_barrier(bars, EXITS, COSTS, None, "forex")


def knowing(y: np.ndarray, right: float, sure: float, seed: int, often: float = 0.15) -> np.ndarray:
    """Return probabilities (rows × 3): a share of `often` rows says `sure`, right with that chance, the rest 0.54."""
    random = np.random.default_rng(seed)
    certain = random.random(len(y)) < often
    guess = np.where(random.random(len(y)) < 0.5, 1, -1)
    told = np.where(random.random(len(y)) < right, y, -y)
    side = np.where(certain & (y != 0), told, guess)
    up = np.where(certain, sure, 0.54) + 0.01 * random.random(len(y))
    up = np.where(side > 0, up, 1.0 - up)
    return np.column_stack([0.8 * (1.0 - up), np.full(len(y), 0.2), 0.8 * up])


def world(
    bars: pd.DataFrame,
    labels: pd.DataFrame,
    p: np.ndarray,
    thresholds: dict[str, float] | str,
    venue: Venue = VENUE,
) -> World:
    """Return the walk-forward of a model that says `p` of each label's row; its folds are judged by `engine.run`."""
    edges = pd.date_range(START, DEVELOPMENT_END, FOLDS + 2, tz="UTC").as_unit("us")
    end = edges[-1]
    ts = pd.DatetimeIndex(bars.index)
    said = pd.DataFrame(p, columns=list(ensemble.PROBABILITIES), index=labels.index)
    folds, predicted = [], []
    for number in range(1, FOLDS + 1):
        block = said.loc[(said.index > edges[number]) & (said.index <= edges[number + 1])]
        first = ts[ts.get_loc(block.index[0]) - RESEARCH.embargo]
        ends = labels[["t1_long", "t1_short"]].max(axis=1)
        past = labels[(ends <= first) & (ends <= end)]
        paid = ensemble.outcomes(
            past["y"].to_numpy(), past[["r_long", "r_short"]].to_numpy(), past["weight"].to_numpy()
        )
        choice = thresholds if isinstance(thresholds, dict) else {"long": np.inf, "short": -np.inf}
        policy = venue.guards._replace(long_threshold=choice["long"], short_threshold=choice["short"])
        score = ensemble.score(block, paid)
        rules = (venue.exits, venue.costs, venue.risk, venue.market)
        trades = run(bars.loc[: edges[number + 1]], score, policy, *rules).trades
        stamps = {"test_start": block.index[0], "train_start": past.index[0], "train_end": past.index[-1]}
        figures = {"fold": number, "thresholds": thresholds, "trades": len(trades)}
        figures |= {name: stamp.isoformat() for name, stamp in stamps.items()}
        folds.append(figures | {"expectancy": float(trades["r"].mean()) if len(trades) else None})
        predicted.append(block.assign(fold=number))
    window = {"development_end": end.isoformat(), "oos_start": end.isoformat(), "cut_off": ts[-1].isoformat()}
    training = {"folds": folds, "edges": [edge.isoformat() for edge in edges], "window": window}
    return World(bars, labels, pd.concat(predicted), training, venue)
