"""What of a series is shared and has one history: its bars, and where its folds are cut. Homes hold verified copies.

Which of two states is the newer one is told by what the home last had in common with the store, which it remembers in
`shared/SERIES.json`. Where both have moved on since, or nothing is remembered, nobody is overwritten: a person says
which side holds (`assay tables send` or `bring`).
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from market import durable, tables, versions
from market.errors import DataError, UnavailableError
from pipeline import parcels, workspace
from pipeline.job import Job
from pipeline.parcels import Local, Parcel
from pipeline.table_store import Store
from pipeline.workspace import Workspace, read_json

BARS, EDGES = "bars", "edges"
PARTS = (BARS, EDGES)
NOWHERE, IN_STEP, HERE, THERE = "nowhere", "in step", "here alone", "there alone"
NEWER_HERE, NEWER_THERE, DIFFER = "newer here", "newer there", "differ"
TO_SEND, TO_BRING = (HERE, NEWER_HERE), (THERE, NEWER_THERE)

_PATIENCE = 60.0  # seconds for another process that works on a companion
_TICK = 0.1


class BusyError(UnavailableError):
    """Another process works on a series whose bars are to be brought or sent."""


class Part(NamedTuple):
    """A part of a series: the digest of what is here, None where nothing is, the parcel there, and how they compare."""

    name: str
    here: str | None
    there: Parcel | None
    state: str


def look(store: Store, target: Workspace, name: str) -> Part:
    """Return how a part stands here and there; nothing is written but that both are found in step."""
    here, there = _digest(target, name), parcels.read(store, f"series/{target.series.name}/{name}.json")
    found = None if there is None else there.digest
    before = remembered(store, target).get("parts", {}).get(name)
    if here == found:
        if found is not None and before != found:
            remember(store, target, name, found)
        return Part(name, here, there, NOWHERE if here is None else IN_STEP)
    if here is None or found is None:
        return Part(name, here, there, THERE if here is None else HERE)
    state = NEWER_HERE if before == found else NEWER_THERE if before == here else DIFFER
    return Part(name, here, there, state)


def settle(store: Store, target: Workspace, name: str, *, held: bool, sends: bool = True) -> int:
    """Bring or send a part, whichever side is the newer one; return how many bytes went to or fro.

    `held` says that the caller holds the series' lock, which is else taken where something is to be done. Raises
    DataError where both sides differ and neither is known to be the newer one, or where the home is newer and nothing
    `sends` it, BusyError where another process keeps hold of the series for a minute.
    """
    ends = time.monotonic() + _PATIENCE
    while (part := look(store, target, name)).state not in (NOWHERE, IN_STEP):
        with ExitStack() as stack:
            if not held:
                try:
                    stack.enter_context(workspace.locked(target))
                except UnavailableError as error:
                    if time.monotonic() > ends:
                        raise BusyError(str(error)) from None
                    time.sleep(_TICK)
                    continue
            part = look(store, target, name)
            if part.state in TO_BRING:
                return bring(store, target, part)
            if part.state in TO_SEND and sends:
                return send(store, target, part)
            if part.state not in (NOWHERE, IN_STEP):
                raise DataError(refusal(store, target, part))
    return 0


def settle_all(store: Store, work: Job, *, held: bool, sends: bool) -> int:
    """Settle what a job is made from: its series' bars and edges, and the bars of its companions; return the bytes.

    `sends` is whether bars may be sent: workers bring them alone.
    """
    moved = settle(store, work.workspace, BARS, held=held, sends=sends)
    moved += settle(store, work.workspace, EDGES, held=held)
    return moved + sum(settle(store, one, BARS, held=False, sends=sends) for one in beside(work))


def beside(work: Job) -> list[Workspace]:
    """Return where the companions of a job's series are, stored or not."""
    home, series = work.workspace.home, work.series
    return [Workspace(home, series._replace(symbol=symbol)) for symbol in sorted(work.instrument.companions)]


def send(store: Store, target: Workspace, part: Part, *, anew: bool = False) -> int:
    """Send a part whatever the store has of it; return how many bytes were sent. The series' lock is the caller's.

    Bytes that the store has are sent again where it is done `anew`.
    """
    assert part.here is not None  # there is something to send
    there = {} if part.there is None or anew else {one.sha256: one for one in part.there.files}
    name = f"series/{target.series.name}/{part.name}.json"
    sent = parcels.send(store, target, name, _files(target, part.name), part.here, there)
    remember(store, target, part.name, part.here)
    return sent


def bring(store: Store, target: Workspace, part: Part) -> int:
    """Bring a part whatever the home has of it; return how many bytes were brought. The lock is the caller's."""
    assert part.there is not None  # there is something to bring
    brought = parcels.bring(store, target, part.there)
    if part.name == BARS:
        versions.sweep(target.bars)
    remember(store, target, part.name, part.there.digest)
    return brought


def refusal(store: Store, target: Workspace, part: Part) -> str:
    """Return why a part is left as it is, and the two ways out."""
    name, what = target.series.name, "The bars" if part.name == BARS else "The cuts of the folds"
    ways = (
        f"`assay tables send --only {name}` lets those of this home ({target.home}) hold, `assay tables bring --only "
        f"{name}` those of the store."
    )
    if part.state == NEWER_HERE:
        return f"{what} of {name} are newer in this home than at {store.url}, and a worker does not send them: {ways}"
    return f"{what} of {name} are others here than at {store.url}, and neither comes from the other: {ways}"


def remembered(store: Store, target: Workspace) -> dict[str, Any]:
    """Return what the home knows of its dealings with this store about a series."""
    try:
        found = read_json(_memory(target))
    except (FileNotFoundError, DataError):
        return {}
    return found if found.get("store") == store.url else {}


def remember(store: Store, target: Workspace, part: str, digest: str) -> None:
    """Write down that a part is in step with the store."""
    known = remembered(store, target)
    kept = known | {"store": store.url, "parts": known.get("parts", {}) | {part: digest}}
    durable.write_json(_memory(target), kept)


def remember_trials(store: Store, target: Workspace, name: str) -> None:
    """Write down that the trials of that name are in this home's ledger."""
    known = remembered(store, target)
    kept = known | {"store": store.url, "trials": [*known.get("trials", []), name]}
    durable.write_json(_memory(target), kept)


def size(target: Workspace, name: str) -> int:
    """Return the bytes of a part of this home; equal files count once."""
    if _digest(target, name) is None:
        return 0
    return sum({one.sha256: one.path.stat().st_size for one in _files(target, name)}.values())


def _memory(target: Workspace) -> Path:
    return target.home / "shared" / f"{target.series.name}.json"


def _digest(target: Workspace, name: str) -> str | None:
    if name == BARS:
        manifest = tables.read_manifest(target.bars)
        return None if manifest is None else manifest.sha256
    edges = target.run / "edges.json"
    return tables.sha256_of_file(edges) if edges.exists() else None


def _files(target: Workspace, name: str) -> list[Local]:
    if name == EDGES:
        return [parcels.described(target.run / "edges.json")]
    last = versions.last(tables.read_manifest(target.bars))
    kept = [versions.path_of(target.bars, number) for number in range(1, last + 1)]
    return [file for path in (*kept, target.bars) for file in _table(path)]


def _table(path: Path) -> Iterator[Local]:
    manifest = tables.read_manifest(path)
    if manifest is None:
        raise DataError(f"No table at {path}: import the bars again.")
    yield Local(path, manifest.sha256)
    yield parcels.described(tables.manifest_path(path))
