"""A small fleet to run: three series of a few months of hours, each trained in seconds."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market import instruments, simulated
from pipeline import job
from pipeline.job_stages import stages_of
from tests.pipeline.conftest import PROJECT, CommandLine, table_of
from training.trials import Trial

SERIES = ("XAUUSD_1H", "XAGUSD_1H", "EURUSD_1H")
SMALL = {
    "fleet": [
        (
            'symbols = ["XAUUSD", "XAGUSD", "EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "BTCUSD", "US500"]',
            'symbols = ["XAUUSD", "XAGUSD", "EURUSD", "GBPUSD"]',
        ),
        ('timeframes = ["1T", "5T", "15T", "30T", "1H", "4H"]', 'timeframes = ["1H"]'),
    ],
    "research": [
        ("folds = 10 ", "folds = 2 "),
        ("inner_folds = 3 ", "inner_folds = 2 "),
        ("oos_months = 12", "oos_months = 2"),
        ("cut_off = 2025-10-22", "cut_off = 2024-08-01"),
        ("purge = 50 ", "purge = 20 "),
        ("embargo = 100 ", "embargo = 20 "),
        ("max_feature_auc = 0.60 ", "max_feature_auc = 0.95 "),
        ("max_feature_ic = 0.16 ", "max_feature_ic = 0.80 "),
    ],
    "labels": [("bars = 50", "bars = 20")],
    "recipes": [
        (
            "groups = []\nmembers = { xgboost = 0.4, lightgbm = 0.4, logistic = 0.2 }",
            'groups = ["volume", "momentum"]\nmembers = { logistic = 1.0 }',
        ),
        ("features = 50", "features = 8"),
        ('thresholds = "fitted"', "thresholds = { long = 0.52, short = 0.48 }"),
    ],
}
START, END = "2024-01-02", "2024-08-01"


def configured(folder: Path) -> CommandLine:
    """Return a command line on an empty home whose settings are those of a small fleet; GBPUSD_1H has no bars."""
    made = CommandLine(folder)
    for file, changes in SMALL.items():
        for old, new in changes:
            made.replace(file, old, new)
    return made


def with_bars(folder: Path, names: tuple[str, ...] = SERIES) -> CommandLine:
    """Return the same with bars of the series `names`, alike in no hour."""
    made = configured(folder)
    for seed, name in enumerate(names):
        symbol = name.partition("_")[0]
        file = made.folder / f"{name}.csv"
        table_of(bars_of(symbol, seed), 60).to_csv(file, index=False)
        words = f"--symbol {symbol} --timeframe 1H --timezone UTC --stamp open"
        ended = made("import", str(file), *words.split())
        assert ended.code == 0, ended.err
    return made


def bars_of(symbol: str, seed: int) -> pd.DataFrame:
    """Return seven months of hours of a simulated market; the planted edge is what makes its model trade."""
    return simulated.simulate(symbol, "1H", START, END, edge=0.5, seed=seed)


def trial(part: str, value: float) -> Trial:
    """Return a trial of tuning with daily results."""
    days = pd.date_range("2024-01-02", periods=40, tz="UTC", name="day").as_unit("us")
    earned = pd.Series(np.linspace(-value, value, 40), index=days, name="r")
    return Trial(part, "lightgbm", 1, {"rounds": 3.0}, "complete", "log_loss", (value,), earned)


def copied(made: CommandLine, folder: Path) -> CommandLine:
    """Return the command line on a copy of all that `made` has."""
    shutil.copytree(made.folder, folder)
    return CommandLine(folder)


def _hears_ctrl_c() -> None:
    """Undo what a shell does to whatever it begins in the background: there SIGINT is not heard."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """`assay fleet …` in a process of its own, whose lines can be waited for."""

    def __init__(self, made: CommandLine, *words: str) -> None:
        self.home = made.home
        self.log = made.folder / f"fleet-{time.monotonic_ns()}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "fleet", *words, "--json"],
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            env=os.environ | made.environment,
            cwd=PROJECT,
            text=True,
            preexec_fn=_hears_ctrl_c,
        )

    def wait_for(self, line: str, seconds: float = 400.0) -> None:
        ends = time.monotonic() + seconds
        while line not in self.log.read_text():
            assert time.monotonic() < ends, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def worker_of(self, series: str) -> int:
        """Return the process that is at work on a series."""
        return json.loads((self.home / "fleet" / "board.json").read_text())["series"][series]["process"]

    def ended(self) -> tuple[int, dict]:
        """Return the exit code and the answer."""
        out, _ = self.process.communicate(timeout=500)
        return self.process.returncode, json.loads(out)


def alone(made: CommandLine, series: str) -> None:
    """Run the stages of a series up to the verdict by this process alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        work = job.prepare(instruments.series_named(series), workers=1)
        for stage in stages_of():
            stage.run(work, lambda *_: None)


def bytes_of(made: CommandLine, series: str) -> dict[str, bytes]:
    """Return what training a series has left, but for what tells of seconds and of when."""
    run = made.home / "runs" / series
    names = ("predictions", "oos_predictions", "score", "trades", "equity")
    files = [run / f"{name}.{suffix}" for name in names for suffix in ("parquet", "manifest.json")]
    files += [made.home / folder / f"{series}.parquet" for folder in ("features", "labels")]
    files += [run / "training.json", run / "backtest.json", *sorted((made.home / "bundles" / series).rglob("*.*"))]
    return {str(path.relative_to(made.home)): path.read_bytes() for path in files}
