"""Bars that are too regular to be a market's: drawn lines, repeated shapes, waves, noise without tails.

Checks on a profile as in `market.suspicions`. What is beyond doubt in more than half of the bars is an error.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from market.instruments import Instrument
from market.profile import Profile
from market.timeframe import Timeframe
from market.validation import about_file

MOST, MANY = 0.5, 0.3  # shares of bars; real: 0.04 on a line, 0.15 of a repeated shape (silver's minutes)
LONG_LINE = 12  # bars in a row on one line; real: 5
WAVE, SMOOTH, NOISE = 0.9, 0.5, -0.4  # autocorrelation of returns; real: −0.15 to 0.01
LEAST_WEIGHT = 100  # returns that carry the squares: fewer are single leaps
LEAST_PAIRS, TAIL_RETURNS = 300, 5_000
TAILS, CLUSTERS = 3.6, 0.08  # kurtosis (3 is Gaussian) and autocorrelation of |return|; real: 7.7 and 0.10 at least

_REAL = "prices that were traded: get another export"
_SUMS = ["returns", "absolute", "squares", "fourths", "pairs", "products", "absolute_products"]


def _lines(profile: Profile, _: Timeframe, __: Instrument) -> Iterator[pd.DataFrame]:
    """Closes on straight lines: somebody filled holes in, or drew the series."""
    days = profile.days
    bars, straight = int(days["bars"].sum()), int(days["straight"].sum())
    if straight > MOST * bars:
        found = f"{straight} of {bars} bars close on the straight line through the two before"
        yield about_file("", "prices lie on straight lines", found, _REAL)
        return
    long = days["straight_run"][days["straight_run"] >= LONG_LINE]
    if len(long):
        found = (
            f"{len(long)} days on which {LONG_LINE} closes or more in a row lie on one line, the first "
            f"{long.index[0]:%Y-%m-%d}, the longest {long.idxmax():%Y-%m-%d} ({long.max()} bars)"
        )
        wanted = "bars that were traded: leave the interpolated ones out"
        yield about_file("", "interpolated bars", found, wanted, "warning")


def _shapes(profile: Profile, _: Timeframe, __: Instrument) -> Iterator[pd.DataFrame]:
    """Bars that repeat the range or the wicks of the one before."""
    bars, same = int(profile.days["bars"].sum()), int(profile.days["same_shape"].sum())
    if same > MANY * bars:
        found = f"{same} of {bars} bars have the range or the wicks of the bar before"
        severity = "error" if same > MOST * bars else "warning"
        yield about_file("", "bars repeat one shape", found, "highs and lows that were traded", severity)


def _waves(profile: Profile, _: Timeframe, __: Instrument) -> Iterator[pd.DataFrame]:
    """Returns that foretell the next: waves, averages of prices, noise around a level."""
    sums = profile.days[_SUMS].sum()
    if sums["pairs"] < LEAST_PAIRS or sums["squares"] ** 2 <= LEAST_WEIGHT * sums["fourths"]:
        return
    correlation = (sums["products"] / sums["pairs"]) / (sums["squares"] / sums["returns"])
    if NOISE <= correlation <= SMOOTH:
        return
    found = f"an autocorrelation of returns of {correlation:.2f} over {sums['pairs']:.0f} bars"
    wanted = f"below 0.2, as in markets; {_REAL}"
    if abs(correlation) > WAVE:
        yield about_file("", "prices are a wave", found, wanted)
    elif correlation > 0:
        yield about_file("", "prices look smoothed", found, wanted, "warning")
    else:
        yield about_file("", "prices look like noise around a level", found, wanted, "warning")


def _tails(profile: Profile, _: Timeframe, __: Instrument) -> Iterator[pd.DataFrame]:
    """Returns with neither fat tails nor lively and quiet hours: a random walk from a generator."""
    sums = profile.days[_SUMS].sum()
    count = sums["returns"]
    if sums["pairs"] < TAIL_RETURNS or sums["squares"] == 0:
        return
    mean, variance = sums["absolute"] / count, sums["squares"] / count
    kurtosis = sums["fourths"] / count / variance**2
    of_sizes = max(variance - mean**2, 0.1 * variance)  # a coin has but one size of return
    clusters = (sums["absolute_products"] / sums["pairs"] - mean**2) / of_sizes
    if kurtosis < TAILS and np.abs(clusters) < CLUSTERS:
        found = f"a kurtosis of {kurtosis:.1f} and an autocorrelation of their sizes of {clusters:.2f} in {count:.0f}"
        wanted = "markets have more than 5 and 0.1: these bars look like a random walk from a generator"
        yield about_file("", "returns without tails or clusters", f"{found} returns", wanted, "warning")


CHECKS = (_lines, _shapes, _waves, _tails)
