"""Cycle: waves in price, fitted to a window, and Ehlers' oscillators over a window.

The Hilbert transform is left out: its period is a quotient of two numbers that vanish when price stands still, and then
it remembers where history began. A market that stands still has no wave: all 0.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, change, ratio
from feature_store.window_lines import window_wave
from feature_store.window_moments import window_filter, window_sum

LOOKBACK = 128

_PERIODS = (8, 16, 32, 64)


def compute(bars: Bars) -> Columns:
    """Return the cycle columns of each bar (float64, NaN in warm-up)."""
    return _waves(bars.close) | _oscillators(bars.high, bars.low)


def _waves(close: np.ndarray) -> Columns:
    """Waves of 8 to 64 bars in 128: shares of detrended variance, phases, and octaves over 8 bars on average."""
    columns = {}
    for period in _PERIODS:
        share, cosine, sine = window_wave(np.log(close), 128, float(period))
        columns[f"wave_{period}_share"] = share
        columns[f"wave_{period}_cosine"] = cosine
        columns[f"wave_{period}_sine"] = sine
    shares = [columns[f"wave_{period}_share"] for period in _PERIODS]
    octaves = sum(octave * share for octave, share in enumerate(shares))
    columns["mean_wave_octave"] = ratio(octaves, sum(shares[1:], shares[0]))
    return columns


def _oscillators(high: np.ndarray, low: np.ndarray) -> Columns:
    """Centre of gravity and Fisher transform. Sources: Ehlers (2002), Stocks & Commodities 20(5) and 20(11)."""
    middle = (high + low) / 2.0
    moments = window_filter(middle, np.arange(10.0))
    gravity = 4.5 - moments / window_sum(middle, 10)
    width = talib.MAX(middle, 20) - talib.MIN(middle, 20)
    place = ratio(middle - talib.MIN(middle, 20), width, neutral=0.5) - 0.5
    smooth = window_filter(place, 0.34 * 0.66 ** np.arange(60.0))
    return {
        "gravity_10": 100.0 * gravity,
        "gravity_10_change": 100.0 * change(gravity),
        "fisher_20": np.arctanh(np.clip(2.0 * smooth, -0.999, 0.999)),
    }
