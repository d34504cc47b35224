"""Tables shared by homes that see nothing else of each other: whole, verified, never overwritten in silence."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market import instruments, tables
from market.errors import DataError
from pipeline import job, parcels, shared_stages, shared_tables, table_store, trial_records
from pipeline.fold_store import FoldStore
from pipeline.job import Job
from pipeline.job_stages import Stage, stages_of
from pipeline.receipts import Order
from pipeline.shared_stages import Shared
from pipeline.stage import Done, carried_out
from pipeline.table_store import Store
from registry import ledger
from tests.pipeline import fleets, stores
from tests.pipeline.conftest import CommandLine, table_of
from training.judging import Judged

GOLD = "XAUUSD_15T"
SECRETS = (b"canary-of-an-id", b"canary-of-a-key")


@pytest.fixture(scope="module", params=["folder", "s3"])
def server(request):
    with stores.server(request.param) as found:
        yield found


@pytest.fixture
def environment(server, tmp_path):
    with stores.empty(server, tmp_path / "store") as found:
        yield found


@pytest.fixture
def folder(tmp_path):
    with stores.empty({}, tmp_path / "store"):
        yield tmp_path / "store"


@pytest.fixture(scope="session")
def halves(month) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return 200 bars, and 100 more after them."""
    return table_of(month.iloc[:200]), table_of(month.iloc[:300])


def home_of(folder: Path, bars: pd.DataFrame | None = None) -> CommandLine:
    folder.mkdir(exist_ok=True)
    made = CommandLine(folder)
    return made if bars is None else extended(made, bars)


def extended(made: CommandLine, bars: pd.DataFrame) -> CommandLine:
    bars.to_csv(made.folder / "bars.csv", index=False)
    words = "--symbol XAUUSD --timeframe 15T --timezone UTC --stamp open"
    ended = made("import", str(made.folder / "bars.csv"), *words.split())
    assert ended.code == 0, ended.err
    return made


def work_of(made: CommandLine, monkeypatch) -> Job:
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return job.prepare(instruments.series_named(GOLD), workers=1)


def bars_of(made: CommandLine) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((made.home / "bars").rglob("*.*")) if path.is_file()}


def store_of() -> Store:
    found = table_store.store()
    assert found is not None
    return found


def told_of(made: CommandLine, verb: str, *words: str) -> tuple[int, dict]:
    ended = made("tables", verb, "--json", *words)
    assert ended.out, ended.err
    return ended.code, json.loads(ended.out)["series"][0]


def state_of(told: dict) -> str:
    return next(part["state"] for part in told["parts"] if part["part"] == "bars")


def test_bars_go_to_an_empty_home_and_back_again_when_they_grow(environment, tmp_path, halves):
    here, there = home_of(tmp_path / "a", halves[0]), home_of(tmp_path / "b")
    assert state_of(told_of(here, "status")[1]) == "here alone"
    assert state_of(told_of(here, "send")[1]) == "in step"
    assert state_of(told_of(there, "status")[1]) == "there alone"
    code, told = told_of(there, "bring")
    assert (code, state_of(told)) == (0, "in step")
    assert told["moved"] == sum({one["sha256"]: one["bytes"] for one in files_there()}.values())
    assert bars_of(there) == bars_of(here)

    extended(there, halves[1])
    assert state_of(told_of(there, "send")[1]) == "in step"
    assert state_of(told_of(here, "status")[1]) == "newer there"
    told_of(here, "bring")
    assert bars_of(there) == bars_of(here)
    assert len([name for name in bars_of(here) if name.endswith(".parquet")]) == 3, "with both versions"
    assert not list(here.home.rglob("*incoming*"))


def files_there() -> list[dict]:
    parcel = parcels.read(store_of(), f"series/{GOLD}/bars.json")
    assert parcel is not None
    return [one.model_dump() for one in parcel.files]


def test_bars_that_differ_are_never_overwritten_in_silence(folder, tmp_path, halves):
    here, there = home_of(tmp_path / "a", halves[0]), home_of(tmp_path / "b", halves[1])
    told_of(here, "send")
    for made, verb in ((there, "send"), (there, "bring"), (there, "status")):
        before, stored = bars_of(made), files_there()
        code, told = told_of(made, verb)
        assert (bars_of(made), files_there()) == (before, stored)
        if verb == "status":
            assert state_of(told) == "differ"
            continue
        assert (code, told["exit_code"]) == (4, 4)
        assert "neither comes from the other" in told["refused"]
        assert f"assay tables send --only {GOLD}" in told["refused"]
        assert f"assay tables bring --only {GOLD}" in told["refused"]
    told_of(there, "send", "--only", GOLD)
    assert state_of(told_of(here, "status")[1]) == "newer there", "the home knows what it had in common with the store"
    extended(here, halves[1].iloc[:250])
    assert told_of(here, "send")[0] == 4
    assert state_of(told_of(here, "bring", "--only", GOLD)[1]) == "in step"
    assert bars_of(here) == bars_of(there)


def test_a_worker_brings_bars_and_sends_none(folder, tmp_path, halves, monkeypatch):
    made = home_of(tmp_path / "a", halves[0])
    told_of(made, "send")
    work = work_of(extended(made, halves[1]), monkeypatch)
    with pytest.raises(DataError, match=r"newer in this home .* and a worker does not send them"):
        shared_tables.settle_all(store_of(), work, held=False, sends=False)
    assert shared_tables.settle_all(store_of(), work, held=False, sends=True) > 0
    assert shared_tables.settle_all(store_of(), work, held=False, sends=False) == 0


def test_wherever_a_sender_is_killed_a_reader_sees_one_history_or_the_other(folder, tmp_path, halves, monkeypatch):
    made = home_of(tmp_path / "a", halves[0])
    told_of(made, "send")
    old = bars_of(made)
    work, new = work_of(extended(made, halves[1]), monkeypatch), bars_of(made)
    ended = killed = 0
    while not ended:
        store = stores.Stopping(store_of(), killed)
        try:
            shared_tables.settle(store, work.workspace, "bars", held=False)
            ended = 1
        except stores.StoppedError:
            killed += 1
        reader = home_of(tmp_path / f"reader_{killed}_{ended}")
        told_of(reader, "bring")
        assert bars_of(reader) == (new if ended else old)
    assert killed >= 4, "each object of them was the last one once"


def test_wherever_a_reader_is_killed_it_has_a_table_or_none_and_brings_it_again(folder, tmp_path, halves, monkeypatch):
    told_of(home_of(tmp_path / "a", halves[1]), "send")
    source = home_of(tmp_path / "b", halves[0])
    work, seen, killed, ended = work_of(source, monkeypatch), set(), 0, False
    old = bars_of(source)
    while not ended:
        for path in work.workspace.bars.parent.rglob("*.*"):
            if path.is_file():
                path.unlink()
        for name, content in old.items():
            parent = work.workspace.bars.parent / (f"{GOLD}.versions" if name[0] == "0" else "")
            (parent / name).write_bytes(content)
        ended = not brought_until(work, killed)
        manifest = tables.read_manifest(work.workspace.bars)
        if manifest is not None:
            assert tables.sha256_of_file(work.workspace.bars) == manifest.sha256, killed
        seen.add(None if manifest is None else manifest.rows)
        if not ended:
            shared_tables.bring(store_of(), work.workspace, shared_tables.look(store_of(), work.workspace, "bars"))
            assert bars_of(source) == bars_of(CommandLine(tmp_path / "a")), killed
        killed += 1
    assert seen == {200, None, 300}


def brought_until(work: Job, steps: int) -> bool:
    """Bring the bars and be killed at the change of a file after so many; return whether that was before the end."""
    left = [steps]

    def counted(real):
        def change(self, *words, **named):
            if work.workspace.bars.parent in (self.parent, self.parent.parent, *(Path(one).parent for one in words)):
                if not left[0]:
                    raise stores.StoppedError
                left[0] -= 1
            return real(self, *words, **named)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        try:
            shared_tables.bring(store_of(), work.workspace, shared_tables.look(store_of(), work.workspace, "bars"))
        except stores.StoppedError:
            return True
    return False


def test_other_bytes_under_a_manifest_are_refused(environment, tmp_path, halves):
    """A store that is in step with itself and lies: it names the digest of its bytes, not the manifest's."""
    told_of(home_of(tmp_path / "a", halves[0]), "send")
    store, reader = store_of(), home_of(tmp_path / "b")
    parcel = json.loads(store.read(f"series/{GOLD}/bars.json") or b"")
    other = tmp_path / "a" / "home" / "bars" / f"{GOLD}.manifest.json"
    digest = tables.sha256_of_file(other)
    for one in parcel["files"]:
        if one["path"].endswith(f"{GOLD}.parquet"):
            one |= {"sha256": digest, "bytes": other.stat().st_size}
    store.write(f"series/{GOLD}/bars.json", json.dumps(parcel).encode())
    code, told = told_of(reader, "bring")
    assert code == 4
    assert "other bytes than its manifest says: nothing was brought" in told["refused"]
    assert not bars_of(reader)


def test_bytes_that_were_changed_in_the_store_are_refused(environment, tmp_path, halves):
    made = home_of(tmp_path / "a", halves[0])
    told_of(made, "send")
    store, reader = store_of(), home_of(tmp_path / "b")
    for name in store.names(f"content/{GOLD}"):
        store.write(f"content/{GOLD}/{name}", b"other bytes")
    code, told = told_of(reader, "bring")
    assert code == 4
    assert "is damaged: its sha256 is" in told["refused"]
    assert not bars_of(reader)
    assert told_of(made, "send")[1]["moved"] == 0, "the store seems to have them"
    assert told_of(made, "send", "--only", GOLD)[1]["moved"] > 0
    assert told_of(reader, "bring")[0] == 0
    assert bars_of(reader) == bars_of(made)


def test_bars_that_are_newer_here_are_given_up_for_those_of_the_store_where_one_says_so(folder, tmp_path, halves):
    made = home_of(tmp_path / "a", halves[0])
    told_of(made, "send")
    before = bars_of(made)
    extended(made, halves[1])
    assert state_of(told_of(made, "bring")[1]) == "newer here"
    assert state_of(told_of(made, "bring", "--only", GOLD)[1]) == "in step"
    assert bars_of(made) == before


@pytest.mark.parametrize("path", ["../out", "/out", "bars/../../out", "ledger.jsonl", "bars/EURUSD_1H.parquet"])
def test_a_store_names_no_file_but_those_of_the_series(folder, tmp_path, halves, path):
    told_of(home_of(tmp_path / "a", halves[0]), "send")
    store, reader = store_of(), home_of(tmp_path / "b")
    parcel = json.loads(store.read(f"series/{GOLD}/bars.json") or b"")
    parcel["files"][0]["path"] = path
    store.write(f"series/{GOLD}/bars.json", json.dumps(parcel).encode())
    code, told = told_of(reader, "bring")
    assert (code, bars_of(reader)) == (4, {})
    assert "which it is not: nothing was brought" in told["refused"]


def stage_of(name: str) -> Stage:
    return next(stage for stage in stages_of() if stage.name == name)


def shared_of(made: CommandLine, monkeypatch, follows: bool = False) -> Shared:
    return Shared(store_of(), work_of(made, monkeypatch), follows)


def test_a_stage_is_made_once_for_all_homes(environment, gold, tmp_path, monkeypatch):
    assert told_of(gold, "send")[0] == 0
    other = home_of(tmp_path / "other")
    told_of(other, "bring", "--only", GOLD)
    again = shared_of(other, monkeypatch, follows=True)
    for name in ("enrich", "label"):
        assert again.carried_out(stage_of(name), quiet).why is None, "it was brought"
        own = other.home / "runs" / GOLD / f"{name}.receipt.json"
        assert own.read_bytes() == (gold.home / "runs" / GOLD / f"{name}.receipt.json").read_bytes()
    again.forget(["label"])
    assert again.carried_out(stage_of("label"), quiet).why == "not run yet", "what the store has not is made anew"
    assert shared_of(gold, monkeypatch).carried_out(stage_of("label"), quiet).why is None
    states = {part["part"]: part["state"] for part in told_of(gold, "status")[1]["parts"]}
    assert {states[name] for name in ("bars", "enrich", "label")} == {"in step"}


def quiet(what: str, done: int, total: int) -> None:
    pass


def folding(seen: list[int], ends: bool) -> Stage:
    """Return a stage that keeps a fold, as a training does, and is then killed, or goes on from what is kept."""
    order = Order(stage="train", inputs={}, config=["folding"], modules=("market.tables",))

    def run(work: Job, report) -> Done:
        store = FoldStore(work.workspace.run / "folds", order.key)
        seen.extend(store.finished())
        if not ends:
            ts = pd.date_range("2024-01-02", periods=4, freq="15min", tz="UTC", name="ts").as_unit("us")
            p = np.full((4, 3), 1 / 3)
            predictions = pd.DataFrame(p, index=ts, columns=["p_down", "p_flat", "p_up"])
            store.keep(Judged({"fold": 1}, predictions, {"logistic": p}, {}, trials=[]))
            report("folds", 1, 2)
            raise stores.StoppedError
        store.clear()
        return carried_out(order, work.workspace.receipt("train"), lambda: ([], {}))

    return Stage("train", run, lambda _: order, "")


def test_a_worker_with_an_empty_home_goes_on_from_the_folds_of_one_that_died(environment, gold, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_stages, "_EVERY", 0.0)
    folds: list[int] = []
    with pytest.raises(stores.StoppedError):
        shared_of(gold, monkeypatch, follows=True).carried_out(folding(folds, ends=False), quiet)
    assert folds == []
    told_of(gold, "send")
    other = home_of(tmp_path / "other")
    told_of(other, "bring")
    assert shared_of(other, monkeypatch, follows=True).carried_out(folding(folds, ends=True), quiet).why
    assert folds == [1]
    assert not [name for name in store_of().names(f"series/{GOLD}") if name.endswith(".folds.json")]


def test_what_one_home_tries_is_in_the_ledger_of_all(folder, gold, tmp_path, monkeypatch):
    tried = shared_of(gold, monkeypatch, follows=True)
    trials = [fleets.trial("fold 1", 0.1), fleets.trial("fold 2", 0.2)]
    with pytest.raises(stores.StoppedError), tried._trials():
        trial_records.record(tried.work, trials)
        raise stores.StoppedError
    assert not trial_records.folder_left(tried.work).exists()
    told_of(gold, "send")
    other = home_of(tmp_path / "other")
    told_of(other, "bring")
    for made, new in ((other, 2), (gold, 2), (other, 0)):
        assert shared_of(made, monkeypatch).collect_trials() == new
        entries = ledger.read(made.home).entries
        assert [(one.part, one.value) for one in entries] == [("fold 1", 0.1), ("fold 2", 0.2)]


def test_a_home_that_judges_for_itself_has_what_it_tried_in_its_ledger_though_the_store_is_gone(
    folder, gold, monkeypatch
):
    tried = Shared(stores.Stopping(store_of(), 0), work_of(gold, monkeypatch))
    with pytest.raises(stores.StoppedError), tried._trials():
        trial_records.record(tried.work, [fleets.trial("fold 1", 0.1)])
    assert [one.value for one in ledger.read(gold.home).entries] == [0.1]


def test_what_is_not_named_any_more_goes_and_what_is_named_stays(environment, gold, tmp_path, monkeypatch):
    told_of(gold, "send")
    before = {*store_of().names(f"content/{GOLD}")}
    labels = json.loads((gold.home / "runs" / GOLD / "label.receipt.json").read_text())["outputs"]
    gold.replace("labels", "bars = 50", "bars = 40")
    shared_of(gold, monkeypatch).carried_out(stage_of("label"), quiet)
    assert before < {*store_of().names(f"content/{GOLD}")}, "of yesterday nothing is left, of today all"
    monkeypatch.setattr(shared_stages, "_KEPT", timedelta(0))
    gold.replace("labels", "bars = 40", "bars = 30")
    shared_of(gold, monkeypatch).carried_out(stage_of("label"), quiet)
    left = {*store_of().names(f"content/{GOLD}")}
    assert not left & {*labels.values()}
    assert len([name for name in store_of().names(f"series/{GOLD}") if name.startswith("label-")]) == 1
    other = home_of(tmp_path / "other")
    other.replace("labels", "bars = 50", "bars = 30")
    told_of(other, "bring")
    assert (other.home / "labels" / f"{GOLD}.parquet").exists()


def test_no_secret_is_written_anywhere(environment, tmp_path, halves):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert environment.get(name, "").encode() in (b"", *SECRETS)
    made = home_of(tmp_path / "a", halves[0])
    said = [made("tables", verb, *words) for verb in ("send", "status", "bring") for words in ((), ("--json",))]
    store = store_of()
    listed = [f"{folder}/{name}" for folder in ("series", "content") for name in store.names(folder)]
    written = [store.read(name) or b"" for name in listed]
    written += [path.read_bytes() for path in made.home.rglob("*") if path.is_file()]
    written += [f"{one.out}{one.err}".encode() for one in said]
    assert len(written) > 12
    assert not [content for content in written for secret in SECRETS if secret in content]


def test_without_a_store_the_verb_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.delenv("ASSAY_TABLES", raising=False)
    ended = home_of(tmp_path / "a")("tables", "status")
    assert ended.code == 2
    assert "ASSAY_TABLES is not set" in ended.err
