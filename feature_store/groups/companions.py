"""Companions: other instruments' bars beside the own ones, as of what had closed by the own close.

A bar of a companion counts from its own close stamp on: a row sees the newest one stamped at or before its own `ts`,
for at most five days, which no weekend with holidays exceeds. Returns are logs between the prices so known at the own
closes, so whatever the two markets' hours are, a row looks at its last 101 own bars and the prices known at them.

Neutral values: where no price of the companion is known at one of these 101 closes (its bars have not begun, or ended
over five days ago), every column of it is 0, and `age_bars` is what it is, at most 20. Columns are 0, too, where
nothing moved. They are named after the symbol in small letters, and sorted by it.
"""

import re
from collections.abc import Collection, Iterable

import numpy as np

from feature_store.arrays import STANDSTILL, Bars, Columns, change, ratio
from feature_store.described import Catalogue, Described
from feature_store.window_moments import window_correlation, window_deviation, window_sum
from feature_store.window_spread import window_spread_score
from market.errors import UsageError

NEEDS_COMPANIONS = True
WINDOW = 100
LOOKBACK = WINDOW + 1
HORIZONS = (1, 5, 20)
OLDEST = 5 * 24 * 3_600_000_000
"""Microseconds for which a companion's bar is known."""

MOST_AGE = 20
"""Own bars to which the age of a companion's bar is counted."""

NAMES = (
    *(f"return_{n}" for n in HORIZONS),
    f"correlation_{WINDOW}",
    f"beta_{WINDOW}",
    f"residual_score_{WINDOW}",
    "lead_1",
    "age_bars",
)

_SOURCE = "own"
CATALOGUE: Catalogue = {
    "{companion}_return_{n}": Described(
        "log return of {0} over {1} bars, in its own deviations over 100 bars times the root of {1}",
        _SOURCE,
        "deviations",
        -np.inf,
        np.inf,
    ),
    "{companion}_correlation_{n}": Described(
        "Pearson's correlation with the returns of {0} over {1} bars", _SOURCE, "1", -1.0, 1.0
    ),
    "{companion}_beta_{n}": Described(
        "slope of own returns on those of {0} over {1} bars", _SOURCE, "1", -np.inf, np.inf
    ),
    "{companion}_residual_score_{n}": Described(
        "log price minus beta times the log price of {0}, in deviations from its mean over {1} bars",
        _SOURCE,
        "deviations",
        -np.sqrt(WINDOW),
        np.sqrt(WINDOW),
    ),
    "{companion}_lead_{n}": Described(
        "beta times the last return of {0} minus the own one, in own deviations: how far the own price lags behind",
        _SOURCE,
        "deviations",
        -np.inf,
        np.inf,
    ),
    "{companion}_age_bars": Described(
        "own bars that have closed since the newest known bar of {0} did", _SOURCE, "bars", 0.0, MOST_AGE
    ),
}


def stem(symbol: str) -> str:
    """Return what the columns of a companion begin with.

    >>> stem("BRK.B")
    'brk_b'
    """
    return re.sub(r"[.-]", "_", symbol.lower())


def needed(features: Iterable[str], symbols: Collection[str]) -> tuple[str, ...]:
    """Return those of `symbols` whose columns are among `features`, sorted.

    >>> needed(["companions__dxy_beta_100", "momentum__rsi_14"], ["US500", "DXY"])
    ('DXY',)
    """
    asked = set(features)
    named = {symbol: {f"companions__{stem(symbol)}_{name}" for name in NAMES} for symbol in sorted(symbols)}
    return tuple(symbol for symbol, columns in named.items() if columns & asked)


def compute(bars: Bars) -> Columns:
    """Return the columns of every companion at each bar (float64, NaN in warm-up)."""
    columns: Columns = {}
    if len({stem(symbol) for symbol in bars.companions}) < len(bars.companions):
        raise UsageError(f"Companions {', '.join(sorted(bars.companions))}: two of them differ in . and - alone.")
    for symbol in sorted(bars.companions):
        columns |= {f"{stem(symbol)}_{name}": values for name, values in _beside(bars, bars.companions[symbol])}
    return columns


def _beside(bars: Bars, companion: Bars) -> list[tuple[str, np.ndarray]]:
    """Return the columns that compare the bars with one companion's, in the order of `NAMES`."""
    price, age = as_known(bars.ts, companion)
    level, own_level = np.log(price), np.log(bars.close)
    returns, own = change(level), bars.returns
    deviation, own_deviation = window_deviation(returns, WINDOW), window_deviation(own, WINDOW)
    correlation = window_correlation(own, returns, WINDOW)
    beta = correlation * ratio(own_deviation, deviation)
    columns = [
        *(ratio(change(level, n), deviation) / np.sqrt(n) for n in HORIZONS),
        correlation,
        beta,
        window_spread_score(own_level, level, beta, WINDOW, STANDSTILL),
        ratio(beta * returns - own, own_deviation),
    ]
    lost = window_sum(np.isnan(price) * 1.0, LOOKBACK) > 0.0
    return list(zip(NAMES, [*(np.where(lost, 0.0, column) for column in columns), age], strict=True))


def as_known(ts: np.ndarray, companion: Bars) -> tuple[np.ndarray, np.ndarray]:
    """Return the companion's price known at each own close (NaN: none), and the own bars closed since its bar did."""
    if not len(companion):
        return np.full(len(ts), np.nan), np.full(len(ts), float(MOST_AGE))
    newest = np.searchsorted(companion.ts, ts, side="right") - 1
    stamp = companion.ts[np.maximum(newest, 0)]
    known = (newest >= 0) & (ts - stamp <= OLDEST)
    age = np.minimum(np.arange(len(ts)) - np.searchsorted(ts, stamp), MOST_AGE).astype(np.float64)
    price = np.where(known, companion.close[np.maximum(newest, 0)], np.nan)
    return price, np.where(known, age, float(MOST_AGE))
