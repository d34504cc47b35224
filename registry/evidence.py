"""What a model is judged on: its trades and its account as arrays, its folds, and what was found of luck and stress."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from market.sessions import trading_day
from market.tape import DEFAULT_MARKET


class Proof(NamedTuple):
    """What only some gates ask: `significance` and `robustness` as a card holds them, and looks at the window."""

    significance: Mapping[str, Any]
    robustness: Mapping[str, Any]
    looks: int


class Evidence(NamedTuple):
    """What is judged: net R in exit order, exits a calendar day, marked equity, folds, share of equity at risk.

    `days` is the trading day of each row of equity; `proof` is None where nobody looked for any.
    """

    r: np.ndarray
    daily: np.ndarray
    equity: pd.Series
    folds: Sequence[Mapping[str, Any]]
    risk_per_trade: float
    days: np.ndarray
    proof: Proof | None = None


class Measured(NamedTuple):
    """A measured number or None, with the reason, and its interval.

    `lacks` says what is missing where it fails; `unasked` why there is nothing to be asked, which is no failure.
    """

    got: float | None
    why: str = ""
    interval: tuple[float, float] | None = None
    lacks: str = ""
    unasked: str = ""


def gather(
    trades: pd.DataFrame,
    equity: pd.DataFrame,
    folds: Sequence[Mapping[str, Any]],
    risk_per_trade: float,
    proof: Proof | None = None,
    market: str = DEFAULT_MARKET,
) -> Evidence:
    """Return the tables as arrays: R in exit order, exits a calendar day of the window, equity at each close.

    `market` names the hours that make a trading day.
    """
    trades = trades.sort_values("t_exit", kind="stable")
    days = pd.DatetimeIndex(trades["t_exit"]).floor("D")
    spanned = days.union(pd.DatetimeIndex(equity.index).floor("D")).unique()
    span = (spanned[-1] - spanned[0]).days + 1 if len(days) else 0
    daily = np.bincount((days - spanned[0]).days if span else [], minlength=span).astype(np.float64)
    trading = trading_day(pd.DatetimeIndex(equity.index), market)
    return Evidence(trades["r"].to_numpy(np.float64), daily, equity["equity"], folds, risk_per_trade, trading, proof)
