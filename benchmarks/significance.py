"""What the statistics of luck say where the truth is known: `python -m benchmarks.significance` prints the figures of
docs/significance.md, from fixed seeds, in a minute or two."""

from collections.abc import Callable

import numpy as np
from arch.bootstrap import SPA
from scipy.stats import binom

from backtest import significance as luck
from backtest.sequential import e_process, sprt


def share(flags: list[bool] | np.ndarray) -> str:
    """Return how many are true, with two standard errors."""
    rate = float(np.mean(flags))
    return f"{rate:.1%} ± {2 * np.sqrt(rate * (1 - rate) / len(flags)):.1%}"


def sharpe_ratios() -> None:
    """Print how often a row without an edge is 95 % sure to have one."""
    random = np.random.default_rng(1)
    skewed = np.where(random.random((6000, 300)) < 0.3, 7 / 3, -1.0)
    following = random.standard_normal((6000, 300))
    for at in range(1, 300):
        following[:, at] += 0.4 * following[:, at - 1]
    for name, worlds in (("skewed trades", skewed), ("trades that follow each other by 0.4", following)):
        for revision in ("2012", "2025"):
            sure = [luck.probabilistic_sharpe_ratio(r, revision=revision) > 0.95 for r in worlds]
            print(f"probabilistic ratio, {name}, form of {revision}: {share(sure)}")
    many = random.standard_normal((400, 50, 250))
    ratios = many.mean(axis=2) / many.std(axis=2, ddof=1)
    best = many[np.arange(400), ratios.argmax(axis=1)]
    plain = [luck.probabilistic_sharpe_ratio(r) > 0.95 for r in best]
    deflated = [luck.deflated_sharpe_ratio(r, of) > 0.95 for r, of in zip(best, ratios, strict=True)]
    print(f"best of 50 without an edge, sure: {share(plain)}; deflated {share(deflated)}")


def overfitting() -> None:
    """Print how the probability of overfitting lies under noise."""
    random = np.random.default_rng(2)
    for rows, columns, blocks in ((1200, 20, 8), (1200, 100, 16), (240, 20, 8)):
        found = [
            luck.probability_of_backtest_overfitting(random.standard_normal((rows, columns)), blocks)
            for _ in range(200)
        ]
        print(
            f"overfitting of noise, {rows} × {columns}, {blocks} blocks: mean {np.mean(found):.2f}, "
            f"sd {np.std(found):.2f}, under 0.20 {np.mean(np.array(found) < 0.2):.1%}"
        )


def superiority() -> None:
    """Print how often one good column among twenty of junk is found, scaled and not."""
    scaled, raw, none = [], [], []
    for seed in range(200):
        results = np.random.default_rng(seed).standard_normal((200, 21))
        none.append(luck.superior_predictive_ability(results, paths=199, block=1).consistent <= 0.05)
        results[:, 1:] *= 10.0
        results[:, 0] += 0.22
        scaled.append(luck.superior_predictive_ability(results, paths=199, block=1).consistent <= 0.05)
        test = SPA(np.zeros(200), -results, block_size=1, reps=199, studentize=True, seed=0)
        test.compute()
        raw.append(test.pvalues["consistent"] <= 0.05)
    print(f"superiority, found: scaled {share(scaled)}, as the library does it {share(raw)}")
    print(f"superiority, found without an edge: {share(none)}")


def folds() -> None:
    """Print how often folds of one constant edge are said to differ."""
    for trades in (10, 20, 40, 60, 100):
        worlds = np.random.default_rng(trades).random((1500, 10, trades)) < 0.62
        mixed = ~(worlds.all(axis=2) | ~worlds.any(axis=2)).any(axis=1)
        bets = np.where(worlds[mixed], 1.0, -1.0)
        differ = {
            of: share([luck.fold_heterogeneity(world, of).p <= 0.05 for world in bets])
            for of in ("mean", "log_profit_factor")
        }
        same = luck.gate_chance({"fold_profit_factor_variation": 0.35}, luck.Bet(0.62), luck.Judged(fold_trades=trades))
        print(f"folds of {trades}: variation ≤ 0.35 {same['every']:.1%}; Q says they differ: {differ}")


def watching() -> None:
    """Print how often each rule stops a promise of 60 % that is kept, and how soon one that is not."""
    rules: dict[str, Callable[[np.ndarray], int | None]] = {
        "likelihood ratio": lambda won: sprt(won, 0.60, 0.5275).at,
        "e-process": lambda won: e_process(won.astype(float), 0.60, 1.0).at,
        "binomial asked again from trade 20 on": asked_again,
    }
    for rate in (0.60, 0.5275, 0.50):
        worlds = np.random.default_rng(3).random((5000, 1000)) < rate
        for name, rule in rules.items():
            times = np.array([np.inf if (at := rule(won)) is None else at + 1 for won in worlds])
            print(f"{name}, true {rate:.2%}: stopped {share(np.isfinite(times))}, median {np.median(times):.0f} trades")


def asked_again(won: np.ndarray) -> int | None:
    """Return the first trade from the twentieth on at which a fixed test at 5 % would refuse 60 %."""
    low = binom.cdf(np.cumsum(won), np.arange(1, len(won) + 1), 0.60)[19:] <= 0.05
    return int(low.argmax()) + 19 if low.any() else None


if __name__ == "__main__":
    for part in (sharpe_ratios, overfitting, superiority, folds, watching):
        part()
