"""The epoch label: up where the last close is at or above the first open, settled in stakes, known at its end."""

import numpy as np
import pandas as pd
import pytest

from labels import epoch_labels
from market import tables
from market.errors import UsageError
from market.perturbation import scrambled
from tests.markets import bars_of, random_bars

QUARTER = pd.Timedelta("15min")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return random_bars(9, 300, start="2024-01-08 00:05", minutes=5)


def in_plain_python(bars: pd.DataFrame, minutes: int, fee: float, warm_up: int = 14) -> dict[pd.Timestamp, tuple]:
    """Return (end, class, result of a stake on up, on down) of every whole epoch, looked up by stamps."""
    rows, found = bars.to_dict("index"), {}
    step = pd.Timedelta(minutes=5)
    for ts in bars.index[warm_up:]:
        inside = [ts + step * k for k in range(1, minutes // 5 + 1)]
        if ts.minute % minutes or not all(stamp in rows for stamp in inside):
            continue
        up = rows[inside[-1]]["close"] >= rows[inside[0]]["open"]
        found[ts] = (inside[-1], 1 if up else -1, (1 if up else -1) - fee, (-1 if up else 1) - fee)
    return found


@pytest.mark.parametrize(("minutes", "fee"), [(5, 0.0), (15, 0.063), (30, 0.02)])
def test_epochs_equal_those_of_plain_python(minutes, fee, bars):
    gapped = bars.drop(bars.index[[40, 41, 100, 155, 200]])
    labels = epoch_labels(gapped, pd.Timedelta(minutes=minutes), fee)
    told = zip(labels["t1_long"], labels["y"], labels["r_long"], labels["r_short"], strict=True)
    assert dict(zip(labels.index, told, strict=True)) == in_plain_python(gapped, minutes, fee)


@pytest.mark.parametrize(("close", "y"), [(100.01, 1), (100.0, 1), (99.99, -1)], ids=["above", "equal", "below"])
def test_equal_is_up(close, y):
    calm = [(100.0, 100.5, 99.5, 100.2)] * 16
    bars = bars_of([*calm, (100.0, 101.0, 99.0, close)])
    label = epoch_labels(bars, QUARTER).iloc[-1]
    assert (label["y"], label["r_long"], label["r_short"]) == (y, y - 0.063, -y - 0.063)


def test_a_stake_on_either_side_pays_the_fee_and_nothing_else(bars):
    labels = epoch_labels(bars, QUARTER)
    assert (labels["r_long"] + labels["r_short"]).to_numpy() == pytest.approx(-2 * 0.063)


def test_it_is_a_labels_table_whose_rows_do_not_overlap(bars, tmp_path):
    labels = epoch_labels(bars, QUARTER)
    path = tmp_path / "labels.parquet"
    tables.write_table(path, labels, tables.LABELS, inputs={}, config_sha256="", code_sha256="")
    pd.testing.assert_frame_equal(tables.read_table(path, tables.LABELS), labels, check_freq=False)
    assert (labels["weight"] == 1.0).all()
    assert (labels.index[1:] >= labels["t1_long"].iloc[:-1]).all()
    assert labels["reason_long"].eq("time").all()


def misdated(bars: pd.DataFrame, label) -> bool:
    """Return whether bars after the end of a label change it, or its last bar does not."""
    whole, random = label(bars), np.random.default_rng(0)
    for ts in whole.index[5::9]:
        end = bars.index.get_loc(whole.at[ts, "t1_long"])
        later = label(scrambled(bars, slice(end + 1, None), random))
        wild = [label(scrambled(bars, slice(end, end + 1), random)).at[ts, "y"] for _ in range(12)]
        if not later.loc[ts].equals(whole.loc[ts]) or set(wild) == {whole.at[ts, "y"]}:
            return True
    return False


def test_an_epoch_is_known_at_its_end_and_not_before(bars):
    assert not misdated(bars, lambda bars: epoch_labels(bars, QUARTER))


@pytest.mark.parametrize("by", [-1, 1])
def test_ends_that_are_told_early_or_late_are_caught(by, bars):
    def moved(bars: pd.DataFrame) -> pd.DataFrame:
        labels = epoch_labels(bars, QUARTER).iloc[:-1]
        return labels.assign(t1_long=labels["t1_long"] + pd.Timedelta(minutes=5 * by))

    assert misdated(bars, moved)


def test_an_epoch_begins_on_the_grid_of_utc(bars):
    labels = epoch_labels(bars.iloc[1:], QUARTER)
    assert set(labels.index.minute) == {0, 15, 30, 45}
    assert (labels["t1_long"] - labels.index == QUARTER).all()


@pytest.mark.parametrize("horizon", ["7min", "4min", "0min", "-15min"])
def test_a_horizon_of_no_whole_bars_is_refused(horizon, bars):
    with pytest.raises(UsageError, match=r"whole number of bars, one or more; a bar is 0 days 00:05:00 long"):
        epoch_labels(bars, pd.Timedelta(horizon))


@pytest.mark.parametrize("fee", [-0.01, 1.0, float("nan")])
def test_a_fee_that_is_no_share_is_refused(fee, bars):
    with pytest.raises(UsageError, match="choose a share of the stake"):
        epoch_labels(bars, QUARTER, fee)


def test_too_few_bars_have_no_epochs(bars):
    assert len(epoch_labels(bars.iloc[:10], QUARTER)) == 0
