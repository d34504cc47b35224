"""Settings of the placebo: the worlds that are judged, how they are judged, and what each tier must show."""

from typing import Annotated, Any

from pydantic import Field

from market import settings
from market.bounds import Count, Positive, Settings, Share
from market.errors import UsageError, nearest

FILE = "placebo"

Rho = Annotated[Positive, Field(lt=1)]


class Worlds(Settings):
    """Which series lends costs and hours (and bars, where stored), the first seed, and how closely is looked.

    `label_block` is how many training labels are permuted together, `tail` the share of scores at either end that the
    fixed thresholds trade, `draws` how often the sides of their entries are drawn at random, `deviations` what a mean
    may be away from nothing, in standard errors, `uniformity` the least p-value of a test that p-values are uniform.
    """

    series: str
    first_seed: Annotated[int, Field(ge=0, strict=True)]
    label_block: Count
    tail: Annotated[Positive, Field(lt=0.5)]
    draws: Annotated[Count, Field(ge=10)]
    deviations: Positive
    uniformity: Share


class Variant(Settings):
    """How a world is judged: its length in months, and what differs from research, recipe and tuning settings.

    `recipes` are tried in turn where a tier retries.
    """

    months: Annotated[int, Field(ge=2, strict=True)]
    recipes: Annotated[list[str], Field(min_length=1)]
    research: dict[str, Any]
    recipe: dict[str, Any]
    tuning: dict[str, Any]


class Tier(Settings):
    """How many worlds, and what they must show.

    `nulls` worlds of the small variant and `full` ones of the full one hold nothing; each is tried up to `attempts`
    times on its window. `full_planted` worlds of the full variant hold the strongest of `edges`. Worlds of the full
    variant are judged by the small one, too. `controls` worlds are judged with each leak that a placebo must see in so
    many, `unseen` with each that it cannot see. Of each of `edges` there are `planted` worlds, and of the strongest at
    least the share `least_power` must be promoted. `most_promotions` bounds the upper end of the one-sided 95 %
    interval of the share of promoted null worlds.
    """

    nulls: Annotated[int, Field(ge=0, strict=True)]
    full: Annotated[int, Field(ge=0, strict=True)]
    full_planted: Annotated[int, Field(ge=0, strict=True)]
    attempts: Count
    controls: Annotated[int, Field(ge=0, strict=True)]
    unseen: Annotated[int, Field(ge=0, strict=True)]
    edges: list[Rho]
    planted: Annotated[int, Field(ge=0, strict=True)]
    most_promotions: Share
    least_power: Annotated[float, Field(ge=0, le=1)]


TIERS = ("commit", "merge", "night", "agreement", "release")
_TABLES = ("worlds", "small", "full", *TIERS)


def worlds() -> Worlds:
    """Return what all worlds have in common."""
    return _table("worlds", Worlds)


def variant(name: str) -> Variant:
    """Return how worlds of the variant `small` or `full` are judged."""
    return _table(name, Variant)


def tier(name: str) -> Tier:
    """Return the tier `name`; raises UsageError with the nearest one."""
    if name not in TIERS:
        raise UsageError(f"No tier {name!r}: there are {', '.join(TIERS)}.{nearest(name, TIERS)}")
    return _table(name, Tier)


def _table(name: str, model: type[settings.Model]) -> settings.Model:
    tables = settings.read_toml(FILE)
    if unknown := [one for one in tables if one not in _TABLES]:
        raise UsageError(f"config/{FILE}.toml: unknown table [{unknown[0]}].{nearest(unknown[0], _TABLES)}")
    return settings.validated(tables.get(name, {}), model, f"config/{FILE}.toml [{name}]")
