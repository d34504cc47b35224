"""Settings of the gates: profiles by name, which of them decides, and the stress they ask of (`config/gates.toml`)."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_serializer

from market import settings, stress_settings
from market.bounds import Count, Number, Positive, Settings, Share
from market.errors import UsageError, nearest
from market.stress_settings import StressBounds

SIX, HONEST = "six", "honest"
VERDICT = "verdict"
_NO_PROFILES = (VERDICT, stress_settings.TABLE)

Several = Annotated[int, Field(ge=0, strict=True)]

PROMISED: dict[str, tuple[str, ...]] = {
    SIX: (
        "profit_factor",
        "max_drawdown",
        "sharpe_per_trade",
        "win_rate",
        "trades",
        "fold_profit_factor_variation",
    ),
    "runbook": ("win_rate", "profit_factor", "expectancy", "max_drawdown", "sharpe_per_trade"),
    "sign_off": ("daily_sharpe", "max_drawdown", "win_rate", "trades", "profit_factor"),
    HONEST: (
        "deflated_sharpe",
        "overfitting",
        "permutation_p",
        "stress",
        "fold_heterogeneity_p",
        "folds_earning",
        "looks",
    ),
}


class Gates(Settings):
    """The bounds of a profile by gate; a gate that is not named is not asked. Dumped, it holds those named alone."""

    profit_factor: Positive | None = None
    max_drawdown: Share | None = None
    sharpe_per_trade: Number | None = None
    win_rate: Share | None = None
    trades: Count | None = None
    fold_profit_factor_variation: Positive | None = None
    expectancy: Number | None = None
    daily_sharpe: Number | None = None
    deflated_sharpe: Share | None = None
    overfitting: Share | None = None
    permutation_p: Share | None = None
    stress: Several | None = None
    fold_heterogeneity_p: Share | None = None
    folds_earning: Share | None = None
    looks: Count | None = None

    @model_serializer
    def bounds(self) -> dict[str, float]:
        """Return the bounds of the gates that are asked, by gate."""
        return {name: float(value) for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Verdict(Settings):
    """Which profile decides whether a model is promoted."""

    profile: str


class Judging(NamedTuple):
    """The profile that decides promotion, every profile by name (gate → bound), and the bounds of the stress test."""

    decides: str
    profiles: dict[str, dict[str, float]]
    stress: StressBounds


def gates(profile: str = SIX) -> Gates:
    """Return the bounds of the gate profile `profile`.

    Raises UsageError for a profile that is not there (with the nearest that is), an unknown gate, a bound that is none,
    and a profile that asks nothing or forgets a gate that its name promises.
    """
    found = _profiles(settings.read_toml("gates"))
    if profile not in found:
        raise UsageError(f"No [{profile}] in config/gates.toml: there are {', '.join(found)}.{nearest(profile, found)}")
    return _gates(profile, found[profile])


def judging() -> Judging:
    """Return everything that a verdict is reached by; raises UsageError that names what is wrong, in any profile."""
    tables = settings.read_toml("gates")
    decides = settings.validated(tables.get(VERDICT, {}), Verdict, f"config/gates.toml [{VERDICT}]").profile
    for name in (decides, SIX, HONEST):
        gates(name)
    profiles = {name: _gates(name, table).bounds() for name, table in _profiles(tables).items()}
    return Judging(decides, profiles, stress_settings.stress_bounds())


def _profiles(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: table for name, table in tables.items() if name not in _NO_PROFILES}


def _gates(name: str, table: Mapping[str, Any]) -> Gates:
    where = f"config/gates.toml [{name}]"
    found = settings.validated(table, Gates, where)
    if forgotten := [gate for gate in PROMISED.get(name, ()) if gate not in found.bounds()]:
        missing = "; ".join(f"key {gate!r} is missing" for gate in forgotten)
        raise UsageError(f"{where}: {missing}. A profile of that name asks it; give one of your own another name.")
    if not found.bounds():
        raise UsageError(f"{where} names no gate: whatever is judged by it would pass.")
    return found
