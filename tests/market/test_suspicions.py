"""What a long look at bars reveals is found wherever it was planted, and nothing is found in clean bars."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import profile, suspicions
from market.instruments import instrument
from market.simulated import simulate
from market.timeframe import TIMEFRAMES, parse
from market.validation import PRICES
from tests.market.made_bars import REAL

SPANS = {"1T": 12, "5T": 40, "15T": 120, "1H": 400, "4H": 1_600}  # days
FILES = sorted((REAL / "bars").rglob("*.parquet"))
PLACES = st.floats(0.15, 0.8)
FRAMES = st.sampled_from(list(SPANS))

planted = settings(deadline=None, max_examples=12)


def clean(seed: int = 0, frame: str = "15T", symbol: str = "XAUUSD", days: int | None = None) -> pd.DataFrame:
    start = pd.Timestamp("2023-01-02")
    bars = simulate(symbol, frame, start, start + pd.Timedelta(days=days or SPANS[frame]), seed=seed)
    return bars.assign(spread_recorded=bars["spread"])


def found(bars: pd.DataFrame, frame: str = "15T", symbol: str = "XAUUSD") -> dict[str, tuple[str, str]]:
    table = suspicions.check(profile.of(bars, parse(frame)), parse(frame), instrument(symbol), "bars.csv")
    assert (table["row"] == 0).all()
    assert (table["file"] == "bars.csv").all()
    assert not table["problem"].duplicated().any() or set(table["problem"]) == {"volume changes its unit"}
    return {one.problem: (one.severity, one.found) for one in table.itertuples()}


def priced(bars: pd.DataFrame, close: np.ndarray) -> pd.DataFrame:
    """Return bars with other closes; each opens where the last one closed, with wicks of random length."""
    rng = np.random.default_rng(0)
    open_ = np.r_[close[0], close[:-1]]
    wicks = 0.0005 * close * rng.exponential(1, (2, len(close)))
    high, low = np.maximum(open_, close) + wicks[0], np.minimum(open_, close) - wicks[1]
    return bars.assign(open=open_, high=high, low=low, close=close)


def walk(bars: pd.DataFrame, noise: np.ndarray) -> pd.DataFrame:
    return priced(bars, np.round(2_000 * np.exp(0.001 * np.cumsum(noise - noise.mean())), 2))


def part(bars: pd.DataFrame, place: float, size: int) -> slice:
    first = int(place * (len(bars) - size))
    return slice(first, first + size)


def weekdays(bars: pd.DataFrame) -> pd.DatetimeIndex:
    days = bars.index.floor("D").unique()
    return days[days.day_of_week < 5]


@planted
@given(seed=st.integers(0, 10_000), frame=FRAMES, symbol=st.sampled_from(["XAUUSD", "EURUSD", "BTCUSD"]))
def test_clean_bars_raise_no_suspicion(seed, frame, symbol):
    assert found(clean(seed, frame, symbol), frame, symbol) == {}


@pytest.mark.skipif(not FILES, reason="real bars are not there: ../shared/data")
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parts[-3]}/{path.stem}" for path in FILES])
def test_real_bars_raise_no_error_and_hardly_a_warning(path: Path):
    symbol, _, frame = path.stem.rpartition("_")
    bars = pd.read_parquet(path)
    closes = pd.DatetimeIndex(bars["timestamp"]).as_unit("us") + parse(frame).delta
    bars = bars.set_axis(closes.rename("ts")).sort_index()
    bars = bars[~bars.index.duplicated()]
    bars["spread_recorded"] = bars.get("spread", np.nan)
    problems = found(bars, frame, symbol)
    assert set(problems) <= {"long hole"}
    assert all(severity == "warning" for severity, _ in problems.values())


def test_nothing_is_said_of_few_bars():
    bars = clean()
    assert found(priced(bars, np.full(len(bars), 2_000.0)).iloc[:299]) == {}


def test_nothing_is_said_of_no_bars():
    assert found(clean().iloc[:0]) == {}


@planted
@given(
    seed=st.integers(0, 1_000),
    place=PLACES,
    factor=st.sampled_from([100.0, 1_000.0, 1e5]),
    lower=st.booleans(),
    symbol=st.sampled_from(["XAUUSD", "BTCUSD"]),
)
def test_volume_that_changes_its_unit_is_found_at_its_day(seed, place, factor, lower, symbol):
    bars = clean(seed, "1H", symbol, days=100)
    days = weekdays(bars)[1:]
    day = days[int(place * len(days))]
    bars.loc[bars.index >= day, "volume"] *= 1 / factor if lower else factor
    severity, text = found(bars, "1H", symbol)["volume changes its unit"]
    assert severity == "warning"
    assert f"before {day:%Y-%m-%d}" in text


@planted
@given(seed=st.integers(0, 1_000), place=PLACES, factor=st.floats(0.15, 7.0), days=st.integers(1, 4))
def test_other_changes_of_volume_are_news(seed, place, factor, days):
    bars = clean(seed, "1H", days=100)
    lively = part(bars, place, 23 * days)
    bars.iloc[lively, bars.columns.get_loc("volume")] *= 1_000
    bars.loc[bars.index >= bars.index[int(place * len(bars))], "volume"] *= factor
    assert found(bars, "1H") == {}


@planted
@given(seed=st.integers(0, 1_000), place=PLACES, days=st.integers(10, 30))
def test_days_without_volume_are_found(seed, place, days):
    bars = clean(seed)
    gone = weekdays(bars)[part(weekdays(bars), place, days)]
    bars.loc[gone[0] : gone[-1] + pd.Timedelta(days=1), "volume"] = 0.0
    assert f"{gone[0]:%Y-%m-%d}" in found(bars)["volume is missing for days"][1]
    assert found(bars.assign(volume=0.0)) == {}


@planted
@given(seed=st.integers(0, 1_000), place=PLACES, days=st.integers(1, 20), frame=st.sampled_from(["15T", "1H", "4H"]))
def test_four_weekdays_without_a_bar_are_a_long_hole(seed, place, days, frame):
    bars = clean(seed, frame)
    all_days = weekdays(bars)[1:-1]
    gone = all_days[part(all_days, place, days)]
    inside = (bars.index > gone[0]) & (bars.index <= gone[-1] + pd.Timedelta(days=1))
    problems = found(bars[~inside], frame)
    assert set(problems) == ({"long hole"} if days >= 4 else set())
    if days >= 4:
        assert f"{gone[0]:%Y-%m-%d} to {gone[-1]:%Y-%m-%d} ({days} weekdays)" in problems["long hole"][1]


@planted
@given(place=PLACES, hours=st.integers(1, 100))
def test_a_day_without_a_coin_is_a_long_hole(place, hours):
    bars = clean(0, "1H", "BTCUSD")
    gone = part(bars, place, hours)
    problems = found(bars.drop(bars.index[gone]), "1H", "BTCUSD")
    assert set(problems) == ({"long hole"} if hours >= 24 else set())


def test_many_holes_are_one_finding():
    bars = clean(0, "4H")
    week = (bars.index.day_of_year // 7) % 2 == 0
    assert "times more" in found(bars[week], "4H")["long hole"][1]


@planted
@given(seed=st.integers(0, 1_000), share=st.floats(0.1, 0.42), frame=st.sampled_from(["1T", "15T", "1H"]))
def test_a_half_empty_series_is_found(seed, share, frame):
    bars = clean(seed, frame)
    rng = np.random.default_rng(seed)
    assert "series is half empty" in found(bars[rng.random(len(bars)) < share], frame)
    assert "series is half empty" not in found(bars[rng.random(len(bars)) < share + 0.5], frame)


def test_a_series_of_short_hours_is_not_half_empty():
    bars = clean()
    assert found(bars[(bars.index.hour >= 14) & (bars.index.hour < 20)]) == {}


@planted
@given(seed=st.integers(0, 1_000), place=PLACES, days=st.floats(1.1, 6), frame=FRAMES)
def test_a_day_of_one_close_is_found(seed, place, days, frame):
    bars = clean(seed, frame)
    still = part(bars, place, round(days * 1440 / parse(frame).minutes))
    close = bars["close"].to_numpy().copy()
    close[still] = close[still][0]
    bars = bars.assign(close=close, high=np.maximum(bars["high"], close), low=np.minimum(bars["low"], close))
    assert found(bars, frame)["price stands still"][0] == "warning"


@planted
@given(seed=st.integers(0, 1_000), frame=FRAMES, moves=st.floats(0, 0.05))
def test_a_price_that_hardly_ever_moves_is_an_error(seed, frame, moves):
    bars = clean(seed, frame)
    steps = np.random.default_rng(seed).random(len(bars)) < moves
    problems = found(priced(bars, 2_000 + np.cumsum(steps) * 0.01), frame)
    assert problems["price never moves"][0] == "error"
    assert "price stands still" not in problems


@planted
@given(seed=st.integers(0, 1_000), share=st.floats(0.15, 0.6), frame=st.sampled_from(["15T", "1H", "4H"]))
def test_flat_bars_are_found(seed, share, frame):
    bars = clean(seed, frame)
    flat = np.random.default_rng(seed).random(len(bars)) < share
    bars = bars.assign(**{name: np.where(flat, bars["close"], bars[name]) for name in PRICES})
    assert found(bars, frame)["flat bars"][0] == "warning"


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_a_spread_that_never_changes_was_typed(spread):
    assert set(found(clean().assign(spread_recorded=spread))) == {"spread never changes"}


@planted
@given(seed=st.integers(0, 1_000), share=st.floats(0.55, 0.95))
def test_spreads_that_are_mostly_zero_are_found(seed, share):
    bars = clean(seed)
    zero = np.random.default_rng(seed).random(len(bars)) < share
    assert set(found(bars.assign(spread_recorded=bars["spread"].where(~zero, 0.0)))) == {"spread is mostly zero"}
    few = bars["spread"].where(zero | ~zero[::-1], 0.0).where(np.arange(len(bars)) % 3 > 0, np.nan)
    assert "spread never changes" not in found(bars.assign(spread_recorded=few))


@planted
@given(seed=st.integers(0, 1_000), place=PLACES, size=st.integers(14, 200), frame=FRAMES)
def test_interpolated_bars_are_found(seed, place, size, frame):
    bars = clean(seed, frame)
    filled = part(bars, place, size)
    close = bars["close"].to_numpy().copy()
    close[filled] = np.linspace(close[filled][0], close[filled][-1] + 3.21, size)
    problems = found(priced(bars, close), frame)
    assert problems["interpolated bars"][0] == "warning"


@planted
@given(seed=st.integers(0, 1_000), knot=st.integers(5, 60), frame=FRAMES)
def test_a_series_of_straight_lines_is_an_error(seed, knot, frame):
    bars = clean(seed, frame)
    knots = np.arange(len(bars)) % knot == 0
    close = bars["close"].where(knots).interpolate().to_numpy()
    assert found(priced(bars, close), frame)["prices lie on straight lines"][0] == "error"


SHAPES = {
    "one range": lambda bars, top, bottom: {"low": top + 3.0 - 9.0 - (top - bottom).max(), "high": top + 3.0},
    "a range in proportion": lambda bars, top, bottom: {"high": 1.02 * top, "low": 1.02 * top / 1.05},
    "one pair of wicks": lambda bars, top, bottom: {"high": top + 0.5, "low": bottom - 0.4},
    "wicks in proportion": lambda bars, top, bottom: {"high": 1.001 * top, "low": 0.999 * bottom},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("share", "severity"), [(1.0, "error"), (0.6, "warning"), (0.1, None)])
def test_bars_of_one_shape_are_found(shape, share, severity):
    bars = clean()
    made = SHAPES[shape](bars, bars[["open", "close"]].max(axis=1), bars[["open", "close"]].min(axis=1))
    same = np.random.default_rng(0).random(len(bars)) < share
    bars = bars.assign(**{name: values.where(same, bars[name]) for name, values in made.items()})
    assert found(bars).get("bars repeat one shape", (None, ""))[0] == severity


@planted
@given(seed=st.integers(0, 1_000), period=st.floats(30, 500), frame=FRAMES)
def test_waves_are_an_error(seed, period, frame):
    bars = clean(seed, frame)
    wave = 2_000 + 50 * np.sin(2 * np.pi * np.arange(len(bars)) / period + seed)
    assert found(priced(bars, wave), frame)["prices are a wave"][0] == "error"


@planted
@given(seed=st.integers(0, 1_000), length=st.integers(3, 8), frame=FRAMES)
def test_averaged_prices_look_smoothed(seed, length, frame):
    bars = clean(seed, frame)
    smooth = bars["close"].rolling(length).mean().bfill().to_numpy()
    assert found(priced(bars, smooth), frame)["prices look smoothed"][0] == "warning"


@planted
@given(seed=st.integers(0, 1_000), frame=FRAMES)
def test_noise_around_a_level_is_found(seed, frame):
    bars = clean(seed, frame)
    noise = 2_000 + np.random.default_rng(seed).normal(0, 5, len(bars))
    assert found(priced(bars, noise), frame)["prices look like noise around a level"][0] == "warning"


def test_one_bad_leap_does_not_make_a_series_noise():
    bars = clean()
    close = bars["close"].to_numpy().copy()
    close[500] *= 1.5
    assert found(priced(bars, close)) == {}


NOISES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: 1.7 * rng.uniform(-1, 1, n),
    "coins": lambda rng, n: rng.choice([-1.0, 1.0], n),
}


@pytest.mark.parametrize("noise", NOISES)
@planted
@given(seed=st.integers(0, 1_000), frame=FRAMES)
def test_a_random_walk_from_a_generator_is_found(noise, seed, frame):
    bars = clean(seed, frame)
    made = walk(bars, NOISES[noise](np.random.default_rng(seed), len(bars)))
    assert set(found(made, frame)) == {"returns without tails or clusters"}


@planted
@given(seed=st.integers(0, 1_000), frame=st.sampled_from(["5T", "1H"]))
def test_tails_or_clusters_clear_a_series(seed, frame):
    bars = clean(seed, frame)
    rng = np.random.default_rng(seed)
    lively = np.where(np.arange(len(bars)) // 40 % 2, 0.4, 1.3)
    assert found(walk(bars, rng.standard_t(4, len(bars))), frame) == {}
    assert found(walk(bars, lively * rng.normal(size=len(bars))), frame) == {}


def test_every_timeframe_is_tried():
    assert set(SPANS) | {"30T"} == set(TIMEFRAMES)
