"""Mutated files of every format: whatever stands in a file, a reader gives rows, findings or one line, and no more."""

import random
import resource
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from market import tables, timeframe, validation
from market.errors import DataError, UsageError
from market.vendors.door import import_files
from market.vendors.formats import VENDORS
from market.vendors.source import Asked, opened
from tests.market.made_bars import GOLD, NOW, made
from tests.market.written_files import DRESSES, worn

EACH = 120  # files of every dress in the normal run
MANY = 100_000  # files in the long one
MEMORY = 1 << 20  # KiB that all of it may take more than before

NASTY = [
    b"",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"-",
    b"nan",
    b"NaN",
    b"inf",
    b"1e999",
    b"\xff\xfe",
]
NASTY += [
    b"9" * 400,
    b"-1e-320",
    b"0x1F",
    b"1,234.5",
    b"=cmd|' /C calc'!A0",
    b"\x1b[2J",
    b"\xf0\x9f\x92\xa9",
    b"\xed\xa0\x80",
]
NASTY += [
    b"[" * 2000,
    b"{" * 500,
    b"null",
    b"true",
    b'{"t":1,"o":2}',
    b"20240230 999999",
    b"99999999999999999999",
    b"\xc0\x80",
]

Mutation = Callable[[bytes, random.Random], bytes]
Outcome = Callable[[str, Path], str]


def flipped(content: bytes, rng: random.Random) -> bytes:
    mutated = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        mutated[rng.randrange(len(mutated))] ^= 1 << rng.randrange(8)
    return bytes(mutated)


def inserted(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(NASTY) + content[at:]


def deleted(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[at + rng.choice([1, 2, 7, 100]) :]


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def spliced(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    half = lines[j][: rng.randrange(len(lines[j]) + 1)]
    return b"".join(
        rng.choice([[*lines[:i], *lines[j:]], [*lines[:i], half, *lines[i:]], [*lines[:i], lines[j], *lines[i:]]])
    )


def redelimited(content: bytes, rng: random.Random) -> bytes:
    old, new = rng.sample([b",", b";", b"\t", b" ", b".", b":", b"\n", b'"'], 2)
    return content.replace(old, new, rng.choice([1, 5, -1]))


def overwritten(content: bytes, rng: random.Random) -> bytes:
    """Return the content with a number, or whatever stands between two delimiters, made nasty."""
    at = rng.randrange(len(content))
    ends = [i for i in (content.find(mark, at) for mark in (b",", b";", b"\t", b"\n", b"}", b"]")) if i >= 0]
    start = max(content.rfind(mark, 0, at) for mark in (b",", b";", b"\t", b"\n", b":", b"["))
    return content[: start + 1] + rng.choice(NASTY) + content[min(ends, default=len(content)) :]


def zeroed(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes(min(16, len(content) - at)) + content[at + 16 :]


MUTATIONS: list[Mutation] = [flipped, inserted, deleted, cut, spliced, redelimited, overwritten, zeroed]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return the content mutated once or a few times; of an archive now and then what is inside."""
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        content = rng.choice(MUTATIONS)(content, rng) or b"\n"
    return content


def repacked(path: Path, rng: random.Random) -> bytes:
    """Return an archive like the one at `path` whose first member is mutated."""
    with zipfile.ZipFile(path) as archive:
        members = {one.filename: archive.read(one) for one in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, (name, content) in enumerate(members.items()):
            archive.writestr(name, mutated(content, rng) if i == 0 else content)
    return path.read_bytes()


def read(dress: str, path: Path) -> str:
    """Return what reading comes to; fails on anything but rows, findings and one printable line."""
    try:
        source = opened(path)
        for vendor in VENDORS.values():
            vendor.recognises(source.head())
        rows = findings = 0
        for chunk in VENDORS[DRESSES[dress].format].read(source, Asked(GOLD)):
            assert not chunk.rows["stamp"].isna().any()
            assert {"row", "open", "high", "low", "close"} <= set(chunk.rows)
            rows, findings = rows + len(chunk.rows), findings + len(chunk.unreadable)
            assert all(text.isprintable() for text in chunk.unreadable["found"])
    except (DataError, UsageError) as error:
        assert str(error).isprintable(), f"more than one plain line: {error!r}"
        assert len(str(error)) < 1_000
        return "refused"
    return "findings" if findings else "rows"


def imported(dress: str, path: Path) -> str:
    """Return what an import comes to that sets bad rows aside; fails where a bar gets in that is none."""
    how = DRESSES[dress]
    try:
        found = import_files(
            [path],
            instrument=GOLD,
            timeframe=timeframe.parse("1T" if how.of_one_day else "15T"),
            format=how.format,
            timezone=how.zone,
            stamp="open",
            quarantine=True,
            now=NOW,
            report_path=path.with_name("report.csv"),
        )
    except (DataError, UsageError) as error:
        assert str(error).isprintable(), f"more than one plain line: {error!r}"
        return "refused"
    try:
        tables.check(found.bars, tables.BARS, path.name)
    except DataError as error:
        raise AssertionError(f"bars that break the contract got in: {error}") from error
    return "findings" if len(found.report) else "rows"


def fuzzed(dress: str, n: int, seed: int, folder: Path, coming_to: Outcome = read) -> Counter[str]:
    """Return how often `n` mutated files came to what."""
    rng = random.Random(f"{dress} {seed}")
    _, path = worn(DRESSES[dress], lambda minutes: made(24, seed, minutes=minutes), folder)
    sound = path.read_bytes()
    assert coming_to(dress, path) != "refused"
    outcomes: Counter[str] = Counter()
    for i in range(n):
        path.write_bytes(sound)
        path.write_bytes(repacked(path, rng) if path.suffix == ".zip" and i % 2 else mutated(sound, rng))
        try:
            outcomes[coming_to(dress, path)] += 1
        except Exception as error:
            kept = Path(folder / f"broken.{i}{path.suffix}")
            kept.write_bytes(path.read_bytes())
            raise AssertionError(f"mutation {i} of {dress}, kept as {kept}: {error!r}") from error
    return outcomes


@pytest.mark.parametrize("dress", DRESSES)
def test_no_mutated_file_breaks_its_reader(dress: str, tmp_path: Path) -> None:
    outcomes = fuzzed(dress, EACH, seed=0, folder=tmp_path)
    assert outcomes["refused"] + outcomes["findings"] > EACH // 10, "mutations are to be seen"


@pytest.mark.parametrize("dress", DRESSES)
def test_no_bar_gets_in_that_is_none(dress: str, tmp_path: Path) -> None:
    outcomes = fuzzed(dress, EACH // 10, seed=2, folder=tmp_path, coming_to=imported)
    assert sum(outcomes.values()) == EACH // 10


def test_a_bar_that_gets_in_and_is_none_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "CHECKS", ())
    with pytest.raises(AssertionError, match="bars that break the contract got in"):
        fuzzed("csv", 400, seed=0, folder=tmp_path, coming_to=imported)


def test_a_reader_that_breaks_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: object, asked: object) -> list[object]:
        if b"\0" in source.head():
            raise ValueError("a traceback")
        return []

    monkeypatch.setattr(VENDORS["csv"], "read", broken)
    with pytest.raises(AssertionError, match=r"mutation \d+ of csv, kept as .*a traceback"):
        fuzzed("csv", 400, seed=0, folder=tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("coming_to", "n"), [(read, MANY), (imported, MANY // 10)])
def test_a_hundred_thousand_mutated_files_break_nothing(coming_to: Outcome, n: int, tmp_path: Path) -> None:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    for dress in DRESSES:
        outcomes += fuzzed(dress, n // len(DRESSES), seed=1, folder=tmp_path, coming_to=coming_to)
    took, grown = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\n{sum(outcomes.values()):,} files in {took:.0f} s, {grown / 1024:.0f} MiB more: {dict(outcomes)}")
    assert grown < MEMORY
