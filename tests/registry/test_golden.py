"""Golden evidence is exact, the same bytes each time, and taken from the development side alone."""

import json

import numpy as np
import pandas as pd
import pytest

from market.errors import DataError
from registry import golden
from tests.registry.models import Made


def test_the_same_model_rows_and_bars_give_the_same_bytes(made: Made) -> None:
    bars = made.bars.iloc[-made.meta["lookback"] :]
    shuffled = made.features[made.features.columns[::-1]]
    assert golden.evidence(made.model, shuffled, bars) == made.files[golden.FILE]


def test_numbers_come_back_as_they_were(made: Made) -> None:
    found = golden.parse(made.files[golden.FILE])
    assert found.rows.dtypes.eq(np.float32).all() and len(found.rows) == golden.ROWS
    names = list(made.model.features)
    original = made.features[names].to_numpy()
    assert found.rows.columns.tolist() == names
    assert {row.tobytes() for row in found.rows.to_numpy()} <= {row.tobytes() for row in original}
    assert found.rows.iloc[0].tolist() == original[0].tolist() and found.rows.iloc[-1].tolist() == original[-1].tolist()
    assert made.model.predict(found.rows).equals(found.predictions)
    expected = made.bars.iloc[-made.meta["lookback"] :]
    pd.testing.assert_frame_equal(found.bars, expected, check_exact=True, check_freq=False)
    assert found.last.tolist() == made.features[names].iloc[-1].tolist()


def test_fewer_rows_than_wanted_are_all_taken(made: Made) -> None:
    content = golden.evidence(made.model, made.features.iloc[:7], made.bars)
    assert len(json.loads(content)["rows"]) == 7


def test_rows_that_are_not_finite_are_left_out(made: Made) -> None:
    X = made.features.copy()
    X.iloc[::2, X.columns.get_loc(made.model.features[0])] = np.nan
    assert len(golden.parse(golden.evidence(made.model, X, made.bars)).rows) == min(len(X) // 2, golden.ROWS)
    with pytest.raises(DataError, match="None of 500 development rows has finite features"):
        golden.evidence(made.model, made.features.iloc[:500] * np.nan, made.bars)


def test_too_few_bars_are_refused(made: Made) -> None:
    with pytest.raises(DataError, match="20 bars before the judged window are too few"):
        golden.evidence(made.model, made.features, made.bars.iloc[-20:])


def test_its_size_is_reasonable(made: Made) -> None:
    assert len(made.files[golden.FILE]) < 500_000
