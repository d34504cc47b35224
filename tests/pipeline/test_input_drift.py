"""The drift of a model's inputs is measured once on the features of its run, and read from then on."""

import numpy as np
import pandas as pd
import pytest

from market import tables
from market.errors import DataError
from market.instruments import series_named
from pipeline import input_drift
from pipeline.workspace import Workspace
from registry.card import Card
from registry.report import features
from tests.registry.cards import make_card

NAMES = ["made__moved", "made__still"]
START, END = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-07-01", tz="UTC")
WINDOW = {"history_start": START.isoformat(), "oos_start": "2024-06-01T00:00:00+00:00", "cut_off": END.isoformat()}


@pytest.fixture
def target(tmp_path) -> Workspace:
    return Workspace(tmp_path, series_named("XAUUSD_1H"))


def judged(target: Workspace) -> Card:
    """Return the card of a model whose first feature lies elsewhere in the judged month, with its features stored."""
    ts = pd.date_range(START, END, freq="h", inclusive="right").as_unit("us").rename("ts")
    X = pd.DataFrame(np.random.default_rng(2).normal(size=(len(ts), 2)), index=ts, columns=NAMES, dtype=np.float32)
    X.loc[ts > pd.Timestamp(WINDOW["oos_start"]), "made__moved"] += 2.0
    made_from = {"inputs": {}, "config_sha256": "c" * 64, "code_sha256": "d" * 64}
    stored = tables.write_table(target.features, X, tables.FEATURES, **made_from)
    return make_card(features=NAMES, features_sha256=stored.sha256, window=WINDOW)


def test_what_moved_in_the_judged_window_is_news_and_what_did_not_is_none(target):
    found = input_drift.of(target, judged(target))
    assert [*found] == NAMES
    moved, still = found.values()
    assert moved.judged > 2.0 > 1.0 > moved.largest
    assert still.judged < 0.1
    assert features.news(found) == ["made__moved"]
    assert moved.windows == 5


def test_it_is_measured_once_and_only_for_the_run_that_it_is_of(target):
    card = judged(target)
    first = input_drift.of(target, card)
    target.features.unlink()
    assert input_drift.of(target, card) == first
    for other in ({"features_sha256": "f" * 64}, {"window": WINDOW | {"oos_start": "2024-05-01T00:00:00+00:00"}}):
        with pytest.raises(DataError):
            input_drift.of(target, card.model_copy(update=other))
    assert input_drift.of(target, card) == first


def test_a_damaged_file_is_measured_again(target):
    card = judged(target)
    first = input_drift.of(target, card)
    (target.run / input_drift.FILE).write_text("{")
    assert input_drift.of(target, card) == first


def test_features_that_were_made_anew_since_are_not_measured(target):
    with pytest.raises(DataError, match="the features stored today are not those of the run"):
        input_drift.of(target, judged(target).model_copy(update={"features_sha256": "f" * 64}))
