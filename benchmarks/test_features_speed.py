"""How fast bars become features, as ratios in one run to the `ta` package and to bare TA-Lib. `make bench` prints them.

Bars are real gold of 15 minutes where it is there, else a simulated market of the same length.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

import feature_store
from feature_store.groups.candlestick import PATTERNS, RARE
from market import simulated, tables
from market.timeframe import TIMEFRAMES
from tests import real_bars

QUARTER_HOUR = TIMEFRAMES["15T"]
FEW = 10_000
HOUSE = ("momentum", "trend", "volatility", "volume", "candlestick")
"""The groups whose kind TA-Lib has too."""


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    if real_bars.GOLD.exists():
        return real_bars.gold("15T")
    return simulated.simulate("XAUUSD", "15T", "2019-01-02", "2025-10-31")


@pytest.fixture(scope="module")
def seconds_per_cell_of_ta(bars) -> float:
    import ta

    few = bars.iloc[:FEW].reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        table = ta.add_all_ta_features(few.copy(), "open", "high", "low", "close", "volume")
        return (time.perf_counter() - began) / (FEW * (table.shape[1] - few.shape[1]))


def written(bars: pd.DataFrame, path: Path, processes: int) -> int:
    """Compute all features and write their table, and return how many cells it has."""
    with tables.appending(path, tables.FEATURES) as table:
        for chunk in feature_store.chunks(bars, timeframe=QUARTER_HOUR, processes=processes):
            table.add(chunk)
        table.finish(inputs={}, config_sha256="", code_sha256="")
    return table.rows * chunk.shape[1]


@pytest.mark.parametrize("processes", [1, 2])
def test_table_of_features_against_ta(benchmark, bars, seconds_per_cell_of_ta, tmp_path, processes):
    """The processes have started before: they stay for the next series."""
    for _ in range(2 * processes):
        cells = written(bars, tmp_path / "features.parquet", processes)
    benchmark.pedantic(written, args=(bars, tmp_path / "features.parquet", processes), rounds=7)
    own = benchmark.stats.stats.median / cells
    print(f"\n{processes} processes: {1e-6 / own:.1f} M cells/s written, {seconds_per_cell_of_ta / own:.0f}× ta")


def bare_calls(bars: pd.DataFrame) -> list[Callable[[], object]]:
    """TA-Lib's own calls of the kinds that the groups of `HOUSE` are made of, a column each."""
    o, h, l, c, v = (np.ascontiguousarray(bars[name]) for name in ("open", "high", "low", "close", "volume"))  # noqa: E741
    calls = [(f"CDL{name.upper()}", (o, h, l, c)) for name in (*PATTERNS, *RARE)]
    calls += [("RSI", (c, 7)), ("RSI", (c, 14)), ("STOCHRSI", (c, 14)), ("CMO", (c, 14)), ("STOCHF", (h, l, c, 14))]
    calls += [("CCI", (h, l, c, 20)), ("ULTOSC", (h, l, c)), ("MACD", (c,)), ("MACD", (c, 5, 13, 5)), ("TRIX", (c, 15))]
    calls += [("SMA", (c, n)) for n in (10, 20, 50, 100, 200)] + [("LINEARREG", (c, n)) for n in (20, 50, 100)]
    calls += [("ADX", (h, l, c, 14)), ("PLUS_DI", (h, l, c, 14)), ("MINUS_DI", (h, l, c, 14)), ("AROONOSC", (h, l, 25))]
    calls += [("NATR", (h, l, c, 14)), ("BBANDS", (c, 20)), *(("STDDEV", (c, n)) for n in (10, 20, 100))]
    calls += [("MFI", (h, l, c, v, 14)), ("MFI", (h, l, c, v, 28)), ("ADOSC", (h, l, c, v))]
    return [lambda name=name, inputs=inputs: getattr(talib, name)(*inputs) for name, inputs in calls]


def test_computing_alone_against_bare_talib(benchmark, bars):
    calls = bare_calls(bars)
    spent = []
    for _ in range(5):
        began = time.process_time()
        for call in calls:
            call()
        spent.append((time.process_time() - began) / len(calls))
    columns = [0]

    def computed() -> None:
        for chunk in feature_store.chunks(bars, HOUSE, timeframe=QUARTER_HOUR):
            columns[0] = chunk.shape[1]

    computed()
    benchmark.pedantic(computed, rounds=5)
    own = benchmark.stats.stats.min / columns[0]
    print(f"\n{', '.join(HOUSE)}: {1e3 * own:.2f} ms a column, {own / min(spent):.2f}× bare TA-Lib")
