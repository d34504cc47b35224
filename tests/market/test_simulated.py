"""The simulated market has gold's shape, keeps its hours, and has an edge only where one is planted."""

import time

import numpy as np
import pandas as pd
import pytest

from market import sessions, timeframe
from market.errors import UsageError
from market.simulated import SIGNAL_HALF_LIFE, hidden_signal, simulate

YEARS = {"start": "2019-01-02", "end": "2025-10-31"}
YEAR = {"start": "2023-01-02", "end": "2024-01-01"}
MONTH = {"start": "2023-01-02", "end": "2023-02-01"}


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return simulate(**YEARS)


def returns(bars: pd.DataFrame) -> np.ndarray:
    """Return in-bar log returns in units of their hour's and their neighbourhood's size; bar 0's is the first."""
    raw = np.log(bars["close"] / bars["open"])
    by_hour = raw / raw.groupby(bars.index.hour).transform("std")
    level = by_hour.ewm(halflife=50).std().shift()
    return (by_hour / level).fillna(0.0).to_numpy()


def correlation(left: np.ndarray, right: np.ndarray) -> float:
    return float(np.corrcoef(left, right)[0, 1])


def autocorrelation(values: np.ndarray, lag: int) -> float:
    return correlation(values[:-lag], values[lag:])


def test_bars_are_bars(bars: pd.DataFrame) -> None:
    assert list(bars.columns) == ["open", "high", "low", "close", "volume", "spread"]
    assert (bars.dtypes == "float64").all()
    assert str(bars.index.dtype) == "datetime64[us, UTC]" and bars.index.name == "ts"
    assert bars.index.is_monotonic_increasing and bars.index.is_unique
    assert np.isfinite(bars.to_numpy()).all()
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] > 0).all() and (bars["volume"] >= 1).all() and (bars["spread"] >= 0.25).all()


def test_prices_stand_on_the_tick_grid_as_decimals(bars: pd.DataFrame) -> None:
    prices = bars[["open", "high", "low", "close"]].to_numpy()
    assert (prices == np.round(prices, 2)).all()


def test_seven_years_are_made_in_two_seconds() -> None:
    begin = time.perf_counter()
    made = simulate(**YEARS)
    assert len(made) > 160_000
    assert time.perf_counter() - begin < 2.0


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_world() -> None:
    pd.testing.assert_frame_equal(simulate(**MONTH, seed=7), simulate(**MONTH, seed=7), check_exact=True)
    assert not simulate(**MONTH, seed=7)["close"].equals(simulate(**MONTH, seed=8)["close"])


def test_the_generator_leaves_the_global_one_alone() -> None:
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    simulate(**MONTH)
    assert np.random.random() == expected


@pytest.mark.parametrize("edge", [0.0, 0.2])
def test_a_longer_market_begins_with_the_shorter_one(edge: float) -> None:
    longer, shorter = simulate(**YEARS, edge=edge), simulate("XAUUSD", "15T", YEARS["start"], "2022-01-01", edge)
    pd.testing.assert_frame_equal(longer.iloc[: len(shorter)], shorter, check_exact=True)


@pytest.mark.parametrize("name", ["5T", "15T", "1H"])
def test_no_bar_lies_in_the_break_or_the_weekend(name: str) -> None:
    bars = simulate(timeframe=name, **YEAR)
    delta = timeframe.parse(name).delta
    assert sessions.is_open(bars.index - delta, "metal").all()
    assert sessions.is_open(bars.index - pd.Timedelta(microseconds=1), "metal").all()
    expected = pd.date_range("2023-01-02", "2024-01-01", freq=delta, inclusive="left", tz="UTC")
    assert len(bars) == sessions.is_open(expected, "metal").sum()


def test_the_break_moves_with_new_york_summer_time() -> None:
    opens = simulate(**YEAR).index - pd.Timedelta("15min")
    winter, summer = opens[opens.month == 1].hour, opens[opens.month == 7].hour
    assert 22 not in set(winter) and 21 in set(winter)
    assert 21 not in set(summer) and 22 in set(summer)


def test_four_hour_bars_hold_any_minute_of_trading_and_none_of_the_weekend() -> None:
    bars = simulate(timeframe="4H", **YEAR)
    assert timeframe.infer(bars.index).name == "4H"
    assert not (bars.index.day_of_week == 6).any()
    assert (bars.index[bars.index.day_of_week == 5].hour == 0).all()
    assert 1500 < len(bars) < 1700


def test_crypto_never_rests() -> None:
    bars = simulate("BTCUSD", "1H", **MONTH)
    assert len(bars) == 30 * 24


@pytest.mark.parametrize("symbol", ["EURUSD", "USDJPY", "US500", "SIM_XAUUSD"])
def test_other_symbols_stand_on_their_own_grid(symbol: str) -> None:
    bars = simulate(symbol, "1H", **MONTH)
    assert len(bars) > 400
    assert (bars["low"] > 0).all()


def test_volatility_clusters(bars: pd.DataFrame) -> None:
    size = np.abs(np.log(bars["close"] / bars["open"]).to_numpy())
    by_hour = pd.Series(size).groupby(bars.index.hour).transform("mean").to_numpy()
    assert autocorrelation(size, 1) > 0.2
    assert all(autocorrelation(size / by_hour, lag) > floor for lag, floor in ((1, 0.15), (4, 0.1), (92, 0.05)))


def test_tails_are_fat_and_ranges_are_those_of_a_continuous_path(bars: pd.DataFrame) -> None:
    body = (bars["close"] - bars["open"]).abs().mean()
    assert pd.Series(np.log(bars["close"] / bars["open"])).kurt() > 3
    assert (bars["high"] - bars["low"]).mean() / body == pytest.approx(2.0, abs=0.05)


def test_the_day_has_its_hours(bars: pd.DataFrame) -> None:
    size = (bars["high"] - bars["low"]).groupby(bars.index.tz_convert(sessions.NEW_YORK).hour).mean()
    assert size.loc[9] > 1.5 * size.loc[20]
    spread = bars["spread"].groupby((bars.index - pd.Timedelta(1, "us")).tz_convert(sessions.NEW_YORK).hour).mean()
    assert spread.loc[18] > 1.5 * spread.loc[9]


def test_prices_jump_over_the_weekend(bars: pd.DataFrame) -> None:
    jump = np.log(bars["open"] / bars["close"].shift()).to_numpy()[1:]
    rest = np.diff(bars.index.asi8) // 60_000_000
    assert np.std(jump[rest > 1440]) > 5 * np.std(jump[rest == 15])
    assert np.std(jump[rest == 75]) > 3 * np.std(jump[rest == 15])


def test_volume_goes_with_the_range(bars: pd.DataFrame) -> None:
    assert correlation(np.log(bars["volume"]), np.log(bars["high"] - bars["low"])) > 0.4


def test_without_an_edge_nothing_known_predicts_the_next_bar(bars: pd.DataFrame) -> None:
    r, signal = returns(bars), hidden_signal(**YEARS).to_numpy()
    bound = 3 / np.sqrt(len(r))
    assert all(abs(autocorrelation(r, lag)) < bound for lag in (1, 2, 5, 12))
    known = (signal, np.log(bars["volume"].to_numpy()), np.abs(r), bars["spread"].to_numpy())
    assert all(abs(correlation(values[:-1], r[1:])) < bound for values in known)


def test_without_an_edge_the_price_does_not_drift() -> None:
    growth = [
        simulate("XAUUSD", "4H", "2023-01-02", "2024-01-01", seed=seed)["close"].iloc[-1] / 1286 for seed in range(60)
    ]
    assert abs(np.mean(growth) - 1) < 3 * np.std(growth, ddof=1) / np.sqrt(len(growth))


def test_a_barrier_pays_what_it_costs_without_an_edge() -> None:
    """A symmetric barrier on a continuous martingale is reached on either side as often, within three errors."""
    bars = simulate(**YEARS)
    high, low, opens = (bars[name].to_numpy() for name in ("high", "low", "open"))
    ups = downs = 0
    for first in range(0, len(bars) - 100, 100):
        distance = 0.003 * opens[first]
        for bar in range(first, first + 100):
            up, down = high[bar] >= opens[first] + distance, low[bar] <= opens[first] - distance
            ups, downs = ups + (up and not down), downs + (down and not up)
            if up or down:
                break
    assert ups + downs > 1000
    assert abs(ups - downs) < 3 * np.sqrt(ups + downs)


@pytest.mark.parametrize("edge", [0.1, 0.3, -0.2])
def test_the_hidden_signal_predicts_the_next_bar_as_planted(edge: float) -> None:
    bars, signal = simulate(**YEARS, edge=edge), hidden_signal(**YEARS)
    assert signal.index.equals(bars.index)
    r = returns(bars)
    assert correlation(signal.to_numpy()[:-1], r[1:]) == pytest.approx(edge, rel=0.1)


def test_the_hidden_signal_is_what_it_says() -> None:
    signal = hidden_signal(**YEARS).to_numpy()
    assert abs(signal.mean()) < 0.05 and signal.std() == pytest.approx(1.0, abs=0.03)
    assert autocorrelation(signal, int(SIGNAL_HALF_LIFE)) == pytest.approx(0.5, abs=0.03)


def test_volume_reveals_the_signal_and_with_it_the_edge() -> None:
    bars, signal = simulate(**YEARS, edge=0.3), hidden_signal(**YEARS).to_numpy()
    volume = bars["volume"]
    z = ((volume - volume.rolling(50).mean()) / volume.rolling(50).std()).fillna(0.0).to_numpy()
    assert correlation(np.log(volume.to_numpy()), signal) > 0.7
    assert correlation(z, signal) > 0.4
    assert correlation(z[:-1], returns(bars)[1:]) > 0.1


def test_ranges_and_spreads_do_not_give_the_signal_away() -> None:
    bars, signal = simulate(**YEARS, edge=0.3), hidden_signal(**YEARS).to_numpy()
    for values in (np.log(bars["high"] / bars["low"]), bars["spread"]):
        assert abs(correlation(values.to_numpy(), signal)) < 0.03


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"edge": 1.0}, "edge is 1"),
        ({"symbol": "XAUUDS"}, "Did you mean XAUUSD"),
        ({"timeframe": "7T"}, "Unknown timeframe"),
        ({"start": "2024-01-06", "end": "2024-01-07"}, "No 15T bar of XAUUSD"),
        ({"start": "2024-02-01", "end": "2024-01-01"}, "No 15T bar of XAUUSD"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        simulate(**arguments)  # type: ignore[arg-type]
