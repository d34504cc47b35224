"""Settings of promotion: what it takes to replace a champion, and how long one holds (`config/promotion.toml`)."""

from typing import Annotated, Literal

from pydantic import Field

from market import settings
from market.bounds import Count, NotNegative, Settings

TABLE = "promotion"


class Promotion(Settings):
    """What a successor must be better by, on how many trades of each, and when a champion expires.

    `improvement` is a share of the incumbent's Sharpe ratio per trade; `months` pass from promotion to expiry; an
    expired champion is refused when it is loaded, or loaded with a warning.
    """

    improvement: NotNegative
    trades: Annotated[Count, Field(ge=2)]
    months: Annotated[Count, Field(le=120)]
    expired: Literal["refuse", "warn"]


def promotion() -> Promotion:
    """Return the settings of promotion; raises UsageError that names every problem."""
    tables = settings.read_toml(TABLE)
    return settings.validated(tables.get(TABLE, {}), Promotion, f"config/{TABLE}.toml [{TABLE}]")
