"""The one trading decision: from a score and what is known at a close to long, short or no trade, with the reason.

Pure and compiled; the live runner calls the same `decide`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from market.compiled import compiled
from market.errors import UsageError, nearest
from market.sessions import SESSIONS

REFUSALS = (
    "none",
    "no_score",
    "undecided",
    "negative_expectation",
    "confidence",
    "spread",
    "session",
    "market_shut",
    "no_atr",
    "cooldown",
    "daily_trades",
    "daily_loss",
    "consecutive_losses",
    "open_risk",
    "size",
    "end_of_data",
    "drawdown",
    "positions",
    "volatility",
    "not_an_event",
)
NONE, NO_SCORE, UNDECIDED, NEGATIVE_EXPECTATION, CONFIDENCE, SPREAD, SESSION, MARKET_SHUT, NO_ATR, COOLDOWN = range(10)
VOLATILITY, NOT_AN_EVENT = REFUSALS.index("volatility"), REFUSALS.index("not_an_event")


class Policy(NamedTuple):
    """When a score becomes a trade. Long at or above `long_threshold`, short at or below `short_threshold`.

    `cooldown` counts bars after an exit; no entry where the spread exceeds `max_spread_atr` × ATR, in
    `blocked_sessions` (names of `market.sessions.SESSIONS`), below `min_confidence`, or where the ATR ÷ its mean over
    500 bars (`market.atr.volatility`) is above `max_volatility` or below `min_volatility`.
    """

    long_threshold: float
    short_threshold: float
    cooldown: int = 5
    max_spread_atr: float = 0.5
    blocked_sessions: tuple[str, ...] = ()
    min_confidence: float = 0.0
    max_volatility: float = math.inf
    min_volatility: float = 0.0

    @property
    def clamped(self) -> bool:
        """Return whether volatility is bounded; where it is not, it need not be known."""
        return self.max_volatility != math.inf or self.min_volatility != 0.0


class Rules(NamedTuple):
    """A policy as kernels read it: the blocked sessions are a flag for each session."""

    long_threshold: float
    short_threshold: float
    cooldown: int
    max_spread_atr: float
    blocked: np.ndarray
    min_confidence: float
    max_volatility: float
    min_volatility: float


class Observation(NamedTuple):
    """What is known at the close at which it is decided; `bars_since_exit` is large where there was none."""

    score: float
    expected_r_long: float
    expected_r_short: float
    confidence: float
    spread: float
    atr: float
    session: int
    shut: bool
    bars_since_exit: int
    volatility: float


def rules(policy: Policy) -> Rules:
    """Return `policy` as kernels read it; raises UsageError for an unknown session."""
    for name in policy.blocked_sessions:
        if name not in SESSIONS:
            raise UsageError(f"Unknown session {name!r}: there are {', '.join(SESSIONS[1:])}.{nearest(name, SESSIONS)}")
    blocked = np.array([name in policy.blocked_sessions for name in SESSIONS])
    return Rules(
        float(policy.long_threshold),
        float(policy.short_threshold),
        int(policy.cooldown),
        float(policy.max_spread_atr),
        blocked,
        float(policy.min_confidence),
        float(policy.max_volatility),
        float(policy.min_volatility),
    )


def stored(policy: Policy) -> dict[str, Any]:
    """Return `policy` as JSON knows it: a bound that nothing reaches is None.

    >>> stored(Policy(0.6, -math.inf))["short_threshold"] is None
    True
    """
    return {name: None if value in (math.inf, -math.inf) else value for name, value in policy._asdict().items()}


@compiled
def decide(seen: Observation, rules: Rules) -> tuple[int, int]:
    """Return the side wanted (1, −1 or 0) and, where it is 0, why: an index into `REFUSALS`.

    NaN in anything that is needed refuses. Volatility is needed where a bound of it is set.
    """
    if np.isnan(seen.score):
        return 0, NO_SCORE
    side = 0
    if seen.score >= rules.long_threshold:
        side = 1
    elif seen.score <= rules.short_threshold:
        side = -1
    if side == 0:
        return 0, UNDECIDED
    if not (seen.expected_r_long if side > 0 else seen.expected_r_short) > 0.0:
        return 0, NEGATIVE_EXPECTATION
    refusal = _refusal(seen, rules)
    return (0, refusal) if refusal != NONE else (side, NONE)


@compiled
def unasked(why: int, event: bool) -> int:
    """Return the reason `why` that a bar without a trade has; where there is no score as it is no event, that.

    It stands beside what is observed, and not in it: a value more there takes a third of the bar loop's speed.
    """
    return NOT_AN_EVENT if why == NO_SCORE and not event else why


@compiled
def _refusal(seen: Observation, rules: Rules) -> int:
    if not seen.atr > 0.0:
        return NO_ATR
    if not seen.confidence >= rules.min_confidence:
        return CONFIDENCE
    if not seen.spread <= rules.max_spread_atr * seen.atr:
        return SPREAD
    bounded = rules.max_volatility != np.inf or rules.min_volatility != 0.0
    if bounded and not rules.min_volatility <= seen.volatility <= rules.max_volatility:
        return VOLATILITY
    if rules.blocked[seen.session]:
        return SESSION
    if seen.shut:
        return MARKET_SHUT
    if seen.bars_since_exit < rules.cooldown:
        return COOLDOWN
    return NONE
