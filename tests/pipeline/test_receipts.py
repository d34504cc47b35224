"""Receipts: a stage runs again when its inputs, settings, code or outputs changed, and only then."""

import importlib.metadata
import os
import time
from pathlib import Path

import pytest

from pipeline import receipts
from pipeline.receipts import Order, code_sha256, read

MODULES = ("market.errors",)


def order(**changes) -> Order:
    return Order(**{"stage": "enrich", "inputs": {"bars": "a"}, "config": {"bars": 50}, "modules": MODULES} | changes)


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Return the receipt of a stage that has written one file."""
    path, made = tmp_path / "runs" / "enrich.receipt.json", tmp_path / "features" / "x.parquet"
    made.parent.mkdir()

    def work():
        made.write_bytes(b"features")
        return [made], {"rows": 8}

    order().run(path, work)
    return path


def test_a_stage_without_a_receipt_has_not_run(tmp_path):
    assert order().stale(tmp_path / "enrich.receipt.json") == "not run yet"


def test_nothing_changed_means_nothing_to_do(done):
    assert order().stale(done) is None
    receipt = read(done)
    assert (receipt.stage, receipt.facts, list(receipt.outputs)) == ("enrich", {"rows": 8}, ["../features/x.parquet"])


def test_file_times_do_not_matter(done):
    made = done.parent.parent / "features" / "x.parquet"
    os.utime(made, (time.time() + 1_000,) * 2)
    assert order().stale(done) is None


def test_a_home_that_was_moved_still_holds(done, tmp_path):
    moved = tmp_path.parent / f"{tmp_path.name}_moved"
    tmp_path.rename(moved)
    assert order().stale(moved / done.relative_to(tmp_path)) is None


CHANGED = [
    ({"inputs": {"bars": "b"}}, "bars changed"),
    ({"inputs": {"bars": "a", "labels": "c"}}, "labels changed"),
    ({"inputs": {}}, "inputs changed"),
    ({"config": {"bars": 51}}, "settings changed"),
    ({"modules": ("market.errors", "market.atr")}, "code changed"),
]


@pytest.mark.parametrize(("changes", "why"), CHANGED, ids=[row[1] + str(i) for i, row in enumerate(CHANGED)])
def test_what_changed_is_said(done, changes, why):
    assert order(**changes).stale(done) == why


def test_the_order_of_keys_is_no_change_of_settings(tmp_path):
    path = tmp_path / "x.receipt.json"
    order(config={"a": 1, "b": 2}).run(path, lambda: ([], {}))
    assert order(config={"b": 2, "a": 1}).stale(path) is None


def test_an_output_that_is_gone_or_changed_is_made_again(done):
    made = done.parent.parent / "features" / "x.parquet"
    made.write_bytes(b"featurez")
    assert order().stale(done) == "x.parquet is missing or changed"
    made.unlink()
    assert order().stale(done) == "x.parquet is missing or changed"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"stage": "enrich"}'], ids=repr)
def test_a_receipt_that_cannot_be_read_is_none(done, content):
    done.write_bytes(content)
    assert read(done) is None
    assert order().stale(done) == "not run yet"


def test_work_that_fails_leaves_no_receipt(done):
    with pytest.raises(ZeroDivisionError):
        order().run(done, lambda: ([], {"rows": 1 // 0}))
    assert order().stale(done) == "not run yet"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch):
    """Return a small project: market.a imports market.b inside a function, which imports labels.c; others stand by."""
    files = {
        "market/__init__.py": "",
        "market/a.py": "import json\n\ndef work():\n    from market import b\n    return b",
        "market/b.py": "import labels.c",
        "labels/__init__.py": "",
        "labels/c.py": "VALUE = 1",
        "labels/other.py": "VALUE = 1",
        "tests/labels.py": "VALUE = 1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(receipts, "_ROOT", tmp_path)
    return tmp_path


def code() -> str:
    """Return the code hash of `market.a` as a new process would see it."""
    return code_sha256.__wrapped__("market.a")


@pytest.mark.parametrize("name", ["market/a.py", "market/b.py", "labels/c.py", "labels/__init__.py"])
def test_the_code_of_a_stage_is_all_that_it_imports(tree, name):
    before = code()
    with (tree / name).open("a") as stream:
        stream.write("\nMORE = 2\n")
    assert code() != before


READ_ALOUD = [
    "VALUE = 1  # of the market",
    "\n\nVALUE = (\n    1\n)",
    '"""What it is worth."""\nVALUE = 1\n"""One."""',
]


@pytest.mark.parametrize("text", READ_ALOUD, ids=["a comment", "other lines", "docstrings"])
def test_what_only_readers_read_is_no_code_of_a_stage(tree, text):
    before = code()
    (tree / "labels" / "c.py").write_text(text)
    assert code() == before


@pytest.mark.parametrize("text", ["VALUE = '1'", "VALUE = 1.0", "VALUE = -1", "VALUE = 1\nVALUE += 0"])
def test_what_is_done_otherwise_is_other_code(tree, text):
    before = code()
    (tree / "labels" / "c.py").write_text(text)
    assert code() != before


@pytest.mark.parametrize("name", ["labels/other.py", "tests/labels.py"])
def test_the_code_of_a_stage_is_not_what_it_does_not_import(tree, name):
    before = code()
    (tree / name).write_text("VALUE = 2")
    assert code() == before


def test_another_version_of_a_library_is_other_code(tree, monkeypatch):
    before, true = code(), importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "9" if name == "TA-Lib" else true(name))
    assert code() != before
    assert receipts.versions()["TA-Lib"] == "9"


def test_where_the_project_stands_is_no_part_of_its_code(tree, monkeypatch):
    before, moved = code(), tree.parent / f"{tree.name}_moved"
    tree.rename(moved)
    monkeypatch.setattr(receipts, "_ROOT", moved)
    assert code() == before


def test_every_real_stage_knows_the_one_physics_or_the_tables():
    """The closure of the real modules reaches the floor: a changed fill makes labels, trainings and backtests stale."""
    for modules in (("labels",), ("training.crossval",), ("backtest.engine",)):
        names = {path.name for path in receipts._closure(modules)}
        assert "execution.py" in names
    groups = {path.name for path in receipts._closure(("feature_store",))}
    assert {"momentum.py", "context.py", "timeframe.py"} <= groups


def test_what_only_a_type_checker_reads_is_no_code_of_a_stage(tree):
    (tree / "market" / "a.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import labels.other\nelse:\n    import market.b\n"
    )
    before = code()
    (tree / "labels" / "other.py").write_text("VALUE = 2")
    assert code() == before
    (tree / "market" / "b.py").write_text("import labels.c as other")
    assert code() != before
