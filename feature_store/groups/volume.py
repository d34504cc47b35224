"""Volume and money flow: who pushes, and with how much. CMF, MFI, OBV, A/D, VWAP, force, illiquidity.

Quantities that never forget where history began (OBV, A/D, VPT, NVI, PVI, VWAP) enter only as sums over a window.
Volume enters only against its own past, so its unit does not matter. Without any volume in the window a flow is 0,
MFI is 50 and a relative volume is 1. Left out of series that have no volume.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, change, earlier, ratio, together, whole
from feature_store.described import Catalogue, Described
from feature_store.window_moments import (
    window_correlation,
    window_deviation,
    window_filter,
    window_mean,
    window_score,
    window_sum,
)

LOOKBACK = 600
NEEDS_VOLUME = True

_ACHELIS = "Chaikin in Achelis (1995), Technical Analysis from A to Z"

CATALOGUE: Catalogue = {
    "cmf_{n}": Described(
        "Chaikin money flow: growth of A/D over {0} bars ÷ volume of {0} bars",
        f"{_ACHELIS}; TA-Lib AD",
        "share",
        -1.0,
        1.0,
    ),
    "cmf_{n}_change_{n}": Described("Money flow of {0} bars minus itself {1} bars ago", "own", "share", -2.0, 2.0),
    "chaikin_oscillator": Described(
        "EMA(3) − EMA(10) of A/D, ÷ mean volume of 50 bars", f"{_ACHELIS}; TA-Lib ADOSC", "volumes", -np.inf, np.inf
    ),
    "mfi_{n}": Described(
        "Money flow index: typical price × volume of rises ÷ of all moves, {0} bars",
        "Quong and Soudack (1989), Stocks & Commodities; TA-Lib MFI",
        "points",
        0.0,
        100.0,
    ),
    "obv_{n}": Described(
        "Growth of on-balance volume over {0} bars ÷ volume of {0} bars",
        "Granville (1963), New Key to Stock Market Profits; TA-Lib OBV",
        "share",
        -1.0,
        1.0,
    ),
    "obv_{n}_to_{n}": Described("On-balance volume of {0} bars − of {1}, each a share", "own", "share", -2.0, 2.0),
    "vpt_{n}": Described(
        "Volume-weighted mean return of {0} bars ÷ deviation of 50: growth of the volume-price trend",
        "Markstein (1966), How to Chart Your Way to Stock Market Profits",
        "deviations",
        -np.inf,
        np.inf,
    ),
    "nvi_{n}": Described(
        "Returns of bars with less volume than the one before, summed over {0} bars ÷ deviation",
        "Dysart (1936) in Fosback (1976), Stock Market Logic",
        "deviations",
        -np.inf,
        np.inf,
    ),
    "pvi_{n}": Described(
        "Returns of bars with more volume than the one before, summed over {0} bars ÷ deviation",
        "Dysart (1936) in Fosback (1976), Stock Market Logic",
        "deviations",
        -np.inf,
        np.inf,
    ),
    "volume_to_20": Described("Volume ÷ its mean of 20 bars", "own", "ratio", 0.0, 20.0),
    "volume_5_to_20": Described("Mean volume of 5 bars ÷ of 20", "own", "ratio", 0.0, 4.0),
    "volume_20_to_100": Described("Mean volume of 20 bars ÷ of 100", "own", "ratio", 0.0, 5.0),
    "volume_score_50": Described(
        "(Volume − mean) ÷ deviation, 50 bars", "own", "deviations", -49.0 / 50.0**0.5, 49.0 / 50.0**0.5
    ),
    "volume_variation_50": Described("Deviation ÷ mean of volume, 50 bars", "own", "ratio", 0.0, 50.0**0.5),
    "pvo": Described(
        "(EMA(12) − EMA(26)) ÷ EMA(26) of volume",
        "TA-Lib PPO of volume",
        "percent",
        -100.0,
        100.0 * (27.0 / 13.0 - 1.0),
    ),
    "vwap_{n}_to_mean_atr": Described(
        "Volume-weighted − plain mean of the typical price, {0} bars",
        "Berkowitz, Logue and Noser (1988), J. Finance 43",
        "ATR",
        -np.inf,
        np.inf,
    ),
    "close_to_vwap_{n}_atr": Described(
        "Close − volume-weighted mean of the typical price, {0} bars",
        "Berkowitz, Logue and Noser (1988), J. Finance 43",
        "ATR",
        -np.inf,
        np.inf,
    ),
    "force_{n}": Described(
        "EMA({0}) of move in ATR × volume ÷ its mean of 50 bars",
        "Elder (1993), Trading for a Living",
        "ATR",
        -np.inf,
        np.inf,
    ),
    "ease_of_movement_{n}": Described(
        "Mean of move of the middle × range, both in ATR, ÷ volume against its mean of 50, {0} bars",
        "Arms (1983), Volume Cycles in the Stock Market",
        "ATR²",
        -np.inf,
        np.inf,
    ),
    "amihud_20_to_100": Described(
        "Mean of size of return ÷ volume, 20 bars against 100",
        "Amihud (2002), J. Financial Markets 5",
        "ratio",
        0.0,
        5.0,
    ),
    "volume_return_correlation_{n}": Described(
        "Correlation of volume with returns, {0} bars", "own", "correlation", -1.0, 1.0
    ),
    "volume_size_correlation_{n}": Described(
        "Correlation of volume with sizes of returns, {0} bars",
        "Karpoff (1987), J. Financial and Quantitative Analysis 22",
        "correlation",
        -1.0,
        1.0,
    ),
    "volume_memory_{n}": Described(
        "Correlation of volume with the one before, {0} bars", "own", "correlation", -1.0, 1.0
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the volume columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def _money_flow(bars: Bars) -> Columns:
    """Chaikin money flow (A/D over its own window), the Chaikin oscillator and the money flow index.

    Sources: Chaikin in Achelis (1995), Technical Analysis from A to Z; Quong and Soudack (1989), Stocks & Commodities.
    """
    high, low, close, volume = (series[LOOKBACK - 200 :] for series in (bars.high, bars.low, bars.close, bars.volume))
    flow = ratio((close - low) - (high - close), high - low) * volume
    columns = {f"cmf_{n}": ratio(window_sum(flow, n), window_sum(volume, n)) for n in (10, 20, 50)}
    columns["cmf_20_change_5"] = change(columns["cmf_20"], 5)
    weights = window_mean(volume, 50)
    columns["chaikin_oscillator"] = ratio(_recent_accumulation(flow), weights)
    typical = (high + low + close) / 3.0
    money, move = typical * volume, change(whole(high) + whole(low) + whole(close))
    for n in (14, 28):
        rising, falling = window_sum(money * (move > 0), n), window_sum(money * (move < 0), n)
        columns[f"mfi_{n}"] = 100.0 * ratio(rising, rising + falling, neutral=0.5)
    return columns


def _recent_accumulation(flow: np.ndarray) -> np.ndarray:
    """Return EMA(3) minus EMA(10) of accumulated flow, from the flows of the last 200 bars (older ones weigh 1e-17)."""
    ages = np.arange(200)
    weights = (1.0 - 2.0 / 11.0) ** (ages + 1) - (1.0 - 2.0 / 4.0) ** (ages + 1)
    return window_filter(flow, weights)


def _signed_flow(bars: Bars) -> Columns:
    """OBV and VPT as differences over a window, and returns on quiet against busy bars (NVI, PVI)."""
    returns, volume = bars.returns[LOOKBACK - 51 :], bars.volume[LOOKBACK - 51 :]
    total = {n: window_sum(volume, n) for n in (10, 20, 50)}
    signed = np.sign(returns) * volume
    columns = {f"obv_{n}": ratio(window_sum(signed, n), total[n]) for n in total}
    columns["obv_10_to_50"] = columns["obv_10"] - columns["obv_50"]
    deviation = window_deviation(returns, 50)
    columns["vpt_20"] = ratio(ratio(window_sum(returns * volume, 20), total[20]), deviation)
    busier = change(volume)
    for name, chosen in (("nvi_50", busier < 0), ("pvi_50", busier > 0)):
        columns[name] = ratio(window_sum(returns * chosen, 50), deviation)
    return columns


def _relative(bars: Bars) -> Columns:
    fast, slow = (talib.EMA(bars.volume, n)[LOOKBACK - 100 :] for n in (12, 26))
    volume = bars.volume[LOOKBACK - 100 :]
    mean = {n: window_mean(volume, n) for n in (5, 20, 100)}
    return {
        "volume_to_20": ratio(volume, mean[20], neutral=1.0),
        "volume_5_to_20": ratio(mean[5], mean[20], neutral=1.0),
        "volume_20_to_100": ratio(mean[20], mean[100], neutral=1.0),
        "volume_score_50": window_score(volume, 50),
        "volume_variation_50": ratio(window_deviation(volume, 50), window_mean(volume, 50)),
        "pvo": np.where(mean[100] == 0.0, 0.0, 100.0 * ratio(fast - slow, slow)),
    }


def _average_price(bars: Bars) -> Columns:
    """Return how far the volume-weighted average price lies from the plain one, in ATR: where business was done.

    Without volume in the window the two are one.
    """
    high, low, close, volume, unit = (
        series[LOOKBACK - 100 :] for series in (bars.high, bars.low, bars.close, bars.volume, bars.unit)
    )
    typical = (high + low + close) / 3.0
    columns = {}
    for n in (20, 50, 100):
        total, mean = window_sum(volume, n), window_mean(typical, n)
        average = np.where(total == 0.0, mean, ratio(window_sum(typical * volume, n), total))
        columns[f"vwap_{n}_to_mean_atr"] = (average - mean) / unit
        if n == 20:
            columns["close_to_vwap_20_atr"] = (close - average) / unit
    return columns


def _effort(bars: Bars) -> Columns:
    """Effort against result: force index, ease of movement, illiquidity (Amihud 2002), correlation with returns."""
    relative = ratio(bars.volume, window_mean(bars.volume, 50), neutral=1.0)
    force = talib.EMA(np.where(np.isnan(relative), np.nan, change(bars.close) / bars.unit * relative), 13)
    high, low, volume, unit, returns, relative = (
        series[LOOKBACK - 100 :] for series in (bars.high, bars.low, bars.volume, bars.unit, bars.returns, relative)
    )
    sizes = np.abs(returns)
    middle_move = change((high + low) / 2.0) / unit
    ease = window_mean(ratio(middle_move * (high - low) / unit, relative), 14)
    impact = ratio(sizes, volume)
    return {
        "force_13": force,
        "ease_of_movement_14": ease,
        "amihud_20_to_100": ratio(window_mean(impact, 20), window_mean(impact, 100), neutral=1.0),
        "volume_return_correlation_50": window_correlation(returns, volume, 50),
        "volume_size_correlation_50": window_correlation(sizes, volume, 50),
        "volume_memory_50": window_correlation(volume, earlier(volume, 1), 50),
    }


PARTS = (_money_flow, _signed_flow, _relative, _average_price, _effort)
