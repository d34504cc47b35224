"""What the registry's tests share: a home whose database is made once and copied."""

import shutil
from pathlib import Path

import pytest

from registry import tracking
from tests.registry.models import Made, make_bundle, promoted


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh registry database; making it takes seconds, so it is made once."""
    home = tmp_path_factory.mktemp("registry")
    tracking.create_database(home)
    return home / "mlflow.db"


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Path:
    """Return a home of its own with a fresh registry."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(database, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="session")
def made() -> Made:
    """Return the content of a small real bundle; do not change it."""
    return make_bundle()


@pytest.fixture(scope="session")
def promoted_once(tmp_path_factory: pytest.TempPathFactory, database: Path, made: Made) -> Path:
    """Return a home in which two models of gold were promoted, one after the other; copy it, do not change it.

    `production.first.json` is what stood there after the first.
    """
    folder = tmp_path_factory.mktemp("promoted") / "data"
    folder.mkdir()
    shutil.copyfile(database, folder / "mlflow.db")
    promoted(folder, made.files, made.meta)
    shutil.copyfile(folder / "production.json", folder / "production.first.json")
    promoted(folder, made.files, made.meta | {"policy": made.meta["policy"] | {"long_threshold": 0.64}})
    return folder


@pytest.fixture
def traded(tmp_path: Path, promoted_once: Path) -> Path:
    """Return a home of its own in which the second model of gold, version 2, is champion."""
    return Path(shutil.copytree(promoted_once, tmp_path / "data"))
