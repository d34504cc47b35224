"""How often benchmarks are passed by luck, and how often by an edge that is really there.

For bets that win or lose always the same, profit factor, Sharpe ratio per trade and win rate depend on the count of
wins alone, so their chances are exact sums of the binomial. Drawdown, which hangs on the order of the trades, and the
variation of folds are simulated, with seeds. Benchmarks have the names of `config/gates.toml`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from backtest import bootstrap
from backtest.ratios import Numbers, finite, varies
from market.errors import DataError, UsageError, nearest

AT_LEAST = ("profit_factor", "sharpe_per_trade", "win_rate", "trades")
AT_MOST = ("max_drawdown", "fold_profit_factor_variation")
OF_WINS = ("profit_factor", "sharpe_per_trade", "win_rate")

_AT_ONCE = 2000  # histories


class Bet(NamedTuple):
    """A trade that wins `gain` R with chance `win_rate` and loses `loss` R otherwise, each less its cost in R."""

    win_rate: float
    gain: float = 1.0
    loss: float = 1.0
    cost: float = 0.0


class Judged(NamedTuple):
    """What is judged: trades and risk (a share of equity) of each; folds and trades of each fold; simulated histories.

    Folds are other trades than the judged ones, as out-of-fold results are.
    """

    trades: int = 200
    risk: float = 0.005
    folds: int = 10
    fold_trades: int = 60
    paths: int = 20_000
    seed: int = 0


def gate_chance(bounds: Mapping[str, float], bet: Bet, judged: Judged | None = None) -> dict[str, float]:
    """Return the chance with which such bets pass each of the benchmarks in `bounds`, and `every` one of them.

    A number that cannot be computed (no loss, no variation) fails. Drawdown is of the equity at exits, one trade after
    the other: marked at every close it is larger. The variation of folds is computed for any count of trades, though
    the gate itself asks for 60 a fold.

    >>> chances = gate_chance({"profit_factor": 1.60, "win_rate": 0.52}, Bet(0.5275, cost=0.055))
    >>> {name: f"{chance:.2g}" for name, chance in chances.items()}
    {'profit_factor': '0.00051', 'win_rate': '0.61', 'every': '0.00051'}
    """
    judged = judged or Judged()
    _check(bounds, judged)
    _check_bet(bet)
    weight = binom.pmf(np.arange(judged.trades + 1), judged.trades, bet.win_rate)
    passing = {name: passing_wins({name: bounds[name]}, judged.trades, bet) for name in OF_WINS if name in bounds}
    chances = {name: float(weight[wins].sum()) for name, wins in passing.items()}
    together = np.logical_and.reduce([np.ones(judged.trades + 1, dtype=bool), *passing.values()])
    every = float(weight[together].sum())
    if "max_drawdown" in bounds:
        chances["max_drawdown"] = _survival(weight, bounds["max_drawdown"], bet, judged)
        every *= _survival(weight * together, bounds["max_drawdown"], bet, judged) if every > 0.0 else 1.0
    if "trades" in bounds:
        chances["trades"] = float(judged.trades >= bounds["trades"])
    if "fold_profit_factor_variation" in bounds:
        chances["fold_profit_factor_variation"] = _likeness(bounds["fold_profit_factor_variation"], bet, judged)
    for name in ("trades", "fold_profit_factor_variation"):
        every *= chances.get(name, 1.0)
    return {name: chances[name] for name in bounds} | {"every": every}


def simulated_gate_chance(
    r: Numbers, expectancy: float, bounds: Mapping[str, float], judged: Judged | None = None, block: int | None = None
) -> dict[str, float]:
    """Return the chances of `gate_chance` for trades that come out like `r` (net R), moved to a mean of `expectancy`.

    Histories are drawn in blocks of `block` trades (by default ∛n) from r − mean + expectancy: with 0 these are the
    chances by luck alone, with the claimed mean the power. Moving the mean moves the win rate with it. Raises DataError
    where `r` does not vary.
    """
    judged = judged or Judged()
    _check(bounds, judged)
    values = finite(r)
    if not varies(values):
        raise DataError(f"{len(values)} trades without any variation say nothing of other histories.")
    moved = values - values.mean() + expectancy
    measures = bootstrap.STATISTICS | {"max_drawdown": lambda rows: bootstrap.drawdown_of_rows(rows, judged.risk)}
    passed: dict[str, list[np.ndarray]] = {name: [] for name in bounds}
    for rows in bootstrap.histories(moved, judged.paths, block, judged.seed, judged.trades):
        for name in passed.keys() & measures.keys():
            passed[name].append(_within(name, measures[name](rows), bounds[name]))
        if "trades" in bounds:
            passed["trades"].append(np.full(len(rows), judged.trades >= bounds["trades"]))
    if "fold_profit_factor_variation" in bounds:
        for rows in bootstrap.histories(moved, judged.paths, block, judged.seed + 1, judged.folds * judged.fold_trades):
            factors = bootstrap.profit_factor_of_rows(rows.reshape(-1, judged.fold_trades))
            varied = variation_of_rows(factors.reshape(-1, judged.folds))
            passed["fold_profit_factor_variation"].append(varied <= bounds["fold_profit_factor_variation"])
    judgement = {name: np.concatenate(parts) for name, parts in passed.items()}
    every = np.logical_and.reduce([np.ones(judged.paths, dtype=bool), *judgement.values()])
    return {name: float(np.mean(one)) for name, one in judgement.items()} | {"every": float(np.mean(every))}


def passing_wins(bounds: Mapping[str, float], trades: int, bet: Bet) -> np.ndarray:
    """Return for 0 … `trades` wins whether they pass all of `bounds` that depend on wins alone."""
    wins = np.arange(trades + 1, dtype=np.float64)
    lost, gain, loss = trades - wins, bet.gain - bet.cost, bet.loss + bet.cost
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = (gain + loss) * np.sqrt(wins * lost / (trades * (trades - 1.0)))
        measured = {
            "profit_factor": np.where(lost > 0, wins * gain / (lost * loss), np.nan),
            "sharpe_per_trade": np.where(deviation > 0, (wins * gain - lost * loss) / trades / deviation, np.nan),
            "win_rate": wins / trades,
        }
    passed = [measured[name] >= bounds[name] for name in OF_WINS if name in bounds]
    return np.logical_and.reduce([np.ones(trades + 1, dtype=bool), *passed])


def variation_of_rows(factors: np.ndarray) -> np.ndarray:
    """Return the standard deviation (n − 1) ÷ mean of each row of profit factors; NaN where one is, or all are 0."""
    mean = factors.mean(axis=1)
    return np.where(mean > 0, factors.std(axis=1, ddof=1) / np.where(mean > 0, mean, 1.0), np.nan)


def _within(name: str, found: np.ndarray, bound: float) -> np.ndarray:
    return found >= bound if name in AT_LEAST else found <= bound


def _survival(weight: np.ndarray, bound: float, bet: Bet, judged: Judged) -> float:
    """Return the chance of a drawdown within `bound`, where `weight` is that of each count of wins, in any order."""
    random = np.random.default_rng(judged.seed)
    wins = random.choice(len(weight), size=judged.paths, p=weight / weight.sum())
    places = np.arange(judged.trades)
    survived = 0
    for first in range(0, judged.paths, _AT_ONCE):
        some = wins[first : first + _AT_ONCE, None]
        won = random.permuted(np.broadcast_to(places, (len(some), judged.trades)), axis=1) < some
        r = np.where(won, bet.gain, -bet.loss) - bet.cost
        survived += int(np.sum(bootstrap.drawdown_of_rows(r, judged.risk) <= bound))
    return survived / judged.paths


def _likeness(bound: float, bet: Bet, judged: Judged) -> float:
    size = (judged.paths, judged.folds)
    wins = np.random.default_rng(judged.seed).binomial(judged.fold_trades, bet.win_rate, size).astype(np.float64)
    lost = judged.fold_trades - wins
    factors = np.where(lost > 0, wins / np.maximum(lost, 1.0), np.nan)
    return float(np.mean(variation_of_rows(factors) <= bound))


def _check(bounds: Mapping[str, float], judged: Judged) -> None:
    known = AT_LEAST + AT_MOST
    for name, bound in bounds.items():
        if name not in known:
            raise UsageError(f"No benchmark named {name!r}: there are {', '.join(known)}.{nearest(name, known)}")
        if not np.isfinite(bound):
            raise UsageError(f"The bound of {name} is a finite number, found {bound}.")
    if min(judged.trades, judged.folds, judged.fold_trades) < 2 or judged.paths < 1 or not 0.0 < judged.risk < 1.0:
        raise UsageError(f"Two trades, folds and trades a fold at least, and a risk between 0 and 1: found {judged}.")


def _check_bet(bet: Bet) -> None:
    if not (0.0 <= bet.win_rate <= 1.0 and bet.gain > bet.cost >= 0.0 and bet.loss > 0.0):
        raise UsageError(
            f"A bet wins more than it costs with a chance from 0 to 1, and loses more than 0: found {bet}."
        )
