"""The catalogue describes every column once, and what it says of ranges and of scale is so on markets of all kinds."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_store import GROUPS, lookback
from feature_store.catalogue import bare_columns, catalogue, described, entries_of, markdown, matches
from feature_store.compute import by_ts, table
from feature_store.described import Catalogue, Described
from market.errors import UsageError
from market.simulated import simulate
from market.timeframe import TIMEFRAMES
from tests.markets import random_bars

QUARTER_HOUR = TIMEFRAMES["15T"]
HOUSE = tuple(GROUPS)
PRICES = ["open", "high", "low", "close"]
ROWS = 2600
PAGE = Path("docs/features.md")
every_group = pytest.mark.parametrize("group", HOUSE)


def quiet(bars: pd.DataFrame) -> pd.DataFrame:
    """A market that stands still, falls asleep for long or has no trades."""
    flat = bars.copy()
    flat[PRICES] = 1234.5
    return flat


def leaping(bars: pd.DataFrame) -> pd.DataFrame:
    """Prices that double and halve between bars, and bars that reach to three times their height."""
    random = np.random.default_rng(3)
    leaps = np.where(random.random(len(bars)) < 0.02, random.choice([-1.0, 1.0], len(bars)), 0.0)
    wild = bars.copy()
    wild[PRICES] = (wild[PRICES].mul(2.0 ** np.clip(np.cumsum(leaps), -8, 8), axis=0)).round(2)
    wild["high"] = (wild["high"] * np.where(random.random(len(bars)) < 0.01, 3.0, 1.0)).round(2)
    return wild


def climbing(bars: pd.DataFrame) -> pd.DataFrame:
    """Nothing but equal rises, with shadows of nothing; then nothing but falls."""
    steps = np.where(np.arange(len(bars)) < len(bars) * 15 // 16, 1.0, -1.0)
    close = 5000.0 + np.cumsum(steps)
    open_ = close - steps
    extremes = {"high": np.maximum(open_, close), "low": np.minimum(open_, close)}
    return bars.assign(open=open_, close=close, **extremes)


def waking(bars: pd.DataFrame) -> pd.DataFrame:
    """A long sleep, and now and then one bar that moves."""
    moves = np.where(np.arange(len(bars)) % 250 == 0, 25.0, 0.0) * np.resize([1.0, 1.0, -1.0], len(bars))
    close = 3000.0 + np.cumsum(moves)
    open_ = close - moves
    extremes = {"high": np.maximum(open_, close), "low": np.minimum(open_, close)}
    return bars.assign(open=open_, close=close, volume=np.abs(moves), **extremes)


@cache
def market(name: str) -> pd.DataFrame:
    plain = random_bars(11, ROWS)
    random = np.random.default_rng(5)
    bursts = np.where(random.random(ROWS) < 0.01, 1e9, random.integers(0, 3, ROWS) * 1.0)
    return {
        "random": lambda: plain,
        "simulated": lambda: simulate("XAUUSD", "15T", "2024-01-02", "2024-02-20").iloc[:ROWS],
        "flat": lambda: quiet(plain),
        "dead": lambda: quiet(plain).assign(volume=0.0, spread=0.0),
        "without_volume": lambda: plain.assign(volume=0.0),
        "bursts_of_volume": lambda: plain.assign(volume=bursts),
        "leaping": lambda: leaping(plain),
        "climbing": lambda: climbing(plain),
        "waking": lambda: waking(plain),
    }[name]()


MARKETS = (
    *("random", "simulated", "flat", "dead", "without_volume", "bursts_of_volume", "leaping", "climbing", "waking"),
)


def features(group: str, bars: pd.DataFrame) -> pd.DataFrame:
    """The group's columns without their warm-up, beside a companion with other stamps in part."""
    companion = by_ts(random_bars(12, ROWS).iloc[::2])
    found = table(by_ts(bars), group, QUARTER_HOUR, {"DXY": companion})
    return found.iloc[lookback([group], QUARTER_HOUR) - 1 :]


def faults(entries: Catalogue, columns: list[str]) -> dict[str, list[str]]:
    """Columns with no key or with two, and keys without a column."""
    keys = {column: matches(entries, column) for column in columns}
    used = {key for found in keys.values() for key in found}
    wrong = {column: found for column, found in keys.items() if len(found) != 1}
    return wrong | {key: [] for key in entries if key not in used}


def outside(values: pd.DataFrame, entries: dict[str, Described]) -> list[str]:
    """The columns with a value, as it is stored, that leaves its range."""
    stored = values.to_numpy(np.float32)
    least, most = (np.float32([getattr(entries[column], end) for column in values]) for end in ("least", "most"))
    return [column for column, bad in zip(values, ((stored < least) | (stored > most)).any(axis=0), strict=True) if bad]


def moved(before: pd.DataFrame, after: pd.DataFrame) -> set[str]:
    """The columns that differ by more than a millionth of their deviation."""
    difference = (after - before).abs().max()
    return set(difference.index[difference > 1e-6 * before.std()])


def entries_for(columns: pd.DataFrame) -> dict[str, Described]:
    return {column: described(column) for column in columns}


@every_group
def test_every_column_is_described_once_and_no_description_is_without_a_column(group):
    assert entries_of(group), f"the group {group} has no CATALOGUE"
    assert faults(entries_of(group), bare_columns(group, QUARTER_HOUR)) == {}


@pytest.mark.parametrize("timeframe", TIMEFRAMES.values(), ids=TIMEFRAMES)
def test_every_column_of_every_timeframe_is_described(timeframe):
    listed = catalogue(timeframe)
    columns = [f"{group}__{name}" for group in HOUSE for name in bare_columns(group, timeframe)]
    assert list(listed["name"]) == columns
    assert not listed["meaning"].str.contains(r"[{}]").any()


def test_what_lacks_a_description_has_two_or_describes_nothing_is_found():
    entry = Described("", "", "", 0.0, 1.0)
    entries = {"return_{n}": entry, "return_5": entry, "gone": entry, "{coarse}_rsi_{n}": entry}
    found = faults(entries, ["return_1", "return_5", "new", "4H_rsi_20", "D_rsi_20", "2H_rsi_20"])
    assert found == {"return_5": ["return_{n}", "return_5"], "new": [], "gone": [], "2H_rsi_20": []}


@every_group
def test_a_description_says_all_it_must(group):
    for key, entry in entries_of(group).items():
        assert entry.meaning and entry.source and entry.unit, key
        assert entry.least < entry.most, key


@every_group
@pytest.mark.parametrize("name", MARKETS)
def test_no_value_leaves_its_range(group, name):
    found = features(group, market(name))
    assert len(found) >= 400
    assert outside(found, entries_for(found)) == []


def test_a_range_that_a_value_leaves_is_found():
    values = pd.DataFrame({"share": [0.2, 0.9], "rounded": [0.0, 1.0 + 1e-12], "beyond": [0.0, 1.001]})
    assert outside(values, dict.fromkeys(values, Described("", "", "", 0.0, 1.0))) == ["beyond"]
    assert outside(-values, dict.fromkeys(values, Described("", "", "", -1.0, 1.0))) == ["beyond"]


@every_group
@pytest.mark.parametrize("name", ["random", "simulated"])
def test_what_is_called_free_of_scale_is_and_nothing_else(group, name):
    bars = market(name)
    tenfold = bars.assign(**{column: (bars[column] * 10.0).round(8) for column in (*PRICES, "spread")})
    before, after = features(group, bars), features(group, tenfold)
    assert moved(before, after) == {column for column, entry in entries_for(before).items() if not entry.scale_free}


def test_a_level_of_prices_is_found_to_move_with_their_scale():
    bars = market("random")
    before = pd.DataFrame({"level": bars["close"], "return": bars["close"].pct_change(), "still": 0.0})
    after = pd.DataFrame({"level": bars["close"] * 10, "return": (bars["close"] * 10).pct_change(), "still": 0.0})
    assert moved(before, after) == {"level"}
    assert moved(before[["still"]], after[["still"]] + 1e-12) == {"still"}


def test_a_description_is_found_by_the_full_name():
    assert described("momentum__rsi_7").meaning.startswith("RSI of 7 bars")
    assert described("candlestick__engulfing").least == -1.0


@pytest.mark.parametrize("name", ["momentum__rsi_fourteen", "momentun__rsi_14", "rsi_14", ""])
def test_an_unknown_name_is_told_with_the_nearest(name):
    with pytest.raises(UsageError, match=r"No feature .* is described: docs/features.md lists them\."):
        described(name)
    with pytest.raises(UsageError, match=r"Did you mean momentum__rsi_14\?"):
        described("momentum__rsi14")


def test_the_page_says_what_the_code_says():
    assert PAGE.read_text() == markdown(), "docs/features.md is not of this code: make docs"
