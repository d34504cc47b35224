"""The one trading decision: from a score and what is known at a close to long, short or no trade, with the reason.

Pure and compiled; the live runner calls the same `decide`.
"""

from typing import NamedTuple

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
)
NONE, NO_SCORE, UNDECIDED, NEGATIVE_EXPECTATION, CONFIDENCE, SPREAD, SESSION, MARKET_SHUT, NO_ATR, COOLDOWN = range(10)


class Policy(NamedTuple):
    """When a score becomes a trade. Long at or above `long_threshold`, short at or below `short_threshold`.

    `cooldown` counts bars after an exit; no entry where the spread exceeds `max_spread_atr` × ATR, in
    `blocked_sessions` (names of `market.sessions.SESSIONS`) or below `min_confidence`.
    """

    long_threshold: float
    short_threshold: float
    cooldown: int = 5
    max_spread_atr: float = 0.5
    blocked_sessions: tuple[str, ...] = ()
    min_confidence: float = 0.0


class Rules(NamedTuple):
    """A policy as kernels read it: the blocked sessions are a flag for each session."""

    long_threshold: float
    short_threshold: float
    cooldown: int
    max_spread_atr: float
    blocked: np.ndarray
    min_confidence: float


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
    )


@compiled
def decide(seen: Observation, rules: Rules) -> tuple[int, int]:
    """Return the side wanted (1, −1 or 0) and, where it is 0, why: an index into `REFUSALS`.

    NaN in anything that is needed refuses.
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
def _refusal(seen: Observation, rules: Rules) -> int:
    if not seen.atr > 0.0:
        return NO_ATR
    if not seen.confidence >= rules.min_confidence:
        return CONFIDENCE
    if not seen.spread <= rules.max_spread_atr * seen.atr:
        return SPREAD
    if rules.blocked[seen.session]:
        return SESSION
    if seen.shut:
        return MARKET_SHUT
    if seen.bars_since_exit < rules.cooldown:
        return COOLDOWN
    return NONE
