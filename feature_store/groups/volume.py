"""Volume and money flow: who pushes, and with how much. CMF, MFI, OBV, A/D, VWAP, force, illiquidity.

Quantities that never forget where history began (OBV, A/D, VPT, NVI, PVI, VWAP) enter only as sums over a window.
Volume enters only against its own past, so its unit does not matter. Without any volume in the window a flow is 0,
MFI is 50 and a relative volume is 1. Left out of series that have no volume.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, change, earlier, ratio, whole
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


def compute(bars: Bars) -> Columns:
    """Return the volume columns of each bar (float64, NaN in warm-up)."""
    return _money_flow(bars) | _signed_flow(bars) | _relative(bars.volume) | _average_price(bars) | _effort(bars)


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


def _relative(volume: np.ndarray) -> Columns:
    fast, slow = talib.EMA(volume, 12)[LOOKBACK - 100 :], talib.EMA(volume, 26)[LOOKBACK - 100 :]
    volume = volume[LOOKBACK - 100 :]
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
