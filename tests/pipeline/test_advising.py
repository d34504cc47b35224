"""`assay advise`: a champion's own trades, by the journal or by the backtest, and what they say of training anew."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import feature_store
from backtest.engine import run
from live.brokers import Execution
from live.journal import Journal
from market import simulated, tables
from market.durable import write_json
from market.instruments import series_named
from pipeline import workspace
from pipeline.imports import store_bars
from registry import champion, ledger, record, runs
from registry.bundle import write_bundle
from tests.live.written import decision
from tests.pipeline.conftest import CommandLine
from tests.registry.cards import make_card
from tests.registry.models import GROUPS, make_bundle

SERIES, RUN = "SIM_XAUUSD_15T", "ad" * 16
WINDOW = {
    "history_start": "2018-05-01",
    "oos_start": "2019-11-01T00:00:00+00:00",
    "cut_off": "2019-12-01T00:00:00+00:00",
}
END = pd.Timestamp("2020-04-03", tz="UTC")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """Return a home whose champion was judged up to December, with bars up to April; copy it, do not change it."""
    assay = CommandLine(tmp_path_factory.mktemp("advised"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in assay.environment.items():
            patch.setenv(name, value)
        bars = simulated.simulate("XAUUSD", "15T", "2018-05-01", END, edge=0.45, seed=1)
        target = workspace.of(series_named(SERIES))
        store_bars(target, bars, {"simulated": True})
        none = {"inputs": {}, "config_sha256": "", "code_sha256": ""}
        features = feature_store.compute(bars.loc[: WINDOW["cut_off"]], GROUPS)
        tables.write_table(target.features, features, tables.FEATURES, **none)
        small = make_bundle()
        bounds = small.meta["policy"] | {"long_threshold": 0.55, "short_threshold": 0.45}
        meta = small.meta | {"series": SERIES, "window": WINDOW, "policy": bounds}
        aside = target.home / "bundles" / "new"
        digest = write_bundle(aside, small.files, meta)
        runs.keep_card(target.home, make_card(series=SERIES, simulated=True, window=WINDOW, run_id=RUN))
        promoted = {"run_id": RUN, "bundle_sha256": digest, "bundle": "bundles/new", "simulated": True, "version": "1"}
        promoted |= {"serial": 1, "expires": "2020-09-01T00:00:00+00:00"}
        write_json(record.production_path(target.home), {SERIES: record.signed(SERIES, promoted)})
        yield assay


def answer(assay: CommandLine) -> dict:
    ended = assay("advise", SERIES, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def home(assay: CommandLine) -> Path:
    return assay.home / "demo"


def test_without_a_journal_the_champion_is_traded_on_the_bars_after_its_window_and_that_is_a_look(made, monkeypatch):
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    told = answer(made)
    assert told["source"] == "simulated" and "simulated trading" in told["source_told"]
    bars = tables.read_table(workspace.of(series_named(SERIES)).bars, tables.BARS)
    promoted = record.production(home(made))[SERIES]
    bundle = champion.load_bundle(home(made) / promoted["bundle"], promoted["bundle_sha256"])
    after = bars.index > pd.Timestamp(WINDOW["cut_off"])
    features = feature_store.compute(bars, GROUPS)[after]
    rules = (bundle.policy, bundle.exits, bundle.costs, bundle.risk, bundle.market)
    trades = run(bars, bundle.score(features[list(bundle.model.features)]), *rules).trades
    months = trades.groupby(pd.DatetimeIndex(trades["t_exit"]).strftime("%Y-%m"))["r"]
    assert told["trades"] == len(trades) > 100
    assert {one["name"]: one["trades"] for one in told["months"]} == months.size().iloc[:-1].to_dict()
    for one in told["months"]:
        assert one["gains"] - one["losses"] == pytest.approx(months.get_group(one["name"]).sum())
    looks = [one for one in ledger.of(home(made), SERIES) if one.command == "advise"]
    assert len(looks) == 1 and looks[0].kind == "look"
    assert answer(made) == told and len([one for one in ledger.of(home(made), SERIES) if one.command == "advise"]) == 1


def test_every_rule_says_how_often_it_is_wrong_and_the_verdict_follows_from_them(made):
    told = answer(made)
    by_name = {rule["name"]: rule for rule in told["rules"]}
    assert list(by_name) == ["win_rate", "losing_months", "profit_factor", "features", "volatility"]
    assert all(0.0 <= rule["wrong"] <= 1.0 for rule in told["rules"] if rule["wrong"] is not None)
    firing = [name for name, rule in by_name.items() if rule["fires"]]
    assert (told["verdict"] == "RETRAIN") == bool(firing)
    last = told["months"][-3:]
    factor = sum(one["gains"] for one in last) / sum(one["losses"] for one in last)
    assert by_name["profit_factor"]["got"] == [pytest.approx(factor)]
    assert by_name["profit_factor"]["fires"] == (factor < 1.4)
    shown = made("advise", SERIES).out
    assert told["verdict"] in shown and "it is wrong in" in shown and "advice is no gate" in shown
    assert told["expired"] and "The champion expired on 2020-09-01" in shown


def test_a_market_that_moves_three_times_as_far_is_another_regime_and_an_unchanged_one_is_not(
    made, tmp_path, monkeypatch
):
    shutil.copytree(made.folder, tmp_path / "copy")
    wild = CommandLine(tmp_path / "copy")
    for name, value in wild.environment.items():
        monkeypatch.setenv(name, value)
    target = workspace.of(series_named(SERIES))
    bars = tables.read_table(target.bars, tables.BARS)
    late = bars.index > END - pd.Timedelta(days=40)
    bars.loc[late, "high"] += 2.0 * (bars["high"] - bars["low"])[late]
    store_bars(target, bars.round(2), {"simulated": True})
    quiet, moved = ({rule["name"]: rule for rule in answer(one)["rules"]} for one in (made, wild))
    assert moved["volatility"]["fires"] is True and quiet["volatility"]["fires"] is False
    assert moved["volatility"]["wrong"] <= 0.05 and quiet["features"]["fires"] is False


def traded(path: Path, sha256: str, won: list[bool]) -> None:
    """Write a journal with a trade a day by the champion, which wins as told, and one by another bundle that loses."""
    with closing(Journal.open(path, "paper")) as journal, journal.transaction():
        journal.begin_session("paper", 1)
        number = 0
        for day, wins in enumerate(won):
            ts = pd.Timestamp("2019-12-01", tz="UTC") + pd.Timedelta(days=day, hours=10)
            for hours, bundle, r in ((0, sha256, 1.2 if wins else -1.0), (6, "f" * 64, -1.0)):
                decided = (ts + pd.Timedelta(hours=hours)).value // 1000
                journal.record_decision(decision(decided, SERIES, bundle_sha256=bundle, side=1))
                for kind, later in (("open", 15), ("close", 120)):
                    number += 1
                    stamp = decided + later * 60_000_000
                    result = r if kind == "close" else 0.0
                    one = (number, f"c{number}", SERIES, stamp, kind, "none", 1, 1.0, 1500.0, 1490.0, 1520.0, 0.0)
                    journal.record_execution(Execution(*one, result, 100.0 * result))


@pytest.mark.parametrize(("share", "says"), [(0.62, False), (0.40, True)])
def test_the_journal_goes_before_the_backtest_and_other_models_trades_do_not_count(made, share, says):
    path = home(made) / "journal.db"
    sha256 = record.production(home(made))[SERIES]["bundle_sha256"]
    won = list(np.random.default_rng(0).permutation(np.arange(124) < share * 124))
    traded(path, sha256, [bool(one) for one in won])
    try:
        told = answer(made)
    finally:
        for left in path.parent.glob("journal.db*"):
            left.unlink()
    assert (told["source"], told["trades"]) == ("journal", 124)
    assert [one["name"] for one in told["months"]] == ["2019-12", "2020-01", "2020-02", "2020-03"]
    assert sum(one["wins"] for one in told["months"]) == sum(won[: 31 + 31 + 29 + 31])
    fired = {rule["name"]: rule["fires"] for rule in told["rules"]}
    assert (fired["profit_factor"], told["verdict"] == "RETRAIN") == (says, any(fired.values()))


def test_a_series_without_a_champion_is_told_so(assay):
    ended = assay("advise", "XAUUSD_15T")
    assert ended.code == 6
    assert "No champion of XAUUSD_15T" in ended.err and "assay train XAUUSD 15T" in ended.err


def test_a_setting_that_is_none_is_named(made, tmp_path):
    other = CommandLine(tmp_path)
    other.home = made.home
    other.replace("retraining", "points = 0.03", "points = 3")
    ended = other("advise", SERIES)
    assert ended.code == 2 and "config/retraining.toml [retraining]" in ended.err and "points" in ended.err
