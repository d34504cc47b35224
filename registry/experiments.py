"""The experiment of a series in MLflow, and where the artifacts of its runs lie."""

from pathlib import Path
from typing import Any

from market.errors import UnavailableError
from registry import address as addresses


def of_series(client: Any, home: Path, series: str) -> str:
    """Return the id of the experiment of `series`, which MLflow's `client` makes where there is none, or restores.

    Raises UnavailableError where its artifacts lie elsewhere: the home was moved, or the settings were changed.
    """
    address = addresses.of(home)
    location = f"{address.artifacts}/{series}" if address.artifacts else None
    experiment = client.get_experiment_by_name(series)
    if experiment is None:
        return client.create_experiment(series, artifact_location=location)
    if location and experiment.artifact_location != location:
        raise UnavailableError(
            f"The registry at {address.shown} keeps artifacts of {series} at {experiment.artifact_location}, now it "
            f"would be {location}: where {home} was moved or copied, run `assay registry repair`, else put back the "
            "address in config/registry.toml."
        )
    if experiment.lifecycle_stage != "active":
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id
