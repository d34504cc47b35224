"""Everything that touches MLflow: its database, one run a training, registered versions, the command of its UI.

MLflow is imported inside functions, since that takes seconds. No model is ever loaded through it. One process writes
at a time, under a lock; so a run found RUNNING by the next writer was left by a crash, and is marked KILLED.
"""

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from market.durable import make_durable
from market.errors import DataError, UnavailableError
from registry import run_content as content
from registry.card import Card

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

CHAMPION, PREVIOUS, DIGEST = "champion", "previous", "bundle_sha256"
PATIENCE = 300.0
_BATCH = 100
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}


def log_run(
    home: Path,
    card: Card,
    markdown: str,
    files: Mapping[str, bytes | Path],
    plots: Mapping[str, "bytes | Figure"],
    parameters: Mapping[str, Any] | None = None,
) -> str:
    """Log one training as one finished MLflow run, in the experiment named after the series, and return its run id.

    The card is logged with that id, so the caller's own copy should take it too. `markdown` becomes the description of
    the run and `card.md`; `files` go to `bundle/`, `plots` (by name, without suffix) to `plots/*.png`. Metrics that are
    not finite are left out. If anything fails, the run is marked FAILED, or KILLED on an interrupt, and it is raised.
    """
    with opened(home) as client, _run(client, home, card) as run_id:
        card = card.model_copy(update={"run_id": run_id})
        _log_values(client, run_id, card, markdown, parameters or {})
        with tempfile.TemporaryDirectory(prefix="assay-run-") as folder:
            content.lay_out(Path(folder), card, markdown, files, plots)
            client.log_artifacts(run_id, folder)
        return run_id


def register(home: Path, series: str, run_id: str, bundle_sha256: str) -> str:
    """Return the version of the registered model `series` that holds this bundle, creating it where there is none.

    The digest is a tag of the creating call, so that no version is ever without one. Raises DataError where the run is
    not one of `series` or has another digest.
    """
    from mlflow.exceptions import MlflowException

    with opened(home) as client:
        run = client.get_run(run_id)
        found = (run.data.tags.get("series"), run.data.tags.get(DIGEST))
        if found != (series, bundle_sha256):
            raise DataError(
                f"Run {run_id} is of {found[0]}, bundle {found[1]}; wanted {series}, bundle {bundle_sha256}."
            )
        try:
            client.get_registered_model(series)
        except MlflowException:
            client.create_registered_model(series)
        for version in client.search_model_versions(f"name='{series}'"):
            if (version.run_id, version.tags.get(DIGEST)) == (run_id, bundle_sha256):
                return str(version.version)
        source = f"{run.info.artifact_uri}/bundle"
        return str(client.create_model_version(series, source, run_id, tags={DIGEST: bundle_sha256}).version)


def set_champion(home: Path, series: str, version: str) -> None:
    """Let the alias champion of `series` point at `version`, and previous at the champion before it; idempotent."""
    with opened(home) as client:
        incumbent = _aliases(client, series).get(CHAMPION)
        if incumbent == version:
            return
        if incumbent is not None:
            client.set_registered_model_alias(series, PREVIOUS, incumbent)
        client.set_registered_model_alias(series, CHAMPION, version)


def aliases(home: Path, series: str) -> dict[str, str]:
    """Return the registry's aliases of `series` with the version that each points at; empty where there is none."""
    from mlflow.exceptions import MlflowException

    with opened(home) as client:
        try:
            return _aliases(client, series)
        except MlflowException:
            return {}


def ui_command(home: Path, port: int = 5000) -> list[str]:
    """Return the command that serves the MLflow UI of `home` on this machine only, with nothing extra running."""
    hosts = [f"{name}:{port}" for name in ("localhost", "127.0.0.1")]
    return [
        "env",
        *(f"{name}={value}" for name, value in _ENVIRONMENT.items()),
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", database_uri(home)),
        *("--default-artifact-root", _artifacts(home).as_uri(), "--no-serve-artifacts"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", ",".join(hosts)),
        *("--cors-allowed-origins", ",".join(f"http://{host}" for host in hosts)),
        *("--x-frame-options", "DENY"),
    ]


def database_uri(home: Path) -> str:
    """Return the SQLAlchemy address of the home's registry."""
    return f"sqlite:///{home.resolve() / 'mlflow.db'}"


def create_database(home: Path) -> None:
    """Create the home's registry once: in a temporary file that is renamed, so that a kill leaves no half of one.

    Safe to call from several processes at once. The first call takes several seconds, later ones none.
    """
    with _locked(home):
        _create_database(home)


def _create_database(home: Path) -> None:
    if (home / "mlflow.db").exists():
        return
    for stray in home.glob(".mlflow-*"):
        shutil.rmtree(stray, ignore_errors=True)
    _quiet_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=home) as folder:
        aside = Path(folder) / "mlflow.db"
        store = SqlAlchemyStore(f"sqlite:///{aside.resolve()}", _artifacts(home).as_uri())
        store.engine.dispose()
        make_durable(aside)
        aside.rename(home / "mlflow.db")
        make_durable(home)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "mlflow.lock", timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        message = f"The registry in {home} is locked by another command for over {PATIENCE:g} s: wait for it and retry."
        raise UnavailableError(message) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def opened(home: Path) -> Iterator["MlflowClient"]:
    """Hold the registry of `home` and yield MLflow's client of it; raises UnavailableError where it refuses."""
    with _locked(home):
        _create_database(home)
        _quiet_mlflow()
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield MlflowClient(tracking_uri=database_uri(home), registry_uri=database_uri(home))
        except (MlflowException, SQLAlchemyError) as error:
            why = str(error).strip().splitlines()[0]
            raise UnavailableError(f"The registry at {home / 'mlflow.db'} refused: {why}") from error


def _quiet_mlflow() -> None:
    os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})
    import mlflow  # noqa: F401  (it sets its own log levels when imported, so ours come after)

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def _run(client: "MlflowClient", home: Path, card: Card) -> Iterator[str]:
    experiment = _experiment(client, home, card.series)
    for orphan in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        client.set_terminated(orphan.info.run_id, "KILLED")
    tags = {"series": card.series, "status": card.status, "simulated": str(card.simulated).lower()}
    tags |= {name: getattr(card, name) for name in content.HASHES}
    run_id = client.create_run(experiment, tags=tags, run_name=f"{card.recipe} {card.made_at[:19]}").info.run_id
    try:
        yield run_id
    except BaseException as error:
        client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _experiment(client: "MlflowClient", home: Path, series: str) -> str:
    location = (_artifacts(home) / series).as_uri()
    experiment = client.get_experiment_by_name(series)
    if experiment is None:
        return client.create_experiment(series, artifact_location=location)
    if experiment.artifact_location != location:
        where = f"was made for {experiment.artifact_location}, now it would be {location}"
        raise UnavailableError(f"The registry {where}: move {home} back, or move mlflow.db aside to start a new one.")
    if experiment.lifecycle_stage != "active":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def _log_values(client: "MlflowClient", run_id: str, card: Card, markdown: str, parameters: Mapping[str, Any]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    params = [Param(name, value) for name, value in content.parameters(card, parameters).items()]
    metrics = [Metric(name, value, now, step) for name, value, step in content.metrics(card)]
    tags = [RunTag("mlflow.note.content", content.description(markdown))]
    tags += [RunTag("failed", ", ".join(gate.name for gate in card.gates if not gate.passed) or "none")]
    for at in range(0, len(params), _BATCH):
        client.log_batch(run_id, params=params[at : at + _BATCH])
    for at in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[at : at + _BATCH])
    client.log_batch(run_id, tags=tags)


def _aliases(client: "MlflowClient", series: str) -> dict[str, str]:
    return {str(alias): str(version) for alias, version in client.get_registered_model(series).aliases.items()}


def _artifacts(home: Path) -> Path:
    return home.resolve() / "mlartifacts"
