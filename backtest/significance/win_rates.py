"""Whether trades win more often than they must: against the rate that pays for losses and costs, not against a coin."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import beta, binom, chi2

from backtest.kelly import wilson_lower
from backtest.ratios import Numbers, break_even_win_rate, finite
from market.errors import DataError, UsageError

MOST_TRADES = 10_000_000


class WinRateTest(NamedTuple):
    """Wins of trades against a rate: one-sided exact p, two-sided intervals, chi-square (two-sided) with its p."""

    wins: int
    trades: int
    rate: float
    against: float
    p: float
    clopper_pearson: tuple[float, float]
    wilson: tuple[float, float]
    chi_square: float
    chi_square_p: float


def break_even(gain: float, loss: float = 1.0, cost: float = 0.0) -> float:
    """Return the win rate that earns nothing: (loss + cost) ÷ (gain + loss), all in R of a trade, before costs.

    >>> round(break_even(1.0, 1.0, 0.055), 4)
    0.5275
    """
    if not (gain > 0.0 and loss > 0.0 and gain > cost >= 0.0):
        raise UsageError(
            f"A bet gains more than it costs and loses more than 0: gain {gain:g}, loss {loss:g}, cost {cost:g}."
        )
    return (loss + cost) / (gain + loss)


def win_rate_test(r: Numbers, against: float | None = None, level: float = 0.95) -> WinRateTest:
    """Return how the win rate of net results `r` stands against a rate, by default that at which they earn nothing.

    That default is measured on these very trades (net gains and losses hold the cost already), so it is known no better
    than they are: what is tested is how often they win, given what a win and a loss bring. A result of exactly 0 is no
    win. Raises DataError where there is no trade, or no rate to be measured.

    >>> round(win_rate_test([0.945] * 129 + [-1.055] * 71).p, 6)
    0.000512
    """
    values = finite(r)
    rate = break_even_win_rate(values) if against is None else against
    if not len(values) or rate is None:
        raise DataError(f"{len(values)} trades without both a gain and a loss have no break-even rate: give `against`.")
    return win_rate_of_counts(int(np.sum(values > 0)), len(values), rate, level)


def win_rate_of_counts(wins: int, trades: int, against: float, level: float = 0.95) -> WinRateTest:
    """Return the test of `wins` among `trades`, which are taken to be independent of each other."""
    if not (0 <= wins <= trades and trades >= 1):
        raise UsageError(f"Wins are from 0 to the trades made, one at least: found {wins:g} of {trades:g}.")
    _check_rates(against=against, level=level)
    expected = trades * against
    statistic = (wins - expected) ** 2 / (expected * (1.0 - against))
    return WinRateTest(
        wins,
        trades,
        wins / trades,
        against,
        float(binom.sf(wins - 1, trades, against)),
        clopper_pearson(wins, trades, level),
        wilson(wins, trades, level),
        float(statistic),
        float(chi2.sf(statistic, 1)),
    )


def clopper_pearson(wins: int, trades: int, level: float = 0.95) -> tuple[float, float]:
    """Return the rates that an exact test would not refuse; it holds the true one at least with `level`.

    Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26(4).

    >>> [round(bound, 4) for bound in clopper_pearson(0, 300)]
    [0.0, 0.0122]
    """
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, wins, trades - wins + 1)) if wins else 0.0
    high = float(beta.isf(tail, wins + 1, trades - wins)) if wins < trades else 1.0
    return low, high


def wilson(wins: int, trades: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval (1927): shorter, and right on average rather than at least.

    >>> [round(bound, 3) for bound in wilson(124, 200)]
    [0.551, 0.684]
    """
    one_side = (1.0 + level) / 2.0
    return wilson_lower(wins, trades, one_side), 1.0 - wilson_lower(trades - wins, trades, one_side)


def trades_needed(rate: float, against: float, power: float = 0.8, level: float = 0.05) -> int:
    """Return from how many trades on the exact one-sided test finds a true win rate of `rate` with `power`, always.

    The power of an exact test is a saw: this is the count from which it stays. Raises UsageError where the rate is
    not above `against`, or more than ten million trades would be needed.

    >>> trades_needed(0.55, 0.50), trades_needed(0.62, 0.5275)
    (654, 193)
    """
    _check_rates(rate=rate, against=against, power=power, level=level)
    if not rate > against:
        raise UsageError(f"A win rate of {rate:g} is never found to be above {against:g}.")
    spread = [float(ndtri(chance)) * np.sqrt(p * (1 - p)) for chance, p in ((1 - level, against), (power, rate))]
    about = (sum(spread) / (rate - against)) ** 2
    if about > MOST_TRADES:
        raise UsageError(f"About {about:.2g} trades would tell {rate:g} from {against:g}: more than anyone makes.")
    counts = np.arange(1, int(1.2 * about + 20.0 / (rate - against)) + 2)
    fails = binom.sf(binom.isf(level, counts, against), counts, rate) < power
    return int(counts[fails][-1]) + 1 if fails.any() else 1


def _check_rates(**rates: float) -> None:
    for name, value in rates.items():
        if not 0.0 < value < 1.0:
            raise UsageError(f"The {name} lies between 0 and 1, found {value:g}.")
