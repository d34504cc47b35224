"""A series that is asked at events alone, from its labels to the runner: simulated, with a planted edge."""

import contextlib
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import feature_store
from labels import daily_cusum
from live import assembly, parity, replay
from live.feeds import microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from market import instruments, settings, tables
from market.execution import Costs
from pipeline import causality_record, companions, job, stages, training_stage
from pipeline import parity as against
from pipeline.job import Job
from registry import champion
from registry.champion import Bundle
from tests.pipeline.conftest import CommandLine

GROUPS = ["momentum", "calendar"]
WORLD = {"start": "2019-01-02", "end": "2019-04-01", "edge": 0.45, "seed": 1}
THRESHOLD = 1.0
RECIPE = {"groups": GROUPS, "members": {"lightgbm": 1.0}, "thresholds": {"long": 0.55, "short": 0.45}, "features": 8}
RESEARCH = {"oos_months": 1, "folds": 2, "cut_off": pd.Timestamp("2019-04-01").date(), "minimum_rows": 100}
EDGE_IS_NO_SECRET = {"max_feature_auc": 0.95, "max_feature_ic": 0.80}


def prepared() -> Job:
    """Return the job of a small simulated market that is asked where the closes have moved by an ATR."""
    work = job.prepare(instruments.series_named("SIM_XAUUSD_15T"), workers=1)
    return work._replace(
        labels=work.labels.model_copy(update={"cusum": THRESHOLD}),
        research=work.research.model_copy(update=RESEARCH | EDGE_IS_NO_SECRET),
        recipe=settings.Recipe(**RECIPE),
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return the job with everything that its stages write, from two groups of features."""
    made = CommandLine(tmp_path_factory.mktemp("events"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        found = prepared()
        stages.simulate(found, **WORLD)
        features = feature_store.compute(bars_of(found), GROUPS)
        known = {
            "inputs": {},
            "config_sha256": "",
            "code_sha256": "",
            "facts": {"companions": companions.look(found).facts},
        }
        tables.write_table(found.workspace.features, features, tables.FEATURES, **known)
        stages.label(found)
        causality_record.keep(found, {}, 0.0)
        training_stage.train(found)
        stages.backtest(found)
        yield found


def bars_of(work: Job) -> pd.DataFrame:
    return tables.read_table(work.workspace.bars, tables.BARS)


def run_of(work: Job, name: str, schema: tables.Schema) -> pd.DataFrame:
    return tables.read_table(work.workspace.run / f"{name}.parquet", schema)


@pytest.fixture(scope="module")
def bundle(work):
    training = json.loads((work.workspace.run / "training.json").read_text())
    digest = training["bundle"]
    return champion.load_bundle(work.workspace.bundles / digest[:16], digest)


def test_labels_and_rows_are_of_events_and_of_no_other_bar(work):
    bars = bars_of(work)
    events = daily_cusum(bars, THRESHOLD)
    labelled = tables.read_table(work.workspace.labels, tables.LABELS)
    assert labelled.index.isin(events).all() and 0.2 < len(labelled) / len(bars) < 0.4
    facts = tables.read_manifest(work.workspace.labels).facts
    told = {"rule": "daily_cusum", "threshold": THRESHOLD, "atr_period": 14, "events": len(events)}
    assert facts["sampling"] == told
    assert facts["rows"] + sum(facts["absent"].values()) == len(bars)
    assert run_of(work, "predictions", tables.PREDICTIONS).index.isin(events).all()


def test_every_event_of_the_judged_window_is_predicted_the_last_ones_without_a_label_too(work):
    bars = bars_of(work)
    training = json.loads((work.workspace.run / "training.json").read_text())
    events = daily_cusum(bars, THRESHOLD)
    judged = events[events > pd.Timestamp(training["window"]["oos_start"])]
    assert run_of(work, "oos_predictions", tables.PREDICTIONS).index.equals(judged)
    assert run_of(work, "score", tables.SCORE).index.equals(judged)
    labelled = tables.read_table(work.workspace.labels, tables.LABELS).index
    assert 0 < len(judged.difference(labelled)) < work.exits.bars
    window = training["window"]
    assert pd.Timestamp(window["cut_off"]) == bars.index[-1], "windows are of bars, whichever are events"
    assert window["oos_rows"] == len(judged.intersection(labelled))


def test_trades_enter_after_events_and_the_window_is_traded_to_its_last_bar(work):
    bars, trades = bars_of(work), run_of(work, "trades", tables.TRADES)
    decided = bars.index[bars.index.get_indexer(trades.index) - 1]
    assert len(trades) > 20
    assert decided.isin(daily_cusum(bars, THRESHOLD)).all()
    assert run_of(work, "equity", tables.EQUITY).index[-1] == bars.index[-1]
    refused = json.loads((work.workspace.run / "backtest.json").read_text())["refusals"]
    assert refused["not_an_event"] > 500 and "no_score" not in refused


def test_the_bundle_carries_the_rule_and_the_bars_that_it_needs(bundle, work):
    assert bundle.sampling == work.sampling == (THRESHOLD, 14)
    assert bundle.lookback >= 96 + 1400 and bundle.meta["schema"] == 3


def test_the_runner_makes_the_trades_of_the_backtest_one_for_one(bundle, work, tmp_path):
    bars, series = bars_of(work), work.series.name
    start, model = bars.index[-300], assembly.judged(bundle)
    feed = ReplayFeed({series: bars}, microseconds(start), microseconds(bars.index[-1]))
    replay.played(tmp_path, {series: model}, feed, 0, lambda done, total: None)
    with contextlib.closing(Journal.read(tmp_path / "journal.db")) as journal:
        decisions, executions = list(journal.decisions(series)), journal.executions(series)
    window = bars.loc[bars.index > start]
    score = against.scored(bundle, bars, window.index[0])
    trades = against.backtested(model, bars, score).trades
    found = parity.compare(decisions, executions, window, score, trades)
    assert (found.bars, found.scores_differing, found.first_divergence) == (299, 0, None)
    assert found.matched == found.total > 3
    kept = run_of(work, "score", tables.SCORE)
    pd.testing.assert_frame_equal(score, kept.loc[score.index], check_exact=True)
    assert np.isfinite(score["score"]).all()


PRICES = ["open", "high", "low", "close", "spread"]
IN_PRICE = ("spread_floor", "slippage", "tick_size", "pip_size", "minimum_stop")


def tenfold(costs: Costs) -> Costs:
    """Return the costs of the same market where a tenth of a contract is traded at ten times the price."""
    dear = {name: round(10.0 * getattr(costs, name), 9) for name in IN_PRICE}
    return costs._replace(**dear, contract_size=costs.contract_size / 10.0)


def changes_no_decision(work: Job, bundle: Bundle, scored: Callable[..., pd.DataFrame]) -> None:
    """Score and trade the judged window at ten times its price, by the model as it was fitted."""
    bars, model = bars_of(work).iloc[-3000:], assembly.judged(bundle)
    first = pd.Timestamp(json.loads((work.workspace.run / "training.json").read_text())["window"]["oos_start"])
    dear = bars.assign(**{name: (10.0 * bars[name]).round(8) for name in PRICES})
    trades, others = (
        against.backtested(model._replace(costs=costs), some, scored(bundle, some, first)).trades
        for some, costs in ((bars, model.costs), (dear, tenfold(model.costs)))
    )
    assert len(trades) > 20 and others.index.equals(trades.index)
    for name in ("side", "t_exit", "reason"):
        assert (others[name] == trades[name]).all(), name
    np.testing.assert_allclose(others["score"], trades["score"], atol=1e-6)


def by_level(bundle: Bundle, bars: pd.DataFrame, first: pd.Timestamp) -> pd.DataFrame:
    """Return the same scores, but for the price at which the market is told to turn."""
    score = against.scored(bundle, bars, first)
    return score.where(bars["close"].reindex(score.index) < 1300.0, 1.0 - score)


def test_ten_times_the_price_changes_no_feature_event_score_or_trade_and_a_price_level_is_caught(bundle, work):
    changes_no_decision(work, bundle, against.scored)
    with pytest.raises(AssertionError):
        changes_no_decision(work, bundle, by_level)


def test_without_events_the_label_stage_says_what_to_lower(work):
    far = work._replace(labels=work.labels.model_copy(update={"cusum": 500.0}))
    with pytest.raises(tables.DataError, match=r"bars 0 are events \(daily CUSUM of 500 ATR\(14\)\).*lower cusum in"):
        stages.label(far)


def test_the_setting_is_shown_and_a_wrong_one_refused(assay):
    told = json.loads(assay("config", "show", "XAUUSD_15T", "--json").out)
    assert told["labels"]["cusum"] == {"value": "off", "origin": "config/labels.toml [default]"}
    assay.replace("labels", 'cusum = "off"', "cusum = -1.0")
    ended = assay("label", "XAUUSD", "15T")
    assert ended.code == 2 and "cusum = -1.0: wanted a finite number above 0, or 'off'" in ended.err
