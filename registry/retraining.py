"""When a champion should be trained again and when not: rules on its months of trading, and how often each is wrong.

Retraining is not periodic. Each rule says what it got and what was wanted, how often it would fire though the champion
is still what its card says, and how often where its edge is gone. Both are exact: trades are taken as independent, won
at the card's rate (or at that which earns nothing), with the card's mean gain and loss.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom

from market.retraining_settings import Retraining
from registry.measures import SEED

Verdict = Literal["KEEP", "RETRAIN", "TOO EARLY"]

HISTORIES = 20_000


class Claim(NamedTuple):
    """What a card claims of a trade: how often it wins, what a win and a loss bring in R (both above 0), a month's."""

    win_rate: float
    gain: float
    loss: float
    trades: float

    @property
    def break_even(self) -> float:
        """Return the win rate at which such trades earn nothing."""
        return self.loss / (self.gain + self.loss)


class Month(NamedTuple):
    """A whole calendar month of trading: trades that ended in it, how many won, gains and losses in R."""

    name: str
    trades: int
    wins: int
    gains: float
    losses: float


class Rule(NamedTuple):
    """A rule's answer: `fires` is None where it cannot be asked yet, `why` says so.

    `got` is a value a month, or one; `wrong` is how often it fires in `spell` though nothing has changed, `seen` how
    often where the edge is gone; None where that is not known. Where it cannot be asked yet, the spell is of months as
    the card has them.
    """

    name: str
    told: str
    got: tuple[float, ...]
    wanted: float
    fires: bool | None
    trades: int
    wrong: float | None
    seen: float | None
    spell: str
    why: str = ""


def claimed(oos: Mapping[str, Any], days: float) -> Claim | None:
    """Return the claim of a card's out-of-sample figures over `days` calendar days; None where it claims no gain."""
    wins, factor, mean, trades = (oos.get(name) for name in ("win_rate", "profit_factor", "expectancy", "trades"))
    if not wins or not factor or not mean or not trades or not (wins < 1.0 and factor > 1.0 and mean > 0.0):
        return None
    loss = mean / (factor - 1.0) / (1.0 - wins)
    return Claim(wins, factor * loss * (1.0 - wins) / wins, loss, trades / days * 365.25 / 12.0)


def months_of(trades: pd.DataFrame, bars: pd.DatetimeIndex) -> list[Month]:
    """Return the whole months of trading on `bars` (stamps on which was decided), and the trades that ended in each.

    A month is whole where bars of the month after it have come, and where the first bar lies in its first two days that
    are no weekend, or before it.
    """
    if not len(bars):
        return []
    first, last = bars[0], bars[-1]
    begins = pd.date_range(first.normalize().replace(day=1), last, freq="MS", tz="UTC")
    ended = pd.DatetimeIndex(trades["t_exit"])
    found = []
    for begin, end in pairwise(begins):
        if first < begin + 2 * pd.offsets.BusinessDay():
            r = trades["r"].to_numpy(np.float64)[(ended >= begin) & (ended < end)]
            found.append(_month(f"{begin:%Y-%m}", r))
    return found


def _month(name: str, r: np.ndarray) -> Month:
    return Month(name, len(r), int((r > 0).sum()), float(r[r > 0].sum()), float(-r[r < 0].sum()))


def rules(months: Sequence[Month], claim: Claim, settings: Retraining) -> list[Rule]:
    """Return what the three rules on trades say of the last months."""
    return [
        _low_win_rate(months, claim, settings),
        _losing(months, claim, settings),
        _low_profit_factor(months, claim, settings),
    ]


def any_wrong(months: Sequence[Month], claim: Claim, settings: Retraining) -> float:
    """Return how often at least one of the three rules fires though nothing has changed, by simulation.

    Months have as many trades as they had, or as the card has where there are too few months.
    """
    depth = max(settings.win_rate_months, settings.losing_months, settings.profit_factor_months)
    counts = np.array(_counts(months, depth, claim))
    wins = np.random.default_rng(SEED).binomial(counts, claim.win_rate, (HISTORIES, depth))
    limits = np.array([_rate_limit(count, claim, settings) for count in counts])
    few = [_total_limit(count, claim, 1.0) for count in counts]
    late = counts[-settings.profit_factor_months :]
    fires = (wins <= limits)[:, -settings.win_rate_months :].all(axis=1)
    fires |= (wins <= few)[:, -settings.losing_months :].all(axis=1)
    bound = _total_limit(int(late.sum()), claim, settings.profit_factor)
    fires |= wins[:, -settings.profit_factor_months :].sum(axis=1) <= bound
    return float(fires.mean())


def verdict(found: Sequence[Rule]) -> Verdict:
    """Return RETRAIN where a rule fires, TOO EARLY where none does and one cannot be asked yet, else KEEP."""
    if any(rule.fires for rule in found):
        return "RETRAIN"
    return "TOO EARLY" if any(rule.fires is None for rule in found) else "KEEP"


def _low_win_rate(months: Sequence[Month], claim: Claim, settings: Retraining) -> Rule:
    needed = settings.win_rate_months
    late, why = _late(months, needed, settings.fewest_trades)
    got = tuple(month.wins / month.trades for month in late)
    wanted = claim.win_rate - settings.points
    limits = [(count, _rate_limit(count, claim, settings)) for count in _counts(months, needed, claim)]
    fires = None if why else all(month.wins <= _rate_limit(month.trades, claim, settings) for month in late)
    told = f"win rate {100 * settings.points:g} points or more below the card's in each of {needed} months"
    wrong, seen = _often(limits, claim)
    return Rule("win_rate", told, got, wanted, fires, _sum(late), wrong, seen, _spell([n for n, _ in limits]), why)


def _losing(months: Sequence[Month], claim: Claim, settings: Retraining) -> Rule:
    needed = settings.losing_months
    late, why = _late(months, needed, settings.fewest_trades)
    got = tuple(month.gains - month.losses for month in late)
    limits = [(count, _total_limit(count, claim, 1.0)) for count in _counts(months, needed, claim)]
    fires = None if why else all(value < 0.0 for value in got)
    told = f"total R negative in each of {needed} months"
    wrong, seen = _often(limits, claim)
    return Rule("losing_months", told, got, 0.0, fires, _sum(late), wrong, seen, _spell([n for n, _ in limits]), why)


def _low_profit_factor(months: Sequence[Month], claim: Claim, settings: Retraining) -> Rule:
    needed, bound = settings.profit_factor_months, settings.profit_factor
    late, why = _late(months, needed, settings.fewest_trades)
    gains, losses = (sum(getattr(month, name) for month in late) for name in ("gains", "losses"))
    got = (gains / losses,) if losses > 0.0 else ()
    counts = _counts(months, needed, claim)
    count = sum(counts)
    fires = None if why else gains < bound * losses
    told = f"profit factor below {bound:g} over {needed} months"
    wrong, seen = _often([(count, _total_limit(count, claim, bound))], claim)
    return Rule("profit_factor", told, got, bound, fires, _sum(late), wrong, seen, _spell(counts), why)


def _late(months: Sequence[Month], needed: int, fewest: int) -> tuple[list[Month], str]:
    """Return the last months that are needed, as far as they are there, and why they do not do, "" where they do."""
    late = [*months[-needed:]]
    if len(late) < needed:
        return late, f"{len(late)} of {needed} whole months are there"
    thin = [f"{month.name} ({month.trades})" for month in late if month.trades < fewest]
    return late, f"fewer than {fewest} trades in {', '.join(thin)}" if thin else ""


def _counts(months: Sequence[Month], needed: int, claim: Claim) -> list[int]:
    """Return the trades of the last months, those of the card's usual month where there are not enough."""
    if len(months) >= needed:
        return [month.trades for month in months[-needed:]]
    return [max(round(claim.trades), 1)] * needed


def _rate_limit(trades: int, claim: Claim, settings: Retraining) -> int:
    """Return up to how many wins the win rate is so many points below the card's."""
    return math.floor((claim.win_rate - settings.points) * trades + 1e-9)


def _total_limit(trades: int, claim: Claim, factor: float) -> int:
    """Return up to how many wins gains are below `factor` × losses, as the card has both on average."""
    return math.ceil(trades * factor * claim.loss / (claim.gain + factor * claim.loss) - 1e-9) - 1


def _often(limits: Sequence[tuple[int, int]], claim: Claim) -> tuple[float, float]:
    """Return how often wins are within every limit (of so many trades): at the card's rate, and without an edge."""
    wrong, seen = (
        math.prod(float(binom.cdf(most, count, rate)) for count, most in limits)
        for rate in (claim.win_rate, claim.break_even)
    )
    return wrong, seen


def _spell(counts: Sequence[int]) -> str:
    return f"{len(counts)} months of {sum(counts) / len(counts):.0f} trades"


def _sum(months: Sequence[Month]) -> int:
    return sum(month.trades for month in months)
