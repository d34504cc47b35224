"""Thousands of spoiled bundles, exported models and records: none is ever loaded, each ends in a refusal."""

import hashlib
import json
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from market.errors import AssayError, DataError
from registry.bundle import MANIFEST, META
from registry.champion import load_bundle, load_champion, load_exported
from registry.exported import RECORD, SIGNATURE, SUMS
from registry.record import production, production_path
from tests.registry.models import GOLD
from tests.registry.test_exported import carried_from

SHORT, LONG = 2_000, 20_000
RECORDS = 400
MINUTES = (pytest.mark.long, pytest.mark.timeout(3600))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def some_file(folder: Path, chance: random.Random) -> Path:
    return chance.choice(files(folder))


def truncate(folder: Path, chance: random.Random) -> None:
    path = some_file(folder, chance)
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


def flip(folder: Path, chance: random.Random) -> None:
    path = some_file(folder, chance)
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def swap(folder: Path, chance: random.Random) -> None:
    first, second = chance.sample(files(folder), 2)
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


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=MINUTES)])
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


# Exported models: the same mutations of the folder or of its bundle, and what only an exported one can suffer.


def code_of(marker: Path) -> dict[str, bytes]:
    """Return files that would leave `marker` behind if anything ran or unpickled them."""
    touch = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"
    loader = "flavors:\n  python_function:\n    loader_module: planted\n    code: code\n"
    pickled = f"cos\nsystem\n(S'touch {marker}'\ntR."
    scripts = dict.fromkeys(["code/__init__.py", "code/planted.py", "python_model.py", "sitecustomize.py"], touch)
    others = {"MLmodel": loader, "model.pkl": pickled, "bundle/model.pkl": pickled, "bundle/MLmodel": loader}
    return {name: text.encode() for name, text in (scripts | others).items()}


def plant(folder: Path, chance: random.Random) -> None:
    """Add one thing that would run, or all of it."""
    code = code_of(folder.parent / "marker")
    for name in chance.choice([[one] for one in code] + [list(code)]):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(code[name])


def make_the_sums_agree(folder: Path, chance: random.Random) -> None:
    """Alter a file and the sums with it, so that only the signature gives it away."""
    sums = folder / SUMS
    names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
    path = folder / chance.choice(names)
    path.write_bytes(path.read_bytes() + b"\n")
    sums.write_text("".join(f"{hashlib.sha256((folder / one).read_bytes()).hexdigest()}  {one}\n" for one in names))


def sign_at_random(folder: Path, chance: random.Random) -> None:
    (folder / SIGNATURE).write_bytes(chance.randbytes(64))


def promote_in_the_record(folder: Path, chance: random.Random) -> None:
    record = json.loads((folder / RECORD).read_bytes())
    changes = {"serial": 99, "version": "7", "bundle_sha256": "0" * 64, "simulated": True, "gates": [], "key": "0" * 16}
    name = chance.choice(list(changes))
    (folder / RECORD).write_text(json.dumps(record | {name: changes[name]}))


def link_the_bundle(folder: Path, chance: random.Random) -> None:
    (folder / "bundle").rename(folder.parent / "moved")
    (folder / "bundle").symlink_to(folder.parent / "moved")


def of_either_folder(mutation: Callable[[Path, random.Random], None]) -> Callable[[Path, random.Random], None]:
    def mutated(folder: Path, chance: random.Random) -> None:
        mutation(chance.choice([folder, folder / "bundle"]), chance)

    return mutated


OF_EXPORTED: list[Callable[[Path, random.Random], None]] = [
    *map(of_either_folder, [truncate, flip, swap, empty, append, remove, add, link, replace_by_folder]),
    *(plant, make_the_sums_agree, sign_at_random, promote_in_the_record, link_the_bundle),
]


def restore_exported(folder: Path, intact: dict[str, dict[str, bytes]]) -> None:
    """Bring an exported folder and its bundle back."""
    if (folder / "bundle").is_symlink():
        (folder / "bundle").unlink()
        (folder.parent / "moved").rename(folder / "bundle")
    restore(folder / "bundle", intact["bundle"])
    held = folder / "bundle"
    aside = folder.parent / "aside"
    held.rename(aside)
    restore(folder, intact[""])
    aside.rename(held)


def mutated_exports(folder: Path, home: Path, count: int, seed: int) -> tuple[int, list[str]]:
    """Return how many of `count` mutated exports were refused, and what else became of the others."""
    intact = {
        part: {path.name: path.read_bytes() for path in (folder / part).iterdir() if path.is_file()}
        for part in ("", "bundle")
    }
    chance = random.Random(seed)
    refused, otherwise = 0, []
    for at in range(count):
        OF_EXPORTED[at % len(OF_EXPORTED)](folder, chance)
        try:
            load_exported(folder, home)
            otherwise.append(f"{at}: loaded")
        except AssayError:
            refused += 1
        except BaseException as error:
            otherwise.append(f"{at}: {error!r}")
        restore_exported(folder, intact)
    load_exported(folder, home)
    return refused, otherwise


@pytest.mark.parametrize("count", [SHORT, pytest.param(LONG, marks=MINUTES)])
def test_no_mutated_export_is_loaded_and_nothing_in_it_ever_runs(traded: Path, tmp_path: Path, count: int) -> None:
    folder = carried_from(traded, tmp_path / "carried")
    assert mutated_exports(folder, tmp_path / "elsewhere", count, seed=count) == (count, [])
    assert not (tmp_path / "marker").exists()


def test_the_search_finds_a_loader_that_takes_any_signature(traded: Path, tmp_path: Path, monkeypatch) -> None:
    """The broken twin: sums that agree with altered files are believed once their signature is not looked at."""
    monkeypatch.setattr("registry.exported._check_signature", lambda *_: None)
    monkeypatch.setattr("tests.registry.test_mutations.OF_EXPORTED", [make_the_sums_agree])
    folder = carried_from(traded, tmp_path / "carried")
    refused, otherwise = mutated_exports(folder, tmp_path / "elsewhere", 12, seed=1)
    assert refused < 12
    assert any("loaded" in one for one in otherwise)


def test_what_is_planted_does_leave_its_mark_where_it_runs(tmp_path: Path) -> None:
    """The broken twin of the marker: a loader that runs an artifact's code is seen to have done so."""
    for name, content in code_of(tmp_path / "marker").items():
        if name.endswith((".py", ".pkl")):
            pickle.loads(content) if name.endswith(".pkl") else exec(content)
            assert (tmp_path / "marker").exists(), name
            (tmp_path / "marker").unlink()
