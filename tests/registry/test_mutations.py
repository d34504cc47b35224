"""Thousands of spoiled bundles and records: none of them is ever loaded, and none ends in anything but a refusal."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from market.errors import AssayError, DataError
from registry.bundle import MANIFEST, META
from registry.champion import load_bundle, load_champion
from registry.record import production, production_path
from tests.registry.models import GOLD

SHORT, LONG = 2_000, 20_000
RECORDS = 400


def some_file(folder: Path, chance: random.Random) -> Path:
    return chance.choice(sorted(folder.iterdir()))


def truncate(folder: Path, chance: random.Random) -> None:
    path = some_file(folder, chance)
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def flip(folder: Path, chance: random.Random) -> None:
    path = some_file(folder, chance)
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def swap(folder: Path, chance: random.Random) -> None:
    first, second = chance.sample(sorted(folder.iterdir()), 2)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def empty(folder: Path, chance: random.Random) -> None:
    some_file(folder, chance).write_bytes(b"")


def append(folder: Path, chance: random.Random) -> None:
    with some_file(folder, chance).open("ab") as stream:
        stream.write(chance.randbytes(chance.randint(1, 64)))


def remove(folder: Path, chance: random.Random) -> None:
    some_file(folder, chance).unlink()


def add(folder: Path, chance: random.Random) -> None:
    name = chance.choice(["MLmodel", "model.pkl", "python_model.py", ".hidden", "lightgbm.txt.bak", "xgboost.ubj "])
    (folder / name).write_bytes(chance.randbytes(32))


def link(folder: Path, chance: random.Random) -> None:
    path = some_file(folder, chance)
    elsewhere = folder.parent / f"elsewhere-{path.name}"
    shutil.copyfile(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)


def replace_by_folder(folder: Path, chance: random.Random) -> None:
    path = some_file(folder, chance)
    path.unlink()
    path.mkdir()


def alter_manifest(folder: Path, chance: random.Random) -> None:
    """Alter a file and make the manifest agree with it: only the digest of the manifest gives it away."""
    from registry.bundle import _canonical, _sha256

    path = folder / chance.choice([name for name in names(folder) if name != MANIFEST])
    if path.name == META:
        meta = json.loads(path.read_bytes())
        meta["policy"]["long_threshold"] = 0.5 + chance.random() / 10
        path.write_bytes(_canonical(meta))
    else:
        path.write_bytes(path.read_bytes() + b"\n")
    digests = {name: _sha256((folder / name).read_bytes()) for name in names(folder) if name != MANIFEST}
    (folder / MANIFEST).write_bytes(_canonical({"files": digests}))


MUTATIONS: list[Callable[[Path, random.Random], None]] = [
    *(truncate, flip, swap, empty, append, remove, add, link, replace_by_folder, alter_manifest)
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def restore(folder: Path, intact: dict[str, bytes]) -> None:
    """Bring the folder back to `intact`, touching only what differs."""
    for path in list(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.is_symlink() or path.name not in intact:
            path.unlink()
    for name, content in intact.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


def mutated_loads(folder: Path, digest: str, count: int, seed: int) -> tuple[int, list[str]]:
    """Return how many of `count` mutated bundles were refused, and what else became of the others."""
    intact = {path.name: path.read_bytes() for path in folder.iterdir()}
    chance = random.Random(seed)
    refused, otherwise = 0, []
    for at in range(count):
        mutation = MUTATIONS[at % len(MUTATIONS)]
        mutation(folder, chance)
        try:
            load_bundle(folder, digest)
            otherwise.append(f"{at} {mutation.__name__}: loaded")
        except DataError:
            refused += 1
        except BaseException as error:
            otherwise.append(f"{at} {mutation.__name__}: {error!r}")
        restore(folder, intact)
    load_bundle(folder, digest)
    return refused, otherwise


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
def test_no_mutated_bundle_is_loaded(traded: Path, count: int) -> None:
    record = production(traded)[GOLD]
    assert mutated_loads(traded / record["bundle"], record["bundle_sha256"], count, seed=count) == (count, [])


def test_the_search_finds_a_loader_that_trusts_the_bytes(traded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken twin: without the comparison of digests, bytes that were appended or flipped are loaded."""
    monkeypatch.setattr("registry.bundle._verify", lambda *_: None)
    record = production(traded)[GOLD]
    monkeypatch.setattr("tests.registry.test_mutations.MUTATIONS", [alter_manifest])
    refused, otherwise = mutated_loads(traded / record["bundle"], record["bundle_sha256"], 12, seed=1)
    assert refused < 12 and any("loaded" in one for one in otherwise)


def test_no_mutated_record_is_trusted(traded: Path) -> None:
    path = production_path(traded)
    intact, believed = path.read_bytes(), production(traded)
    chance = random.Random(3)
    for _ in range(RECORDS):
        content = bytearray(intact)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
        try:
            load_champion(GOLD, traded)
        except AssayError:
            continue
        assert production(traded)[GOLD] == believed[GOLD]
