"""Everything that touches MLflow: its database, one run a training, registered versions and their aliases.

MLflow is imported inside functions, since that takes seconds. No model is ever loaded through it. One process writes
at a time, under a lock. A run carries who writes it, so that one left RUNNING by a crash is seen and marked KILLED.
"""

import contextlib
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.durable import make_durable
from market.errors import DataError, UnavailableError
from registry import address as addresses
from registry import experiments, mlflow_environment, run_metrics, writer
from registry import run_content as content
from registry.address import Address
from registry.card import Card

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import Run

CHAMPION, PREVIOUS, DIGEST = "champion", "previous", "bundle_sha256"
_BATCH, _METRICS = 100, 1000
_READY = "READY"
_TRANSPORTS = ("boto3.", "botocore.", "requests.", "urllib3.")


def log_run(
    home: Path,
    card: Card,
    markdown: str,
    files: Mapping[str, bytes | Path],
    plots: Mapping[str, "bytes | Figure"],
    report: Callable[[Card], str] | None = None,
) -> str:
    """Log one training as one finished MLflow run, in the experiment named after the series, and return its run id.

    A training that was logged to its end already, though its caller did not live to hear of it, is not logged again.
    The card is logged with that id, so the caller's own copy should take it too. `markdown` becomes the description of
    the run and `card.md`; `files` go to `bundle/`, `plots` (by name, without suffix) to `plots/*.png`, and what
    `report` makes of the card with its id to `report.html`. If anything fails, the run is marked FAILED, or KILLED on
    an interrupt, and it is raised.
    """
    with opened(home) as client:
        experiment = experiments.of_series(client, home, card.series)
        writer.kill_dead(client, experiment)
        if known := _logged(client, experiment, card):
            return known
        with _run(client, experiment, card, markdown) as run_id:
            card = card.model_copy(update={"run_id": run_id})
            _log_values(client, run_id, card)
            with tempfile.TemporaryDirectory(prefix="assay-run-") as folder:
                content.lay_out(Path(folder), card, markdown, files, plots, report(card) if report else "")
                client.log_artifacts(run_id, folder)
        return run_id


def require_logged(home: Path, card: Card) -> None:
    """Raise DataError unless `card` is the one that was logged with its run, whatever became of its file since."""
    with opened(home) as client:
        logged = client.get_run(card.run_id).data.tags.get("training")
    if logged != content.training(card):
        raise DataError(
            f"The card of {card.series} run {card.run_id} is not the one that was logged with the run: a field was "
            "changed, or an older version logged it. Nothing is promoted on it; `assay train` makes a new one."
        )


def register(home: Path, series: str, run_id: str, bundle_sha256: str) -> str:
    """Return the version of the registered model `series` that holds this bundle, creating it where there is none.

    The digest is a tag of the creating call, so that no version is ever without one. Raises DataError where the run is
    not one of `series` or has another digest.
    """
    with opened(home) as client:
        run = client.get_run(run_id)
        found = (run.data.tags.get("series"), run.data.tags.get(DIGEST))
        if found != (series, bundle_sha256):
            raise DataError(
                f"Run {run_id} is of {found[0]}, bundle {found[1]}; wanted {series}, bundle {bundle_sha256}."
            )
        if _registered(client, series) is None:
            client.create_registered_model(series)
        for version in client.search_model_versions(f"name='{series}'"):
            if (version.run_id, version.tags.get(DIGEST), version.status) == (run_id, bundle_sha256, _READY):
                return str(version.version)
        source = f"{run.info.artifact_uri}/bundle"
        return str(client.create_model_version(series, source, run_id, tags={DIGEST: bundle_sha256}).version)


def set_champion(home: Path, series: str, version: str, previous: str | None = None) -> None:
    """Let the alias champion of `series` point at `version`, and previous at `previous` if given; idempotent."""
    with opened(home) as client:
        pointed = aliases_of(client, series)
        for name, wanted in ((PREVIOUS, previous), (CHAMPION, version)):
            if wanted is not None and pointed.get(name) != wanted:
                client.set_registered_model_alias(series, name, wanted)


def aliases(home: Path, series: str) -> dict[str, str]:
    """Return the registry's aliases of `series` with the version that each points at; empty where there is none."""
    with opened(home) as client:
        return aliases_of(client, series)


def aliases_of(client: "MlflowClient", series: str) -> dict[str, str]:
    """Return the same as `aliases`, asked of a registry that is open already."""
    model = _registered(client, series)
    return {str(alias): str(version) for alias, version in model.aliases.items()} if model else {}


def every_run(client: "MlflowClient", series: str) -> "list[Run]":
    """Return every run of `series`, those in MLflow's bin too, the newest first."""
    from mlflow.entities import ViewType

    experiment = client.get_experiment_by_name(series)
    found, token = list["Run"](), None
    while experiment and token != "":
        page = client.search_runs(
            [experiment.experiment_id], "", ViewType.ALL, order_by=["attributes.start_time DESC"], page_token=token
        )
        found, token = found + list(page), page.token or ""
    return found


def erase(client: "MlflowClient", home: Path, run_id: str) -> None:
    """Delete a run for good, its artifacts first; one that was half deleted is deleted whole.

    By the store itself: `mlflow gc` would besides empty the bin of everything else that lies in the database.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    address, run = addresses.of(home), client.get_run(run_id)
    if run.info.lifecycle_stage == "active":
        client.delete_run(run_id)
    if client.list_artifacts(run_id):
        get_artifact_repository(run.info.artifact_uri).delete_artifacts()
    SqlAlchemyStore(address.tracking, address.artifacts)._hard_delete_run(run_id)


def create_database(home: Path) -> None:
    """Create the home's own registry once: in a temporary file that is renamed, so that a kill leaves no half of one.

    Safe to call from several processes at once. The first call takes several seconds, later ones none.
    """
    address = addresses.of(home)
    with writer.alone(home, address):
        _create_database(home, address)


def _create_database(home: Path, address: Address) -> None:
    if address.database is None or address.database.exists():
        return
    for stray in home.glob(".mlflow-*"):
        shutil.rmtree(stray, ignore_errors=True)
    _quiet_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=home) as folder:
        aside = Path(folder) / "mlflow.db"
        store = SqlAlchemyStore(f"sqlite:///{aside.resolve()}", address.artifacts)
        store.engine.dispose()
        make_durable(aside)
        aside.rename(address.database)
        make_durable(home)


@contextmanager
def opened(home: Path) -> Iterator["MlflowClient"]:
    """Hold the registry of `home` and yield MLflow's client of it; raises UnavailableError where it refuses."""
    address = addresses.of(home)
    with writer.alone(home, address):
        _create_database(home, address)
        _quiet_mlflow()
        from mlflow import MlflowClient

        try:
            yield MlflowClient(tracking_uri=address.tracking, registry_uri=address.tracking)
        except Exception as error:
            if not _is_refusal(error):
                raise
            raise UnavailableError(f"The registry at {address.shown} refused: {addresses.first_line(error)}") from error


def _is_refusal(error: Exception) -> bool:
    """Return whether an error is of the registry: its server, its database or its store of artifacts."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, MlflowException | SQLAlchemyError) or type(error).__module__.startswith(_TRANSPORTS)


def _quiet_mlflow() -> None:
    mlflow_environment.enter()
    import mlflow  # noqa: F401  (it sets its own log levels when imported, so ours come after)

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def _run(client: "MlflowClient", experiment: str, card: Card, markdown: str) -> Iterator[str]:
    tags = content.tags(card, markdown) | {writer.TAG: writer.signature()}
    name = content.cut(f"{card.recipe} {card.made_at[:19]}", content.NAME_LENGTH)
    run_id = client.create_run(experiment, tags=tags, run_name=name).info.run_id
    try:
        yield run_id
    except BaseException as error:
        with contextlib.suppress(Exception):  # of a registry that is gone; the next writer marks the run
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _logged(client: "MlflowClient", experiment: str, card: Card) -> str | None:
    """Return the finished run of this very training, None where there is none."""
    asked = f"attributes.status = 'FINISHED' and tags.training = '{content.training(card)}'"
    return next((run.info.run_id for run in client.search_runs([experiment], asked, max_results=1)), None)


def _log_values(client: "MlflowClient", run_id: str, card: Card) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    params = [Param(name, value) for name, value in content.parameters(card).items()]
    metrics = [Metric(name, value, now, step) for name, value, step in run_metrics.metrics(card)]
    for at in range(0, len(params), _BATCH):
        client.log_batch(run_id, params=params[at : at + _BATCH])
    for at in range(0, len(metrics), _METRICS):
        client.log_batch(run_id, metrics=metrics[at : at + _METRICS])


def _registered(client: "MlflowClient", series: str) -> Any:
    """Return the registered model of that name, None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(series)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
