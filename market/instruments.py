"""Instruments: what is traded, on what grid, at what cost. `config/instruments.toml` is the one cost table."""

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from market import hours, settings, timeframe
from market.errors import UsageError, nearest
from market.execution import Costs, as_floats
from market.settings import NotNegative, Number, Positive

SIMULATED = "SIM_"
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,31}")


def _known_market(name: str) -> str:
    if name not in (known := hours.markets()):
        near = nearest(name, known)
        raise ValueError(f"config/sessions.toml has {', '.join(known)}.{near}".removesuffix("."))
    return name


Market = Annotated[str, AfterValidator(_known_market)]


class VendorName(settings.Settings):
    """What a provider calls an instrument."""

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:.-]{0,31}$")]


class PointedName(VendorName):
    """The same where prices are whole numbers of points; `point` is in price units."""

    point: Positive


class Vendors(settings.Settings):
    """What the providers of bars call an instrument; None where they do not have it."""

    dukascopy: PointedName | None = None
    binance: VendorName | None = None
    polygon: VendorName | None = None


class _Table(settings.Settings):
    description: str
    market: Market
    aliases: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    quote_currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    tick_size: Positive
    pip_size: Positive
    contract_size: Positive
    lot_step: Positive
    minimum_stop: NotNegative
    spread_floor: NotNegative
    commission: NotNegative
    slippage: NotNegative
    swap_long: Number
    swap_short: Number
    price_range: tuple[Positive, Positive]
    vendors: Vendors = Vendors()

    @model_validator(mode="after")
    def _in_proportion(self) -> "_Table":
        if self.price_range[0] >= self.price_range[1]:
            raise ValueError(f"price_range = {list(self.price_range)}: the lower price comes first")
        if self.tick_size > self.pip_size:
            raise ValueError(f"tick_size {self.tick_size:g} is larger than pip_size {self.pip_size:g}")
        return self


class Instrument(NamedTuple):
    """An instrument: its symbol, the market whose hours it keeps, its costs, where its price has been, its names.

    `companions` are the symbols of the instruments whose bars its features look at, where some are stored.
    """

    symbol: str
    description: str
    market: str
    aliases: tuple[str, ...]
    costs: Costs
    price_range: tuple[float, float]
    vendors: Vendors = Vendors()
    companions: tuple[str, ...] = ()


class Series(NamedTuple):
    """A series: an instrument at a timeframe. `simulated` ones are named `SIM_…` and live apart."""

    symbol: str
    timeframe: timeframe.Timeframe
    simulated: bool = False

    @property
    def name(self) -> str:
        """Return the name that files, the registry and logs use, as in `XAUUSD_15T`."""
        return f"{SIMULATED if self.simulated else ''}{self.symbol}_{self.timeframe.name}"


def instruments() -> dict[str, Instrument]:
    """Return all instruments by symbol; raises one UsageError that names everything wrong in the file."""
    known, problems = {}, []
    hours.markets()  # what is wrong there is told once, not for each instrument
    for symbol, values in settings.read_toml("instruments").items():
        try:
            known[symbol] = _instrument(symbol, values)
        except UsageError as error:
            problems.append(str(error).rstrip("."))
    names = [name for symbol, one in known.items() for name in (symbol, *one.aliases)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems.append(f"config/instruments.toml: {', '.join(twice)} means more than one instrument")
    if not problems:
        known = {symbol: _accompanied(one, known, problems) for symbol, one in known.items()}
    if problems:
        raise UsageError(f"{'; '.join(problems)}.")
    return known


def instrument(name: str) -> Instrument:
    """Return the instrument that `name`, a symbol or an alias, means.

    Raises UsageError for a malformed or unknown name, with the nearest known one.
    """
    if not _SYMBOL.fullmatch(name):
        hint = f" Write {name.upper()}." if _SYMBOL.fullmatch(name.upper()) else ""
        raise UsageError(f"{name!r} is not a symbol: wanted capital letters, digits, dot, dash or underscore.{hint}")
    known = instruments()
    by_alias = _by_alias(known)
    symbol = by_alias.get(name, name)
    if symbol not in known:
        raise UsageError(
            f"Unknown symbol {name!r}: config/instruments.toml has {', '.join(known)}."
            f"{nearest(name, [*known, *by_alias])}"
        )
    return known[symbol]


def series(symbol: str, timeframe_name: str) -> Series:
    """Return the series of a symbol (or alias, or `SIM_` symbol) at a timeframe as people type it."""
    simulated = symbol.startswith(SIMULATED)
    return Series(instrument(symbol.removeprefix(SIMULATED)).symbol, timeframe.parse(timeframe_name), simulated)


def series_named(name: str) -> Series:
    """Return the series that a name such as `XAUUSD_15T` or `SIM_XAUUSD_15T` means."""
    symbol, _, timeframe_name = name.rpartition("_")
    if not symbol:
        raise UsageError(f"{name!r} is not a series: wanted SYMBOL_TIMEFRAME as in XAUUSD_15T.")
    return series(symbol, timeframe_name)


def _by_alias(known: dict[str, Instrument]) -> dict[str, str]:
    return {alias: symbol for symbol, one in known.items() for alias in one.aliases}


def _accompanied(one: Instrument, known: dict[str, Instrument], problems: list[str]) -> Instrument:
    """Return the instrument with its companions by symbol; what is wrong with them is added to `problems`."""
    by_alias = _by_alias(known)
    symbols = tuple(by_alias.get(name, name) for name in one.companions)
    where = f"config/instruments.toml [{one.symbol}]: companions"
    for name, symbol in zip(one.companions, symbols, strict=True):
        if symbol not in known:
            near = nearest(name, [*known, *by_alias])
            problems.append(f"{where} names {name!r}, which is no instrument of the file.{near}".rstrip("."))
        elif symbol == one.symbol:
            problems.append(f"{where} names {name!r}, the instrument itself")
        elif symbols.count(symbol) > 1:
            problems.append(f"{where} names {symbol} twice, once as {name!r}")
    return one._replace(companions=symbols)


def _instrument(symbol: str, values: dict[str, object]) -> Instrument:
    if not _SYMBOL.fullmatch(symbol):
        raise UsageError(f"config/instruments.toml [{symbol}]: wanted a symbol in capital letters, such as [XAUUSD].")
    table = settings.validated(values, _Table, f"config/instruments.toml [{symbol}]")
    if table.quote_currency != "USD" and not symbol.startswith("USD"):
        raise UsageError(
            f"config/instruments.toml [{symbol}]: quote_currency {table.quote_currency} needs USD as base currency, "
            "so that its own price converts to USD."
        )
    costs = as_floats(Costs(**{name: getattr(table, name) for name in Costs._fields}))
    names = (table.price_range, table.vendors, table.companions)
    return Instrument(symbol, table.description, table.market, table.aliases, costs, *names)
