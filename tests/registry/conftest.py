"""What the registry's tests share: a home whose database is made once and copied."""

import shutil
from pathlib import Path

import pytest

from registry import tracking


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
