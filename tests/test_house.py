"""The rules of the house that a machine can check: sizes, names, and what no source may hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
ROOMS = ("market", "feature_store", "labels", "backtest", "training", "registry", "live", "pipeline")
SOURCES = sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))
HOMELESS = {"utils", "util", "common", "helpers", "helper", "base", "core", "manager", "managers", "misc"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal", "skops"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "joblib.load", "joblib.dump"}
FORBIDDEN_CALLS |= {"pd.read_pickle", "np.load"}
MLFLOW_LOADS = re.compile(r"mlflow\.(.+\.)?load_model")
LONGEST_FILE, LONGEST_BODY = 400, 60

every_source = pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(PROJECT)) for path in SOURCES])


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def imported(path: Path) -> set[str]:
    """Return the first part of the name of every imported module."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def forbidden(content: ast.Module) -> list[str]:
    """Return the calls in `content` that run what they are given as code or as a shell's words."""
    calls = [node for node in ast.walk(content) if isinstance(node, ast.Call)]
    names = [ast.unparse(call.func) for call in calls]
    found = [name for name in names if name in FORBIDDEN_CALLS or MLFLOW_LOADS.fullmatch(name)]
    shell = (word for call in calls for word in call.keywords if word.arg == "shell")
    return found + [
        "shell" for word in shell if not (isinstance(word.value, ast.Constant) and word.value.value is False)
    ]


def test_there_is_a_house():
    assert len(SOURCES) > 50


@every_source
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@every_source
def test_no_function_is_long(path):
    assert [one.name for one in functions(path) if body_lines(one) > LONGEST_BODY] == []


@every_source
def test_every_module_has_a_home_and_a_docstring(path):
    assert path.stem not in HOMELESS
    assert path.parent.name not in HOMELESS
    assert ast.get_docstring(tree(path))


@every_source
def test_nothing_is_left_to_do(path):
    words = path.read_text()
    assert [word for word in ("TODO", "FIXME", "XXX", "HACK") if word in words] == []


@every_source
def test_nothing_is_run_that_was_only_data(path):
    assert imported(path) & FORBIDDEN_MODULES == set()
    assert forbidden(tree(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        *("eval(x)", "run(x, shell=True)", "run(x, shell=y)", "joblib.load(x)", "os.system(x)"),
        *("mlflow.pyfunc.load_model(x)", "mlflow.load_model(x)", "mlflow.xgboost.load_model(x)"),
    ],
)
def test_the_search_for_what_is_run_finds_it(code):
    assert forbidden(ast.parse(code))


@every_source
def test_imports_are_absolute(path):
    assert not any(node.level for node in ast.walk(tree(path)) if isinstance(node, ast.ImportFrom))


def test_only_tracking_knows_mlflow():
    assert [path.name for path in SOURCES if "mlflow" in imported(path)] == ["tracking.py"]
