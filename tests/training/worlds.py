"""A small simulated market with a planted edge, a few features on it, and a plan to train by."""

import numpy as np
import pandas as pd

import labels
from backtest import Policy, Risk
from market import settings, simulated
from market.execution import Exits
from market.instruments import instrument
from training import dataset
from training.plan import Plan
from training.thresholds import Venue


def small_bars() -> pd.DataFrame:
    """Return four months of simulated gold with a strong planted edge."""
    return simulated.simulate("XAUUSD", "15T", "2019-01-02", "2019-04-30", edge=0.4)


def small_plan() -> Plan:
    """Return a plan of three folds and few features."""
    research = settings.research("XAUUSD", "15T").model_copy(
        update={"folds": 3, "purge": 20, "embargo": 30, "minimum_rows": 300}
    )
    recipe = settings.recipe("ensemble").model_copy(update={"features": 6})
    gold = instrument("XAUUSD")
    return Plan(recipe, research, Venue(Exits(1.4, 1.0, 20), gold.costs, Risk(), Policy(np.inf, -np.inf), gold.market))


def features_of(bars: pd.DataFrame) -> pd.DataFrame:
    """Return a few causal features, enough for a fold to learn something from."""
    returns = bars["close"].pct_change()
    volume = np.log1p(bars["volume"])
    table = {f"made__return_{n}": bars["close"].pct_change(n) for n in (1, 3, 8, 20)}
    table |= {f"made__volume_{n}": volume - volume.rolling(n).mean() for n in (20, 60)}
    table |= {"made__volatility": returns.rolling(30).std(), "made__twin": bars["close"].pct_change(8) * 2.0}
    return pd.DataFrame(table).astype(np.float32)


def rows_of(bars: pd.DataFrame, plan: Plan) -> dataset.Dataset:
    """Return the rows that the features and labels of `bars` make."""
    venue = plan.venue
    outcome = labels.triple_barrier(bars, venue.exits, venue.costs, market=venue.market)
    return dataset.assemble(features_of(bars), outcome)[0]
