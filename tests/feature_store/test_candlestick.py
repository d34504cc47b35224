"""Candlestick columns are TA-Lib's, and some of them are what plain words say."""

import numpy as np
import pandas as pd
import pytest
import talib

from feature_store.arrays import Bars, whole
from feature_store.groups import candlestick
from tests.markets import random_bars
from tests.oracles import candles

ALL = {name.removeprefix("CDL").lower() for name in talib.get_function_groups()["Pattern Recognition"]}
PRICES = ["open", "high", "low", "close"]


def in_ticks(bars: pd.DataFrame) -> pd.DataFrame:
    """Whole-number prices, on which TA-Lib rounds nothing."""
    return bars.assign(**{name: np.rint(bars[name] * 100.0) for name in PRICES})


def plain(name: str, bars: pd.DataFrame) -> np.ndarray:
    return np.sign(getattr(talib, f"CDL{name.upper()}")(*(bars[price].to_numpy() for price in PRICES)))


@pytest.fixture(params=["generated", "random"])
def market(request, bars) -> pd.DataFrame:
    return in_ticks(bars if request.param == "generated" else random_bars(4, 4000))


def test_every_pattern_of_talib_enters_once():
    assert len(ALL) == 61
    assert sorted((*candlestick.PATTERNS, *candlestick.RARE)) == sorted(ALL)
    assert set(candlestick.UNDECIDED) < set(candlestick.PATTERNS)


def test_columns_are_talib_called_plainly_on_whole_prices(market):
    found = candlestick.compute(Bars.of(market))
    for name in candlestick.PATTERNS:
        np.testing.assert_array_equal(found[name], plain(name, market), err_msg=name)
    rare = np.sign(sum(plain(name, market) for name in candlestick.RARE))
    np.testing.assert_array_equal(found["rare_pattern"], rare)


def test_rare_patterns_are_seen(bars):
    assert np.abs(candlestick.compute(Bars.of(bars))["rare_pattern"]).sum() >= 3


def test_counts_are_those_of_the_last_five_bars(market):
    found = candlestick.compute(Bars.of(market))
    signals = pd.DataFrame({name: plain(name, market) for name in ALL})
    decided, undecided = signals.drop(columns=list(candlestick.UNDECIDED)), signals[list(candlestick.UNDECIDED)]
    for name, seen in (("bullish", decided > 0), ("bearish", decided < 0), ("undecided", undecided != 0)):
        expected = seen.sum(axis=1).rolling(5).sum()
        np.testing.assert_array_equal(found[f"{name}_count_5"][4:], expected.to_numpy()[4:])


@pytest.mark.parametrize("name", candles.PATTERNS)
def test_a_pattern_is_what_its_words_say(name, market):
    rows = [tuple(map(int, row)) for row in market[PRICES].to_numpy()]
    found = candlestick.compute(Bars.of(market))[name]
    words = [candles.PATTERNS[name](rows, at) for at in range(20, len(rows))]
    assert any(words)
    np.testing.assert_array_equal(found[20:], words)


def test_ties_on_the_price_grid_are_not_settled_by_binary_fractions(bars):
    """The broken twin: TA-Lib on prices as they are calls some bars otherwise when prices are ten times as high."""
    tenfold = bars.assign(**{name: (bars[name] * 10.0).round(8) for name in PRICES})
    assert any((plain(name, bars) != plain(name, tenfold)).any() for name in candlestick.PATTERNS)
    before, after = (candlestick.compute(Bars.of(some)) for some in (bars, tenfold))
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])
    assert (whole(bars["close"].to_numpy()) % 1.0 == 0.0).all()
