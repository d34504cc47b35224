"""Settings of the stress test: how much worse fills get, and what must still hold then (`config/gates.toml`)."""

from typing import Annotated

from pydantic import Field

from market import settings
from market.settings import Count, NotNegative, Positive, Settings, Share

TABLE = "stress"

AtLeastOne = Annotated[Positive, Field(ge=1)]


class StressBounds(Settings):
    """How much worse fills get, and the bounds of what is left. Multiples are of the instrument's own costs.

    `slippage` is the mean extra slippage of a fill × the instrument's slippage, `skipped` the share of decisions whose
    order is lost, `worse_spread` a worse broker's least spread × the instrument's floor. `leak_deviations` is how many
    standard errors an edge may lose to one bar of latency where the loss looks like a leak.
    """

    runs: Annotated[Count, Field(ge=20)]
    slippage: NotNegative
    skipped: Annotated[NotNegative, Field(lt=1)]
    worse_spread: AtLeastOne
    paths: Annotated[Count, Field(ge=100)]
    profit_factor_jitter_5: Positive
    latency_1_profit_factor: Positive
    latency_2_profit_factor: Positive
    costs_25_profit_factor: Positive
    costs_2x_profit_factor: Positive
    worse_broker_profit_factor: Positive
    drawdown_95: Share
    leak_deviations: Positive


def stress_bounds() -> StressBounds:
    """Return the settings of the stress test; raises UsageError that names every problem."""
    tables = settings.read_toml("gates")
    return settings.validated(tables.get(TABLE, {}), StressBounds, f"config/gates.toml [{TABLE}]")
