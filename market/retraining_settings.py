"""Settings of the advice to train again: what is taken for a sign that a champion has had its day."""

from typing import Annotated

from pydantic import Field

from market import settings
from market.bounds import Count, Positive, Settings, Share

TABLE = "retraining"


class Retraining(Settings):
    """When retraining is proposed. Months are whole calendar months in a row, the last ones there are.

    `points` is by how much the win rate lies below the card's in each of `win_rate_months`; in each of `losing_months`
    the total R is negative; over `profit_factor_months` together the profit factor is below `profit_factor`. A month
    with fewer than `fewest_trades` says nothing.
    """

    points: Share
    win_rate_months: Count
    losing_months: Count
    profit_factor: Positive
    profit_factor_months: Count
    fewest_trades: Annotated[Count, Field(ge=2)]


def retraining() -> Retraining:
    """Return the settings of the advice; raises UsageError that names every problem."""
    tables = settings.read_toml(TABLE)
    return settings.validated(tables.get(TABLE, {}), Retraining, f"config/{TABLE}.toml [{TABLE}]")
