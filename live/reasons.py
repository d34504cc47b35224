"""Why there was no order, in words that carry the figures: "spread 0.41 > 0.5 × ATR 0.70"."""

import math
from collections.abc import Callable

from backtest.policy import REFUSALS, Observation, Rules
from backtest.risk import Account, Risk
from market.atr import FEWEST_BARS, NORMAL_BARS
from market.sessions import SESSIONS

_Seen = tuple[Observation, Rules, Account, Risk]


def told(why: int, seen: Observation, rules: Rules, account: Account, risk: Risk) -> str:
    """Return the refusal `why` (an index into `policy.REFUSALS`) with what was found against what was wanted."""
    name = REFUSALS[why]
    return _TOLD[name]((seen, rules, account, risk)) if name in _TOLD else name.replace("_", " ")


def _undecided(given: _Seen) -> str:
    seen, rules, _, _ = given
    if math.isinf(rules.long_threshold) and math.isinf(rules.short_threshold):
        return f"score {seen.score:.4f}, but this model does not trade: no threshold paid out of fold"
    return f"score {seen.score:.4f} between {rules.short_threshold:g} and {rules.long_threshold:g}"


def _expectation(given: _Seen) -> str:
    seen, rules, _, _ = given
    side, value = (
        ("long", seen.expected_r_long) if seen.score >= rules.long_threshold else ("short", seen.expected_r_short)
    )
    return f"expected net R of a {side} {value:+.3f} is not above 0"


def _day(given: _Seen) -> str:
    _, _, account, risk = given
    return (
        f"result of the day {account.day.realised:,.2f} USD, limit −{risk.daily_loss:.2%} of {account.day.equity:,.2f}"
    )


def _volatility(given: _Seen) -> str:
    seen, rules, _, _ = given
    if math.isnan(seen.volatility):
        return f"volatility is not known: fewer than {FEWEST_BARS} bars have an ATR"
    found = f"ATR {seen.atr:.4g} is {seen.volatility:.4f} × its mean of {NORMAL_BARS} bars"
    if seen.volatility > rules.max_volatility:
        return f"{found}, at most {rules.max_volatility:g}"
    return f"{found}, at least {rules.min_volatility:g}"


UNASKED = "not an event: the closes have not moved far enough since the last, or since the UTC day"

_TOLD: dict[str, Callable[[_Seen], str]] = {
    "no_score": lambda g: "no score: a feature is not finite, or the bars do not reach back far enough",
    "not_an_event": lambda g: UNASKED,
    "undecided": _undecided,
    "negative_expectation": _expectation,
    "confidence": lambda g: f"confidence {g[0].confidence:.4f} < {g[1].min_confidence:g}",
    "spread": lambda g: f"spread {g[0].spread:g} > {g[1].max_spread_atr:g} × ATR {g[0].atr:.4g}",
    "session": lambda g: f"session {SESSIONS[g[0].session]} is blocked",
    "market_shut": lambda g: "the market shuts at this close",
    "no_atr": lambda g: f"ATR is {g[0].atr:g}",
    "cooldown": lambda g: f"{g[0].bars_since_exit} bars since the last exit, wanted {g[1].cooldown}",
    "daily_trades": lambda g: f"{g[2].day.trades} trades today, at most {g[3].max_trades_per_day}",
    "daily_loss": _day,
    "consecutive_losses": lambda g: (
        f"{g[2].day.losses} losses in a row, at most {g[3].max_consecutive_losses - 1} allowed"
    ),
    "open_risk": lambda g: f"open risk {g[2].open_risk:.3%} + {g[3].per_trade:.3%} > {g[3].open_risk:.3%}",
    "size": lambda g: f"the size for {g[3].per_trade:.3%} of {g[2].cash:,.2f} USD is below one lot step",
    "drawdown": lambda g: (
        f"equity {g[2].equity:,.2f} fell {g[3].max_drawdown:.2%} or more from {g[2].peak:,.2f}: halted"
    ),
    "positions": lambda g: f"{g[2].positions} positions are open, at most {g[3].max_positions}",
    "volatility": _volatility,
}
