"""Companions: what a row sees of other instruments, and from when on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_store import compute, latest, lookback
from feature_store.causality import check
from feature_store.groups import companions as group
from market.errors import DataError, UsageError
from tests.feature_store.beside import companions
from tests.oracles import companions as oracle

GROUP = ["companions"]
INDEX = Path("../shared/data/bars/ftmo_kalsow/US500/US500_15T.parquet")


@pytest.fixture(scope="module")
def others(bars):
    return companions(bars)


@pytest.fixture(scope="module")
def features(bars, others):
    return compute(bars, GROUP, companions=others)


def plain(frame: pd.DataFrame) -> list[tuple[float, float]]:
    return list(zip((frame.index.asi8 / 1e6).tolist(), frame["close"].tolist(), strict=True))


def told(bars, others, symbol, row):
    """The oracle's columns of a row, from the bars that can matter to it."""
    own = plain(bars.iloc[row - 100 : row + 1])
    near = others[symbol].loc[bars.index[row - 100] - pd.Timedelta(days=6) : bars.index[row]]
    return {f"companions__{symbol.lower()}_{name}": v for name, v in oracle.columns(own, plain(near), 100).items()}


def test_every_column_is_what_the_definition_says(bars, others, features):
    torn = (features["companions__dxy_age_bars"] > 0).to_numpy().nonzero()[0]
    rows = np.random.default_rng(1).integers(100, len(bars), 60)
    for row in [*rows, *np.random.default_rng(2).choice(torn[torn > 100], 30)]:
        expected = told(bars, others, "XAGUSD", row) | told(bars, others, "DXY", row)
        found = features.iloc[row].astype(np.float64)
        assert set(expected) == set(found.index)
        pd.testing.assert_series_equal(found, pd.Series(expected)[found.index], check_names=False, rtol=1e-5, atol=1e-6)


def test_the_names_come_from_the_symbols_in_their_order(features):
    assert list(features) == [f"companions__{c}_{n}" for c in ("dxy", "xagusd") for n in group.NAMES]


@pytest.mark.parametrize(("later", "known"), [(0, True), (1, False)])
def test_a_bar_counts_from_its_own_close_on_and_not_a_microsecond_before(later, known, bars, others):
    own, other = bars.iloc[-400:], others["XAGUSD"].loc[: bars.index[-1]].copy()
    other.index = [*other.index[:-1], bars.index[-1] + pd.Timedelta(microseconds=later)]
    doubled = other.copy()
    doubled.iloc[-1, :4] *= 2.0
    before, after = (compute(own, GROUP, companions={"XAGUSD": one}).iloc[-1] for one in (other, doubled))
    assert (before["companions__xagusd_return_1"] != after["companions__xagusd_return_1"]) == known
    assert before.equals(after) != known


def test_age_is_counted_in_own_bars(bars):
    own = bars.iloc[-200:]
    ages = compute(own, GROUP, companions={"DXY": own.iloc[:150]})["companions__dxy_age_bars"]
    assert ages.iloc[140:].tolist() == [0.0] * 10 + [float(min(age, 20)) for age in range(1, 51)]


def test_the_last_row_alone_is_that_row_to_the_bit(bars, others):
    for end in (150, 700, 3100, 8500):
        row = latest(bars.iloc[:end], GROUP, companions=others)
        tail = bars.iloc[end - lookback(GROUP) : end]
        pd.testing.assert_frame_equal(row, compute(tail, GROUP, companions=others).iloc[-1:], check_exact=True)


def stamped_by_their_opening(bars, groups, companions):
    """The classic: a vendor's stamps taken as they come, so that a row sees the bar that is only opening."""
    early = {symbol: frame.set_axis(frame.index - pd.Timedelta(minutes=15)) for symbol, frame in companions.items()}
    return compute(bars, groups, companions=early)


def joined_to_the_nearest(bars, groups, companions):
    known = companions["XAGUSD"]["close"].reindex(bars.index, method="nearest")
    return pd.DataFrame({"twin": known / bars["close"]})


@pytest.mark.parametrize("twin", [stamped_by_their_opening, joined_to_the_nearest])
def test_a_companions_bar_that_has_not_closed_is_caught(twin, bars, others):
    assert check(bars, GROUP, cuts=40, compute=twin, companions=others) != []


def test_without_companions_the_group_is_refused_by_name(bars):
    for way in (compute, latest):
        with pytest.raises(UsageError, match="companions needs bars of other symbols"):
            way(bars.iloc[:300], ["companions", "momentum"])


def test_a_bad_bar_of_a_companion_is_refused_by_its_symbol(bars, others):
    broken = others["DXY"].copy()
    broken.iloc[-3, 3] = np.nan
    for way in (compute, latest):
        with pytest.raises(DataError, match=r"Companion DXY: Bar .* has close nan"):
            way(bars, GROUP, companions={"DXY": broken})


def test_a_companion_says_nothing_of_another(bars, others, features):
    alone = compute(bars, GROUP, companions={"DXY": others["DXY"]})
    pd.testing.assert_frame_equal(alone, features[alone.columns], check_exact=True)


def test_symbols_of_one_name_are_refused_and_the_needed_ones_found(bars, others):
    with pytest.raises(UsageError, match=r"two of them differ in \. and - alone"):
        compute(bars.iloc[-200:], GROUP, companions={"BRK.B": others["DXY"], "BRK-B": others["DXY"]})
    assert group.needed(["companions__us500_lead_1", "trend__us_x"], ["US", "US500", "DXY"]) == ("US500",)


def test_real_gold_beside_the_index(bars):
    if not INDEX.exists():
        pytest.skip(f"no real bars at {INDEX}")

    def real(path, slice_):
        frame = pd.read_parquet(path)
        frame.index = pd.DatetimeIndex(frame.pop("timestamp") + pd.Timedelta(minutes=15), name="ts").as_unit("us")
        frame["spread"] = 0.25
        return frame.loc[slice_, ["open", "high", "low", "close", "volume", "spread"]]

    part = slice("2025-06-01", "2025-08-15")
    gold, index = (real(path, part) for path in (INDEX.parents[2] / "mt5_a/XAUUSD/XAUUSD_15T.parquet", INDEX))
    found = compute(gold, GROUP, companions={"US500": index})
    assert np.isfinite(found.iloc[100:]).all(axis=None)
    assert check(gold, GROUP, cuts=6, companions={"US500": index}) == []
    for row in (400, 1500, len(gold) - 1):
        expected = pd.Series(told(gold, {"US500": index}, "US500", row))
        pd.testing.assert_series_equal(
            found.iloc[row].astype(float), expected[found.columns], check_names=False, rtol=1e-5, atol=1e-6
        )
