"""Which models a runner trades: the champions of a home, or those that were exported and carried to it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from live import assembly, overlay
from live.model import Model
from market.errors import UnavailableError, UsageError
from registry import champion
from registry import record as records
from registry.champion import Bundle


def chosen(home: Path, series: Sequence[str], folders: Sequence[Path], tell: Callable[[str], None]) -> dict[str, Model]:
    """Return the exported champions in `folders` or, without any, those of `home`; `tell` gets what was not checked."""
    return exported(home, folders, tell) if folders else champions(home, series, tell)


def champions(home: Path, series: Sequence[str], tell: Callable[[str], None]) -> dict[str, Model]:
    """Return the models to trade: every enabled champion, or those of `series`; says what was not checked."""
    known = sorted(records.production(home)) or sorted(path.name for path in (home / "known_good").glob("*"))
    if unknown := sorted(set(series) - set(known)):
        raise UnavailableError(
            f"No champion of {', '.join(unknown)} in {home}: there are {', '.join(known) or 'none'}. "
            "Only a model that has passed every benchmark is traded; replay any other with --run RUN_ID."
        )
    traded = [name for name in known if (name in series or not series) and overlay.read(name).series.enabled]
    if not traded:
        raise UnavailableError(
            f"Nothing to trade in {home}: no model of it has passed every benchmark, or none is enabled in "
            "config/live.toml. Replay a run with --run RUN_ID."
        )
    models = {}
    for name in traded:
        bundle, missing = champion.load_champion_or_last_good(name, home)
        if missing:
            tell(f"{name}: {missing} Trading the last known good.")
        models[name] = _bound(bundle, tell)
    return models


def exported(home: Path, folders: Sequence[Path], tell: Callable[[str], None]) -> dict[str, Model]:
    """Return the models of the exported champions in `folders`; raises as `champion.load_exported` does.

    UnavailableError for one that config/live.toml does not enable, UsageError for two of a series.
    """
    models: dict[str, Model] = {}
    for folder in folders:
        bundle = champion.load_exported(folder, home)
        if not overlay.read(bundle.series).series.enabled:
            raise UnavailableError(f"{folder}: {bundle.series} is not enabled in config/live.toml.")
        if bundle.series in models:
            raise UsageError(f"{folder} is of {bundle.series}, and so is another --bundle: give one of a series.")
        models[bundle.series] = _bound(bundle, tell)
    return models


def _bound(bundle: Bundle, tell: Callable[[str], None]) -> Model:
    """Return the model of a champion as this account binds it, and tell what it is."""
    model = assembly.bound(bundle)
    for note in bundle.notes:
        tell(f"{bundle.series}: {note}")
    tell(f"{bundle.series}: champion of run {bundle.run_id}, bundle {bundle.sha256[:12]}, as {model.role}.")
    return model
