"""Companions in the main job: used where they are stored, told where they are not, and a reason to run again."""

import pytest

from market import tables
from market.errors import DataError, UnavailableError
from market.instruments import series
from pipeline import companions, job, stages, workspace
from pipeline.imports import store_bars
from tests.feature_store import beside
from tests.markets import random_bars


@pytest.fixture(scope="module")
def bars():
    return random_bars(4, 2300)


@pytest.fixture
def work(tmp_path, monkeypatch, bars):
    """A job of gold, alone in its home; only the group of companions is computed, where there are any."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setattr(
        "feature_store.groups_for", lambda _, beside=(): ("calendar", *(["companions"] if beside else []))
    )
    stored(bars, "XAUUSD")
    return job.prepare(series("XAUUSD", "15T"))


def stored(bars, symbol):
    store_bars(workspace.of(series(symbol, "15T")), bars, {"has_volume": True})


def columns(work):
    return set(tables.read_table(work.workspace.features, tables.FEATURES))


def test_features_gain_a_companion_when_it_is_stored_and_follow_its_bars(work, bars):
    alone = stages.enrich(work)
    assert not [name for name in columns(work) if name.startswith("companions__")]
    assert alone.receipt.facts["companions"] == {"used": {}, "left_out": ["DXY_15T", "US500_15T", "XAGUSD_15T"]}
    others = beside.companions(bars)
    stored(others["DXY"], "DXY")
    told = stages.enrich(work)
    assert "companions__dxy_beta_100" in columns(work) and told.why == "bars of DXY changed"
    used = told.receipt.facts["companions"]["used"]["DXY"]
    assert used == {
        "sha256": tables.sha256_of_file(workspace.of(series("DXY", "15T")).bars),
        "rows": len(others["DXY"]),
    }
    assert stages.enrich(work).why is None
    stored(others["DXY"].iloc[:-5], "DXY")
    assert stages.enrich(work).why == "bars of DXY changed"
    workspace.of(series("DXY", "15T")).bars.with_name("DXY_15T.parquet").write_bytes(b"other bytes")
    with pytest.raises(DataError, match="was changed after it was imported"):
        stages.enrich(work)


def test_a_model_owes_to_the_companions_of_its_features_and_their_bars_must_be_the_same(work, bars):
    others = beside.companions(bars)
    for symbol, frame in others.items():
        stored(frame, symbol)
    used = companions.look(work).facts["used"]
    needed = companions.needed(["companions__dxy_return_5", "calendar__hour"], used)
    assert list(needed) == ["DXY"] and companions.bars_of(work, needed).keys() == {"DXY"}
    stored(others["DXY"].iloc[1:], "DXY")
    with pytest.raises(DataError, match="DXY_15T have changed since the features were made"):
        companions.bars_of(work, needed)
    with pytest.raises(UnavailableError, match="US500_15T are stored any more"):
        companions.bars_of(work, {"US500": used["DXY"]})


def test_a_simulated_series_has_no_companions(work, bars):
    stored(beside.companions(bars)["DXY"], "DXY")
    assert companions.look(job.prepare(series("SIM_XAUUSD", "15T"))) == companions.Found({}, ())
