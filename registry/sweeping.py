"""Mend what a crash left in the registry: dead runs, models and versions that are half there, aliases that disagree.

Where an alias and the signed record of a promotion disagree, the record decides. Of a registry by URL, which others
use too, only the series of this home are touched.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from market.errors import AssayError
from registry import address as addresses
from registry import alias, history, promotion, tracking, writer
from registry import record as records
from registry.tracking import CHAMPION, DIGEST

if TYPE_CHECKING:
    from registry.tracking import MlflowClient

YOUNG = 3600.0  # seconds in which a model that is pending may still be written
_READY, _FINISHED, _PENDING = "READY", "FINISHED", "PENDING"


class Swept(NamedTuple):
    """What was mended: ids of runs and models, `SERIES VERSION` of versions, a sentence for each alias; what was not.

    `running` are the runs left alone: their writer lives, is on another machine, or is not named. `unmended` says in
    sentences what is wrong and what a person has to do.
    """

    home: str
    killed: list[str]
    running: list[str]
    models: list[str]
    versions: list[str]
    aliases: list[str]
    unmended: list[str]


def sweep(home: Path) -> Swept:
    """Mend the registry of `home`, idempotently; UnavailableError where it refuses, nothing where there is none."""
    swept = Swept(str(home), [], [], [], [], [], [])
    address = addresses.of(home)
    if address.database is not None and not address.database.exists():
        return swept
    for series in _recorded(home):
        _mend_alias(home, series, swept)
    with history.held(home), tracking.opened(home) as client:
        names = _series(home)
        for experiment in client.search_experiments():
            if address.database is not None or experiment.name in names:
                _sweep_experiment(client, experiment.experiment_id, swept)
        for model in client.search_registered_models():
            if address.database is not None or model.name in names:
                _sweep_versions(client, home, model, swept)
                _drop_unrecorded(client, home, model, address.database is not None, swept)
    return swept


def _sweep_experiment(client: "MlflowClient", experiment: str, swept: Swept) -> None:
    killed, running = writer.kill_dead(client, experiment)
    swept.killed.extend(killed)
    swept.running.extend(running)
    before = (time.time() - YOUNG) * 1000
    for model in _pages(client, experiment):
        if model.status == _PENDING and model.creation_timestamp < before:
            client.delete_logged_model(model.model_id)
            swept.models.append(model.model_id)


def _pages(client: "MlflowClient", experiment: str) -> Iterator[Any]:
    """Yield every logged model of an experiment: a filter by status finds none on SQLite, and fails on PostgreSQL."""
    token = None
    while token != "":
        page = client.search_logged_models([experiment], page_token=token)
        yield from page
        token = page.token or ""


def _sweep_versions(client: "MlflowClient", home: Path, model: Any, swept: Swept) -> None:
    """Delete each version that is not READY, has no digest or no finished run, unless a record stands for it."""
    promoted = {str(record["version"]) for record in _records(home, model.name)}
    for version in client.search_model_versions(f"name='{model.name}'"):
        if not (why := _why_half(client, version)):
            continue
        if str(version.version) in promoted:
            swept.unmended.append(f"{model.name}: version {version.version} {why}: promote it again.")
        else:
            client.delete_model_version(model.name, str(version.version))
            swept.versions.append(f"{model.name} {version.version}")


def _why_half(client: "MlflowClient", version: Any) -> str:
    if version.status != _READY:
        return f"is {version.status}"
    if not version.tags.get(DIGEST):
        return f"has no {DIGEST}"
    runs = client.search_runs(_experiments(client, version.name), f"attributes.run_id = '{version.run_id}'")
    return "" if [run for run in runs if run.info.status == _FINISHED] else f"is of run {version.run_id}, not finished"


def _experiments(client: "MlflowClient", series: str) -> list[str]:
    found = client.get_experiment_by_name(series)
    return [found.experiment_id] if found else []


def _drop_unrecorded(client: "MlflowClient", home: Path, model: Any, own: bool, swept: Swept) -> None:
    """Take the alias champion from a series of which nothing was ever promoted here, in the home's own registry."""
    pointed = tracking.aliases_of(client, model.name).get(CHAMPION)
    if pointed is None or model.name in records.production(home):
        return
    if own:
        client.delete_registered_model_alias(model.name, CHAMPION)
        swept.aliases.append(f"{model.name}: the alias champion pointed at version {pointed}, no record does: removed.")
    else:
        swept.unmended.append(
            f"{model.name}: the alias champion points at version {pointed}, which was not promoted from {home}: "
            "sweep the home that did."
        )


def _mend_alias(home: Path, series: str, swept: Swept) -> None:
    try:
        told = promotion.mend_alias(home, series)
        if told:
            swept.aliases.append(told)
        if record := records.trusted(home, series):
            alias.check(home, series, record)
    except AssayError as error:
        swept.unmended.append(str(error))


def _recorded(home: Path) -> list[str]:
    return sorted(records.production(home))


def _records(home: Path, series: str) -> Iterable[dict[str, Any]]:
    current = records.production(home).get(series)
    return [current] if current else []


def _series(home: Path) -> set[str]:
    """Return the series that this home has worked on."""
    return {path.name for path in (home / "runs").glob("*") if path.is_dir()} | set(records.production(home))
