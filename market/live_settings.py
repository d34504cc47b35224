"""What the settings of the runner may hold: what a series and a preset tighten, the account and the feed."""

from typing import Annotated, Literal

from pydantic import Field

from market.bounds import Count, NotNegative, Number, Positive, Settings, Share


class Tightening(Settings):
    """What a preset or a series of the runner may tighten; what is left out stays as judged."""

    max_spread_atr: Positive | None = None
    blocked_sessions: list[Literal["asia", "london", "new_york"]] = Field(default_factory=list)
    min_confidence: Annotated[Number, Field(ge=0, le=1)] | None = None
    cooldown: Annotated[int, Field(ge=0, strict=True)] | None = None
    per_trade: Share | None = None
    open_risk: Share | None = None
    daily_loss: Share | None = None
    max_trades_per_day: Count | None = None
    max_consecutive_losses: Count | None = None
    max_drawdown: Share | None = None
    max_positions: Count | None = None
    max_notional: Positive | None = None
    max_volatility: Positive | None = None
    min_volatility: NotNegative | None = None


class LiveSeries(Tightening):
    """Whether and how the runner trades a series."""

    enabled: Annotated[bool, Field(strict=True)]
    role: Literal["champion", "shadow"]
    preset: Literal["judged", "conservative", "moderate", "aggressive"]


class LiveAccount(Settings):
    """Limits of the account, for all series together; `order_validity` is in seconds."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    per_trade: Share
    open_risk: Share
    daily_loss: Share
    max_trades_per_day: Count
    max_consecutive_losses: Count
    max_drawdown: Share
    max_positions: Count
    max_margin: Share
    leverage: Annotated[Number, Field(ge=1)]
    orders_per_minute: Count
    order_validity: Positive


class LiveFeed(Settings):
    """What is expected of a feed, in seconds, and whether its time is that of its bars or of the wall."""

    clock: Literal["bar", "wall"]
    pause: Positive
    maximum_age: Positive
    maximum_silence: Positive
