"""Whether a candidate is better than the model that it would replace, judged on the same bars.

Both were traded on the bars after the later of their two training ends, so that neither knew any of them. A comparison
is never an opinion: it is better, worse, or says why it cannot tell, with every number that it looked at.
"""

from typing import Any, Literal, NamedTuple

import pandas as pd

from backtest import metrics
from market.promotion_settings import Promotion
from registry.shortfall import percent

Verdict = Literal["better", "worse", "too few trades", "not comparable"]
Account = tuple[pd.DataFrame, pd.DataFrame]


class Figures(NamedTuple):
    """What decides of an account on the common bars; None is what cannot be computed."""

    trades: int
    sharpe_per_trade: float | None
    max_drawdown: float | None


class Stretch(NamedTuple):
    """The bars on which both were judged: the first and last close, how many, and the digest of the stored table."""

    first: str
    last: str
    bars: int
    bars_sha256: str

    @property
    def told(self) -> str:
        """Return a phrase that says which bars these are."""
        return f" on the {self.bars:,} bars from {self.first[:10]} to {self.last[:10]} that neither was trained on"


class Comparison(NamedTuple):
    """The verdict and its reason as a phrase; the figures of both, the bounds, and the bars.

    `serial` is that of the incumbent's record. Only a person may replace it where the verdict is neither better nor
    worse.
    """

    verdict: Verdict
    told: str
    candidate: Figures | None = None
    incumbent: Figures | None = None
    bounds: dict[str, Any] | None = None
    serial: int = 0
    on: Stretch | None = None


def compare(candidate: Account, incumbent: Account, bounds: Promotion) -> Comparison:
    """Return whether the candidate's account is better than the incumbent's; each is its trades and equity tables.

    Better: its Sharpe ratio per trade is above the incumbent's by the share `improvement` of its size at least, and its
    largest fall of marked equity is no deeper. With fewer trades than `bounds.trades` of either nothing is known.
    """
    new, old = figures(*candidate), figures(*incumbent)
    found = Comparison(*_judged(new, old, bounds), new, old)
    return found._replace(bounds={"improvement": bounds.improvement, "trades": bounds.trades})


def not_comparable(told: str) -> Comparison:
    """Return that nothing was compared, and why as a phrase."""
    return Comparison("not comparable", told)


def figures(trades: pd.DataFrame, equity: pd.DataFrame) -> Figures:
    """Return what decides of an account."""
    fall = metrics.max_drawdown(equity["equity"])
    return Figures(len(trades), metrics.sharpe(trades["r"].to_numpy(float)), fall)


def wanted_sharpe(incumbent: float, improvement: float) -> float:
    """Return what a successor's Sharpe ratio must reach: better by a share of the size of the incumbent's.

    >>> round(wanted_sharpe(0.30, 0.05), 4), round(wanted_sharpe(-0.20, 0.05), 4)
    (0.315, -0.19)
    """
    return incumbent + improvement * abs(incumbent)


def _judged(new: Figures, old: Figures, bounds: Promotion) -> tuple[Verdict, str]:
    if min(new.trades, old.trades) < bounds.trades:
        told = f"{new.trades} trades against the champion's {old.trades}, wanted {bounds.trades} of each"
        return "too few trades", told
    if new.sharpe_per_trade is None or old.sharpe_per_trade is None:
        return "not comparable", "the Sharpe ratio of one of them is not computable"
    if new.max_drawdown is None or old.max_drawdown is None:
        return "not comparable", "the drawdown of one of them is not computable"
    wanted = wanted_sharpe(old.sharpe_per_trade, bounds.improvement)
    sharper = new.sharpe_per_trade >= wanted and new.sharpe_per_trade > old.sharpe_per_trade
    told = (
        f"Sharpe per trade {new.sharpe_per_trade:.3f} over {new.trades} trades, wanted {wanted:.3f} (the champion's "
        f"{old.sharpe_per_trade:.3f} over {old.trades} and {percent(bounds.improvement, 0)} more); max drawdown "
        f"{percent(new.max_drawdown, 2)}, wanted {percent(old.max_drawdown, 2)} at most"
    )
    return ("better" if sharper and new.max_drawdown <= old.max_drawdown else "worse"), told
