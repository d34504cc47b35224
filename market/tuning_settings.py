"""Settings of tuning: how many trials, or how long, and by what they are judged."""

from typing import Annotated, Any, Literal

from pydantic import Field

from market import settings
from market.bounds import NotNegative, Settings
from market.settings import Setting

FILE = "tuning"


class Tuning(Settings):
    """How members are tuned: `trials` a member and fold, `minutes` of a whole training; 0 is no such bound, both off.

    Where both are given, what is reached first ends it. `rows` bounds what a trial is fitted on in each inner fold.
    """

    trials: Annotated[int, Field(ge=0, strict=True)]
    minutes: NotNegative
    objective: Literal["log_loss", "expectancy"]
    rows: Annotated[int, Field(ge=1000, strict=True)]

    @property
    def on(self) -> bool:
        """Return whether anything is tuned."""
        return self.trials > 0 or self.minutes > 0


def tuning(symbol: str, timeframe_name: str, **typed: Any) -> Tuning:
    """Return the effective tuning settings of a series; what was `typed` (not None) overrides them."""
    configured = {key: one.value for key, one in effective(symbol, timeframe_name).items()}
    given = {key: value for key, value in typed.items() if value is not None}
    return settings.validated(configured | given, Tuning, f"config/{FILE}.toml, --tune and --tune-minutes")


def effective(symbol: str, timeframe_name: str) -> dict[str, Setting]:
    """Return every effective tuning setting of a series, with where it comes from."""
    return settings.layered(FILE, symbol, timeframe_name, Tuning)
