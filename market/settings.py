"""Settings: one TOML file per concern, checked whole, every problem named at once.

`ASSAY_CONFIG` names the folder of the files (default `./config`), `ASSAY_HOME` where everything made at run time lives
(default `./data`), `ASSAY_KEYS` where the keys are that sign promotions (default `~/.config/assay`), `ASSAY_TABLES`
where tables are shared between machines (docs/fleet.md; default: nowhere). Layered files inherit default → timeframe →
symbol → series, and remember where a value came from.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from market import timeframe
from market.bounds import Count, Day, NotNegative, Number, NumberOrOff, Positive, Settings, Share
from market.errors import UsageError, nearest
from market.live_settings import LiveAccount, LiveFeed, LiveSeries, Tightening

_VARIABLES = {"ASSAY_CONFIG", "ASSAY_HOME", "ASSAY_KEYS", "ASSAY_TABLES"}
_SHOWN = 60  # characters of a wrong value
_RECIPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_QUOTED = re.compile(r"'([^']*)'")


class Research(Settings):
    """What is judged on what: the windows, the folds and the gaps between them."""

    history_start: Day
    cut_off: Day
    oos_months: Count
    folds: Annotated[int, Field(ge=2, strict=True)]
    purge: Annotated[int, Field(ge=0, strict=True)]
    embargo: Annotated[int, Field(ge=0, strict=True)]
    minimum_rows: Count
    inner_folds: Annotated[int, Field(ge=2, strict=True)]
    inner_holdout: Annotated[Number, Field(gt=0, lt=1)]
    oldest_weight: Share
    max_feature_auc: Annotated[Number, Field(gt=0.5, le=1)]
    max_feature_ic: Annotated[Number, Field(gt=0, le=1)]
    recipe: str
    seed: Annotated[int, Field(ge=0, strict=True)]


class Labels(Settings):
    """Triple barriers, in multiples of ATR and in bars, and the ATRs of movement that make a bar an event."""

    take_profit: Positive
    stop_loss: Positive
    bars: Count
    atr_period: Count
    cusum: NumberOrOff


class PolicyAndRisk(Settings):
    """When a score becomes a trade, and how large it is."""

    cooldown: Annotated[int, Field(ge=0, strict=True)]
    max_spread_atr: Positive
    blocked_sessions: list[Literal["asia", "london", "new_york"]]
    min_confidence: Annotated[Number, Field(ge=0, le=1)]
    max_volatility: NumberOrOff
    min_volatility: NotNegative
    equity: Positive
    per_trade: Share
    open_risk: Share
    daily_loss: Share
    max_trades_per_day: Count
    max_consecutive_losses: Count

    @model_validator(mode="after")
    def _volatility_lies_somewhere(self) -> "PolicyAndRisk":
        if self.max_volatility != "off" and self.min_volatility > self.max_volatility:
            raise ValueError(f"min_volatility {self.min_volatility:g} is above max_volatility {self.max_volatility:g}")
        return self


class Thresholds(Settings):
    """Fixed thresholds on the directional score."""

    long: Annotated[Number, Field(ge=0.5, le=1)]
    short: Annotated[Number, Field(ge=0, le=0.5)]


MemberName = Literal["xgboost", "lightgbm", "logistic", "random_forest"]


class Recipe(Settings):
    """Feature groups, members with weights, thresholds, how many features a fold may choose; members' parameters."""

    groups: list[str]
    members: dict[MemberName, Positive] = Field(min_length=1)
    thresholds: Literal["fitted"] | Thresholds
    features: Count
    parameters: dict[MemberName, dict[str, Number]] = Field(default={})

    @field_validator("thresholds", mode="before")
    @classmethod
    def _thresholds_are_fitted_or_two(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            if value == "fitted" or isinstance(value, Thresholds):
                return value
            raise ValueError("wanted 'fitted', or a table such as { long = 0.65, short = 0.35 }")
        try:
            return Thresholds.model_validate(dict(value))
        except ValidationError as error:
            raise ValueError("; ".join(_problems(error, Thresholds))) from None

    @model_validator(mode="after")
    def _members_are_whole(self) -> "Recipe":
        if abs(sum(self.members.values()) - 1.0) > 1e-9:
            raise ValueError(f"member weights sum to {sum(self.members.values()):g}, wanted 1")
        if idle := [name for name in self.parameters if name not in self.members]:
            raise ValueError(f"parameters of {', '.join(idle)}, which is no member of the recipe")
        return self


class OwnGroups(Settings):
    """Where the user's own feature groups are; "" for none."""

    folder: str


class Setting(NamedTuple):
    """An effective value and the file and table that it comes from."""

    value: Any
    origin: str


Model = TypeVar("Model", bound=BaseModel)

_LAYERED: dict[str, type[Settings]] = {
    "research": Research,
    "labels": Labels,
    "policy": PolicyAndRisk,
    "live": LiveSeries,
}
_WHOLE: dict[str, dict[str, type[Settings]]] = {
    "live": {"account": LiveAccount, "feed": LiveFeed},
    "presets": dict.fromkeys(("judged", "conservative", "moderate", "aggressive"), Tightening),
}


def home() -> Path:
    """Return the folder of everything made at run time (`ASSAY_HOME`, default `./data`)."""
    folder = Path(_environment("ASSAY_HOME", "data")).resolve()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"ASSAY_HOME is {folder}, which is a file: name a folder.")
    return folder


def keys_folder() -> Path:
    """Return the folder of the keys that sign promotions (`ASSAY_KEYS`, default `~/.config/assay`).

    `XDG_CONFIG_HOME` is respected. Raises UsageError where it is inside `ASSAY_HOME`: whoever can write there could
    else sign.
    """
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    default = (configured if configured.is_absolute() else Path("~/.config")) / "assay"
    try:
        folder = Path(_environment("ASSAY_KEYS", str(default))).expanduser().resolve()
    except RuntimeError:
        raise UsageError("There is no home folder to keep keys in: set ASSAY_KEYS.") from None
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"ASSAY_KEYS is {folder}, which is a file: name a folder.")
    if folder.is_relative_to(home()):
        raise UsageError(f"ASSAY_KEYS is {folder}, inside ASSAY_HOME ({home()}): name a folder outside of it.")
    return folder


def config_folder() -> Path:
    """Return the folder of the settings files (`ASSAY_CONFIG`, default `./config`)."""
    folder = Path(_environment("ASSAY_CONFIG", "config")).resolve()
    if not folder.is_dir():
        raise UsageError(f"No configuration folder at {folder}: run from the project or set ASSAY_CONFIG.")
    return folder


def research(symbol: str, timeframe_name: str) -> Research:
    """Return the effective research settings of a series."""
    return _layered("research", symbol, timeframe_name, Research)


def labels(symbol: str, timeframe_name: str) -> Labels:
    """Return the effective barriers and events of a series."""
    return _layered("labels", symbol, timeframe_name, Labels)


def policy(symbol: str, timeframe_name: str) -> PolicyAndRisk:
    """Return the effective policy and risk of a series."""
    return _layered("policy", symbol, timeframe_name, PolicyAndRisk)


def live_series(symbol: str, timeframe_name: str) -> LiveSeries:
    """Return whether and how the runner trades a series."""
    return _layered("live", symbol, timeframe_name, LiveSeries)


def live_account() -> LiveAccount:
    """Return the limits of the account."""
    return _whole("live", "account", LiveAccount)


def live_feed() -> LiveFeed:
    """Return what the runner expects of its feed."""
    return _whole("live", "feed", LiveFeed)


def preset(name: str) -> Tightening:
    """Return what the preset `name` tightens."""
    return _whole("presets", name, Tightening)


def recipe(name: str) -> Recipe:
    """Return the recipe `name`; raises UsageError with the nearest known one, and for what is no plain name."""
    if not _RECIPE.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a recipe: wanted a plain one such as ensemble.")
    return validated(_named("recipes", name), Recipe, f"config/recipes.toml [{name}]")


def own_groups_folder() -> Path | None:
    """Return the folder of the user's own feature groups, None where there is none."""
    named = validated(_named("features", "own_groups"), OwnGroups, "config/features.toml [own_groups]").folder
    return (config_folder() / Path(named).expanduser()).resolve() if named else None


def effective(symbol: str, timeframe_name: str) -> dict[str, dict[str, Setting]]:
    """Return every effective layered value of a series by file, with where it comes from."""
    return {file: layered(file, symbol, timeframe_name) for file in _LAYERED}


def layered(file: str, symbol: str, timeframe_name: str, model: type[Settings] | None = None) -> dict[str, Setting]:
    """Return every effective value of a series in the layered file `file` (of `model`), with where it comes from."""
    _layered(file, symbol, timeframe_name, model or _LAYERED[file])
    return _merge(file, symbol, timeframe_name, model or _LAYERED[file])


def read_toml(name: str) -> dict[str, dict[str, Any]]:
    """Return the tables of `config/<name>.toml`; raises UsageError naming the line that does not parse."""
    path = config_folder() / f"{name}.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"No settings file {path}: restore it from the project.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None
    if bare := [key for key, value in tables.items() if not isinstance(value, dict)]:
        raise UsageError(f"{path}: {', '.join(bare)} stands outside of a table: write it below one such as [default].")
    return tables


def validated(values: Mapping[str, Any], model: type[Model], where: str) -> Model:
    """Return `values` as `model`, or raise one UsageError that names every problem, with did-you-mean for keys."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        told = "; ".join(_problems(error, model))
        raise UsageError(_sentence(f"{where}: {told}")) from None


def _problems(error: ValidationError, model: type[BaseModel], without: str = "") -> list[str]:
    """Return a phrase for each problem, those of the type `without` left out."""
    return [_problem(dict(one), model.model_fields) for one in error.errors() if one["type"] != without]


def _problem(details: dict[str, Any], known: Iterable[str]) -> str:
    key = ".".join(str(part) for part in details["loc"] if part != "[key]")
    if details["type"] == "extra_forbidden":
        return f"unknown key {key!r}.{nearest(key, known)}".rstrip(".")
    if details["type"] == "missing":
        return f"key {key!r} is missing"
    said = details["msg"].removeprefix("Value error, ")
    wanted = said[0].lower() + said[1:]
    if details["type"] == "literal_error":
        wanted = f"{wanted}.{nearest(str(details['input']), _QUOTED.findall(said))}".rstrip(".")
    return f"{key} = {repr(details['input'])[:_SHOWN]}: {wanted}" if key else wanted


def _environment(name: str, default: str) -> str:
    unknown = [key for key in os.environ if key.startswith("ASSAY_") and key not in _VARIABLES]
    if unknown:
        raise UsageError(f"Unknown environment variable {unknown[0]}.{nearest(unknown[0], _VARIABLES)}")
    value = os.environ.get(name, default)
    if not value:
        raise UsageError(f"{name} is set but empty: unset it or give a path.")
    return value


def _named(file: str, name: str) -> dict[str, Any]:
    tables = read_toml(file)
    if name not in tables:
        raise UsageError(f"No [{name}] in config/{file}.toml: there are {', '.join(tables)}.{nearest(name, tables)}")
    return tables[name]


def _layered(file: str, symbol: str, timeframe_name: str, model: type[Model]) -> Model:
    merged = _merge(file, symbol, timeframe_name, model)
    return validated({key: setting.value for key, setting in merged.items()}, model, f"config/{file}.toml")


def _whole(file: str, table: str, model: type[Model]) -> Model:
    tables = read_toml(file)
    _check_tables(file, tables, _LAYERED.get(file))
    return validated(tables[table], model, f"config/{file}.toml [{table}]")


def _merge(file: str, symbol: str, timeframe_name: str, model: type[BaseModel]) -> dict[str, Setting]:
    tables = read_toml(file)
    _check_tables(file, tables, model)
    merged: dict[str, Setting] = {}
    for layer in ("default", timeframe_name, symbol, f"{symbol}_{timeframe_name}"):
        origin = f"config/{file}.toml [{layer}]"
        merged |= {key: Setting(value, origin) for key, value in tables.get(layer, {}).items()}
    return merged


def _check_tables(file: str, tables: Mapping[str, Mapping[str, Any]], layer: type[BaseModel] | None) -> None:
    """Raise one UsageError that names every problem of every table of a file, whichever series is asked for."""
    whole = _WHOLE.get(file, {})
    known: dict[str, type[BaseModel]] = (dict.fromkeys(sorted(_layers()), layer) if layer else {}) | whole
    found = [f"table [{name}] is missing" for name in whole if name not in tables]
    for name, values in tables.items():
        if name not in known:
            found.append(f"unknown table [{name}].{nearest(name, known)}".rstrip("."))
            continue
        model = known[name]
        try:
            model.model_validate(dict(values))
        except ValidationError as error:
            without = "" if name in whole else "missing"
            found += [f"[{name}] {problem}" for problem in _problems(error, model, without)]
    if found:
        raise UsageError(_sentence(f"config/{file}.toml: {'; '.join(found)}"))


def _layers() -> set[str]:
    """Return the names that a table of a layered file may have."""
    symbols, names = read_toml("instruments"), timeframe.TIMEFRAMES
    return {"default", *names, *symbols, *(f"{symbol}_{name}" for symbol in symbols for name in names)}


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."
