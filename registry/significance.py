"""What luck alone would have shown of a result: the numbers of `backtest.significance` as a card keeps them.

Each question is an object of plain numbers; one that cannot be asked holds `why` instead. docs/gates.md says how to
read each.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest import significance as luck
from backtest.multiplicity import expected_maximum
from backtest.ratios import expectancy, sharpe, varies
from market.errors import DataError, UsageError
from registry import shrunken
from registry.measures import NO_TRADE, SEED
from registry.stability import fold_means

PERMUTATIONS = 10_000
BLOCKS = 12  # of the days of all configurations: 924 splits
HISTORIES, FEWEST_HISTORIES = 1000, 200  # of superiority: fewer the more configurations there are
WIDE, WIDEST = 200, 2000  # configurations
LEVEL = 0.05

Told = dict[str, Any]


class Decisions(NamedTuple):
    """What the signal wanted at each judged row whose outcome is known, and what each side brings from there.

    `side` is 1, −1 or 0 and `r_long`, `r_short` are net R, known within `horizon` rows.
    """

    side: np.ndarray
    r_long: np.ndarray
    r_short: np.ndarray
    horizon: int


class Tried(NamedTuple):
    """What was tried on a series: configurations in all, what they are worth, and the results that can be compared.

    `daily` holds net R by day × configuration without a gap: those that have results on 80 % of the run's own days,
    over the days that all of them share.
    """

    configurations: int
    effective: float
    daily: pd.DataFrame


def significance(
    trades: pd.DataFrame, decisions: Decisions, folds: Sequence[Mapping[str, Any]], tried: Tried
) -> dict[str, Any]:
    """Return what each test says of `trades` (any order), in plain values; {"why": …} where no trade was closed.

    `folds` hold `expectancy`, `sharpe_per_trade` and `trades`.
    """
    if not len(trades):
        return {"why": NO_TRADE}
    ordered = trades.sort_values("t_exit", kind="stable")
    r = ordered["r"].to_numpy(np.float64)
    asked: dict[str, Callable[[], Told]] = {
        "result": lambda: _result(r),
        "deflated": lambda: _deflated(r, tried.effective),
        "record": lambda: _record(r, tried.effective),
        "wins": lambda: _wins(r),
        "signs": lambda: _signs(ordered, r),
        "shifts": lambda: _shifts(decisions),
        "overfitting": lambda: _overfitting(tried),
        "superiority": lambda: _superiority(tried),
        "folds": lambda: _folds(folds),
        "shrunken": lambda: shrunken.worth(r, cost_in_r(ordered))._asdict(),
    }
    return {name: _answered(question) for name, question in asked.items()}


def cost_in_r(trades: pd.DataFrame) -> np.ndarray:
    """Return what each trade paid in multiples of its own risk; a result of exactly 0 R is given the usual risk."""
    r, pnl = trades["r"].to_numpy(np.float64), trades["pnl"].to_numpy(np.float64)
    known = (r != 0.0) & (pnl != 0.0)
    if not known.any():
        raise DataError("Every trade ended at exactly 0, so what was risked is not known.")
    risked = np.divide(pnl, r, out=np.zeros(len(r)), where=known)
    return trades["cost"].to_numpy(np.float64) / np.where(known, risked, np.median(risked[known]))


def standard_error_by_luck(r: np.ndarray) -> float | None:
    """Return the standard error of the Sharpe ratio per trade of such trades without an edge; None without variation.

    The larger of 1 ÷ √(n − 1), and the same with what each trade owes to the one before it.
    """
    record = luck.measured(r)
    if record is None:
        return None
    return max((record.n - 1) ** -0.5, luck.sharpe_standard_error(record, 0.0, "2025"))


def _answered(question: Callable[[], Told]) -> Told:
    try:
        return question()
    except (DataError, UsageError) as error:
        return {"why": str(error).rstrip(".")}


def _result(r: np.ndarray) -> Told:
    return {"trades": len(r), "expectancy": expectancy(r), "sharpe": sharpe(r)}


def _deflated(r: np.ndarray, effective: float) -> Told:
    error = _error(r)
    probability = luck.deflated_sharpe_ratio(r, effective, error**2, revision="cautious")
    if probability is None:
        raise DataError("The Sharpe ratio has no variance that could be told")
    return {
        "probability": probability,
        "probabilistic": luck.probabilistic_sharpe_ratio(r, revision="cautious"),
        "trials": effective,
        "luck": luck.expected_maximum_sharpe_ratio(effective, error**2),
    }


def _record(r: np.ndarray, effective: float) -> Told:
    """Return how many trades such a ratio needs to be above 0, and how many until luck would not show it."""
    ratio = sharpe(r)
    if ratio is None or ratio <= 0.0:
        raise DataError("the Sharpe ratio is not above 0, so no record is long enough")
    needed = luck.minimum_track_record_length(r, revision="cautious")
    return {"needed": needed, "had": len(r), "luck": (expected_maximum(max(effective, 1.0)) / ratio) ** 2}


def _wins(r: np.ndarray) -> Told:
    found = luck.win_rate_test(r)
    low, high = found.wilson
    kept = {name: getattr(found, name) for name in ("wins", "trades", "rate", "against", "p")}
    return kept | {"low": low, "high": high}


def _signs(trades: pd.DataFrame, r: np.ndarray) -> Told:
    entered, left = (_instants(trades, name) for name in ("t_entry", "t_exit"))
    mirrored = -r - 2.0 * cost_in_r(trades)  # the same move for the other side, at the same costs
    found = luck.random_signs(r, mirrored, entered, left, permutations=PERMUTATIONS, seed=SEED)
    return {"p": found.p, "permutations": found.permutations, "choices": found.choices}


def _shifts(decisions: Decisions) -> Told:
    found = luck.circular_shifts(*decisions)
    return {"p": found.p, "shifts": found.permutations, "decisions": int(np.count_nonzero(decisions.side))}


def _overfitting(tried: Tried) -> Told:
    if tried.configurations <= 1:
        return {"unasked": "one configuration was tried, so none was chosen among others"}
    if tried.daily.shape[1] < 2:
        raise DataError(
            f"{tried.configurations} configurations were tried, and daily results over the days of this run are kept "
            f"of {tried.daily.shape[1]}"
        )
    found = luck.cross_validated(tried.daily, BLOCKS)
    return {
        "both": float(np.mean((found.logits <= 0.0) & (found.outside < 0.0))),
        "probability": found.probability,
        "loss": found.loss,
        "slope": found.slope,
        "configurations": tried.daily.shape[1],
        "days": len(tried.daily),
    }


def _superiority(tried: Tried) -> Told:
    moving = [name for name in tried.daily if varies(tried.daily[name].to_numpy(np.float64))]
    if not moving:
        raise DataError("no daily results of this run are kept")
    if len(moving) > WIDEST:
        raise DataError(f"{len(moving):,} configurations are more than {WIDEST:,}, which would take minutes")
    paths = max(HISTORIES * WIDE // max(len(moving), WIDE), FEWEST_HISTORIES)
    found = luck.superior_predictive_ability(tried.daily[moving].to_numpy(), None, LEVEL, paths, seed=SEED)
    return {"p": found.consistent, "superior": len(found.superior), "configurations": len(moving)}


def _folds(folds: Sequence[Mapping[str, Any]]) -> Told:
    means, errors = fold_means(folds)
    found = luck.heterogeneity(means, errors)
    kept = {name: getattr(found, name) for name in ("q", "freedom", "p", "i_squared", "pooled")}
    return kept | {"earning": int(np.sum(means > 0.0)), "folds": len(means)}


def _error(r: np.ndarray) -> float:
    error = standard_error_by_luck(r)
    if error is None or not np.isfinite(error):
        raise DataError("fewer than two trades, or every trade has the same R")
    return error


def _instants(trades: pd.DataFrame, name: str) -> np.ndarray:
    stamps = trades.index if trades.index.name == name else trades[name]
    return pd.DatetimeIndex(stamps).asi8
