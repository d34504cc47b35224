"""What the trials and looks of a series cost: how many independent trials they are worth, and how good luck looks."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from backtest import multiplicity
from registry import ledger, trials
from registry.figures import counted
from registry.ledger import Entry

TRADES = 200  # of the Sharpe ratio that luck shows
ERROR_RATE = 0.05  # of a gate at one look

_DECIMALS = 4  # of an effective number: what is beyond depends on how a machine adds


class Deflation(NamedTuple):
    """What was tried on a series and what that does to its best result.

    `trials` are all that were judged, pruned or failed; `configurations` the different ones among them; `compared`
    those of which daily results are kept, `mean_correlation` that of all pairs of these (None without a pair). The
    best of `effective_trials` without an edge is expected `expected_best_z` standard deviations up: a Sharpe ratio per
    trade of `expected_best_sharpe_200` over 200 trades. By luck at least one of `looks` looks passes a gate that is
    wrong once in 20 looks with a chance of at most `chance_of_a_pass`; the next look may spend `next_look_may_spend`
    for all looks ever taken to be wrong once in 20.
    """

    trials: int
    configurations: int
    compared: int
    mean_correlation: float | None
    effective_trials: float
    expected_best_z: float
    expected_best_sharpe_200: float
    looks: int
    chance_of_a_pass: float
    next_look_may_spend: float
    by_state: dict[str, int]
    by_command: dict[str, int]
    warnings: list[str]


def of(home: Path, series: str) -> Deflation:
    """Return what the ledger of `home` and the daily results beside it tell of `series`."""
    return measure(ledger.of(home, series), trials.kept(home, series))


def measure(entries: Sequence[Entry], kept: trials.Kept) -> Deflation:
    """Return what `entries` of one series cost, given the daily results that are kept of them.

    A configuration tried in several parts counts once, its results averaged by day. Configurations with results count
    as ρ̄ + (1 − ρ̄) M, all others (failed, pruned before a result, rules, from ledgers without results) count fully.
    """
    tried = [one for one in entries if one.kind == "trial"]
    looks = sum(one.kind == "look" for one in entries)
    configurations = len({one.configuration for one in tried})
    daily, lost = by_configuration(tried, kept.daily)
    compared = daily.shape[1]
    mean = multiplicity.mean_correlation(daily.to_numpy()) if compared > 1 else None
    worth = multiplicity.effective_number(compared, mean or 0.0) + configurations - compared
    effective = round(worth, _DECIMALS)
    best = multiplicity.expected_maximum(max(effective, 1.0))
    told = f"Daily results of {counted(lost, 'trial')} are gone or were changed: they count as unlike any other."
    return Deflation(
        trials=len(tried),
        configurations=configurations,
        compared=compared,
        mean_correlation=None if mean is None else round(mean, _DECIMALS),
        effective_trials=effective,
        expected_best_z=best,
        expected_best_sharpe_200=best / math.sqrt(TRADES - 1),
        looks=looks,
        chance_of_a_pass=multiplicity.chance_of_a_pass(looks, ERROR_RATE),
        next_look_may_spend=multiplicity.spendable(looks + 1, ERROR_RATE),
        by_state=dict(Counter(one.state for one in tried)),
        by_command=dict(Counter(one.command for one in tried)),
        warnings=[*kept.warnings, *([told] if lost else [])],
    )


def by_configuration(tried: Sequence[Entry], daily: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the mean daily results of each configuration (days × configurations), and how many trials lost theirs."""
    promised = {one.name: one for one in tried if one.daily_sha256}
    there = [name for name in daily if name in promised and _as_written(daily[name], promised[name])]
    configuration = pd.factorize(pd.Series([promised[name].configuration for name in there], dtype=object))[0]
    averaged = daily[there].T.groupby(configuration).mean().T
    return averaged, len(promised) - len(there)


def _as_written(daily: pd.Series, entry: Entry) -> bool:
    return trials.digest(daily.dropna()) == entry.daily_sha256
