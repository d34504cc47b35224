"""How fast bars come in and are made coarser, as ratios to pandas in the same run. `make bench` prints them."""

import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest

from market import simulated, timeframe
from market.vendors.door import Declared
from pipeline import imports

COARSER = ("5T", "15T", "30T", "1H", "4H")
COLUMNS = ["stamp", "open", "high", "low", "close", "volume"]


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the least of a few runs."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


@pytest.fixture(scope="module")
def histdata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a year of minutes of gold, zipped as HistData does: about 350,000 rows."""
    bars = simulated.simulate("XAUUSD", "1T", "2019-01-02", "2020-01-01")
    opens = (pd.DatetimeIndex(bars.index) - pd.Timedelta("1min")).tz_convert("America/New_York")
    table = bars[["open", "high", "low", "close"]].round(3).assign(volume=0)
    table.insert(0, "stamp", opens.strftime("%Y%m%d %H%M%S"))
    path = tmp_path_factory.mktemp("bars") / "HISTDATA_COM_ASCII_XAUUSD_M12019.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("DAT_ASCII_XAUUSD_M1_2019.csv", table.to_csv(sep=";", header=False, index=False))
    return path


def test_an_import_against_a_bare_read(benchmark, histdata, monkeypatch, tmp_path):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    declared, wish = Declared(timezone="America/New_York"), imports.Wish(replace=True)

    def imported() -> None:
        imports.import_bars([histdata], symbol="XAUUSD", timeframe_name="1T", declared=declared, wish=wish)

    def read() -> pd.DataFrame:
        table = pd.read_csv(histdata, sep=";", names=COLUMNS)
        return table.assign(stamp=pd.to_datetime(table["stamp"], format="%Y%m%d %H%M%S"))

    def by_arrow() -> None:
        with zipfile.ZipFile(histdata) as archive, archive.open("DAT_ASCII_XAUUSD_M1_2019.csv") as stream:
            pyarrow.csv.read_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(column_names=COLUMNS),
                parse_options=pyarrow.csv.ParseOptions(delimiter=";"),
            )

    imported()
    benchmark(imported)
    mine = benchmark.stats.stats.min if benchmark.stats else seconds(imported)
    benchmark.extra_info["rows"] = len(read())
    benchmark.extra_info["times pandas, stamps parsed"] = round(mine / seconds(read), 2)
    benchmark.extra_info["times pandas, stamps as text"] = round(
        mine / seconds(lambda: pd.read_csv(histdata, sep=";", names=COLUMNS)), 2
    )
    benchmark.extra_info["times pyarrow, stamps as text"] = round(mine / seconds(by_arrow), 2)


def test_resampling_a_million_minutes_to_five_timeframes(benchmark):
    ts = pd.date_range("2020-01-01 00:01", periods=1_000_000, freq="min", tz="UTC", unit="us", name="ts")
    close = 2_000.0 + np.cumsum(np.random.default_rng(0).normal(0.0, 0.1, len(ts)))
    bars = pd.DataFrame({"open": np.r_[2_000.0, close[:-1]], "close": close, "volume": 1.0, "spread": 0.25}, index=ts)
    bars["high"], bars["low"] = bars[["open", "close"]].max(axis=1), bars[["open", "close"]].min(axis=1)
    wanted = [timeframe.parse(name) for name in COARSER]

    def peer() -> None:
        how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "last"}
        for one in wanted:
            bars.resample(one.delta, closed="right", label="right").agg(how)

    benchmark(lambda: [timeframe.resample(bars, one) for one in wanted])
    mine = benchmark.stats.stats.min if benchmark.stats else seconds(lambda: timeframe.resample(bars, wanted[0]))
    benchmark.extra_info["seconds"] = round(mine, 3)
    benchmark.extra_info["times faster than pandas"] = round(seconds(peer, 1) / mine, 1)
