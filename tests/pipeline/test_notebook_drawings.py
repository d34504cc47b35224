"""What the notebooks draw: the same bytes for the same numbers, what it says is so, and said where nothing is there."""

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from labels import triple_barrier
from market import instruments
from pipeline import job
from pipeline.notebooks import backtest, bars, features, labels, page, registry, validation
from registry.deflation import Deflation
from registry.ledger import Entry
from tests.registry.cards import MEASURED, a_fold, a_selection, gate, make_card

NO_TRADES = pd.DataFrame({"r": pd.Series(dtype=float)})
RSI = "momentum__rsi_14"


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect every text on the figures that are drawn."""
    seen: list[str] = []
    real = FigureCanvasAgg.print_figure

    def prints(canvas: FigureCanvasAgg, *arguments: object, **more: object) -> None:
        real(canvas, *arguments, **more)
        seen.extend(text.get_text() for text in canvas.figure.findobj(matplotlib.text.Text))

    monkeypatch.setattr(FigureCanvasAgg, "print_figure", prints)
    return seen


@pytest.fixture(scope="module")
def work() -> job.Job:
    return job.prepare(instruments.series_named("XAUUSD_15T"))


@pytest.fixture(scope="module")
def labelled(month, work) -> pd.DataFrame:
    return triple_barrier(month, work.exits, work.instrument.costs)


def an_entry(kind: str, when: str) -> Entry:
    return Entry(
        kind=kind,
        series="XAUUSD_15T",
        bars_sha256="a" * 64,
        config_sha256="b" * 64,
        model="",
        oos_start="",
        cut_off="",
        run_id="",
        command="train",
        when=when,
    )


def test_pictures_are_small_pngs_and_drawn_again_they_are_the_same(month, labelled, work):
    settled = labels.settled(month, labelled, work.exits, labels.examples(labelled))
    first = [
        settled,
        *(draw("XAUUSD_15T", month) for draw in (bars.price, bars.week, bars.hours)),
        *(draw("XAUUSD_15T", labelled) for draw in (labels.over_time, labels.results)),
        labels.overlap("XAUUSD_15T", month, labelled),
        *(draw(make_card()) for draw in (validation.gap, validation.skill)),
    ]
    assert settled == labels.settled(month, labelled, work.exits, labels.examples(labelled))
    assert first[2] == bars.week("XAUUSD_15T", month)
    assert all(png.startswith(b"\x89PNG") and 5_000 < len(png) < 150_000 for png in first)


def test_bars_stand_in_the_week_where_they_opened(month):
    opens = bars._opens(month)
    assert (month.index - opens == pd.Timedelta(minutes=15)).all()


def test_families_tell_their_warm_up_and_what_is_missing_after_it():
    nan = float("nan")
    table = pd.DataFrame(
        {"a__x": [nan, 1.0, 2.0, 3.0], "a__y": [nan, nan, 4.0, nan], "b__z": [1.0] * 4, "c__never": [nan] * 4},
        dtype="float32",
    )
    told = features.families(table)
    assert told["columns"].to_dict() == {"a": 2, "b": 1, "c": 1}
    assert told["warm-up, bars"].to_dict() == {"a": 2, "b": 0, "c": 4}
    assert told["missing after it"].to_dict() == {"a": 0.5, "b": 0.0, "c": 1.0}


def test_a_feature_lies_on_itself_and_a_mean_that_sees_the_future_does_not(month, texts):
    told = features.prefix(month, RSI)
    known = told["known"].notna()
    assert known.sum() == len(told) // 2 and (told["whole"] == told["known"])[known].all()
    apart = told.index[known & (told["centred"] != told["centred_known"])]
    assert list(apart) == list(told.index[known][-7:])  # the bars that had seen one after the cut
    features.on_prefix(RSI, told)
    assert f"{RSI}: the same" in texts and "a centred mean of 15 closes: sees the future" in texts
    assert "0 of 80 values before the cut differ" in texts and "7 of 80 values before the cut differ" in texts


def test_labels_are_their_lone_trades_and_others_are_not(month, labelled, work, texts):
    told = labels.traded_alone(month, labelled, work)
    assert len(told) >= 250 and (told["label"] == told["trade"]).all()
    labels.agreement("XAUUSD_15T", told)
    assert f"XAUUSD_15T: {len(told)} of {len(told)} labels are their lone trade to the last bit" in texts
    late = labelled.assign(r_long=labelled["r_long"].shift(-1), r_short=labelled["r_short"].shift(-1)).dropna()
    broken = labels.traded_alone(month, late, work)
    assert (broken["label"] != broken["trade"]).mean() > 0.5


def test_examples_are_of_each_class_there_is(labelled):
    assert sorted(labelled.loc[labels.examples(labelled), "y"]) == [-1, 0, 1]
    assert list(labelled.loc[labels.examples(labelled[labelled["y"] > 0]), "y"]) == [1]


def test_a_fold_that_answered_in_words_or_not_at_all_is_counted(texts):
    folds = [a_fold(1), a_fold(2) | {"thresholds": "no trade"}, a_fold(3) | {"thresholds": None}]
    validation.thresholds(make_card(folds=folds, policy={"long_threshold": 0.6, "short_threshold": None}))
    assert "XAUUSD_15T: thresholds; 2 of 4 answered “no trade”" in texts
    assert texts.count("no\ntrade") == 2


def test_clusters_stand_by_what_shuffling_them_costs(texts):
    validation.clusters(make_card(selection=a_selection(6)))
    named = dict.fromkeys(text for text in texts if text.startswith("made__"))
    assert list(named) == [
        "made__feature_3",
        "made__feature_4",
        "made__feature_5 and 1 like it",
        "made__feature_6 and 1 like it",
    ]


def test_without_a_trade_every_picture_says_so(texts):
    card = make_card(significance={"why": "no trade was closed"}, chances={"why": "no trade was closed"}, folds=[])
    backtest.trades("XAUUSD_15T", NO_TRADES, None)
    backtest.frontier("XAUUSD_15T", (), {}, "no trade was closed")
    for draw in (backtest.p_values, backtest.chances, validation.folds, validation.clusters):
        draw(card)
    backtest.luck(card, NO_TRADES)
    for told in ("No trade was closed.", "Not drawn: no trade was closed.", "There are no folds."):
        assert told in texts
    assert texts.count("no trade was closed") == 3 and "This card knows of no clusters." in texts


def test_luck_is_drawn_for_one_try_and_for_the_best_of_many(texts):
    trades = pd.DataFrame({"t_exit": pd.date_range("2025-01-01", periods=120), "r": np.tile([1.4, -1.0, 1.4], 40)})
    one = {"result": {"sharpe": 0.52}, "deflated": {"probability": 0.99, "trials": 1.0}}
    backtest.luck(make_card(significance=one), trades)
    assert "this model: 0.520" in texts and not [text for text in texts if text.startswith("the best of")]
    backtest.luck(make_card(significance=one | {"deflated": {"probability": 0.8, "trials": 25.0}}), trades)
    assert "the best of 25 tries without an edge" in texts


def test_a_p_too_small_to_draw_stands_at_the_edge(texts):
    found = {"wins": {"p": 1e-30}, "signs": {"p": 0.2}, "shifts": {"why": "too few"}}
    backtest.p_values(make_card(significance=found))
    assert "less" in texts and "0.2" in texts and texts.count("  could not be asked") == 3


def test_the_gates_of_every_profile_are_told_and_which_decides():
    honest = [gate("deflated_sharpe", None), gate("permutation_p", 0.01)]
    card = make_card()
    table = backtest.gates(make_card(verdicts={"six": card.gates, "honest": honest}))
    assert table.loc[("six (decides)", "Profit factor"), "passed"] == "yes"
    assert table.loc["honest"]["got"].tolist()[0] == "–" and len(table) == 8
    assert backtest.error_rate(make_card(placebo=MEASURED))["at most (95 %)"].tolist() == ["1.0%"]


def test_trials_and_looks_are_counted_in_the_order_of_the_ledger(texts):
    registry.tried("XAUUSD_15T", [])
    assert "The ledger holds nothing of this series." in texts
    entries = [an_entry("trial", "2025-01-01T00:00:00+00:00")] * 3 + [an_entry("look", "2025-02-01T00:00:00+00:00")]
    registry.tried("XAUUSD_15T", entries)
    assert {"3 trials", "1 look", "Entries, from 2025-01-01 to 2025-02-01"} <= set(texts)
    registry.cost_of_looking("XAUUSD_15T", Deflation(3, 3, 0, None, 3.0, 0.85, 0.06, 1, 0.05, 0.012, {}, {}, []))
    assert "A gate that is wrong once in 20; 1 look so far" in texts


def test_a_page_escapes_what_is_not_ours_and_folds_code_away():
    cells = [
        {"cell_type": "markdown", "source": "# Title\n\n<script>alert(1)</script> & | a |\n"},
        {
            "cell_type": "code",
            "source": "print('<b>')",
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "<b>\n"}],
        },
    ]
    html = page.to_html({"cells": cells}, "XAUUSD_15T", ["01_bars", "03_labels"], "01_bars")
    assert "<script" not in html and "&lt;script&gt;" in html and "<pre>&lt;b&gt;" in html
    assert '<a href="03_labels.html">3 Labels</a>' in html and "<b>1 Bars</b>" in html
    assert "<details><summary>code of this picture</summary>" in html and "Simulated" not in html
