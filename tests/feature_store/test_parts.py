"""Groups in parts: few columns, few parts, the same bits."""

import numpy as np
import pytest

from feature_store import GROUPS, latest, parts
from feature_store.arrays import Bars
from market.errors import DataError
from market.timeframe import TIMEFRAMES

QUARTER_HOUR = TIMEFRAMES["15T"]
IN_PARTS = [name for name, group in GROUPS.items() if hasattr(group, "PARTS")]


def lacking(name: str, some: Bars) -> set[str]:
    """The columns that a group computes and its parts do not, or not to the same bits."""
    together = {}
    for part in GROUPS[name].PARTS:
        together |= part(some)
    whole = GROUPS[name].compute(some)
    return {
        column
        for column in whole | together
        if column not in whole or column not in together or whole[column].tobytes() != together[column].tobytes()
    }


@pytest.mark.parametrize("name", IN_PARTS)
def test_the_parts_of_a_group_are_the_group(name, bars):
    assert lacking(name, Bars.of(bars.iloc[:3000], QUARTER_HOUR)) == set()


def test_a_part_that_was_forgotten_is_caught(bars, monkeypatch):
    some = Bars.of(bars.iloc[:3000], QUARTER_HOUR)
    whole = GROUPS["trend"].compute(some)
    forgetful = GROUPS["trend"].PARTS[1:]
    monkeypatch.setattr(GROUPS["trend"], "compute", lambda _: whole)
    monkeypatch.setattr(GROUPS["trend"], "PARTS", forgetful)
    assert lacking("trend", some)


def test_the_columns_that_are_wanted_come_in_their_order_and_to_the_bit(bars):
    everything = latest(bars, timeframe=QUARTER_HOUR)
    random = np.random.default_rng(3)
    for count in (1, 7, 50):
        wanted = random.choice(everything.columns, count, replace=False).tolist()
        groups = {name.partition("__")[0] for name in wanted}
        row = latest(bars, sorted(groups), QUARTER_HOUR, columns=wanted)
        assert list(row.columns) == wanted
        assert row.to_numpy().tobytes() == everything[wanted].to_numpy().tobytes()


def test_what_is_not_wanted_is_not_computed(bars, monkeypatch):
    asked = []
    spied = tuple(lambda some, part=part: asked.append(part.__name__) or part(some) for part in GROUPS["trend"].PARTS)
    monkeypatch.setattr(GROUPS["trend"], "PARTS", spied)
    parts._parts.cache_clear()
    wanted = ["trend__adx_14"]
    latest(bars, ["trend"], QUARTER_HOUR, columns=wanted)
    del asked[:]
    latest(bars, ["trend"], QUARTER_HOUR, columns=wanted)
    parts._parts.cache_clear()
    assert asked == ["_directional"]


def test_a_column_that_no_group_makes_is_refused_by_name(bars):
    with pytest.raises(DataError, match="not made here: trend__tide, trend__ebb"):
        latest(bars, ["trend"], QUARTER_HOUR, columns=["trend__adx_14", "trend__tide", "trend__ebb"])
