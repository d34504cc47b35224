"""What the pipeline's tests share: the command line on a home and a configuration of its own, and files to import."""

import contextlib
import io
import shutil
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from market import simulated
from pipeline import cli

PROJECT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class CommandLine:
    """`assay`, as one would type it, with ASSAY_HOME and ASSAY_CONFIG set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.config = folder, folder / "home", folder / "config"
        if not self.config.exists():
            shutil.copytree(PROJECT / "config", self.config)

    @property
    def environment(self) -> dict[str, str]:
        return {"ASSAY_HOME": str(self.home), "ASSAY_CONFIG": str(self.config)}

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
                cli.main([*arguments])
        return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace `old` in a settings file; an empty `old` means: write `new` at the end."""
        path = self.config / f"{file}.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1) if old else f"{text}\n{new}\n")

    def files(self, pattern: str = "*") -> list[str]:
        """Return what stands under the home, relative to it."""
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob(pattern) if path.is_file())

    def clock(self) -> dict[str, int]:
        """Return when each file was last written, locks aside."""
        return {name: (self.home / name).stat().st_mtime_ns for name in self.files() if not name.endswith(".lock")}


def table_of(bars: pd.DataFrame, minutes: int = 15) -> pd.DataFrame:
    """Return bars as vendors keep them: a column `time` of naive UTC opens."""
    table = bars.reset_index(drop=True)
    table.insert(0, "time", (bars.index - pd.Timedelta(minutes=minutes)).tz_localize(None))
    return table


@pytest.fixture
def assay(tmp_path: Path) -> CommandLine:
    """Return the command line on an empty home."""
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def month() -> pd.DataFrame:
    """Return five weeks of quarter-hours of gold: about 2,300 bars, too few for ten folds."""
    return simulated.simulate("XAUUSD", "15T", "2024-01-02", "2024-02-06")


@pytest.fixture(scope="session")
def few(month) -> pd.DataFrame:
    """Return three days of bars as a table to spoil."""
    return table_of(month.iloc[:200])


@pytest.fixture(scope="session")
def silent(month) -> pd.DataFrame:
    """Return the same bars without volume, as a table."""
    return table_of(month).drop(columns="volume")


@pytest.fixture(scope="session")
def hours() -> pd.DataFrame:
    """Return four months of hours of gold, about 2,000, as a table."""
    return table_of(simulated.simulate("XAUUSD", "1H", "2024-01-02", "2024-05-01"), 60)


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory, month) -> CommandLine:
    """Return a command line whose home holds XAUUSD_15T, imported, enriched and labelled; copy it, do not change it."""
    made = CommandLine(tmp_path_factory.mktemp("stored"))
    file = made.folder / "month.csv"
    table_of(month).to_csv(file, index=False)
    words = "--symbol XAUUSD --timeframe 15T --timezone UTC --stamp open"
    assert made("import", str(file), *words.split()).code == 0
    assert made("enrich").code == 0
    assert made("label", "XAUUSD", "15T").code == 0
    return made


@pytest.fixture
def gold(tmp_path: Path, stored: CommandLine) -> CommandLine:
    """Return the command line on a copy of the home that holds XAUUSD_15T."""
    shutil.copytree(stored.folder, tmp_path / "gold")
    return CommandLine(tmp_path / "gold")
