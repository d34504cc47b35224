"""Worlds without an edge are bars like others, keep what they say they keep, and hold nothing to be foretold."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import profile, suspicions, tables, worlds
from market.atr import atr
from market.errors import DataError
from market.instruments import instrument
from market.simulated import simulate
from market.timeframe import parse
from tests.markets import random_bars

GOLD = instrument("XAUUSD")
YEAR = ("XAUUSD", "15T", "2023-01-02", "2024-01-02")
PRICES = ["open", "high", "low", "close"]
SPLIT = pd.Timestamp("2023-09-01", tz="UTC")


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    return simulate("XAUUSD", "15T", "2019-01-02", "2021-01-02")


@pytest.fixture(scope="module")
def made(source) -> dict[str, pd.DataFrame]:
    walk = worlds.random_walk(*YEAR, seed=1000)
    return {
        "random walk": walk,
        "GARCH": worlds.garch(*YEAR, seed=1000),
        "sign-flipped": worlds.sign_flipped(source, GOLD.costs.tick_size, seed=1000),
        "resampled": worlds.resampled(source, walk.index, SPLIT, GOLD.costs, seed=1000),
    }


FAMILIES = pytest.mark.parametrize("family", ["random walk", "GARCH", "sign-flipped", "resampled"])


def ticks(bars: pd.DataFrame) -> np.ndarray:
    return np.rint(bars[PRICES].to_numpy() / GOLD.costs.tick_size).astype(np.int64)


def returns(bars: pd.DataFrame) -> np.ndarray:
    """Return in-bar returns in units of their hour's size."""
    raw = np.log(bars["close"] / bars["open"])
    return (raw / raw.groupby(bars.index.tz_convert("America/New_York").hour).transform("std")).to_numpy()


def autocorrelation(values: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


@FAMILIES
def test_a_world_is_bars_as_they_are_stored_on_the_tick_grid(made, family):
    bars = made[family]
    tables.check(bars, tables.BARS, family)
    prices = bars[PRICES].to_numpy()
    assert (prices == np.round(prices, 2)).all()
    assert (bars["spread"] >= GOLD.costs.spread_floor).all()
    assert (bars["volume"] >= 1).all()


@FAMILIES
def test_nothing_about_a_world_is_an_error_to_whoever_validates_it(made, family):
    bars = made[family].assign(spread_recorded=made[family]["spread"])
    found = suspicions.check(profile.of(bars, parse("15T")), parse("15T"), GOLD, family)
    assert found[found["severity"] == "error"].empty, found


@FAMILIES
def test_the_last_return_says_nothing_of_the_next(made, family):
    moved = returns(made[family])
    for lag in (1, 2, 3, 10):
        assert abs(autocorrelation(np.sign(moved), lag)) < 4 / np.sqrt(len(moved))


def test_a_random_walk_is_gaussian_and_calm_and_garch_is_neither(made):
    walk, garch = pd.Series(returns(made["random walk"])), pd.Series(returns(made["GARCH"]))
    assert abs(walk.kurtosis()) < 0.2 and abs(autocorrelation(np.abs(walk.to_numpy()), 1)) < 0.03
    assert garch.kurtosis() > 2.0 and autocorrelation(np.abs(garch.to_numpy()), 1) > 0.1


def test_garch_variances_are_those_of_the_recursion():
    surprise = np.array([0.0, 2.0, -1.0, 0.5])
    expected, h = [], 1.0
    for e in surprise:
        expected.append(h)
        h = 0.02 + 0.08 * e * e * h + 0.90 * h
    np.testing.assert_allclose(worlds._variances(surprise), expected, rtol=1e-12)


def flipped_but_wicks(bars: pd.DataFrame, tick: float, seed: int) -> pd.DataFrame:
    """Return what forgets to swap the wicks: opens and closes turn, wicks stay above and below as they were."""
    right = worlds.sign_flipped(bars, tick, seed)
    old, new = bars[["open", "close"]], right[["open", "close"]]
    above, below = bars["high"] - old.max(axis=1), old.min(axis=1) - bars["low"]
    return right.assign(high=new.max(axis=1) + above, low=new.min(axis=1) - below)


def keeps_sizes(bars: pd.DataFrame, flipped: pd.DataFrame) -> bool:
    old, new = ticks(bars), ticks(flipped)
    same_moves = (np.abs(np.diff(old[:, 3])) == np.abs(np.diff(new[:, 3]))).all()
    same_ranges = (old[:, 1] - old[:, 2] == new[:, 1] - new[:, 2]).all()
    same_gaps = (np.abs(old[1:, 0] - old[:-1, 3]) == np.abs(new[1:, 0] - new[:-1, 3])).all()
    same_true_ranges = (true_ranges(old) == true_ranges(new)).all()
    return bool(same_moves and same_ranges and same_gaps and same_true_ranges and mirrored_or_not(old, new).all())


def mirrored_or_not(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return which bars stand to the close before them as they did, or as their mirror images would."""
    was, stands = old[1:] - old[:-1, [3]], new[1:] - new[:-1, [3]]
    mirror = np.column_stack([-was[:, 0], -was[:, 2], -was[:, 1], -was[:, 3]])
    return (stands == was).all(axis=1) | (stands == mirror).all(axis=1)


def true_ranges(prices: np.ndarray) -> np.ndarray:
    return np.maximum(prices[1:, 1], prices[:-1, 3]) - np.minimum(prices[1:, 2], prices[:-1, 3])


@given(market=st.integers(0, 10_000), seed=st.integers(0, 10_000))
def test_flipped_bars_keep_every_size_to_the_tick_and_a_twin_that_forgets_wicks_is_caught(market, seed):
    bars = random_bars(market, 200)
    flipped = worlds.sign_flipped(bars, 0.01, seed)
    assert keeps_sizes(bars, flipped)
    assert (flipped["low"] > 0).all()
    assert flipped["volume"].equals(bars["volume"]) and flipped["spread"].equals(bars["spread"])
    assert not keeps_sizes(bars, flipped_but_wicks(bars, 0.01, seed))


def test_a_flipped_market_has_the_same_atr(source):
    flipped = worlds.sign_flipped(source, GOLD.costs.tick_size, seed=3)
    np.testing.assert_allclose(atr(flipped), atr(source), rtol=1e-9)


def test_a_market_that_only_rises_has_no_direction_once_flipped():
    bars = random_bars(1, 400)
    rising = bars.assign(open=np.arange(400.0) + 100, close=np.arange(400.0) + 101)
    rising = rising.assign(high=rising["close"] + 0.5, low=rising["open"] - 0.25)
    up = [np.mean(np.diff(worlds.sign_flipped(rising, 0.01, seed)["close"]) > 0) for seed in range(40)]
    assert abs(np.mean(up) - 0.5) < 4 * 0.5 / np.sqrt(40 * 399)


@given(rows=st.integers(200, 5_000), share=st.floats(0.0, 1.0), count=st.integers(1, 3_000), seed=st.integers(0, 99))
def test_what_trains_and_what_is_judged_come_from_different_halves(rows, share, count, seed):
    early = int(share * count)
    drawn = worlds.drawn_rows(rows, early, count, seed)
    assert len(drawn) == count
    assert (drawn[:early] < rows // 2).all() and (drawn[:early] >= 0).all()
    assert (drawn[early:] >= rows // 2).all() and (drawn[early:] < rows).all()


def test_blocks_have_the_length_that_was_asked_for_and_begin_anywhere():
    drawn = worlds.drawn_rows(100_000, 0, 400_000, seed=5)
    joins = np.diff(drawn) != 1
    assert abs(1 / joins.mean() - 48) < 2
    begins = drawn[1:][joins]
    assert abs(begins.mean() - 75_000) < 4 * 25_000 / np.sqrt(3 * len(begins))


def test_a_resampled_bar_is_a_bar_of_its_half(source, made):
    bars = made["resampled"]
    early = int(bars.index.searchsorted(SPLIT, side="right"))
    drawn = worlds.drawn_rows(len(source), early, len(bars), seed=1000)
    kept = source.iloc[drawn]
    assert (kept["volume"].to_numpy() == bars["volume"].to_numpy()).all()
    shape = np.log(kept["high"] / kept["low"]).to_numpy()
    tick = 2 * GOLD.costs.tick_size / bars["low"].to_numpy()
    assert (np.abs(np.log(bars["high"] / bars["low"]).to_numpy() - shape) < tick).all()


def test_a_trend_of_the_source_is_gone():
    source = simulate("XAUUSD", "15T", "2019-01-02", "2019-04-02")
    drift = np.exp(np.arange(len(source)) * 1e-4)
    rising = source.assign(**{name: source[name] * drift for name in PRICES})
    made = worlds.resampled(rising, source.index, source.index[len(source) // 2], GOLD.costs, seed=2)
    moved = np.diff(np.log(made["close"]))
    assert abs(moved.mean()) < 4 * moved.std() / np.sqrt(len(moved)) < 1e-4


def test_too_few_bars_for_blocks_are_refused():
    bars = random_bars(1, 150)
    with pytest.raises(DataError, match="150 bars are too few"):
        worlds.resampled(bars, bars.index, bars.index[70], GOLD.costs, seed=1)


def test_a_seed_makes_the_same_world_again_and_another_seed_another(source):
    makers = {
        "random walk": lambda seed: worlds.random_walk("XAUUSD", "15T", "2023-01-02", "2023-02-02", seed),
        "GARCH": lambda seed: worlds.garch("XAUUSD", "15T", "2023-01-02", "2023-02-02", seed),
        "sign-flipped": lambda seed: worlds.sign_flipped(source.iloc[:2000], 0.01, seed),
        "resampled": lambda seed: worlds.resampled(source, source.index[:2000], SPLIT, GOLD.costs, seed),
    }
    for make in makers.values():
        pd.testing.assert_frame_equal(make(1000), make(1000))
        assert not make(1000)["close"].equals(make(1001)["close"])
