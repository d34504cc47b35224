"""What is tried on the folds of a model that failed: one thing at a time, each a setting that a user can set."""

from typing import Any, NamedTuple

import numpy as np

from market.sessions import SESSIONS
from registry.development import Change
from registry.shortfall import percent
from training.thresholds import Venue

_LONG = np.round(np.arange(0.50, 0.905, 0.02), 2)
_RISKS = (0.8, 0.6, 0.5, 0.4, 0.25)  # × the judged one
_BARRIERS = {
    "take_profit": (0.7, 1.5, 2.0),
    "stop_loss": (0.7, 1.5, 2.0),
    "bars": (0.5, 2.0),
}
_WIDER = (1.5, 2.0)  # target and stop together
_OTHER_LABELS = "the model has learnt the labels of the judged barriers, so train with these before you believe it"


class Tried(NamedTuple):
    """A change, of which kind, what is to be done in words, and the setting as plain values."""

    kind: str
    told: str
    change: Change
    setting: dict[str, Any]


def changes(venue: Venue, fall: bool) -> list[Tried]:
    """Return every change that is tried; less risk a trade only where the `fall` of equity was too large."""
    return [*_thresholds(), *_barriers(venue), *_sides(), *_sessions(venue), *(_risks(venue) if fall else [])]


def _thresholds() -> list[Tried]:
    found = []
    for value in _LONG:
        long, short = float(value), round(1.0 - float(value), 6)
        told = f"Fix the recipe's thresholds at {long:g} and {short:g} (config/recipes.toml)"
        policy = {"long_threshold": long, "short_threshold": short}
        found.append(Tried("thresholds", told, Change(policy=policy), {"long": long, "short": short}))
    return found


def _barriers(venue: Venue) -> list[Tried]:
    single = [{name: times} for name, factors in _BARRIERS.items() for times in factors]
    both = [{"take_profit": times, "stop_loss": times} for times in _WIDER]
    found = []
    for factors in (*single, *both):
        values = {name: _scaled(name, getattr(venue.exits, name), times) for name, times in factors.items()}
        if all(values[name] == getattr(venue.exits, name) for name in values):
            continue
        exits = venue.exits._replace(**values)
        ratio = f"target {exits.take_profit:g}, stop {exits.stop_loss:g} ATR, {exits.bars} bars"
        told = f"Set other barriers in config/labels.toml: {ratio} ({_OTHER_LABELS})"
        found.append(Tried("barriers", told, Change(exits=exits), values))
    return found


def _scaled(name: str, value: float, times: float) -> Any:
    return max(round(value * times), 1) if name == "bars" else round(value * times, 2)


def _sides() -> list[Tried]:
    told = "Trade {} alone: fix the recipe's thresholds with {} (config/recipes.toml)"
    return [
        Tried("side", told.format("longs", "short = 0"), Change(policy={"short_threshold": -np.inf}), {"side": "long"}),
        Tried("side", told.format("shorts", "long = 1"), Change(policy={"long_threshold": np.inf}), {"side": "short"}),
    ]


def _sessions(venue: Venue) -> list[Tried]:
    blocked = venue.guards.blocked_sessions
    found = []
    for name in SESSIONS[1:]:
        if name in blocked:
            continue
        both = (*blocked, name)
        told = f"Block the session {name}: blocked_sessions = {list(both)} in config/policy.toml"
        found.append(Tried("session", told, Change(policy={"blocked_sessions": both}), {"blocked_sessions": [*both]}))
    return found


def _risks(venue: Venue) -> list[Tried]:
    found = []
    for times in _RISKS:
        risk = float(round(venue.risk.per_trade * times, 6))
        told = f"Risk {percent(risk, 2)} a trade instead of {percent(venue.risk.per_trade, 2)}"
        told += " (per_trade in config/policy.toml)"
        found.append(Tried("risk", told, Change(per_trade=risk), {"per_trade": risk}))
    return found
