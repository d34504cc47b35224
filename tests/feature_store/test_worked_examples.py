"""Indicators against tables that others printed: StockCharts' worked examples, and five libraries on GOOG.

Every row before the first of a table is a copy of it, as many as the group needs. So averages that remember begin at
the first value, as those of the spreadsheets do, or have forgotten the beginning where `skip` rows are left out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from feature_store import GROUPS
from feature_store.arrays import Bars
from market.timeframe import DAY

VECTORS = Path("../shared/vectors")
SHEETS = VECTORS / "11_indicators/stockcharts"
LIBRARIES = VECTORS / "11_indicators/goog_1d_indicators_first400.csv"
GOOG = VECTORS / "01_prices/goog_1d.csv"

Values = Callable[[Callable[[str], np.ndarray], Bars], np.ndarray]
Printed = Callable[[pd.DataFrame], pd.Series]
BESSEL = np.sqrt(20.0 / 19.0)  # a deviation with n − 1 ÷ one with n


class Example(NamedTuple):
    """A printed column, how it is made of a group's columns, and how far apart the two may be from row `skip` on."""

    table: str
    printed: str | Printed
    group: str
    made: str | Values
    within: float
    skip: int = 0


def summed(name: str, window: int) -> Values:
    """The growth of a volume line over a window: the share that a feature states × the volume of the window."""
    return lambda feature, bars: feature(name) * pd.Series(bars.volume).rolling(window).sum().to_numpy()


def growth(column: str, window: int) -> Printed:
    return lambda table: table[column].diff(window)


def in_prices(name: str) -> Values:
    return lambda feature, bars: feature(name) * bars.unit


def turned(name: str, factor: float, shift: float = 0.0) -> Values:
    return lambda feature, bars: feature(name) * factor + shift


def upper_band(feature: Callable[[str], np.ndarray], bars: Bars) -> np.ndarray:
    """The upper Bollinger band: the close, less its place, plus two deviations with n."""
    deviation = pd.Series(bars.close).rolling(20).std(ddof=0).to_numpy()
    return bars.close + 2.0 * deviation * (1.0 - feature("bollinger_position_20") * BESSEL)


EXAMPLES = [
    Example("cs-accum", growth("ADLine", 10), "volume", summed("cmf_10", 10), 2e-4),
    Example("cs-obv", growth("OBV", 10), "volume", summed("obv_10", 10), 1e-6),
    Example("cs-mfi", "MFI", "volume", "mfi_14", 1e-5),
    Example("cs-pvo", "PVO", "volume", "pvo", 1e-7),
    Example("cs-adx", "ADX", "trend", "adx_14", 1e-6, skip=400),
    Example("cs-adx", "+DI14", "trend", "di_plus_14", 1e-6, skip=250),
    Example("cs-adx", "-DI14", "trend", "di_minus_14", 1e-6, skip=250),
    Example("cs-adx", "DI 14 Diff", "trend", lambda feature, _: np.abs(feature("di_difference_14")), 1e-6, skip=250),
    Example("cs-vortex", lambda table: table["+VI14"] - table["-VI14"], "trend", "vortex_14", 1.1e-6),
    Example("cs-bbands", "PercentageBand", "volatility", turned("bollinger_position_20", BESSEL / 2.0, 0.5), 1e-6),
    Example("cs-bbands", "WidthBand", "volatility", turned("bollinger_width_20_percent", 1.0 / BESSEL), 1e-5),
    Example("cs-ui", "ulcer_index", "volatility", "ulcer_14", 1e-8),
    Example("cs-cci", "CCI", "momentum", "cci_20", 1e-4),
    Example("cs-macd", "MACD_line", "momentum", in_prices("macd_atr"), 1e-8),
    Example("cs-macd", "MACD_signal", "momentum", in_prices("macd_signal_atr"), 1e-8, skip=115),
    Example("cs-macd", "MACD_diff", "momentum", in_prices("macd_histogram_atr"), 1e-8, skip=115),
    Example("cs-rsi", "RSI", "momentum", "rsi_14", 1e-6),
    Example("cs-stochrsi", "StochRSI(14)", "momentum", "stochastic_rsi_14", 1e-6),
    Example("cs-soo", "SO", "momentum", turned("stochastic_14", 100.0), 1e-6),
    Example("cs-soo", "SO_SIG", "momentum", turned("stochastic_14_signal", 100.0), 1e-6),
    Example("cs-percentr", "Williams_%R", "momentum", turned("stochastic_14", 100.0, -100.0), 1e-6),
    # The sheet smooths by 0.1428 where 2 ÷ 14 is meant.
    Example("cs-tsi", "TSI", "momentum", "tsi_25_13", 0.02, skip=200),
    Example("cs-ultosc", "Ult_Osc", "momentum", "ultimate", 1e-6),
    Example("cs-dc", "dc_percentage", "range_structure", "place_in_range_20", 1e-9),
]

FOUR = ("talib", "ta", "pandas_ta_classic", "tulipy")
ON_GOOG = [
    ("RSI14", (*FOUR, "talipp"), "momentum", "rsi_14", 1e-8),
    ("MACD", ("talib", "ta", "pandas_ta_classic"), "momentum", in_prices("macd_atr"), 1e-7),
    ("MACDsig", ("talib", "ta", "pandas_ta_classic"), "momentum", in_prices("macd_signal_atr"), 1e-7),
    ("MACDhist", ("talib", "ta", "pandas_ta_classic"), "momentum", in_prices("macd_histogram_atr"), 1e-7),
    ("STOCHK14", ("talib", "ta", "tulipy"), "momentum", turned("stochastic_14", 100.0), 1e-11),
    ("STOCHD14_3", ("talib", "ta", "tulipy"), "momentum", turned("stochastic_14_signal", 100.0), 1e-11),
    ("WILLR14", ("talib", "ta", "tulipy"), "momentum", turned("stochastic_14", 100.0, -100.0), 1e-11),
    ("STOCHRSI14", ("talib", "ta", "tulipy"), "momentum", "stochastic_rsi_14", 1e-7),
    ("CCI20", ("talib", "ta", "tulipy"), "momentum", "cci_20", 1e-11),
    ("ULTOSC", ("talib", "ta", "tulipy"), "momentum", "ultimate", 1e-11),
    ("TRIX15", ("talib", "ta"), "momentum", "trix_15", 1e-8),
    ("AO", ("tulipy", "ta"), "momentum", in_prices("awesome_atr"), 1e-11),
    ("ADX14", ("talib", "ta", "pandas_ta_classic", "talipp"), "trend", "adx_14", 1e-6),
    ("PLUS_DI14", ("talib", "ta"), "trend", "di_plus_14", 1e-8),
    ("MINUS_DI14", ("talib", "ta"), "trend", "di_minus_14", 1e-8),
    ("AROONUP25", ("talib", "tulipy"), "trend", "aroon_up_25", 1e-11),
    ("AROONDN25", ("talib", "tulipy"), "trend", "aroon_down_25", 1e-11),
    ("ATR14", (*FOUR, "talipp"), "volatility", lambda of, bars: of("atr_14_percent") * bars.close / 100.0, 1e-8),
    ("BBU20", FOUR, "volatility", upper_band, 1e-11),
    ("MASSI", ("tulipy", "ta"), "volatility", "mass_25", 1e-8),
    ("MFI14", ("talib", "ta", "tulipy"), "volume", "mfi_14", 1e-11),
    ("CMF20", ("ta", "pandas_ta_classic"), "volume", "cmf_20", 1e-11),
    ("OBV", ("talib",), "volume", summed("obv_20", 20), 1e-11),
    ("AD", ("talib", "ta", "tulipy"), "volume", summed("cmf_20", 20), 1e-11),
]
GROWING = ("OBV", "AD")  # lines that never forget where history began: compared as differences


def read(path: Path) -> pd.DataFrame:
    if not path.exists():
        pytest.skip(f"no printed tables at {path}")
    return pd.read_csv(path)


def as_bars(table: pd.DataFrame, before: int) -> Bars:
    """The table as bars, `before` copies of its first row in front: what it lacks is the close, or 1."""
    columns = table.rename(columns=str.lower)
    middle = (columns["high"] + columns["low"]) / 2.0 if "high" in columns else 1.0
    close = columns["close"].fillna(middle) if "close" in columns else pd.Series(1.0, table.index)
    high, low, open_ = (columns.get(name, close) for name in ("high", "low", "open"))
    volume = columns["volume"].bfill() if "volume" in columns else 1.0
    frame = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close, "volume": volume, "spread": 0.1})
    padded = frame.iloc[[0] * before + list(range(len(frame)))].astype(np.float64)
    padded.index = pd.date_range("2001-01-01", periods=len(padded), freq="D", tz="UTC", name="ts")
    return Bars.of(padded, DAY)


def computed(group: str, made: str | Values, table: pd.DataFrame) -> np.ndarray:
    """What the group makes of the table's rows; NaN where it leaves rows out."""
    bars = as_bars(table, GROUPS[group].LOOKBACK)
    columns = GROUPS[group].compute(bars)

    def feature(name: str) -> np.ndarray:
        return np.pad(columns[name], (len(bars) - len(columns[name]), 0), constant_values=np.nan)

    return (feature(made) if isinstance(made, str) else made(feature, bars))[-len(table) :]


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{one.table}-{one.group}-{one.within:g}" for one in EXAMPLES])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_column_is_what_the_worked_example_prints(example):
    table = read(SHEETS / f"{example.table}.csv")
    printed = (table[example.printed] if isinstance(example.printed, str) else example.printed(table)).to_numpy(float)
    rows = np.flatnonzero(~np.isnan(printed))
    rows = rows[rows >= example.skip]
    assert len(rows)
    found = computed(example.group, example.made, table)
    np.testing.assert_allclose(found[rows], printed[rows], rtol=0.0, atol=example.within)


@pytest.mark.parametrize(
    ("indicator", "libraries", "group", "made", "within"), ON_GOOG, ids=[one[0] for one in ON_GOOG]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_column_is_what_independent_libraries_make_of_goog(indicator, libraries, group, made, within):
    """From the 300th day on, when averages have forgotten how each library begins them."""
    printed, bars = read(LIBRARIES), read(GOOG).iloc[:400]
    found = computed(group, made, bars)[300:]
    for library in libraries:
        expected = printed[f"{indicator}|{library}"]
        expected = (expected.diff(20) if indicator in GROWING else expected).to_numpy()[300:]
        np.testing.assert_allclose(found, expected, rtol=0.0, atol=within * np.abs(expected).max(), err_msg=library)


def test_a_column_that_is_not_the_printed_one_is_found():
    """RSI over 7 bars is not RSI over 14, and the deviation with n is not the one with n − 1."""
    wrong = [
        Example("cs-rsi", "RSI", "momentum", "rsi_7", 1e-6),
        Example("cs-bbands", "PercentageBand", "volatility", turned("bollinger_position_20", 0.5, 0.5), 1e-6),
    ]
    for example in wrong:
        with pytest.raises(AssertionError):
            test_a_column_is_what_the_worked_example_prints(example)
