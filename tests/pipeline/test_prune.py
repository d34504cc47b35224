"""`assay prune`: what nobody needs goes, and whatever anybody may still ask for stays; a kill leaves nothing half."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock
from mlflow.store.model_registry import sqlalchemy_store as versions_store  # noqa: F401  (children have it then)
from mlflow.store.tracking import sqlalchemy_store as runs_store  # noqa: F401  (it takes seconds)

from market import durable, instruments, tables, versions
from market.errors import DataError
from pipeline import bar_history, fleet_lock, job, needless, trial_records, workspace
from pipeline import doctor_installation as installation
from pipeline.doctor_findings import examine
from pipeline.doctor_home import CHECKS
from registry import ledger, load_champion, runs, tracking
from registry.bundle import write_bundle
from registry.promotion import production
from tests.pipeline import fleets
from tests.pipeline.conftest import CommandLine, Ended
from tests.pipeline.measured_gates import measured
from tests.registry.cards import make_card
from tests.registry.kills import Step, child, ended
from training.journals import Journals
from training.members import MEMBERS

GOLD, EURO, POUND = "XAUUSD_1H", "EURUSD_1H", "GBPUSD_1H"
DEAD = 2**22 + 1  # no process has such a number
OLD = 40 * 86_400  # seconds
KEPT = ("production.json", "bars/*.parquet", "bars/*.json", "promotions/*", "known_good/**/*")


class Yard:
    """A home that is put back as it was, always at the same place: a registry names its artifacts by their address."""

    def __init__(self, made: CommandLine) -> None:
        self.made, self.template = made, made.folder / "template"
        shutil.copytree(made.home, self.template)

    def anew(self) -> CommandLine:
        shutil.rmtree(self.made.home)
        shutil.copytree(self.template, self.made.home)
        return self.made


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Return a home with a champion of gold that was trained once, and with one of everything that nobody needs."""
    made = fleets.with_bars(tmp_path_factory.mktemp("prune"), (GOLD, EURO, POUND))
    made.replace("gates", 'profile = "six" ', 'profile = "traded" ')
    made.replace("gates", "", "[traded]\ntrades = 50")
    measured(made.environment)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        assert ended(child(lambda: [older_run(made.home, number) for number in (1, 2)])) == 0
        ran = apart(made, "train", *GOLD.split("_"), "--workers", "1")
        assert ran.code == 0, ran.err
        litter(made)
    yield Yard(made)


def litter(made: CommandLine) -> None:
    """Leave in the home what nobody needs: of each kind something, by the code that leaves it wherever there is one."""
    champion = made.home / production(made.home)[GOLD]["bundle"]
    shutil.copytree(champion, champion.with_name("0123456789abcdef"))
    finished_folds(made)
    stale_tables(made)
    for path, age in (("logs/bug-20200101T000000.txt", OLD), ("logs/bug-20990101T000000.txt", 0)):
        durable.write_text(made.home / path, "Traceback")
        then = (made.home / path).stat().st_mtime - age
        os.utime(made.home / path, (then, then))
    for path in (f"features/.{GOLD}.parquet.{DEAD}.tmp", f"runs/{GOLD}/.score.parquet.{DEAD}.pruned"):
        (made.home / path).write_bytes(b"half")


def older_run(home: Path, number: int) -> None:
    """Log a FAILED run of gold with a bundle of its own, as a training leaves it that others followed."""
    aside = home / "bundles" / GOLD / "new"
    digest = write_bundle(aside, {"model.txt": bytes(10_000)}, {"number": number})
    aside.rename(aside.with_name(digest[:16]))
    card = make_card(series=GOLD, bundle_sha256=digest, looks=number)
    files = {path.name: path for path in sorted(aside.with_name(digest[:16]).iterdir())}
    runs.keep_card(home, card.model_copy(update={"run_id": tracking.log_run(home, card, "# Card", files, {})}))


def finished_folds(made: CommandLine) -> None:
    """Leave folds of a training that is finished, with a trial of tuning that the ledger has not heard of."""
    work = job.prepare(instruments.series_named(GOLD))
    folder = work.workspace.run / "folds"
    folder.mkdir()
    trial_records.begin(work, folder, "a training")
    journal = Journals(folder, "a training").open("fold 2", "lightgbm", "log_loss")
    drawn = {name: one.low for name, one in MEMBERS["lightgbm"].ranges.items()}
    journal.add(fleets.trial("fold 2", 0.3)._replace(parameters=drawn), 0.1, MEMBERS["lightgbm"].ranges)


def stale_tables(made: CommandLine) -> None:
    """Let the euro have tables of other code and bars that were replaced, and the pound tables whose bars are gone."""
    for name in (EURO, POUND):
        assert made("enrich", name).code == 0
        assert made("label", *name.split("_")).code == 0
    for stage in ("enrich", "label"):
        path = made.home / "runs" / EURO / f"{stage}.receipt.json"
        durable.write_json(path, json.loads(path.read_text()) | {"code_sha256": "of another day"})
    file = made.folder / f"{EURO}.csv"
    words = "--symbol EURUSD --timeframe 1H --timezone UTC --stamp open --replace"
    table = pd.read_csv(file)
    table.iloc[:-1].to_csv(file, index=False)
    assert made("import", str(file), *words.split()).code == 0
    for path in (made.home / "bars").glob(f"{POUND}.*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def home(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    made = yard.anew()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def apart(made: CommandLine, *words: str) -> Ended:
    """Run a command in a child: MLflow goes on with the database that it has opened, whatever is put in its place."""
    told = made.folder / "told.json"
    assert ended(child(lambda: told.write_text(json.dumps(made(*words))))) == 0
    return Ended(*json.loads(told.read_text()))


def pruned(made: CommandLine, *words: str) -> dict:
    done = apart(made, "prune", "--keep", "1", "--json", *words)
    assert done.code == 0, done.err
    return json.loads(done.out)


def planned(made: CommandLine) -> list[dict]:
    """Return the plan of every series, what it costs aside."""
    told = json.loads(made("fleet", "plan", "--json").out)["series"]
    return [{name: one[name] for name in ("series", "state", "why", "stages")} for one in told]


def faults(made: CommandLine) -> set[str]:
    """Return the checks of the doctor that find something, other programs' ports aside."""
    home = installation.at(made.home, ["json"])
    found = examine(CHECKS, home)["findings"]
    home.importing.communicate()
    return {one["check"] for one in found} - {"port"}


def kept(made: CommandLine) -> dict[str, bytes]:
    """Return every file that never goes, the bars that an import has replaced aside."""
    files = {path for pattern in KEPT for path in made.home.glob(pattern) if path.is_file()}
    files |= {made.home / "runs" / GOLD / name for name in ("card.json", "training.json", "score.parquet")}
    return {str(path.relative_to(made.home)): path.read_bytes() for path in files if path.name != ".lock"}


def test_it_says_what_would_go_with_sizes_and_deletes_nothing(home: CommandLine) -> None:
    before = home.clock()
    told = pruned(home)
    assert (told["done"], told["left_alone"]) == (False, [])
    assert set(told["kinds"]) == set(needless.KINDS)
    assert told["bytes"] == sum(told["kinds"].values()) == sum(told["series"].values())
    features = [
        home.home / "features" / f"{name}.{end}" for name in (EURO, POUND) for end in ("parquet", "manifest.json")
    ]
    assert told["kinds"]["features"] == sum(path.stat().st_size for path in features)
    why = {(one["series"], one["kind"]): one["why"] for one in told["needless"]}
    assert why[EURO, "features"] == "bars changed"
    assert why[POUND, "labels"] == "its bars are gone"
    assert (GOLD, "features") not in why
    assert home.clock() == before
    said = apart(home, "prune", "--keep", "1").out
    assert "would be freed" in said and "--yes does it, for good" in said


def test_whatever_anybody_may_ask_for_stays(home: CommandLine) -> None:
    stays, plan, found, entries = kept(home), planned(home), faults(home), ledger.read(home.home).entries
    told = pruned(home, "--yes")
    assert told["done"] and set(told["kinds"]) == set(needless.KINDS)
    assert kept(home) == stays
    assert planned(home) == plan
    assert (found, faults(home)) == ({"leftovers"}, set())
    assert [path.name for path in (home.home / "bundles" / GOLD).iterdir()] == [
        production(home.home)[GOLD]["bundle_sha256"][:16]
    ]
    now = ledger.read(home.home).entries
    assert now[: len(entries)] == entries
    assert [(one.part, one.value) for one in now[len(entries) :]] == [("fold 2", 0.3)], (
        "the trial of the finished folds"
    )
    assert load_champion(GOLD, home.home).record is not None
    again = json.loads(home("backtest", GOLD, "--model", "@champion", "--json").out)
    assert again["recorded"] == "the same"
    second = pruned(home, "--yes")
    assert (second["needless"], second["bytes"]) == ([], 0)


def test_which_bars_an_import_replaced_are_of_no_use(home: CommandLine) -> None:
    bars = home.home / "bars" / f"{EURO}.parquet"
    first, second = versions.listed(bars)
    assert bar_history.superseded(bars, []) == [first]
    assert bar_history.superseded(bars, [second.ingested_at]) == [first]
    assert bar_history.superseded(bars, [first.ingested_at, second.ingested_at]) == []
    bar_history.empty(bars, 1)
    assert [(one.number, one.rows) for one in versions.listed(bars)] == [(1, 0), (2, second.rows)]
    assert bar_history.superseded(bars, []) == []
    between = (first.ingested_at + (second.ingested_at - first.ingested_at) / 2).isoformat()
    asked = ("validate", *EURO.split("_"), "--as-of")
    refused = home(*asked, between)
    assert refused.code == DataError.exit_code and "were pruned on" in refused.err
    assert home(*asked, "2998-01-01").code == 0
    to = str(home.folder / "as-of.parquet")
    assert "were pruned on" in home("export", *EURO.split("_"), "--to", to, "--as-of", between).err


def test_pruned_tables_are_made_again_and_nothing_is_trained_for_that(home: CommandLine) -> None:
    run_id = json.loads((home.home / "runs" / GOLD / "card.json").read_text())["run_id"]
    digests = {path: tables.sha256_of_file(path) for path in home.home.glob(f"*/{GOLD}.parquet")}
    pruned(home, "--yes")
    told = pruned(home, "--yes", "--tables")
    assert set(told["kinds"]) == {"features", "labels"} and told["made_again"]["tables"] == 2
    assert told["made_again"]["seconds"] > 0
    assert faults(home) == set()
    why = {one["stage"]: one["why"] for one in planned(home)[0]["stages"]}
    assert why["enrich"] == why["label"] == f"{GOLD}.manifest.json is missing or changed"
    assert (why["train"], why["gate"]) == ("after enrich", "after train")
    ran = apart(home, "train", *GOLD.split("_"), "--workers", "1")
    assert ran.code == 0, ran.err
    assert "train     up to date" in ran.err and "gate      up to date" in ran.err
    assert json.loads((home.home / "runs" / GOLD / "card.json").read_text())["run_id"] == run_id
    assert {path: tables.sha256_of_file(path) for path in digests} == digests


STEPS = {
    "between a table and its manifest": Step(Path, "rename", "after"),
    "between the table and the manifest of replaced bars": Step(Path, "replace", "after", 3),
    "before a folder that is set aside is deleted": Step(shutil, "rmtree", "before", 3),
    "before finished folds go": Step(trial_records, "settle", "after"),
}


def test_kill_after_kill_leaves_nothing_that_the_next_call_does_not_end(home: CommandLine) -> None:
    load_champion(GOLD, home.home)  # which keeps a copy
    stays, plan = kept(home), planned(home)
    for what, step in STEPS.items():
        assert ended(child(lambda: home("prune", "--keep", "1", "--yes"), step)) == -signal.SIGKILL, what
        assert kept(home) == stays, what
        assert load_champion(GOLD, home.home).record is not None, what
    assert planned(home) == plan
    pruned(home, "--yes")
    assert (faults(home), planned(home)) == (set(), plan)
    assert pruned(home)["needless"] == []
    assert load_champion(GOLD, home.home).record is not None


def test_a_series_at_work_is_left_alone(home: CommandLine) -> None:
    with FileLock(home.home / "runs" / EURO / ".lock"):
        before = home.files(f"*{EURO}*")
        for words in (("--only", "EUR*"), ("--only", "EUR*", "--yes")):
            told = pruned(home, *words)
            assert told["needless"] == [] and EURO in told["left_alone"][0]
        assert home.files(f"*{EURO}*") == before
    assert {one["series"] for one in pruned(home, "--only", "EUR*")["needless"]} == {EURO}


def test_it_is_refused_while_a_fleet_runs_and_for_a_series_that_is_none(home: CommandLine) -> None:
    with fleet_lock.held(home.home):
        refused = home("prune", "--yes")
    assert refused.code == 6 and "prune when it has ended" in refused.err
    refused = home("prune", "--only", "XAUSUD_1H")
    assert refused.code == 2 and f"Did you mean {GOLD}" in refused.err


def test_what_an_interrupted_training_goes_on_from_stays(home: CommandLine) -> None:
    target = workspace.of(instruments.series_named(GOLD))

    def why() -> list[str]:
        found = needless.of_series(target, False, needless.Referred((), ()))
        return [one.why for one in found if one.kind == needless.FOLDS]

    assert why() == ["its training is finished"]
    target.receipt("train").unlink()
    assert why() == []
    path = target.run / "folds" / "trials_of.json"
    begun = json.loads(path.read_text())
    for name, told in (("bars_sha256", "its bars have changed"), ("model", "its code has changed")):
        durable.write_json(path, begun | {"asked": begun["asked"] | {name: "other"}})
        assert why() == [told]
