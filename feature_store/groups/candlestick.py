"""Candlestick patterns: all 61 of TA-Lib, as −1 (bearish), 0 (absent) or 1 (bullish), and how many came lately.

Patterns compare bodies and shadows with averages of the last bars, and on a price grid the two are often equal. Prices
are handed over as whole numbers, so that such ties are not settled by the rounding of binary fractions.

51 patterns have a column each. Ten share the column "rare_pattern": nearly all of them need gaps between bodies, which
a market that trades around the clock makes over its breaks alone, and on 161,000 quarter-hours of gold each came at
most seven times and six of them never. TA-Lib's grades of strength are left out: 80 (an engulfing or a harami with one
end equal) counts like 100, and so does 200 (a hikkake that was confirmed).
"""

import numpy as np
import talib

from feature_store.arrays import Bars, Columns, whole
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_sum

LOOKBACK = 40

# What the bars look like, and the least and the most that TA-Lib gives.
_SHAPES = {
    "2crows": ("a rise, a fall that opens above it, a longer fall back into its body", -1, 0),
    "3blackcrows": (
        "three long falls after a rise, each from inside the body before to near its low",
        -1,
        0,
    ),
    "3inside": ("a long body, a small one inside it, a close beyond the first one's open", -1, 1),
    "3linestrike": ("three bodies of one colour and a fourth that swallows them all", -1, 1),
    "3outside": ("a body that engulfs the one before, and a close further on", -1, 1),
    "3starsinsouth": ("three falls, ever smaller, with ever higher lows, the last without shadows", 0, 1),
    "3whitesoldiers": ("three long rises, each opening in or near the body before and closing near its high", 0, 1),
    "abandonedbaby": ("a doji with a gap on both sides, shadows included, between bodies of opposite colour", -1, 1),
    "advanceblock": ("three rises with shrinking bodies or growing upper shadows", -1, 0),
    "belthold": ("a long body that opens at its extreme", -1, 1),
    "breakaway": ("a long body, a gap, two more of its colour and a body of the other colour back into the gap", -1, 1),
    "closingmarubozu": ("a long body that closes at its extreme", -1, 1),
    "concealbabyswall": (
        "four falls: two without shadows, one that gaps and reaches back, one that swallows it",
        0,
        1,
    ),
    "counterattack": ("two long bodies of opposite colour with equal closes", -1, 1),
    "darkcloudcover": ("a long rise, then an open above its high and a close deep inside its body", -1, 0),
    "doji": ("open and close about equal", 0, 1),
    "dojistar": ("a long body, then a doji that gaps from it in its direction", -1, 1),
    "dragonflydoji": ("a doji without upper shadow and with a lower one", 0, 1),
    "engulfing": ("a body that covers the one before, of the opposite colour", -1, 1),
    "eveningdojistar": ("a long rise, a doji that gaps above it, a fall deep into the first body", -1, 0),
    "eveningstar": ("a long rise, a small body that gaps above it, a fall deep into the first body", -1, 0),
    "gapsidesidewhite": ("two rises side by side, alike in size and open, that gap from the bar before", -1, 1),
    "gravestonedoji": ("a doji without lower shadow and with an upper one", 0, 1),
    "hammer": ("a small body and a long lower shadow near the low of the bar before", 0, 1),
    "hangingman": ("a small body and a long lower shadow near the high of the bar before", -1, 0),
    "harami": ("a small body inside the long one before", -1, 1),
    "haramicross": ("a doji inside the long body before", -1, 1),
    "highwave": ("a small body with very long shadows on both sides; its sign is its colour", -1, 1),
    "hikkake": ("an inside bar and a breakout, signed against it, or the close that confirms within three bars", -1, 1),
    "hikkakemod": ("a hikkake of two nested inside bars, the first with its close near its extreme", -1, 1),
    "homingpigeon": ("a long fall and a small fall inside it", 0, 1),
    "identical3crows": ("three falls that each open at the close before and close near their low", -1, 0),
    "inneck": ("a long fall, then a rise from below its low to just above its close", -1, 0),
    "invertedhammer": ("a small body with a long upper shadow that gaps under the bar before", 0, 1),
    "kicking": ("two long bodies without shadows, of opposite colour, a gap between them", -1, 1),
    "kickingbylength": ("the same, with the sign of the longer body", -1, 1),
    "ladderbottom": ("three falling steps, a fall with an upper shadow, a rise that opens above its body", 0, 1),
    "longleggeddoji": ("a doji with a long shadow", 0, 1),
    "longline": ("a long body with short shadows", -1, 1),
    "marubozu": ("a long body without shadows", -1, 1),
    "matchinglow": ("two falls with equal closes", 0, 1),
    "mathold": ("a long rise, a gap, a short pull-back that holds inside it, a new high", 0, 1),
    "morningdojistar": ("a long fall, a doji that gaps under it, a rise deep into the first body", 0, 1),
    "morningstar": ("a long fall, a small body that gaps under it, a rise deep into the first body", 0, 1),
    "onneck": ("a long fall, then a rise from below its low to that low", -1, 0),
    "piercing": ("a long fall, then an open below its low and a close above the middle of its body", 0, 1),
    "rickshawman": ("a doji in the middle of a bar with long shadows", 0, 1),
    "risefall3methods": ("a long body, three small ones against it inside its range, a long one onwards", -1, 1),
    "separatinglines": ("two bodies of opposite colour with equal opens, the second without a shadow there", -1, 1),
    "shootingstar": ("a small body with a long upper shadow that gaps above the bar before", -1, 0),
    "shortline": ("a short body with short shadows; its sign is its colour", -1, 1),
    "spinningtop": ("a small body with shadows longer than itself; its sign is its colour", -1, 1),
    "stalledpattern": ("two long rises and a small one that sits on the shoulder of the second", -1, 0),
    "sticksandwich": ("a rise between two falls with equal closes", 0, 1),
    "takuri": ("a dragonfly doji with a very long lower shadow", 0, 1),
    "tasukigap": ("a gap, then a body of the other colour that does not close it", -1, 1),
    "thrusting": ("a long fall, then a rise from below its low that ends under the middle of its body", -1, 0),
    "tristar": ("three dojis, the middle one with a gap from the first and the third back from it", -1, 1),
    "unique3river": ("a long fall, a fall inside its body with a new low, a small rise under that close", 0, 1),
    "upsidegap2crows": ("a long rise, two falls that gap above it, the second engulfing the first", -1, 0),
    "xsidegap3methods": ("two bodies of one colour with a gap between, and a third that closes the gap", -1, 1),
}

RARE = (
    *("2crows", "3starsinsouth", "abandonedbaby", "breakaway", "concealbabyswall", "counterattack"),
    *("kicking", "kickingbylength", "mathold", "upsidegap2crows"),
)
UNDECIDED = (
    *("doji", "dragonflydoji", "gravestonedoji", "highwave", "longleggeddoji", "rickshawman"),
    *("shortline", "spinningtop", "takuri"),
)
"""Patterns of one bar that TA-Lib signs by their colour or always with +, and calls neither bullish nor bearish."""

PATTERNS = tuple(name for name in _SHAPES if name not in RARE)

_FUNCTIONS = tuple(getattr(talib, f"CDL{name.upper()}") for name in _SHAPES)
_AMONG_RARE, _AMONG_UNDECIDED = (np.isin(list(_SHAPES), names) for names in (RARE, UNDECIDED))

CATALOGUE: Catalogue = {
    **{
        name: Described(f"{shape[0].upper()}{shape[1:]}", f"TA-Lib CDL{name.upper()}", "−1, 0 or 1", least, most)
        for name, (shape, least, most) in _SHAPES.items()
        if name in PATTERNS
    },
    "rare_pattern": Described(
        f"More bullish than bearish ones, or fewer, of: {', '.join(RARE)}",
        ", ".join(f"TA-Lib CDL{name.upper()}" for name in RARE),
        "−1, 0 or 1",
        -1.0,
        1.0,
    ),
    **{
        f"{side}_count_5": Described(f"{what} of the last five bars", "own", "patterns", 0.0, 5.0 * most)
        for side, what, most in (
            ("bullish", "Bullish patterns, the undecided ones left out,", len(_SHAPES) - len(UNDECIDED)),
            ("bearish", "Bearish patterns, the undecided ones left out,", len(_SHAPES) - len(UNDECIDED)),
            ("undecided", f"Undecided patterns ({', '.join(UNDECIDED)})", len(UNDECIDED)),
        )
    },
}


def compute(bars: Bars) -> Columns:
    """Return the pattern columns and the counts over the last five bars (float64, NaN in warm-up)."""
    prices = tuple(whole(price) for price in (bars.open, bars.high, bars.low, bars.close))
    signs = np.sign([pattern(*prices) for pattern in _FUNCTIONS])
    columns = {name: sign for name, sign in zip(_SHAPES, signs * 1.0, strict=True) if name not in RARE}
    columns["rare_pattern"] = np.sign(signs[_AMONG_RARE].sum(axis=0)) * 1.0
    decided, undecided = signs[~_AMONG_UNDECIDED], signs[_AMONG_UNDECIDED]
    for name, found in (("bullish", decided > 0), ("bearish", decided < 0), ("undecided", undecided != 0)):
        columns[f"{name}_count_5"] = window_sum(found.sum(axis=0) * 1.0, 5)
    return columns
