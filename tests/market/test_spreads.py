"""The spread profile is what plain quantiles give, however the bars are cut."""

import numpy as np
import pandas as pd
import pytest

from market.spreads import Spreads
from tests.market.made_bars import GOLD, made


def profile(*windows: pd.DataFrame) -> dict:
    spreads = Spreads(GOLD)
    for window in windows:
        spreads.see(window)
    return spreads.profile()


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Return bars over a turn of the year, one in five without a spread."""
    found = made(2_000, start="2023-12-11")
    return found.assign(spread_recorded=found["spread_recorded"].where(np.arange(2_000) % 5 > 0))


def test_the_whole_is_counted(bars):
    found, known = profile(bars), bars["spread_recorded"].dropna()
    assert (found["bars"], found["recorded"], found["not_recorded"]) == (2_000, 1_600, 400)
    assert found["zero_share"] == (known == 0).mean()
    assert found["most"] == known.max()


def test_hours_and_years_have_plain_quantiles(bars):
    found = profile(bars)
    known = bars["spread_recorded"].dropna()
    inside = known.index - pd.Timedelta(microseconds=1)
    for name, of in (("hour", inside.hour), ("year", inside.year)):
        for one in found[f"{name}s"]:
            group = known[of == one[name]]
            assert one["bars"] == len(group)
            for key, share in (("median", 0.5), ("p95", 0.95), ("most", 1.0)):
                assert one[key] == pytest.approx(group.quantile(share, interpolation="inverted_cdf"), abs=1e-12)
    assert [one["year"] for one in found["years"]] == [2023, 2024]


def test_windows_may_be_cut_anywhere(bars):
    assert profile(bars.iloc[:7], bars.iloc[7:7], bars.iloc[7:1500], bars.iloc[1500:]) == profile(bars)


def test_where_none_was_recorded_nothing_is_said(bars):
    found = profile(bars.assign(spread_recorded=np.nan))
    assert (found["recorded"], found["median"], found["hours"]) == (0, None, [])
