"""Cycle: waves in price, fitted to a window, and Ehlers' oscillators over a window.

The Hilbert transform is left out: its period is a quotient of two numbers that vanish when price stands still, and then
it remembers where history began. A market that stands still has no wave: all 0.
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, change, ratio, together
from feature_store.described import Catalogue, Described
from feature_store.window_lines import window_waves
from feature_store.window_moments import window_filter, window_sum

LOOKBACK = 128

_PERIODS = (8, 16, 32, 64)

CATALOGUE: Catalogue = {
    "wave_{n}_share": Described(
        "Share of the variance of 128 detrended log closes in the wave of {0} bars",
        "Schuster (1898), Terrestrial Magnetism 3",
        "share",
        0.0,
        1.0,
    ),
    "wave_{n}_cosine": Described(
        "Cosine part of the wave of {0} bars at this bar: high at its top, low at its bottom",
        "Schuster (1898), Terrestrial Magnetism 3",
        "deviations",
        -(2.0**0.5),
        2.0**0.5,
    ),
    "wave_{n}_sine": Described(
        "Sine part of the wave of {0} bars at this bar: it says whether the wave rises or falls",
        "Schuster (1898), Terrestrial Magnetism 3",
        "deviations",
        -(2.0**0.5),
        2.0**0.5,
    ),
    "mean_wave_octave": Described(
        "Octaves over 8 bars (0 to 3), mean weighed by the waves' shares", "own", "octaves", 0.0, 3.0
    ),
    "gravity_{n}": Described(
        "4.5 − mean age weighed by the middle of the bars, {0} bars, × 100",
        "Ehlers (2002), Stocks & Commodities 20(5)",
        "bars / 100",
        -450.0,
        450.0,
    ),
    "gravity_{n}_change": Described(
        "Centre of gravity minus the one before",
        "Ehlers (2002), Stocks & Commodities 20(5)",
        "bars / 100",
        -900.0,
        900.0,
    ),
    "fisher_{n}": Described(
        "Arctanh of twice the smoothed place of the middle in its range of {0} bars, cut at 0.999",
        "Ehlers (2002), Stocks & Commodities 20(11)",
        "nepers",
        -float(np.arctanh(0.999)),
        float(np.arctanh(0.999)),
    ),
}


def compute(bars: Bars) -> Columns:
    """Return the cycle columns of each bar (float64, NaN in warm-up)."""
    return together(PARTS, bars)


def _waves(bars: Bars) -> Columns:
    """Waves of 8 to 64 bars in 128: shares of detrended variance, phases, and octaves over 8 bars on average."""
    columns: Columns = {}
    for period, wave in zip(_PERIODS, window_waves(np.log(bars.close), 128, np.array(_PERIODS)), strict=True):
        columns |= dict(zip((f"wave_{period}_{part}" for part in ("share", "cosine", "sine")), wave, strict=True))
    shares = [columns[f"wave_{period}_share"] for period in _PERIODS]
    octaves = sum(octave * share for octave, share in enumerate(shares))
    columns["mean_wave_octave"] = ratio(octaves, sum(shares[1:], shares[0]))
    return columns


def _oscillators(bars: Bars) -> Columns:
    """Centre of gravity and Fisher transform. Sources: Ehlers (2002), Stocks & Commodities 20(5) and 20(11)."""
    middle = (bars.high + bars.low) / 2.0
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


PARTS = (_waves, _oscillators)
