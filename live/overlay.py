"""The account's limits, a preset and the settings of a series, laid over what was judged: they can only tighten it.

For each value the stricter one holds, whatever the files say. Thresholds and equity are not touched.
"""

from typing import Any, NamedTuple

from backtest.policy import Policy
from backtest.risk import Risk
from market import settings
from market.instruments import series_named
from market.settings import LiveAccount, LiveSeries, Setting, Tightening

JUDGED = "judged"

_HIGHER = {"cooldown", "min_confidence", "min_volatility"}  # of the others, the lower is the stricter
_LIMITS = set(Tightening.model_fields)


class Limit(NamedTuple):
    """A value that is laid over the judged one of the same name, and the file and table that it comes from."""

    name: str
    value: Any
    origin: str


class Overlay(NamedTuple):
    """What is laid over a series: the limits of the account, of its preset and its own; and how it is traded."""

    series: LiveSeries
    account: LiveAccount
    limits: tuple[Limit, ...]


def read(series: str) -> Overlay:
    """Return the overlay of the series named as in XAUUSD_15T; raises UsageError naming all that is wrong in a file."""
    named = series_named(series)
    symbol, timeframe = named.symbol, named.timeframe.name
    own, account = settings.live_series(symbol, timeframe), settings.live_account()
    preset = settings.preset(own.preset)
    merged = settings.layered("live", symbol, timeframe)
    limits = [
        *limits_of(account, "config/live.toml [account]"),
        *(Limit(name, value, f"config/presets.toml [{own.preset}]") for name, value in _given(preset)),
        *(Limit(name, value, merged[name].origin) for name, value in _given(own)),
    ]
    return Overlay(own, account, tuple(limits))


def limits_of(account: LiveAccount, origin: str) -> list[Limit]:
    """Return the limits of an account: those it names, and the notional that its margin and leverage allow."""
    notional = account.max_margin * account.leverage
    named = account.model_dump() | {"max_notional": notional}
    return [Limit(name, value, origin) for name, value in named.items() if name in _LIMITS]


def tightened(policy: Policy, risk: Risk, limits: tuple[Limit, ...]) -> tuple[Policy, Risk]:
    """Return the judged policy and risk with each value as strict as the strictest of `limits`."""
    values = {name: setting.value for name, setting in effective(policy, risk, limits).items()}
    return (
        Policy(**{name: values[name] for name in Policy._fields}),
        Risk(**{name: values[name] for name in Risk._fields}),
    )


def effective(policy: Policy, risk: Risk, limits: tuple[Limit, ...]) -> dict[str, Setting]:
    """Return each value of the tightened policy and risk, and where it comes from."""
    found = {name: Setting(value, JUDGED) for name, value in (policy._asdict() | risk._asdict()).items()}
    for limit in limits:
        held = found[limit.name]
        value = _stricter(limit.name, held.value, limit.value)
        if value != held.value:
            several = limit.name == "blocked_sessions" and held.origin != JUDGED
            found[limit.name] = Setting(value, f"{held.origin}, {limit.origin}" if several else limit.origin)
    return found


def _given(tightening: Tightening) -> list[tuple[str, Any]]:
    given = tightening.model_dump(include=_LIMITS, exclude_none=True, exclude_unset=True)
    return list(given.items())


def _stricter(name: str, held: Any, value: Any) -> Any:
    """Return the stricter of two values; NaN, which refuses every trade, stays."""
    if name == "blocked_sessions":
        return tuple(dict.fromkeys([*held, *value]))
    tighter = value > held if name in _HIGHER else value < held
    return value if tighter else held
