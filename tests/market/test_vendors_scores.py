"""A file of scores is read whole or refused in one sentence, whatever was done to it."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.errors import AssayError, DataError
from market.vendors import scores

COUNT = 40
TABLE = pd.DataFrame(
    {
        "ts": pd.date_range("2024-01-02", periods=COUNT, freq="15min", tz="UTC", unit="us"),
        "score": np.linspace(0.0, 1.0, COUNT),
        "confidence": 0.75,
    }
)


def content(suffix: str) -> bytes:
    stream = io.BytesIO()
    TABLE.to_parquet(stream) if suffix == ".parquet" else TABLE.to_csv(stream, index=False)
    return stream.getvalue()


CONTENTS = {suffix: content(suffix) for suffix in (".parquet", ".csv")}


@pytest.mark.parametrize("suffix", CONTENTS)
def test_what_was_written_is_what_is_read(tmp_path, suffix):
    path = tmp_path / f"rule{suffix}"
    path.write_bytes(CONTENTS[suffix])
    found = scores.read(path)
    assert found.index.equals(pd.DatetimeIndex(TABLE["ts"])) and found.index.name == "ts"
    assert found["score"].to_numpy() == pytest.approx(TABLE["score"].to_numpy(), abs=5e-7)
    assert (found["confidence"] == 0.75).all() and (found[["expected_r_long", "expected_r_short"]] == 1.0).all().all()


def test_confidence_is_the_larger_side_where_it_is_left_out(tmp_path):
    TABLE.drop(columns="confidence").to_parquet(tmp_path / "rule.parquet")
    found = scores.read(tmp_path / "rule.parquet")
    assert found["confidence"].equals(np.maximum(found["score"], 1 - found["score"]))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_damaged_bytes_are_read_or_refused_and_nothing_else(suffix, data):
    spoiled = bytearray(CONTENTS[suffix])
    at = data.draw(st.integers(0, len(spoiled) - 1))
    length = data.draw(st.integers(1, 12))
    match data.draw(st.sampled_from(["replace", "cut", "insert"])):
        case "replace":
            spoiled[at : at + length] = data.draw(st.binary(min_size=length, max_size=length))
        case "cut":
            del spoiled[at : at + length]
        case _:
            spoiled[at:at] = data.draw(st.binary(min_size=1, max_size=length))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rule{suffix}"
        path.write_bytes(bytes(spoiled))
        try:
            found = scores.read(path)
        except AssayError as refusal:
            assert "\n" not in str(refusal)
            return
        assert np.isfinite(found.to_numpy()).all()
        assert found.index.is_monotonic_increasing and found.index.is_unique and str(found.index.tz) == "UTC"
        assert found["score"].between(0, 1).all()


@pytest.mark.parametrize("stamp", ["20240102", "1704153600", "02/01/2024 10:00", "noon", "", "2024-13-01"])
def test_a_stamp_that_could_mean_something_else_is_refused_or_exact(tmp_path, stamp):
    path = tmp_path / "rule.csv"
    path.write_text(f"ts,score\n{stamp},0.5\n")
    if stamp == "20240102":
        assert scores.read(path).index[0] == pd.Timestamp("2024-01-02", tz="UTC")
        return
    with pytest.raises(DataError, match="row 1: ts"):
        scores.read(path)


@pytest.mark.parametrize(("unit", "value"), [("us", -1), ("us", 2**62), ("ms", 2**61), ("ns", -(2**62))])
def test_a_stamp_of_no_year_that_has_bars_is_refused(tmp_path, unit, value):
    stamps = np.array([value], dtype="int64").view(f"datetime64[{unit}]")
    pd.DataFrame({"ts": pd.Series(stamps), "score": [0.5]}).to_parquet(tmp_path / "rule.parquet")
    with pytest.raises(DataError, match="no year that has bars"):
        scores.read(tmp_path / "rule.parquet")
