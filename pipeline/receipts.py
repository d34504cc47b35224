"""Receipts: what a stage was made from. A stage whose inputs, settings and code are unchanged is not run again.

Content decides, never a file time. The code of a stage is what the import closure of its modules within the project
does, together with the versions of the libraries that shape its numbers.
"""

import ast
import functools
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from market import durable, tables

ROOMS = ("market", "feature_store", "labels", "backtest", "training", "registry", "live", "pipeline")
LIBRARIES = ("numpy", "pandas", "pyarrow", "TA-Lib", "ta", "numba", "scikit-learn", "scipy", "xgboost-cpu", "lightgbm")

_ROOT = Path(__file__).parent.parent


class Receipt(BaseModel):
    """What a stage read, with which settings and code, and what it wrote (file name → SHA-256)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str
    inputs: dict[str, str]
    config_sha256: str
    code_sha256: str
    outputs: dict[str, str]
    facts: dict[str, Any]
    seconds: float


class Order(BaseModel):
    """What a stage is about to be run with."""

    model_config = ConfigDict(frozen=True)

    stage: str
    inputs: dict[str, str]
    config: Any
    modules: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return one digest of everything that the stage is made from."""
        return tables.sha256_of([self.stage, self.inputs, self.config, code_sha256(*self.modules)])

    def stale(self, path: Path) -> str | None:
        """Return why the stage must run (one phrase), or None where the receipt at `path` still holds."""
        receipt = read(path)
        if receipt is None:
            return "not run yet"
        if changed := [name for name, digest in self.inputs.items() if receipt.inputs.get(name) != digest]:
            return f"{', '.join(changed)} changed"
        if receipt.inputs.keys() - self.inputs.keys():
            return "inputs changed"
        if receipt.config_sha256 != tables.sha256_of(self.config):
            return "settings changed"
        if receipt.code_sha256 != code_sha256(*self.modules):
            return "code changed"
        for name, digest in receipt.outputs.items():
            file = path.parent / name
            if not file.exists() or tables.sha256_of_file(file) != digest:
                return f"{Path(name).name} is missing or changed"
        return None

    def run(self, path: Path, work: Callable[[], tuple[list[Path], Mapping[str, Any]]]) -> Receipt:
        """Run `work`, which returns the files it wrote and facts, and write the receipt last."""
        path.unlink(missing_ok=True)
        began = time.perf_counter()
        files, facts = work()
        receipt = Receipt(
            stage=self.stage,
            inputs=self.inputs,
            config_sha256=tables.sha256_of(self.config),
            code_sha256=code_sha256(*self.modules),
            outputs={os.path.relpath(file, path.parent): tables.sha256_of_file(file) for file in files},
            facts=dict(facts),
            seconds=round(time.perf_counter() - began, 3),
        )
        durable.write_json(path, receipt.model_dump())
        return receipt


def read(path: Path) -> Receipt | None:
    """Return the receipt at `path`, or None where there is none that can be read."""
    try:
        return Receipt.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError, UnicodeDecodeError):
        return None


@functools.cache
def code_sha256(*modules: str) -> str:
    """Return one digest of what the sources that `modules` import within the project do, and of libraries' versions.

    Comments, docstrings and the way lines are broken are no part of it.
    """
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    files = sorted(_closure(modules))
    meant = [(str(path.relative_to(_ROOT)), _understood(path.read_bytes())[1]) for path in files]
    return tables.sha256_of([versions, meant])


def versions() -> dict[str, str]:
    """Return the versions of the libraries that shape a model's numbers."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def _closure(modules: tuple[str, ...]) -> set[Path]:
    waiting, seen = list(modules), set[Path]()
    while waiting:
        path = _source(waiting.pop())
        if path is None or path in seen:
            continue
        seen.add(path)
        waiting.extend(_understood(path.read_bytes())[0])
    return seen


def _source(module: str) -> Path | None:
    if module.split(".")[0] not in ROOMS:
        return None
    path = _ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.exists()), None)


@functools.cache
def _understood(source: bytes) -> tuple[tuple[str, ...], str]:
    """Return what a source imports, and the digest of what it does: of its syntax tree without texts for readers."""
    tree = ast.parse(source)
    names = list[str]()
    for node in _walked(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    packages = [name.rpartition(".")[0] for name in names if "." in name]
    return (*names, *packages), tables.sha256_of(ast.dump(_without_texts(tree)))


def _without_texts(tree: ast.Module) -> ast.Module:
    """Remove docstrings, and every other text that stands by itself."""
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            body[:] = [one for one in body if not (isinstance(one, ast.Expr) and _is_text(one.value))]
    return tree


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _walked(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those that only a type checker reads."""
    yield node
    typed = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    within = node.orelse if isinstance(node, ast.If) and typed else ast.iter_child_nodes(node)
    for child in within:
        yield from _walked(child)
