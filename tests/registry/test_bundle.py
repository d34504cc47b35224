"""A bundle is read whole and unaltered, or not at all."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market.errors import DataError, UsageError
from registry.bundle import MANIFEST, META, read_bundle, write_bundle

FILES = {"xgboost.ubj": bytes(range(256)), "lightgbm.txt": b"tree\nversion=v4\n", "empty.json": b""}
META_DATA = {"series": "XAUUSD_15T", "features": ["a", "b"], "thresholds": {"long": 0.62}}


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "bundles" / "gold"
    return folder, write_bundle(folder, FILES, META_DATA)


def test_what_was_written_is_read_and_the_digest_is_that_of_the_manifest(bundle: tuple[Path, str]) -> None:
    folder, digest = bundle
    assert read_bundle(folder) == read_bundle(folder, digest) == (FILES, META_DATA)
    assert digest == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert {path.name for path in folder.parent.iterdir()} == {"gold"}, "nothing temporary stays behind"


def test_the_same_content_gives_the_same_digest_in_any_order(bundle: tuple[Path, str], tmp_path: Path) -> None:
    backwards = dict(reversed(FILES.items()))
    assert write_bundle(tmp_path / "other", backwards, dict(reversed(META_DATA.items()))) == bundle[1]


def test_writing_it_again_changes_nothing_and_another_one_is_refused(bundle: tuple[Path, str]) -> None:
    folder, digest = bundle
    stamps = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert write_bundle(folder, FILES, META_DATA) == digest
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
    with pytest.raises(DataError, match=r"MANIFEST\.json was altered"):
        write_bundle(folder, FILES | {"more.json": b"{}"}, META_DATA)


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "", META, MANIFEST])
def test_names_that_are_not_plain_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="not a plain name, or is reserved"):
        write_bundle(tmp_path / "x", {name: b""}, {})


def test_numbers_that_json_does_not_know_are_refused_and_nothing_stays_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_bundle(tmp_path / "x", FILES, {"long": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_write_that_dies_leaves_no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", dies)
    with pytest.raises(OSError, match="disk full"):
        write_bundle(tmp_path / "x", FILES, META_DATA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [*FILES, META, MANIFEST])
def test_a_missing_file_is_named(bundle: tuple[Path, str], name: str) -> None:
    (bundle[0] / name).unlink()
    with pytest.raises(DataError, match=f"missing.*{name}|{name}.*missing"):
        read_bundle(*bundle)


@pytest.mark.parametrize("name", ["extra.bin", ".hidden", "__pycache__"])
def test_an_extra_file_is_named(bundle: tuple[Path, str], name: str) -> None:
    (bundle[0] / name).write_bytes(b"x")
    with pytest.raises(DataError, match=f"not in its manifest: {name}"):
        read_bundle(*bundle)


@pytest.mark.parametrize("name", ["lightgbm.txt", META, MANIFEST])
def test_a_symbolic_link_is_refused_even_to_the_same_bytes(bundle: tuple[Path, str], tmp_path: Path, name: str) -> None:
    path = bundle[0] / name
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(DataError, match=f"{name} cannot be read, or is a symbolic link"):
        read_bundle(*bundle)


def test_a_folder_or_a_pipe_in_place_of_a_file_is_refused(bundle: tuple[Path, str]) -> None:
    path = bundle[0] / "lightgbm.txt"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="not a regular file"):
        read_bundle(*bundle)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(DataError, match="not a regular file"):
        read_bundle(*bundle)


def test_a_swapped_bundle_that_is_sound_in_itself_is_refused_by_its_digest(bundle: tuple[Path, str]) -> None:
    folder, digest = bundle
    shutil.rmtree(folder)
    other = write_bundle(folder, {"xgboost.ubj": b"other"}, META_DATA)
    with pytest.raises(DataError, match=f"sha256 {other}, wanted {digest}"):
        read_bundle(folder, digest)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"null", b'{"files": []}', b'{"files": {"../../etc/passwd": "x", "meta.json": "y"}}', b"\xff\xfe"],
)
def test_what_is_no_manifest_is_refused(bundle: tuple[Path, str], manifest: bytes) -> None:
    (bundle[0] / MANIFEST).write_bytes(manifest)
    with pytest.raises(DataError, match=r"MANIFEST\.json is not a bundle manifest"):
        read_bundle(bundle[0])


def test_a_manifest_that_says_the_same_in_other_bytes_is_refused(bundle: tuple[Path, str]) -> None:
    path = bundle[0] / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(DataError, match=r"MANIFEST\.json is not a bundle manifest"):
        read_bundle(bundle[0])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_refused_with_or_without_the_digest(
    bundle: tuple[Path, str], data: st.DataObject
) -> None:
    folder, digest = bundle
    path = folder / data.draw(st.sampled_from(["xgboost.ubj", "lightgbm.txt", META, MANIFEST]))
    intact = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(intact) - 1))
    flipped = bytearray(intact)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        for expected in (digest, None):
            with pytest.raises(DataError):
                read_bundle(folder, expected)
    finally:
        path.write_bytes(intact)
    assert read_bundle(folder, digest) == (FILES, META_DATA)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_short_or_grown_is_refused_with_both_digests(bundle: tuple[Path, str], data: st.DataObject) -> None:
    folder, digest = bundle
    path = folder / data.draw(st.sampled_from(["xgboost.ubj", "lightgbm.txt", META]))
    intact = path.read_bytes()
    altered = intact[: data.draw(st.integers(0, len(intact) - 1))] if data.draw(st.booleans()) else intact + b"\n"
    path.write_bytes(altered)
    try:
        with pytest.raises(DataError) as refusal:
            read_bundle(folder, digest)
    finally:
        path.write_bytes(intact)
    for content in (altered, intact):
        assert hashlib.sha256(content).hexdigest() in str(refusal.value)
