"""The notebooks: run on a simulated market from an empty home, each in a kernel of its own; they define nothing."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

from market import instruments
from market.errors import AssayError, DataError
from pipeline import job, main_job, workspace
from pipeline.notebooks import kernel, opened, running
from pipeline.screen import Screen
from tests.pipeline import fleets
from tests.pipeline.conftest import PROJECT, CommandLine
from tests.processes import alive

SCRIPTS = sorted((PROJECT / "notebooks").glob("*.py"))
PICTURES = {
    "01_bars": 4,
    "02_features_and_causality": 4,
    "03_labels": 5,
    "04_validation_and_models": 7,
    "05_backtest_and_honesty": 7,
    "06_registry_and_cards": 2,
}
DEFINING = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda

every_script = pytest.mark.parametrize("path", SCRIPTS, ids=[path.stem for path in SCRIPTS])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[CommandLine, dict]:
    """Judge seven months of hours of a simulated market with an edge, and type `assay notebooks`."""
    line = fleets.configured(tmp_path_factory.mktemp("notebooks"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in line.environment.items():
            patch.setenv(name, value)
        work = job.prepare(instruments.series_named("SIM_XAUUSD_1H"), workers=1)
        main_job.run(work, Screen(), start=fleets.START, end=fleets.END, edge=0.5, seed=0)
    ended = line("notebooks", "--json")
    assert ended.code == 0, ended.err
    return line, json.loads(ended.out)


def definitions(script: str) -> list[str]:
    return [ast.unparse(node)[:40] for node in ast.walk(ast.parse(script)) if isinstance(node, DEFINING)]


def notebook_of(tmp_path: Path, *cells: str) -> Path:
    path = tmp_path / "07_of_a_test.py"
    path.write_text("".join(f"# %% [markdown]\n# ## Part {at}\n\n# %%\n{cell}\n\n" for at, cell in enumerate(cells, 1)))
    return path


def test_all_six_are_run_on_the_simulated_market_and_kept_in_the_home(made):
    line, answer = made
    assert answer["series"] == "SIM_XAUUSD_1H" and answer["left_out"] == []
    assert [Path(one["page"]).stem for one in answer["pages"]] == [*PICTURES] == [*running.NEEDS]
    assert all(Path(one[kind]).is_relative_to(line.home) for one in answer["pages"] for kind in ("page", "notebook"))


@pytest.mark.parametrize("name", PICTURES)
def test_an_executed_notebook_shows_its_pictures_and_nothing_that_went_wrong(made, name):
    _, answer = made
    one = next(one for one in answer["pages"] if Path(one["notebook"]).stem == name)
    notebook = nbformat.read(one["notebook"], as_version=4)
    nbformat.validate(notebook)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= PICTURES[name]
    assert {output.output_type for output in outputs} <= {"display_data", "execute_result"}  # no error, no warning
    given = [cell.source for cell in notebook.cells if kernel.PARAMETERS in cell.metadata.get("tags", [])]
    assert len(given) == 1 and "SERIES = 'SIM_XAUUSD_1H'" in given[0]
    assert not any("execution" in cell.metadata for cell in notebook.cells)  # nothing of when it ran


def test_a_page_needs_nothing_else_and_leads_to_the_others(made):
    _, answer = made
    for one in answer["pages"]:
        page = Path(one["page"]).read_text()
        assert re.search(r"<script|https?://|<link[^>]+href=\"(?!data:)", page) is None
        links = set(re.findall(r'href="(\w+)\.html"', page))
        assert links == set(PICTURES) - {Path(one["page"]).stem}
        assert "Simulated, never real" in page


@every_script
def test_a_notebook_defines_nothing(path):
    assert definitions(path.read_text()) == []


def test_the_search_for_definitions_finds_them():
    assert len(definitions("def f():\n    class A:\n        g = lambda: 1\n")) == 3


@every_script
def test_a_notebook_holds_no_place_and_no_output(path):
    script = path.read_text()
    assert re.search(r"/(home|Users|tmp|root|work|mnt)\b|[A-Z]:\\", script) is None
    assert 'tags=["parameters"]' in script
    assert all(
        cell.cell_type != "code" or not cell.outputs for cell in kernel.jupytext.reads(script, "py:percent").cells
    )


def test_what_fails_is_told_with_its_cell(tmp_path):
    path = notebook_of(tmp_path, "trades = {}", "# the r of all\ntrades['r']", "never = 1")
    with pytest.raises(AssayError) as failed:
        kernel.executed(path, {}, 60)
    told = "notebooks/07_of_a_test.py: code cell 2 under \"Part 2\" (`# the r of all`) failed: KeyError: 'r'"
    assert str(failed.value) == told and failed.value.exit_code == AssayError.exit_code


def test_an_error_for_people_keeps_its_words_and_its_code(tmp_path):
    path = notebook_of(tmp_path, "from market.errors import DataError\n\nraise DataError('bars.parquet was changed.')")
    with pytest.raises(DataError, match=r"code cell 1 under .* failed: bars\.parquet was changed\."):
        kernel.executed(path, {}, 60)


def test_a_cell_that_does_not_end_is_stopped(tmp_path):
    with pytest.raises(AssayError, match=r"code cell 1 .* took more than 1 seconds"):
        kernel.executed(notebook_of(tmp_path, "import time\ntime.sleep(60)"), {}, 1)


def test_a_kernel_listens_on_no_network_and_leaves_nothing(tmp_path):
    ask = """
import os, psutil
from ipykernel.kernelapp import IPKernelApp

places = {one.laddr.ip for one in psutil.Process().net_connections("inet")}
print(places <= {"127.0.0.1"}, IPKernelApp.instance().transport, os.environ["IPYTHONDIR"], os.getpid())
"""
    notebook = kernel.executed(notebook_of(tmp_path, ask), {}, 60)
    on_loopback, transport, folder, process = "".join(output.text for output in notebook.cells[1].outputs).split()
    assert (on_loopback, transport) == ("True", "ipc") and not Path(folder).exists()
    assert not alive(int(process))


def test_what_is_not_made_yet_is_left_out_with_what_to_type(gold, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(gold.home))
    target = workspace.of(instruments.series_named("XAUUSD_15T"))
    assert running.lacking(target) == dict.fromkeys([*PICTURES][3:], "card")
    target.labels.unlink()
    target.features.unlink()
    assert [*running.lacking(target).values()] == ["features", "labels", "card", "card", "card"]
    assert opened.NEEDED["labels"].format(target.series) == "assay label XAUUSD 15T"


def test_without_a_name_a_series_with_a_verdict_comes_first_and_real_bars_before_simulated(made, monkeypatch, tmp_path):
    line = fleets.copied(made[0], tmp_path / "copy")
    monkeypatch.setenv("ASSAY_HOME", str(line.home))
    monkeypatch.setenv("ASSAY_CONFIG", str(line.config))
    assert opened.chosen().series.name == "SIM_XAUUSD_1H"
    (line.home / "bars").mkdir(exist_ok=True)
    (line.home / "bars" / "EURUSD_1H.parquet").touch()
    assert opened.chosen().series.name == "SIM_XAUUSD_1H"  # it alone has a verdict
    (line.home / "demo" / "runs" / "SIM_XAUUSD_1H" / "card.json").unlink()
    assert opened.chosen().series.name == "EURUSD_1H"
    assert opened.chosen("XAUUSD_1H").series.name == "SIM_XAUUSD_1H"


def test_a_series_without_bars_is_refused_with_what_to_type(assay):
    ended = assay("notebooks", "EURUSD_1H")
    assert ended.code == 6 and "assay import" in ended.err and assay.files("*.html") == []
