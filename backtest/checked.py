"""What a backtest is given, checked at its door: whoever calls it from Python is told what the command line tells.

Each refusal is one sentence that names the field, what was found and what is wanted. Settings are looked at once a
call, bars and scores in one compiled pass each.
"""

import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest.policy import Policy
from backtest.risk import ROUNDING, Risk
from market.compiled import compiled
from market.errors import DataError, UsageError, nearest
from market.execution import Costs, Exits
from market.tape import indexed, read_only

EXPECTED = ("expected_r_long", "expected_r_short")
OPTIONAL = (*EXPECTED, "confidence")

_LONGEST_ATR = 100_000  # bars: what TA-Lib takes
_PRICES = ("open", "high", "low", "close", "spread")


class _Wanted(NamedTuple):
    """A range of numbers in words, and whether a number lies in it; NaN lies in none."""

    words: str
    holds: Callable[[float], bool]


_POSITIVE = _Wanted("a finite number above 0", lambda value: 0.0 < value < math.inf)
_UP_TO_NO_LIMIT = _Wanted("a number above 0 (math.inf: no limit)", lambda value: value > 0.0)
_NOT_NEGATIVE = _Wanted("a finite number, 0 at least", lambda value: 0.0 <= value < math.inf)
_FINITE = _Wanted("a finite number", math.isfinite)
_THRESHOLD = _Wanted("a number (±math.inf: never)", lambda value: not math.isnan(value))
_SHARE = _Wanted("a share above 0, 1 at most", lambda value: 0.0 < value <= 1.0)
_UP_TO_ONE = _Wanted("a number from 0 to 1", lambda value: 0.0 <= value <= 1.0)
_COUNT = _Wanted("a whole number, 1 at least", lambda value: value >= 1 and value.is_integer())
_COUNT_OR_NONE = _Wanted("a whole number, 0 at least", lambda value: value >= 0 and value.is_integer())
_PERIOD = _Wanted(f"a whole number from 1 to {_LONGEST_ATR:,}", lambda value: _COUNT.holds(value) and value <= 1e5)

_FIELDS: dict[type, dict[str, _Wanted]] = {
    Policy: {
        "long_threshold": _THRESHOLD,
        "short_threshold": _THRESHOLD,
        "cooldown": _COUNT_OR_NONE,
        "max_spread_atr": _UP_TO_NO_LIMIT,
        "min_confidence": _UP_TO_ONE,
        "max_volatility": _UP_TO_NO_LIMIT,
        "min_volatility": _NOT_NEGATIVE,
    },
    Exits: {"take_profit": _POSITIVE, "stop_loss": _POSITIVE, "bars": _COUNT, "atr_period": _PERIOD},
    Costs: {
        **dict.fromkeys(("spread_floor", "commission", "slippage", "minimum_stop"), _NOT_NEGATIVE),
        **dict.fromkeys(("swap_long", "swap_short"), _FINITE),
        **dict.fromkeys(("tick_size", "pip_size", "contract_size", "lot_step"), _POSITIVE),
    },
    Risk: {
        "equity": _POSITIVE,
        **dict.fromkeys(("per_trade", "open_risk", "daily_loss", "max_drawdown"), _SHARE),
        **dict.fromkeys(("max_trades_per_day", "max_consecutive_losses", "max_positions"), _COUNT),
        "max_notional": _UP_TO_NO_LIMIT,
    },
}


def checked(bars: Any, score: Any, policy: Policy, exits: Exits, costs: Costs, risk: Risk) -> pd.DataFrame:
    """Return `bars` by `ts`; raises UsageError for settings, DataError for bars or scores that nobody can trade by.

    Bars: finite prices above 0, low ≤ open, close ≤ high, spread ≥ 0, as many as the ATR wants. Scores: see
    `check_score`.
    """
    check_rules(policy, exits, costs)
    check_risk(risk)
    if not isinstance(bars, pd.DataFrame):
        raise DataError(f"The bars are a {type(bars).__name__}: wanted a table with {', '.join(_PRICES)} by `ts`.")
    bars = indexed(bars)
    _check_bars(bars, exits)
    check_score(score)
    return bars


def check_rules(policy: Policy, exits: Exits, costs: Costs) -> None:
    """Raise UsageError for a policy, exits or costs that cannot be traded by."""
    _check_fields("policy", policy, Policy)
    _check_fields("exits", exits, Exits)
    _check_fields("costs", costs, Costs)
    long, short = policy.long_threshold, policy.short_threshold
    if long < short and not (math.isinf(long) or math.isinf(short)):
        raise UsageError(
            f"policy.long_threshold = {long:g} lies below short_threshold = {short:g}: wanted the threshold of a long "
            "at or above that of a short."
        )
    if policy.min_volatility > policy.max_volatility:
        raise UsageError(
            f"policy.min_volatility = {policy.min_volatility:g} is above max_volatility = {policy.max_volatility:g}: "
            "no bar could ever be traded."
        )
    if not isinstance(policy.blocked_sessions, tuple | list):
        found = policy.blocked_sessions
        raise UsageError(f"policy.blocked_sessions = {found!r}: wanted a tuple of names, such as ('asia', 'london').")


def check_risk(risk: Risk) -> None:
    """Raise UsageError for money and limits with which nothing could ever be traded, or no number."""
    _check_fields("risk", risk, Risk)
    if risk.per_trade > risk.open_risk + ROUNDING:
        raise UsageError(
            f"risk.per_trade = {risk.per_trade:g} is above open_risk = {risk.open_risk:g}: no trade could ever be "
            "opened."
        )


def check_score(score: Any) -> None:
    """Raise DataError unless `score` holds numbers by the close stamps of bars, which increase strictly.

    Score and confidence lie in 0 … 1, net expectation is finite; NaN is no view. `expected_r_long` and
    `expected_r_short` stand both or not at all, they and `confidence` are optional.
    """
    if not isinstance(score, pd.Series | pd.DataFrame):
        raise DataError(f"The scores are a {type(score).__name__}: wanted a Series by `ts`, or a table with `score`.")
    if len(score) == 0:
        raise DataError("There is no score to trade: the score table is empty.")
    _check_stamps(score.index)
    if isinstance(score, pd.Series):
        _check_values(score, "score")
        return
    _check_columns([str(name) for name in score.columns])
    for name in ("score", *OPTIONAL):
        if name in score:
            _check_values(score[name], name)


def _check_fields(where: str, given: Any, kind: type) -> None:
    if not isinstance(given, kind):
        raise UsageError(f"{where} is a {type(given).__name__}: wanted {kind.__name__}(…).")
    for name, wanted in _FIELDS[kind].items():
        value = getattr(given, name)
        if not isinstance(value, Real) or isinstance(value, bool) or not wanted.holds(float(value)):
            raise UsageError(f"{where}.{name} = {_shown(value)}: wanted {wanted.words}.")


def _shown(value: Any) -> str:
    """Return a value as it was typed."""
    return repr(value.item() if isinstance(value, np.generic) else value)[:60]


def _check_stamps(index: pd.Index) -> None:
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        found = "carry no time zone" if isinstance(index, pd.DatetimeIndex) else f"stand by {index.dtype}"
        raise DataError(f"The scores {found}: wanted the UTC close stamps of their bars as index.")
    if not (index.is_monotonic_increasing and index.is_unique):
        at = index[1:][~(np.diff(index.asi8) > 0)][0]
        raise DataError(f"The score at {at} does not come after the one before it: sort them and remove duplicates.")


def _check_columns(found: list[str]) -> None:
    known = ("score", *OPTIONAL)
    for name in found:
        meant = nearest(name, known) if name not in known else ""
        if meant and meant.removeprefix(" Did you mean ").removesuffix("?") not in found:
            raise DataError(f"The scores have a column {name!r}, which is none of {', '.join(known)}.{meant}")
    if "score" not in found:
        raise DataError(f"The scores lack the column score; found {', '.join(found)}.")
    half = [name for name in EXPECTED if name not in found]
    if len(half) == 1:
        raise DataError(f"The scores lack {half[0]}: wanted {' and '.join(EXPECTED)}, or neither.")


def _check_values(values: pd.Series, name: str) -> None:
    numbers = _numbers(values, f"The scores' {name}")
    bounds = (-np.finfo(np.float64).max, np.finfo(np.float64).max) if name in EXPECTED else (0.0, 1.0)
    if _outside(numbers, *bounds):
        at = int(np.flatnonzero((numbers < bounds[0]) | (numbers > bounds[1]))[0])
        wanted = "a finite number" if name in EXPECTED else "0 … 1"
        raise DataError(f"The {name} at {values.index[at]} is {numbers[at]:g}: wanted {wanted}, or NaN for no view.")


def _check_bars(bars: pd.DataFrame, exits: Exits) -> None:
    missing = [name for name in _PRICES if name not in bars]
    if missing:
        raise DataError(f"Bars lack the columns {', '.join(missing)}; found {_listed(bars.columns)}.")
    if len(bars) < exits.atr_period:
        raise DataError(
            f"There are {len(bars):,} bars, and exits.atr_period = {exits.atr_period}: wanted as many bars at least, "
            "or a shorter period."
        )
    columns = [_numbers(bars[name], f"The bars' {name}") for name in _PRICES]
    at = _first_unsound(*columns)
    if at >= 0:
        row = [column[at] for column in columns]
        told = ", ".join(f"{name} {value:g}" for name, value in zip(_PRICES, row, strict=True))
        unread = [name for name, value in zip(_PRICES, row, strict=True) if not math.isfinite(value)]
        found = f"a {unread[0]} that is not finite" if unread else told
        raise DataError(f"The bar at {bars.index[at]} has {found}: wanted 0 < low ≤ open, close ≤ high and spread ≥ 0.")


def _numbers(values: pd.Series, what: str) -> np.ndarray:
    """Return a column as contiguous float64, read-only."""
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(f"{what} is of type {values.dtype}: wanted numbers.")
    return read_only(np.ascontiguousarray(values.to_numpy(dtype=np.float64, na_value=np.nan)))


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or "none"


@compiled
def _outside(values: np.ndarray, least: float, most: float) -> int:
    """Return how many values lie outside; NaN does not."""
    count = 0
    for i in range(len(values)):
        count += (values[i] < least) | (values[i] > most)
    return count


@compiled
def _first_unsound(open_: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, spread: np.ndarray) -> int:
    """Return the position of the first bar that is none, −1 where there is none such."""
    sound = 0
    for i in range(len(low)):
        sound += _sound(open_[i], high[i], low[i], close[i], spread[i])
    if sound == len(low):
        return -1
    at = 0
    while _sound(open_[at], high[at], low[at], close[at], spread[at]):
        at += 1
    return at


@compiled
def _sound(open_: float, high: float, low: float, close: float, spread: float) -> bool:
    """Return whether 0 < low ≤ open, close ≤ high < ∞ and 0 ≤ spread < ∞, without a branch; NaN is not."""
    inner = (low <= open_) & (open_ <= high) & (low <= close) & (close <= high)
    return inner & (low > 0.0) & (high < np.inf) & (spread >= 0.0) & (spread < np.inf)
