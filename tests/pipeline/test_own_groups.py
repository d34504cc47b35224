"""A user's own feature group on its way: into the table of features, and out of it once its file is changed."""

import pytest

from feature_store import own_groups
from market import tables
from tests.feature_store.test_own_groups import MEAN


@pytest.fixture(autouse=True)
def left_as_found():
    yield
    own_groups.enter(None)


@pytest.fixture
def enriched(assay, month, tmp_path):
    """Return `assay enrich` on five weeks of gold with a folder of own groups."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "carry.py").write_text(MEAN)
    assay.replace("features", 'folder = ""', 'folder = "../mine"')
    month.reset_index().rename(columns={"ts": "time"}).to_parquet(tmp_path / "month.parquet")
    told = assay(
        "import", str(tmp_path / "month.parquet"), "--symbol", "XAUUSD", "--timezone", "UTC", "--stamp", "close"
    )
    assert told.code == 0, told.err
    return lambda: assay("enrich", "XAUUSD_15T")


def test_an_own_group_is_enriched_with_the_others_and_again_when_its_file_changes(assay, enriched, tmp_path):
    assert enriched().code == 0
    path = assay.home / "features" / "XAUUSD_15T.parquet"
    first = tables.sha256_of_file(path)
    assert "carry__distance_atr" in tables.read_table(path, tables.FEATURES)
    assert "up to date" in enriched().err
    (tmp_path / "mine" / "carry.py").write_text(MEAN.replace("30", "20"))
    assert enriched().code == 0 and tables.sha256_of_file(path) != first


def test_a_file_that_is_no_group_is_a_usage_error(enriched, tmp_path):
    (tmp_path / "mine" / "carry.py").write_text("LOOKBACK = 30")
    ended = enriched()
    assert ended.code == 2 and "carry.py is not a feature group: it has no function compute(bars)" in ended.err
