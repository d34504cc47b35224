"""The main job from bars to a verdict: a planted edge is READY and promoted, a market without one is FAILED."""

import json
import shutil
from pathlib import Path

import pytest

from backtest import simulate
from market import simulated, tables
from market.errors import DataError, GateError, UnavailableError
from pipeline import cli
from registry import bundle, load_champion, promotion, tracking
from training import ensemble

SERIES = "XAUUSD_15T"


class World:
    """A home and a configuration of their own, with one imported series, and the command line on them."""

    def __init__(self, folder: Path, edge: float, patch: pytest.MonkeyPatch) -> None:
        self.home, self.config = folder / "home", folder / "config"
        self.patch = patch
        shutil.copytree("config", self.config)
        self.replace("research", "oos_months = 6 ", "oos_months = 3 ")
        self.replace("recipes", "features = 50", "features = 20")
        bars = simulated.simulate("XAUUSD", "15T", "2019-01-02", "2020-01-31", edge=edge, seed=2)
        self.file = folder / "bars.csv"
        bars.reset_index().rename(columns={"ts": "time"}).to_csv(self.file, index=False)
        self.use()
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


def world(tmp_path_factory: pytest.TempPathFactory, edge: float) -> World:
    patch = pytest.MonkeyPatch()
    made = World(tmp_path_factory.mktemp("world"), edge, patch)
    made.code = made.run("train", "XAUUSD", "15T")
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


def test_the_answer_holds_every_promised_name(ready, capsys):
    told = answer(ready, capsys, "card", SERIES)
    promised = "series status run_id gates oos folds features seconds bars_sha256 simulated looks trials"
    assert set(promised.split()) <= set(told)
    assert [set(gate) >= {"name", "got", "wanted", "passed"} for gate in told["gates"]] == [True] * 6
    assert len(told["folds"]) == 10
    assert told["bars_sha256"] == tables.sha256_of_file(ready.home / "bars" / f"{SERIES}.parquet")


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
    told = answer(failed, capsys, "card", SERIES)
    assert told["status"] == "FAILED"
    assert told["remedies"]
    assert len(told["remedies"]) <= 3
    assert promotion.production(failed.home) == {}
    assert tracking.aliases(failed.home, SERIES) == {}
    artifacts = list((failed.home / "mlartifacts").rglob("card.md"))
    assert len(artifacts) == 1
    assert "FAILED" in artifacts[0].read_text().splitlines()[0]


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
