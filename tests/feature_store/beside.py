"""Bars of other symbols for features to compare with: awkward in every way in which another market can be."""

import numpy as np
import pandas as pd

from feature_store import GROUPS

Companions = dict[str, pd.DataFrame]


def companions(bars: pd.DataFrame, seed: int = 3) -> Companions:
    """Return bars that move partly with `bars`: on other stamps, with bars missing, a late start and a long hole."""
    return {"XAGUSD": _mirror(bars, seed, 0.6, 25.0), "DXY": _torn(_mirror(bars, seed + 1, -0.3, 104.0), seed)}


def beside(name: str, bars: pd.DataFrame) -> Companions:
    """Return companions of `bars` for a group that needs them, and none for any other."""
    return companions(bars) if getattr(GROUPS[name], "NEEDS_COMPANIONS", False) else {}


def _mirror(bars: pd.DataFrame, seed: int, slope: float, price: float) -> pd.DataFrame:
    """Return bars on the stamps of `bars`, each hundredth of them missing, whose moves follow theirs with noise."""
    random = np.random.default_rng(seed)
    moves = slope * np.log(bars["close"]).diff().fillna(0.0) + 3e-4 * random.normal(size=len(bars))
    close = (price * np.exp(moves.cumsum())).round(4)
    open_ = close.shift(1).fillna(price)
    columns = {
        "open": open_,
        "high": np.maximum(open_, close) + 0.001,
        "low": np.minimum(open_, close) - 0.001,
        "close": close,
        "volume": 1.0,
        "spread": 0.003,
    }
    return pd.DataFrame(columns, index=bars.index)[random.random(len(bars)) > 0.01]


def _torn(bars: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return bars that begin late, have a hole of some weeks and stretches of a dozen bars missing."""
    kept = np.ones(len(bars), dtype=bool)
    kept[: len(bars) // 20] = False
    kept[len(bars) // 3 :][:700] = False
    for start in np.random.default_rng(seed).integers(0, len(bars), size=len(bars) // 150):
        kept[start : start + 12] = False
    return bars[kept]
