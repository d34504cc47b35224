"""The main job from bars to a verdict: a planted edge is READY and promoted, a market without one is FAILED."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import simulate
from live import SignalGenerator, runner
from live.journal import Journal
from live.parity import trades_of
from live.session import held
from market import combinatorial_settings, instruments, simulated, tables
from market.errors import DataError, GateError, UnavailableError, UsageError
from pipeline import cli, job, parity, paths_record, training_stage
from pipeline.fold_store import FoldStore
from registry import bundle, ledger, load_champion, promotion, runs, tracking, trials
from registry.card import Card, from_json
from tests.pipeline.measured_gates import measured
from training import ensemble, parts
from training.judging import Judged

SERIES = "XAUUSD_15T"


class World:
    """A home and a configuration of their own, with one imported series, and the command line on them.

    One without an edge has fewer folds.
    """

    def __init__(self, folder: Path, edge: float, patch: pytest.MonkeyPatch) -> None:
        self.home, self.config = folder / "home", folder / "config"
        self.patch = patch
        shutil.copytree("config", self.config)
        self.replace("research", "oos_months = 6 ", "oos_months = 3 ")
        self.replace("research", "folds = 10 ", f"folds = {5 if edge else 3} ")
        self.replace("research", "cut_off = 2025-10-22", "cut_off = 2020-03-01")
        self.replace("recipes", "features = 50", "features = 20")
        if edge:  # the planted edge is no secret to a feature, and far beyond any real one
            self.replace("research", "max_feature_auc = 0.60 ", "max_feature_auc = 0.95 ")
            self.replace("research", "max_feature_ic = 0.16 ", "max_feature_ic = 0.80 ")
        bars = simulated.simulate("XAUUSD", "15T", "2019-05-02", "2020-03-11", edge=edge, seed=1)
        self.file = folder / "bars.csv"
        bars.reset_index().rename(columns={"ts": "time"}).to_csv(self.file, index=False)
        self.use()
        measured({"ASSAY_HOME": str(self.home), "ASSAY_CONFIG": str(self.config)})
        self.run("import", str(self.file), "--symbol", "XAUUSD", "--timeframe", "15T", "--stamp", "close")

    def use(self) -> None:
        self.patch.setenv("ASSAY_HOME", str(self.home))
        self.patch.setenv("ASSAY_CONFIG", str(self.config))

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.config / f"{name}.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def run(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments])
        return int(ended.value.code or 0)

    def live(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            runner.main([*arguments])
        return int(ended.value.code or 0)

    @property
    def journal(self) -> Journal:
        return Journal.read(self.home / "journal.db")


def world(tmp_path_factory: pytest.TempPathFactory, edge: float) -> World:
    patch = pytest.MonkeyPatch()
    made = World(tmp_path_factory.mktemp("world"), edge, patch)
    made.code = made.run("train", "XAUUSD", "15T", *(["--workers", "2"] if edge else []))
    patch.undo()
    return made


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> World:
    return world(tmp_path_factory, edge=0.45)


@pytest.fixture(scope="module")
def without_edge(tmp_path_factory) -> World:
    return world(tmp_path_factory, edge=0.0)


@pytest.fixture
def ready(planted, monkeypatch) -> World:
    planted.patch = monkeypatch
    planted.use()
    return planted


@pytest.fixture
def failed(without_edge, monkeypatch) -> World:
    without_edge.patch = monkeypatch
    without_edge.use()
    return without_edge


def answer(made: World, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    made.run(*arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_a_planted_edge_is_ready_and_becomes_champion(ready, capsys):
    assert ready.code == 0
    told = answer(ready, capsys, "card", SERIES)
    assert told["status"] == "READY"
    assert all(gate["passed"] for gate in told["gates"])
    assert told["skill"]["oos"]["low"] > 0
    assert (told["trials"], told["looks"], told["simulated"]) == (1, 1, False)
    record = promotion.production(ready.home)[SERIES]
    assert record["run_id"] == told["run_id"]
    assert tracking.aliases(ready.home, SERIES) == {"champion": record["version"]}
    models = answer(ready, capsys, "models")
    assert [one["series"] for one in models] == [SERIES]


def test_the_report_is_beside_the_card_and_in_mlflow_and_can_be_made_again(ready, capsys):
    path, run_id = ready.home / "runs" / SERIES / "report.html", card_of(ready).run_id
    text = path.read_text()
    (logged,) = (ready.home / "mlartifacts").rglob(f"{run_id}/**/report.html")
    assert logged.read_text() == text and run_id[:12] in text
    path.unlink()
    capsys.readouterr()
    assert ready.run("card", SERIES, "--html") == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert path.read_text() == text


def test_the_answer_holds_every_promised_name(ready, capsys):
    told = answer(ready, capsys, "card", SERIES)
    promised = "series status run_id gates oos folds features seconds bars_sha256 simulated looks trials"
    assert set(promised.split()) <= set(told)
    assert [set(gate) >= {"name", "got", "wanted", "passed"} for gate in told["gates"]] == [True] * 6
    assert len(told["folds"]) == 5
    assert told["bars_sha256"] == tables.sha256_of_file(ready.home / "bars" / f"{SERIES}.parquet")


def test_the_card_tells_the_record_that_nothing_knows_of_the_future(ready):
    told = json.loads((ready.home / "runs" / SERIES / "card.json").read_text())["validation"]["causality"]
    record = json.loads((ready.home / "runs" / SERIES / "causality.receipt.json").read_text())
    assert sum(told["cuts"].values()) == sum(told["labels"].values()) == 50
    assert (told["code_sha256"], told["made_at"]) == (record["code_sha256"], record["facts"]["made_at"])
    assert "causality cuts after a gap 12, anywhere 14" in (ready.home / "runs" / SERIES / "card.md").read_text()


def test_the_card_audits_every_split_that_training_used(ready):
    told = json.loads((ready.home / "runs" / SERIES / "card.json").read_text())
    kinds = [one["kind"] for one in told["splits"]]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    inside = {"inner fold": 5 * 3 + 3, "scout of features": 5 * 3 + 3, "early stopping": 5}
    assert counts == {"walk-forward": 5, "final model": 1, "calibration": 3} | inside
    assert {one["leaks"] for one in told["splits"]} == {told["validation"]["leaks"]} == {0}
    assert told["validation"]["splits"] == len(told["splits"])
    assert all(one["embargoed"] > 0 and one["left"] > 0 for one in told["splits"])
    folds = [one for one in told["splits"] if one["kind"] == "walk-forward"]
    assert all(one["purged"] > 0 for one in folds)
    assert all(0.0 < one["flat_share"] < 0.5 for one in told["folds"])
    assert [(one["left"], one["test"]) for one in folds] == [(one["rows"], one["test_rows"]) for one in told["folds"]]
    page = (ready.home / "runs" / SERIES / "card.md").read_text()
    assert "| Split | Number | Purged | Embargoed | Fewest left | Leaks |" in page


def test_the_bundle_predicts_what_was_judged(ready):
    record = promotion.production(ready.home)[SERIES]
    files, meta = bundle.read_bundle(ready.home / record["bundle"], record["bundle_sha256"])
    model = ensemble.from_files(files)
    features = tables.read_table(ready.home / "features" / f"{SERIES}.parquet", tables.FEATURES)
    judged = tables.read_table(ready.home / "runs" / SERIES / "oos_predictions.parquet", tables.PREDICTIONS)
    again = model.predict(features.loc[judged.index, ::-1])
    assert again.equals(judged[list(ensemble.PROBABILITIES)])
    assert meta["features"] == list(model.features)
    assert not any(name.endswith((".pkl", ".joblib")) for name in files)
    altered = next(iter((ready.home / record["bundle"]).glob("lightgbm.txt")))
    content = altered.read_bytes()
    altered.write_bytes(content.replace(b"7", b"8", 1))
    with pytest.raises(DataError, match="lightgbm"):
        bundle.read_bundle(ready.home / record["bundle"], record["bundle_sha256"])
    altered.write_bytes(content)


def test_removed_ledger_entries_are_noticed(ready, capsys):
    ledger = ready.home / "ledger.jsonl"
    content = ledger.read_bytes()
    ledger.unlink()
    told = answer(ready, capsys, "card", SERIES)
    assert any("entries were removed" in warning for warning in told["warnings"])
    ledger.write_bytes(content)


def test_the_champion_trades_the_judged_window_again_trade_by_trade(ready):
    champion = load_champion(SERIES, ready.home)
    bars = tables.read_table(ready.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    judged = tables.read_table(ready.home / "runs" / SERIES / "score.parquet", tables.SCORE)
    features = tables.read_table(ready.home / "features" / f"{SERIES}.parquet", tables.FEATURES)
    score = champion.score(features.loc[judged.index])
    assert score.equals(judged)
    upto = bars.loc[: score.index[-1]]
    trades, _ = simulate(upto, score, champion.policy, champion.exits, champion.costs, champion.risk, champion.market)
    stored = tables.read_table(ready.home / "runs" / SERIES / "trades.parquet", tables.TRADES)
    assert trades.equals(stored)
    with pytest.raises(UnavailableError, match="No champion of EURUSD_15T"):
        load_champion("EURUSD_15T", ready.home)


def test_nothing_is_run_again_where_nothing_has_changed(ready, capsys):
    before = {path: path.stat().st_mtime_ns for path in ready.home.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert ready.run("train", "XAUUSD", "15T") == 0
    said = capsys.readouterr()
    assert "no stage was run" in said.err
    after = {path: path.stat().st_mtime_ns for path in ready.home.rglob("*") if path.is_file()}
    assert {path for path in after if before.get(path) != after[path]} <= {ready.home / "runs" / SERIES / ".lock"}


def test_out_of_sample_trades_lie_in_the_judged_window_and_make_the_card(ready, capsys):
    told = answer(ready, capsys, "card", SERIES)
    trades = tables.read_table(ready.home / "runs" / SERIES / "trades.parquet", tables.TRADES)
    card = json.loads((ready.home / "runs" / SERIES / "card.json").read_text())
    assert trades.index[0].isoformat() > card["window"]["oos_start"]
    gains = trades["r"].clip(lower=0).sum()
    losses = -trades["r"].clip(upper=0).sum()
    got = {gate["name"]: gate["got"] for gate in told["gates"]}
    assert got["profit_factor"] == pytest.approx(gains / losses)
    assert got["trades"] == len(trades)
    assert got["win_rate"] == pytest.approx((trades["r"] > 0).mean())


def test_a_market_without_edge_is_failed_and_stays_a_run(failed, capsys):
    assert failed.code == GateError.exit_code
    assert failed.run("train", "XAUUSD", "15T", "--accept-failed") == 0
    told = answer(failed, capsys, "card", SERIES)
    assert told["status"] == "FAILED"
    assert told["remedies"]
    assert len(told["remedies"]) <= 3
    assert promotion.production(failed.home) == {}
    assert tracking.aliases(failed.home, SERIES) == {}
    artifacts = list((failed.home / "mlartifacts").rglob("card.md"))
    assert len(artifacts) == 1
    assert "FAILED" in artifacts[0].read_text().splitlines()[0]


def test_the_run_is_a_trial_with_its_days_out_of_fold_and_the_card_tells_its_cost(failed, capsys):
    told = answer(failed, capsys, "ledger", SERIES)
    assert (told["trials"], told["configurations"], told["compared"], told["looks"]) == (1, 1, 1, 1)
    assert (told["effective_trials"], told["expected_best_z"], told["warnings"]) == (1.0, 0.0, [])
    trial = next(entry for entry in told["entries"] if entry["kind"] == "trial")
    training = json.loads((failed.home / "runs" / SERIES / "training.json").read_text())
    assert (trial["part"], trial["value"]) == ("run", training["pooled"]["skill"])
    days = trials.matrix(failed.home, SERIES)[trial["name"]]
    predictions = tables.read_table(failed.home / "runs" / SERIES / "predictions.parquet", tables.PREDICTIONS)
    assert days.index[0] == predictions.index[0].normalize() and days.index[-1] <= predictions.index[-1]
    page = (failed.home / "runs" / SERIES / "card.md").read_text()
    assert "1 trial of this series so far (1 configuration, worth 1.0 independent): luck alone shows" in page


def test_changing_the_barriers_reruns_labels_and_what_follows_but_not_features(failed, capsys):
    features = failed.home / "features" / f"{SERIES}.parquet"
    before = features.stat().st_mtime_ns
    failed.replace("labels", "take_profit = 1.4", "take_profit = 1.5")
    capsys.readouterr()
    assert failed.run("train", "XAUUSD", "15T") == GateError.exit_code
    said = capsys.readouterr().err
    assert "enrich    up to date" in said
    assert "settings changed" in said
    assert features.stat().st_mtime_ns == before
    told = answer(failed, capsys, "card", SERIES)
    assert (told["trials"], told["looks"]) == (2, 2)


def test_a_real_series_leaves_nothing_among_the_simulated_ones(failed):
    assert (failed.home / "runs" / SERIES / "card.json").exists()
    assert not (failed.home / "demo").exists()


PAPER = ("--mode", "paper", "--once")


def test_a_champion_is_traded_on_paper_from_its_cut_off_on_and_equals_the_backtest(ready, capsys):
    assert ready.live(*PAPER) == 0
    record = promotion.production(ready.home)[SERIES]
    decisions = list(ready.journal.decisions(SERIES))
    bars = tables.read_table(ready.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    assert len(decisions) == len(bars.loc["2020-03-01 00:00:01+00:00":])
    assert {one.bundle_sha256 for one in decisions} == {record["bundle_sha256"]}
    found, _ = parity.against_backtest(
        ready.home, runs.find_run(ready.home, record["run_id"]), ready.home / "journal.db", overlay=True
    )
    assert found.total > 10
    assert found.matched >= found.total - 1  # the backtest closes at the end of its data what paper still holds
    assert {one.side for one in decisions} == {-1, 0, 1}


def test_a_second_session_goes_on_where_the_first_ended(ready, capsys):
    assert ready.live(*PAPER) == 0
    before = list(ready.journal.decisions(SERIES))
    assert ready.live(*PAPER) == 0
    assert list(ready.journal.decisions(SERIES)) == before
    assert [one.how for one in ready.journal.sessions()][-2:] == ["ended", "ended"]


def test_a_decision_explains_itself_down_to_the_hash_of_its_bar(ready, capsys):
    assert ready.live(*PAPER) == 0
    ordered = next(one for one in ready.journal.decisions(SERIES) if one.side != 0)
    told = answer(ready, capsys, "explain", ordered.signal_id)
    assert told["again"]["same"] is True
    assert told["again"]["bars_sha256"] == answer(ready, capsys, "card", SERIES)["bars_sha256"]
    assert told["decision"]["bar_sha256"] == ordered.bar_sha256
    assert [one["state"] for one in told["orders"][0]["states"]] == ["intended", "sent", "working", "filled", "closed"]
    assert {one["kind"] for one in told["orders"][0]["executions"]} == {"open", "close"}
    assert ready.run("explain", "XAUUSD_15T.20200203T1015.00000000") == 2


@pytest.fixture(scope="module")
def replayed(planted, tmp_path_factory) -> Path:
    """Return the journal of a replay of the planted market's judged window, made by the command that one types."""
    with pytest.MonkeyPatch.context() as patch:
        planted.patch = patch
        planted.use()
        run_id = promotion.production(planted.home)[SERIES]["run_id"]
        assert planted.live("--mode", "paper", "--run", run_id[:8]) == 0
    return planted.home / "replays" / run_id / "journal.db"


def test_a_replay_makes_the_trades_of_the_backtest_one_for_one(replayed, ready):
    stored = tables.read_table(ready.home / "runs" / SERIES / "trades.parquet", tables.TRADES)
    replay = Journal.read(replayed)
    live = trades_of(replay.executions(SERIES), list(replay.decisions(SERIES)))
    assert len(stored) > 200
    assert live.astype({"side": "int8", "reason": "str"}).equals(stored)
    assert [one.mode for one in replay.sessions()] == ["REPLAY"]


def test_parity_of_a_replay_is_complete(replayed, ready, capsys):
    run_id = promotion.production(ready.home)[SERIES]["run_id"]
    told = answer(ready, capsys, "parity", "--run", run_id, "--journal", str(replayed))
    trades = len(tables.read_table(ready.home / "runs" / SERIES / "trades.parquet", tables.TRADES))
    assert (told["total"], told["matched"], told["first_divergence"]) == (trades, trades, None)
    assert told["scores_differing"] == 0


def test_a_revised_bar_is_pinpointed(replayed, ready, capsys):
    run_id = promotion.production(ready.home)[SERIES]["run_id"]
    path = ready.home / "bars" / f"{SERIES}.parquet"
    content, manifest = path.read_bytes(), tables.manifest_path(path).read_bytes()
    bars = tables.read_table(path, tables.BARS)
    at = bars.index[bars.index.searchsorted(pd.Timestamp("2019-12-10", tz="UTC"))]
    bars.loc[at, "high"] += 0.5
    tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="")
    told = answer(ready, capsys, "parity", "--run", run_id, "--journal", str(replayed))
    path.write_bytes(content)
    tables.manifest_path(path).write_bytes(manifest)
    first = told["first_divergence"]
    assert (first["ts"], first["what"], first["field"]) == (at.isoformat(), "bar", "high")
    assert first["backtest"] - first["live"] == pytest.approx(0.5)


def test_a_failed_run_is_replayed_too_and_nothing_of_it_is_in_the_journal(failed, capsys):
    run_id = answer(failed, capsys, "card", SERIES)["run_id"]
    days = ("--start-date", "2020-02-10", "--end-date", "2020-02-12")
    assert failed.live("--mode", "paper", "--run", run_id, *days, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mode"], told["status"], told["trades"]) == ("REPLAY", "FAILED", 0)
    assert told["bars"] == sum(told["reasons"].values()) > 100
    assert not (failed.home / "journal.db").exists()
    assert failed.live(*PAPER) == UnavailableError.exit_code


def test_an_alias_moved_by_hand_is_refused(ready, capsys):
    record = promotion.production(ready.home)[SERIES]
    with tracking.opened(ready.home) as client:
        run = client.get_run(record["run_id"])
        other = client.create_model_version(SERIES, f"{run.info.artifact_uri}/bundle", record["run_id"]).version
        client.set_registered_model_alias(SERIES, "champion", other)
        capsys.readouterr()
        assert ready.live(*PAPER) == GateError.exit_code
        client.set_registered_model_alias(SERIES, "champion", record["version"])
        client.delete_model_version(SERIES, other)
    said = capsys.readouterr().err
    assert "champion" in said
    assert "Traceback" not in said
    assert ready.live(*PAPER) == 0


def test_a_halt_by_hand_holds_until_it_is_lifted_by_hand(ready, capsys):
    assert ready.live("--halt", "--why", "lunch") == 0
    capsys.readouterr()
    assert ready.live(*PAPER) == 5
    assert "lunch" in capsys.readouterr().err
    assert ready.live("--status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["level"] == "block"
    assert ready.live("--resume") == 0
    assert ready.live(*PAPER) == 0
    capsys.readouterr()
    assert ready.live("--status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["level"] == "none"


def test_a_second_runner_on_the_account_is_refused_and_told_who_has_it(ready, capsys):
    with held(ready.home):
        assert ready.live(*PAPER) == 6
        assert f"pid {os.getpid()}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--mode", "paper", "--once", "--start-date", "2020-02-15"), 2, "has seen every bar"),
        (("--mode", "paper", "--once", "--models", "EURUSD_15T"), 6, "there are XAUUSD_15T"),
        (("--mode", "paper", "--end-date", "2020-02-10"), 2, "for replays"),
        (("--mode", "paper", "--run", "ffffffff"), 2, "the latest are"),
        (("--mode", "PAPER"), 2, "Write paper"),
        (("--mode", "live"), 2, "not built"),
        ((), 2, "Give one of"),
        (("--mode", "paper", "--halt"), 2, "Give one of"),
    ],
)
def test_what_the_runner_is_asked_wrongly_is_one_line(ready, capsys, arguments, code, told):
    capsys.readouterr()
    assert ready.live(*arguments) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert told in said[-1]
    assert [line for line in said if line.startswith("error: ")] == said[-1:]


def test_the_runner_never_imports_mlflow(ready):
    code = (
        "import sys\nfrom live import runner\n"
        "try:\n    runner.main(['--mode', 'paper', '--once'])\n"
        "except SystemExit as ended:\n    print(ended.code, 'mlflow' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().splitlines()[-1] == "0 False"


def test_a_signal_for_another_program_is_what_the_runner_decides(ready, capsys):
    assert ready.live(*PAPER) == 0
    champion = load_champion(SERIES, ready.home)
    generator = SignalGenerator(champion)
    bars = tables.read_table(ready.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    ordered = next(one for one in ready.journal.decisions(SERIES) if one.side != 0)
    at = pd.Timestamp(ordered.ts, unit="us", tz="UTC")
    signal = generator.generate_signal("XAUUSD", "15T", bars.loc[:at])
    assert signal.side == ("long" if ordered.side > 0 else "short")
    assert (signal.signal_id, signal.score) == (ordered.signal_id, ordered.score)
    assert signal.size > ordered.size  # for a fresh account, by the judged risk instead of this account's half
    assert abs(signal.entry - signal.stop) > 0
    assert signal.reward_to_risk == pytest.approx(1.4, rel=0.05)
    with pytest.raises(UsageError, match="not EURUSD_15T"):
        generator.generate_signal("EURUSD", "15T", bars)
    with pytest.raises(DataError, match="needs"):
        generator.generate_signal("XAUUSD", "15T", bars.iloc[:100])


def card_of(made: World) -> Card:
    return from_json((made.home / "runs" / SERIES / "card.json").read_bytes())


def test_a_planted_edge_passes_stress_and_the_honest_profile_too(ready, capsys):
    told = answer(ready, capsys, "gate", SERIES, "--profile", "honest")
    assert (told["status"], told["decides"], told["run_id"]) == ("READY", "six", card_of(ready).run_id)
    assert {gate["name"]: gate["asked"] for gate in told["gates"]}["overfitting"] is False
    got = {gate["name"]: gate["got"] for gate in told["gates"]}
    assert got["stress"] == 0 and got["looks"] == 1 and got["permutation_p"] < 0.01 and got["deflated_sharpe"] > 0.999
    for profile, code in (("honest", 0), ("six", 0), ("runbook", 0), ("honset", 2)):
        assert ready.run("gate", SERIES, "--profile", profile) == code
    assert "Did you mean honest?" in capsys.readouterr().err


def test_the_card_holds_both_verdicts_and_what_luck_and_worse_fills_make_of_the_edge(ready):
    card, folder = card_of(ready), ready.home / "runs" / SERIES
    assert list(card.verdicts) == ["six", "honest"] and card.verdicts["six"] == card.gates
    trades = tables.read_table(folder / "trades.parquet", tables.TRADES)
    undisturbed = card.robustness["scenarios"][0]
    assert (undisturbed["trades"], card.significance["result"]["trades"]) == (len(trades), len(trades))
    assert undisturbed["profit_factor"] == pytest.approx(card.oos["profit_factor"])
    assert 0 < card.significance["shrunken"]["expectancy"] < card.oos["expectancy"]
    assert card.chances["luck"]["every"] < 0.01 and card.chances["power"]["every"] > 0.5
    assert card.robustness["break_even"]["dead"]["multiple"] > 2
    assert (folder / "plots" / "stress.png").stat().st_size > 10_000
    assert len(list((ready.home / "mlartifacts").rglob("plots/stress.png"))) == 1
    page = (folder / "card.md").read_text()
    for title in ("## Other profiles", "## Against luck", "## Worse fills", "## Chances of the benchmarks"):
        assert title in page


def test_a_run_without_trades_says_in_a_line_that_nothing_can_be_asked(failed, capsys):
    card = card_of(failed)
    assert card.oos["trades"] == 0 and card.significance == card.robustness == {"why": "no trade was closed"}
    assert not (failed.home / "runs" / SERIES / "plots" / "stress.png").exists()
    told = answer(failed, capsys, "gate", SERIES, "--profile", "honest")
    assert told["status"] == "FAILED" and failed.run("gate", SERIES, "--profile", "honest") == GateError.exit_code
    asked = {gate["name"]: gate["note"] for gate in told["gates"] if not gate["passed"]}
    assert asked["deflated_sharpe"] == asked["permutation_p"] == asked["stress"] == "no trade was closed"
    capsys.readouterr()
    assert failed.run("card", SERIES) == 0
    said = capsys.readouterr().out
    assert said.count("nothing can be asked") == 1 and "Profile honest says FAILED" in said


def test_a_fourth_look_at_the_window_is_refused_by_honest_though_nothing_else_has_changed(ready, capsys):
    card, path = card_of(ready), ready.home / "ledger.jsonl"
    content = path.read_bytes()
    window = {"oos_start": card.window["oos_start"], "cut_off": card.window["cut_off"]}
    for model in ("first", "second", "third"):
        assert ready.run("gate", SERIES, "--profile", "honest") == 0
        ledger.record(ready.home, SERIES, "look", bars_sha256="b", config_sha256="c", model=model, **window)
    told = answer(ready, capsys, "gate", SERIES, "--profile", "honest")
    path.write_bytes(content)
    assert [gate["name"] for gate in told["gates"] if not gate["passed"]] == ["looks"]
    assert told["looks"] == 4 and told["status"] == "FAILED"


def test_the_configured_profile_decides_promotion(ready, capsys):
    before = promotion.production(ready.home)[SERIES]
    path = ready.config / "gates.toml"
    text = path.read_text()
    path.write_text(text.replace('profile = "six"', 'profile = "many"') + "\n[many]\ntrades = 100_000\n")
    assert ready.run("train", "XAUUSD", "15T") == GateError.exit_code
    refused = card_of(ready)
    assert (refused.status, refused.profile, list(refused.verdicts)) == ("FAILED", "many", ["six", "honest", "many"])
    assert all(gate.passed for gate in refused.verdicts["six"])
    assert promotion.production(ready.home)[SERIES] == before
    assert "fails 1 of 1 benchmarks of profile many" in answer(ready, capsys, "card", SERIES)["headline"]
    path.write_text(text.replace('profile = "six"', 'profile = "honest"'))
    assert ready.run("train", "XAUUSD", "15T") == 0
    record = promotion.production(ready.home)[SERIES]
    assert (record["profile"], record["run_id"]) == ("honest", card_of(ready).run_id) != ("six", before["run_id"])
    assert [gate["name"] for gate in record["gates"]] == [gate.name for gate in card_of(ready).verdicts["honest"]]
    assert card_of(ready).looks == 1
    assert load_champion(SERIES, ready.home).run_id == record["run_id"]
    path.write_text(text)


def test_a_gate_that_has_failed_since_promotes_nothing(ready, capsys):
    assert ready.run("train", "XAUUSD", "15T") == ready.code  # by the gates of now
    home = {"ASSAY_HOME": str(ready.home), "ASSAY_CONFIG": str(ready.config)}
    failed = measured(home, "failed", tier="merge", status="FAILED")
    try:
        capsys.readouterr()
        assert ready.run("promote", SERIES) == GateError.exit_code
        assert "do not believe this gate" in capsys.readouterr().err
    finally:
        failed.unlink()


def test_a_run_folder_that_is_not_what_was_judged_is_refused(ready, capsys):
    path = ready.home / "runs" / SERIES / "backtest.json"
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    capsys.readouterr()
    assert ready.run("gate", SERIES) == UnavailableError.exit_code
    path.write_bytes(content)
    assert "is not what the last card" in capsys.readouterr().err
    assert ready.run("gate", SERIES) == 0


def test_a_doctor_asks_every_question_of_a_trained_run_and_finds_an_edge_too_good_to_be_true(ready, capsys):
    told = answer(ready, capsys, "doctor", SERIES)
    assert told["status"] == "READY"
    (left,) = told["not_asked"]  # ten months hold three windows of three months
    assert left["why"].startswith("fewer than 4 windows") and left["checks"] == ["feature_drift", "class_drift"]
    found = {one["check"] for one in told["findings"]}
    assert "implausible_sharpe" in found
    assert not found & {"leaks", "causality", "skill", "deflated_sharpe", "no_trade", "other_bars", "entries_removed"}
    at_home = {one["check"] for one in answer(ready, capsys, "doctor", "--home")["findings"]}
    assert at_home <= {"port"}  # whatever else listens on this machine


def test_a_doctor_does_not_ask_files_that_were_changed_after_the_run(ready, capsys):
    trades = ready.home / "runs" / SERIES / "trades.parquet"
    content = trades.read_bytes()
    trades.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        (left,) = answer(ready, capsys, "doctor", SERIES)["not_asked"]
        assert "were changed since" in left["why"] and {"best_month", "feature_drift"} < set(left["checks"])
        capsys.readouterr()
        assert ready.run("doctor", "--home") == 3  # a table is no longer what its manifest says
        assert "trades.parquet was changed after it was written" in capsys.readouterr().out
    finally:
        trades.write_bytes(content)


def keep_guessed_splits(made: World) -> None:
    """Leave what a training leaves that was interrupted after its last split: here each model guesses."""
    work = job.prepare(instruments.series("XAUUSD", "15T"))
    bars, wanted = tables.read_table(work.workspace.bars, tables.BARS), combinatorial_settings.combinatorial()
    rows = training_stage.windowed(work, bars)
    known = bars.loc[: rows.window.oos_start]
    store = FoldStore(work.workspace.run / "splits", paths_record.order(work).key)
    told = dict.fromkeys(("rows", "test_rows", "rounds", "calibrations", "features"))
    told |= {"choice": {"long": 0.7, "short": 0.3, "trades": 0, "expectancy": None}, "base_rate": [0.4, 0.2, 0.4]}
    told |= {"outcomes": {"long": [1.0] * 3, "short": [1.0] * 3}}
    splits = parts.combinatorial(rows.development, known, work.research, wanted.groups, wanted.held_out)
    for number, part in enumerate(splits, start=1):
        p = np.random.default_rng(number).dirichlet([1.0] * 3, len(part.test)).round(6)
        guess = pd.DataFrame(p, rows.development.X.index[part.test], list(ensemble.PROBABILITIES))
        store.keep(Judged(told | {"fold": number, "splits": [part.told()]}, guess.assign(fold=number), {}, {}, []))


def test_paths_that_are_computed_later_come_onto_the_card_of_the_same_model(ready, capsys):
    assert ready.run("train", "XAUUSD", "15T") == ready.code  # by the gates of now
    before, folder = card_of(ready), ready.home / "runs" / SERIES
    ready.replace("combinatorial", "groups = 6", "groups = 3")
    keep_guessed_splits(ready)
    assert ready.run("train", "XAUUSD", "15T", "--paths") == ready.code
    said = capsys.readouterr().err
    assert "paths     2 combinatorial paths of 3 splits" in said and "(paths.json changed)" in said
    card = card_of(ready)
    assert before.paths == {} and [path["splits"] for path in card.paths["paths"]] == [[1, 1, 2], [2, 3, 3]]
    assert card.paths["median"]["expectancy"] < 0 and card.paths["leaks"] == 0
    same = ("bundle_sha256", "trials", "looks", "status", "gates", "oos")
    assert {name: getattr(card, name) for name in same} == {name: getattr(before, name) for name in same}
    assert "## Combinatorial paths" in (folder / "card.md").read_text()
    assert (folder / "plots" / "paths.png").stat().st_size > 10_000
    assert len(list((ready.home / "mlartifacts").rglob(f"{card.run_id}/**/plots/paths.png"))) == 1
    assert any("2 combinatorial paths" in line for line in answer(ready, capsys, "card", SERIES)["proof_lines"])
    for again in ((), ("--paths",)):
        capsys.readouterr()
        assert ready.run("train", "XAUUSD", "15T", *again) == ready.code
        assert "no stage was run" in capsys.readouterr().err
    assert card_of(ready).run_id == card.run_id
