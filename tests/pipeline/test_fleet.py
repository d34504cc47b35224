"""The fleet from beginning to end: planned, run by workers that die, resumed, reported; each series judged once."""

import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market import instruments, simulated, tables
from pipeline import answers, fleet_lock, fleet_portfolio, workspace
from registry import ledger
from tests.pipeline import fleets
from tests.pipeline.conftest import CommandLine
from tests.pipeline.test_fleet_page import cells
from tests.processes import alive, end_within

GOLD, SILVER, EURO = fleets.SERIES


@pytest.fixture(scope="module")
def bars(tmp_path_factory) -> CommandLine:
    """Return a home with bars of three series, those of one all before the history that is trained on."""
    made = fleets.with_bars(tmp_path_factory.mktemp("fleet"), (GOLD, SILVER))
    old = made.folder / "old.csv"
    fleets.table_of(simulated.simulate("EURUSD", "1H", "2018-01-02", "2018-01-20"), 60).to_csv(old, index=False)
    words = "--symbol EURUSD --timeframe 1H --timezone UTC --stamp open"
    assert made("import", str(old), *words.split()).code == 0
    return made


@pytest.fixture(scope="module")
def ran(bars) -> tuple[CommandLine, int, dict, int]:
    """Run the fleet by two workers and kill the one that trains gold: the home, exit code, answer and who ran it."""
    running = fleets.Running(bars, "run", "--workers", "2")
    running.wait_for(f"{GOLD}: train")
    worker = running.worker_of(GOLD)
    os.kill(worker, signal.SIGKILL)
    code, answer = running.ended()
    assert end_within(5, [worker])
    return bars, code, answer, running.process.pid


@pytest.fixture(scope="module")
def undisturbed(ran, tmp_path_factory) -> CommandLine:
    """Return a home in which gold was trained from its features on by this process alone, and not judged."""
    made = fleets.copied(ran[0], tmp_path_factory.mktemp("alone") / "home")
    for name in (f"bundles/{GOLD}", "mlartifacts", f"runs/{SILVER}"):
        shutil.rmtree(made.home / name)
    (made.home / "mlflow.db").unlink()
    kept = ("enrich", "label", "causality")
    for path in (made.home / "runs" / GOLD).rglob("*.*"):
        if path.is_file() and path.name.partition(".")[0] not in kept:
            path.unlink()
    fleets.alone(made, GOLD)
    return made


def plan_of(made: CommandLine, *words: str) -> dict[str, dict]:
    ended = made("fleet", "plan", "--json", *words)
    assert ended.code == 0, ended.err
    return {one["series"]: one for one in json.loads(ended.out)["series"]}


def why_of(planned: dict) -> dict[str, str | None]:
    return {step["stage"]: step["why"] for step in planned["stages"]}


def test_a_series_that_fails_is_reported_and_the_others_are_judged(ran):
    _, code, answer, _ = ran
    states = {name: one["state"] for name, one in answer["series"].items()}
    assert states == {GOLD: "judged", SILVER: "judged", EURO: "failed", "GBPUSD_1H": "missing"}
    assert answer["series"][EURO]["why"].startswith("enrich: No bars between 2019-01-01 and the cut-off")
    assert (code, answer["state"]) == (4, "done")
    assert "assay import FILE --symbol GBPUSD" in answer["series"]["GBPUSD_1H"]["why"]


def test_a_killed_worker_changes_no_byte(ran, undisturbed):
    made, _, answer, _ = ran
    assert answer["series"][GOLD]["verdict"] in ("READY", "FAILED")
    expected = fleets.bytes_of(undisturbed, GOLD)
    assert len(expected) > 15
    assert fleets.bytes_of(made, GOLD) == expected


def test_only_the_parent_writes_the_registry_and_the_ledger(ran):
    made, _, _, parent = ran
    with sqlite3.connect(made.home / "mlflow.db") as database:
        writers = database.execute("select value from tags where key = 'writer'").fetchall()
    assert len(writers) == 2
    assert all(str(parent) in writer for (writer,) in writers), writers
    entries = ledger.read(made.home).entries
    assert sorted((one.series, one.kind) for one in entries) == [
        (name, kind) for name in sorted((GOLD, SILVER)) for kind in ("look", "trial")
    ]


def test_a_second_run_does_nothing(ran):
    made, *_ = ran
    before = made.clock()
    ended = made("fleet", "run", "--only", "XA*", "--json")
    assert ended.code == 0, ended.err
    after = made.clock()
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed == {"fleet/board.json", "fleet/holder.json"}
    told = json.loads(ended.out)
    assert {one["state"] for one in told["series"].values()} == {"up to date"}
    assert told["series"][GOLD]["verdict"] in ("READY", "FAILED")


def test_the_plan_says_what_is_stale_and_why(ran, tmp_path):
    made = fleets.copied(ran[0], tmp_path / "copy")
    planned = plan_of(made)
    assert planned[GOLD]["state"] == planned[SILVER]["state"] == "up to date"
    assert (planned[EURO]["state"], planned[EURO]["why"]) == ("stale", "enrich: not run yet")
    assert planned["GBPUSD_1H"]["state"] == "missing"
    (made.home / "features" / f"{GOLD}.parquet").touch()
    assert plan_of(made)[GOLD]["state"] == "up to date", "a file time is no reason"
    made.replace("policy", "cooldown = 5 ", "cooldown = 6 ")
    planned = plan_of(made, "--only", GOLD)
    assert list(planned) == [GOLD]
    assert why_of(planned[GOLD]) == {
        "enrich": None,
        "label": None,
        "causality": None,
        "train": "settings changed",
        "backtest": "after train",
        "gate": "after train",
    }
    (made.home / "labels" / f"{GOLD}.parquet").unlink()
    assert why_of(plan_of(made)[GOLD])["label"] == f"{GOLD}.parquet is missing or changed"
    assert why_of(plan_of(made)[GOLD])["train"] == "after label"
    assert why_of(plan_of(made, "--from", "enrich")[SILVER]) == dict.fromkeys(
        why_of(planned[GOLD]), "asked for by --from"
    )


def test_the_plan_expects_what_it_has_cost_before(ran):
    planned = plan_of(ran[0], "--from", "train")
    spent = {
        stage: json.loads((ran[0].home / "runs" / SILVER / f"{stage}.receipt.json").read_text())["seconds"]
        for stage in ("train", "backtest", "gate")
    }
    assert planned[SILVER]["seconds"] == pytest.approx(sum(spent.values()), abs=0.06)
    assert planned[SILVER]["memory"] > 2e8
    assert planned[SILVER]["disk"] < 1e7
    ended = ran[0]("fleet", "plan", "--json", "--from", "enrich", "--workers", "2")
    totals = json.loads(ended.out)["totals"]
    assert totals["disk"] > planned[SILVER]["disk"] * 3
    assert totals["wall_seconds"] >= totals["seconds"] / 2


def test_a_killed_parent_loses_no_finished_stage(ran, undisturbed, tmp_path):
    made = fleets.copied(undisturbed, tmp_path / "copy")
    running = fleets.Running(made, "run", "--workers", "1", "--only", "XAU*", "--from", "train")
    running.wait_for(f"{GOLD}: train")
    worker = running.worker_of(GOLD)
    assert alive(worker)
    running.process.kill()
    running.process.wait()
    assert end_within(10, [worker]), "a worker outlived the fleet"
    status = json.loads(made("fleet", "status", "--json").out)
    assert (status["running"], status["state"]) == (False, "killed")
    assert why_of(plan_of(made)[GOLD])["train"] == "not run yet"
    enriched = made.clock()[f"runs/{GOLD}/enrich.receipt.json"]
    ended = made("fleet", "resume", "--json")
    assert ended.code == 0, ended.err
    assert made.clock()[f"runs/{GOLD}/enrich.receipt.json"] == enriched
    assert fleets.bytes_of(made, GOLD) == fleets.bytes_of(undisturbed, GOLD)


def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on(ran, tmp_path):
    made = fleets.copied(ran[0], tmp_path / "copy")
    running = fleets.Running(made, "run", "--workers", "1", "--only", "XAU*", "--from", "enrich")
    running.wait_for(f"{GOLD}: ")
    running.wait_for(f"{GOLD}: enrich")
    worker = running.worker_of(GOLD)
    os.kill(running.process.pid, signal.SIGINT)
    code, answer = running.ended()
    assert (code, answer["exit_code"]) == (130, 130)
    assert end_within(5, [worker])
    assert json.loads(made("fleet", "status", "--json").out)["state"] == "interrupted"


def test_a_second_fleet_on_the_same_home_is_refused(ran):
    made, *_ = ran
    with fleet_lock.held(made.home) as holder:
        ended = made("fleet", "run")
        assert made("fleet", "status").out.strip().endswith(f"is at work since {holder.since}")
    assert ended.code == 6
    assert f"process {os.getpid()} on {holder.host} since {holder.since}" in ended.err


def test_the_report_is_made_again_from_the_disk(ran):
    made, _, answer, _ = ran
    ended = made("fleet", "report", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told == answer["report"]
    verdicts = [answer["series"][name]["verdict"] for name in (GOLD, SILVER)]
    assert [one["status"] for one in told["verdicts"]] == [*verdicts, "failed", "missing"]
    assert told["luck"]["looks"] == 2
    assert told["cost"]["slowest"] in (GOLD, SILVER)
    table = made("fleet", "report").out
    assert GOLD in table
    assert "independent ones" in table


def test_the_report_is_a_page_too(ran, tmp_path):
    made, _, answer, _ = ran
    ended = made("fleet", "report", "--html", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    page = Path(told.pop("page"))
    assert (page, told) == (made.home / "fleet" / "report.html", answer["report"])
    shown = cells(page.read_text(encoding="utf-8"))
    words = [answer["series"][name]["verdict"] for name in (GOLD, SILVER)]
    assert [shown[name].split()[0] for name in fleets.SERIES] == [*words, "error"]
    assert shown["GBPUSD_1H"] == "missing"
    elsewhere = tmp_path / "new" / "page.html"
    assert made("fleet", "report", "--html", "--only", GOLD, "--to", str(elsewhere)).out == f"{elsewhere}\n"
    assert [*cells(elsewhere.read_text(encoding="utf-8"))] == [GOLD]
    assert [path.name for path in elsewhere.parent.iterdir()] == ["page.html"]


def test_bars_that_cannot_be_used_are_refused_and_not_failed(ran, tmp_path):
    made = fleets.copied(ran[0], tmp_path / "copy")
    with (made.home / "bars" / f"{EURO}.parquet").open("ab") as bars:
        bars.write(b"x")
    ended = made("fleet", "run", "--only", EURO, "--json")
    told = json.loads(ended.out)
    assert (ended.code, told["report"], told["series"][EURO]["state"]) == (4, None, "failed")
    assert "was changed after it was imported" in made("fleet", "run", "--only", EURO).out
    report = json.loads(made("fleet", "report", "--json").out)
    assert {one["series"]: one["status"] for one in report["verdicts"]}[EURO] == "refused"


def test_a_verdict_that_is_not_of_today_does_not_stand_in_the_report(ran, tmp_path):
    made = fleets.copied(ran[0], tmp_path / "home")

    def told() -> dict[str, dict]:
        return {one["series"]: one for one in json.loads(made("fleet", "report", "--json").out)["verdicts"]}

    before, board = told()[GOLD]["status"], made.home / "fleet" / "board.json"
    assert before in ("READY", "FAILED")
    known = json.loads(board.read_text())
    known["series"][GOLD] |= {"state": "failed", "at": "2099-01-01T00:00:00+00:00", "why": "train: a leak"}
    board.write_text(json.dumps(known))
    assert (told()[GOLD]["status"], told()[GOLD]["why"]) == ("failed", "train: a leak")
    known["series"][GOLD] |= {"at": "2000-01-01T00:00:00+00:00"}
    board.write_text(json.dumps(known))
    assert told()[GOLD]["status"] == before
    made.replace("research", "", f"[{GOLD}]\nseed = 7")
    assert told()[GOLD]["status"] == "stale"
    assert "train: bars, settings or code are others" in told()[GOLD]["why"]
    assert told()[SILVER]["status"] in ("READY", "FAILED")
    made.replace("gates", "trades = 200", "trades = 201")
    assert "has a verdict that stands" in made("fleet", "report").err


def test_the_correlation_of_models_is_that_of_their_daily_returns(ran):
    made, _, answer, _ = ran
    daily = []
    for name in (GOLD, SILVER):
        equity = tables.read_table(made.home / "runs" / name / "equity.parquet", tables.EQUITY)["equity"]
        closes = equity.groupby((equity.index - pd.Timedelta(microseconds=1)).floor("D")).last()
        daily.append(closes.pct_change().fillna(closes.iloc[0] / equity.iloc[0] - 1))
    both = pd.concat(daily, axis=1).dropna().to_numpy()
    told = answer["report"]["independence"]
    expected = np.corrcoef(both.T)[0, 1]
    assert told["pairs"][0]["correlation"] == pytest.approx(expected, abs=1e-3)
    assert told["effective"] == pytest.approx(2 - max(expected, 0.0), abs=0.01)


def test_an_account_with_one_model_earns_what_the_model_was_judged_by(ran, monkeypatch):
    for name, value in ran[0].environment.items():
        monkeypatch.setenv(name, value)
    target = workspace.of(instruments.series_named(GOLD))
    card = answers.read(target)
    told = fleet_portfolio.of({GOLD: target}, {GOLD: card})
    assert told["trades"] == card.oos["trades"] > 20
    for name in ("profit_factor", "win_rate", "total_return", "max_drawdown"):
        assert told[name] == pytest.approx(card.oos[name], rel=1e-12)
    drawn = told["equity"]["value"]
    assert len(drawn) == len(told["equity"]["ts"]) <= 600
    assert (told["equity"]["ts"][0], told["equity"]["ts"][-1]) == (told["first"], told["last"])
    assert drawn[-1] / drawn[0] - 1.0 == pytest.approx(card.oos["total_return"], abs=1e-6)
    falls = [1.0 - value / max(drawn[: at + 1]) for at, value in enumerate(drawn)]
    assert max(falls) == pytest.approx(card.oos["max_drawdown"], abs=1e-6)


def test_nothing_to_run_is_said(tmp_path):
    made = fleets.configured(tmp_path)
    ended = made("fleet", "run")
    assert ended.code == 6
    assert "None of the 4 series has bars" in ended.err
    assert made("fleet", "run", "--only", "XAGUSD_5T").code == 2
    assert made("fleet", "plan", "--from", "trian").err.strip().endswith("Did you mean train?")
    assert made("fleet", "resume").code == 6
    assert made("fleet", "report").code == 6
    assert made("fleet", "import").code == 2
    assert not (made.home / "runs").exists()


def test_bars_come_from_the_files_that_the_configuration_names(tmp_path):
    made = fleets.configured(tmp_path)
    made.replace("fleet", 'timeframes = ["1H"]', 'timeframes = ["4H", "1H"]')
    minutes = fleets.table_of(fleets.bars_of("XAUUSD", 0).iloc[:400], 60)
    (tmp_path / "vendor").mkdir()
    minutes.to_csv(tmp_path / "vendor" / "XAUUSD_1H.csv", index=False)
    files = f'files = "{tmp_path}/vendor/{{symbol}}_{{timeframe}}*.csv"'
    source = f'{files}\ntimeframes = ["H1"]\ntimezone = "UTC"\nstamp = "open"'
    made.replace("fleet", "", f"[sources.GOLD]\n{source}\n[sources.EURUSD]\n{source}")
    ended = made("fleet", "import", "--json")
    told = {one["series"]: one for one in json.loads(ended.out)["series"]}
    assert ended.code == 6
    assert (told["XAUUSD_1H"]["state"], told["XAUUSD_1H"]["rows"]) == ("imported", 400)
    assert (told["XAUUSD_4H"]["state"], told["XAGUSD_1H"]["state"]) == ("resampled", "no source")
    assert (told["EURUSD_1H"]["state"], told["EURUSD_4H"]["state"]) == ("refused", "refused")
    assert "no file fits" in told["EURUSD_1H"]["why"]
    again = made("fleet", "import", "--json", "--only", "XAUUSD_*")
    assert again.code == 0
    assert {one["state"] for one in json.loads(again.out)["series"]} == {"unchanged"}
    missing = {one["series"]: one["why"] for one in plan_of(made).values() if one["state"] == "missing"}
    assert missing["EURUSD_1H"] == "no bars: `assay fleet import --only EURUSD_1H`"
