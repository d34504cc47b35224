"""What the stages of a series have made is shared under the digest of all that they were made from.

A stage that is stale in this home is brought where the store has it for the same inputs, settings and code, and is run
and sent where not: whoever did it, the bytes are the same. Trainings that go on leave their finished folds besides, and
trials of tuning are kept for the ledger of everybody who shares the store.
"""

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from market import tables
from market.errors import AssayError, DataError
from pipeline import parcels, receipts, shared_tables, trial_records
from pipeline.job import Job
from pipeline.job_stages import Stage, stages_of
from pipeline.parcels import Local
from pipeline.receipts import Order, Receipt
from pipeline.stage import Done, Report
from pipeline.table_store import Found, Store

STALE = "stale"

_FOLDS = {"train": "folds", "paths": "splits"}
_FOLDS_OF = ".folds.json"
_EVERY = 10.0  # seconds between two sendings of finished folds
_KEPT = dt.timedelta(days=1)
_TRIALS = "trials-"


class Shared:
    """The stages of one job and what the store has of its series.

    Who `follows` the store, as a worker does, makes anew whatever it does not have: nothing of the home is sent there.
    """

    def __init__(self, store: Store, work: Job, follows: bool = False) -> None:
        self.store, self.work, self._follows = store, work, follows
        self.series = work.series.name
        self.there = store.names(f"series/{self.series}")
        self._content: dict[str, Found] | None = None
        self._sent_at, self._seen = time.monotonic(), frozenset[tuple[Any, ...]]()

    def carried_out(self, stage: Stage, report: Report) -> Done:
        """Bring the stage, or do what of it is stale and send it; the trials that it leaves are in the store then."""
        order = stage.order(self.work)
        if self._follows and _name(stage.name, key_of(order)) not in self.there:
            self.work.workspace.receipt(stage.name).unlink(missing_ok=True)
        if not self._is_here(stage, order) and self.bring(stage, order) is None and stage.name in _FOLDS:
            self._bring_folds(stage, order)
        with self._trials():
            done = stage.run(self.work, self._reporting(stage, order, report))
        self.send(stage)
        return done

    def bring(self, stage: Stage, order: Order) -> int | None:
        """Bring what the stage has made by `order`; return how many bytes came, None where the store has it not."""
        name = _name(stage.name, key_of(order))
        parcel = parcels.read(self.store, f"series/{self.series}/{name}") if name in self.there else None
        return None if parcel is None else parcels.bring(self.store, self.work.workspace, parcel)

    def send(self, stage: Stage, *, anew: bool = False) -> int:
        """Send what the stage has made, unless the store has it or it is done `anew`; return how many bytes were sent.

        What the store has had of the stage for longer than a day goes, if it is of other inputs, settings or code.
        """
        path = self.work.workspace.receipt(stage.name)
        made = receipts.read(path)
        if made is None or ((name := _name(stage.name, key_of(made))) in self.there and not anew):
            return 0
        receipt = parcels.described(path)
        sent = self._send(name, [*self._outputs(made), receipt], receipt.sha256, anew=anew)
        if (folds := name.replace(".json", _FOLDS_OF)) in self.there:
            self.store.delete(f"series/{self.series}/{folds}")
            del self.there[folds]
        self._sweep(stage, keep=name)
        return sent

    def offer(self, *, anew: bool = False) -> int:
        """Send what this home has of the stages as they are asked for now; return how many bytes were sent."""
        sent = 0
        for stage, order in self._orders():
            if self._is_here(stage, order):
                sent += self.send(stage, anew=anew)
        return sent

    def forget(self, names: Iterable[str]) -> None:
        """Remove from the store what the stages `names` have made, so that workers make it anew."""
        begin = tuple(f"{name}-" for name in names)
        for name in [one for one in self.there if one.startswith(begin)]:
            self.store.delete(f"series/{self.series}/{name}")
            del self.there[name]

    def collect(self) -> int:
        """Bring every stage that does not hold in this home by its content and is there as it is asked for now.

        Return how many bytes were brought.
        """
        brought = 0
        for stage, order in self._orders():
            if order.stale(self.work.workspace.receipt(stage.name)) is not None:
                brought += self.bring(stage, order) or 0
        return brought

    def collect_trials(self) -> int:
        """Write the series' trials in the store that are not in this home's ledger yet; return how many were new."""
        target, new = self.work.workspace, trial_records.deliver(self.work)
        known = shared_tables.remembered(self.store, target).get("trials", [])
        for name in sorted(one for one in self.there if one.startswith(_TRIALS) and one not in known):
            parcel = parcels.read(self.store, f"series/{self.series}/{name}")
            if parcel is not None:
                parcels.bring(self.store, target, parcel, of=f"trials/{self.series}")
                new += trial_records.deliver(self.work)
            shared_tables.remember_trials(self.store, target, name)
        return new

    def states(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield of each stage, up to the first that nothing is made for yet, its state and its bytes here and there.

        Stale is what this home has of other inputs, settings or code than it would be made from now.
        """
        for stage, order in self._orders():
            made, name = receipts.read(self.work.workspace.receipt(stage.name)), _name(stage.name, key_of(order))
            here = 0 if made is None else sum(o.path.stat().st_size for o in self._outputs(made) if o.path.exists())
            parcel = parcels.read(self.store, f"series/{self.series}/{name}") if name in self.there else None
            if self._is_here(stage, order):
                state = shared_tables.IN_STEP if parcel else shared_tables.HERE
            elif parcel:
                state = shared_tables.THERE
            else:
                state = shared_tables.NOWHERE if made is None else STALE
            yield stage.name, state, here, parcel.bytes if parcel else 0

    def _send(self, name: str, files: list[Local], digest: str, to: str = "", *, anew: bool = False) -> int:
        there = set[str]() if to or anew else self._fresh()
        sent = parcels.send(self.store, self.work.workspace, f"series/{self.series}/{name}", files, digest, there, to)
        now = Found(1, dt.datetime.now(dt.UTC))
        self.there[name] = now
        if not to:
            self._content = (self._content or {}) | dict.fromkeys((one.sha256 for one in files), now)
        return sent

    def _orders(self) -> Iterator[tuple[Stage, Order]]:
        """Yield the stages with their orders, up to the first that has nothing to be made from in this home yet."""
        for stage in stages_of():
            try:
                order = stage.order(self.work)
            except (DataError, FileNotFoundError):
                return
            yield stage, order

    def _is_here(self, stage: Stage, order: Order) -> bool:
        """Return whether this home has what the stage makes by `order`; contents are the stage's own to look at."""
        made = receipts.read(self.work.workspace.receipt(stage.name))
        return made is not None and key_of(made) == key_of(order) and all(o.path.exists() for o in self._outputs(made))

    def _outputs(self, made: Receipt) -> list[Local]:
        run = self.work.workspace.run
        return [Local(Path(os.path.normpath(run / name)), digest) for name, digest in made.outputs.items()]

    def _fresh(self) -> set[str]:
        """Return the bytes that are there and so young that nobody sweeps them while they are being named."""
        if self._content is None:
            self._content = self.store.names(parcels.folder(self.series))
        young = dt.datetime.now(dt.UTC) - _KEPT / 2
        return {name for name, one in self._content.items() if one.when > young}

    def _reporting(self, stage: Stage, order: Order, report: Report) -> Report:
        """Return a report that sends finished folds now and then, each with its trials before it."""
        if stage.name not in _FOLDS:
            return report
        folder, name = self.work.workspace.run / _FOLDS[stage.name], _folds_of(stage.name, key_of(order))

        def reported(what: str, done: int, total: int) -> None:
            report(what, done, total)
            files = _contents(folder)
            seen = frozenset((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
            if seen != self._seen and time.monotonic() - self._sent_at >= _EVERY:
                self._send_trials()
                self._send(name, [parcels.described(path) for path in files], order.key)
                self._sent_at, self._seen = time.monotonic(), seen

        return reported

    def _bring_folds(self, stage: Stage, order: Order) -> None:
        """Bring the finished folds of this very work, unless some are here already."""
        folder, name = self.work.workspace.run / _FOLDS[stage.name], _folds_of(stage.name, key_of(order))
        kept = [tables.read_manifest(path) for path in folder.glob("fold_*.parquet")]
        if name not in self.there or any(one is not None and one.config_sha256 == order.key for one in kept):
            return
        parcel = parcels.read(self.store, f"series/{self.series}/{name}")
        if parcel is not None:
            parcels.bring(self.store, self.work.workspace, parcel)

    @contextmanager
    def _trials(self) -> Iterator[None]:
        """Let trials be left in the run's folder, and settle them, whatever becomes of the stage."""
        try:
            with trial_records.left_in(self.work.workspace.run):
                yield
        except BaseException:
            with suppress(AssayError):
                self._settle_trials()
            raise
        self._settle_trials()

    def _settle_trials(self) -> None:
        """Send what was tried; a home that judges for itself has it in its ledger, whether it can be sent or not."""
        try:
            self._send_trials()
        finally:
            if not self._follows:
                trial_records.deliver(self.work)

    def _send_trials(self) -> None:
        left = trial_records.folder_left(self.work)
        files = [parcels.described(path) for path in _contents(left)]
        if not files:
            return
        digest = tables.sha256_of([(one.path.name, one.sha256) for one in files])
        self._send(f"{_TRIALS}{digest[:32]}.json", files, digest, to=f"trials/{self.series}")
        if self._follows:
            shutil.rmtree(left)

    def _sweep(self, stage: Stage, keep: str) -> None:
        """Remove what is older than a day: this stage's other results and folds, and bytes that nothing names."""
        old = dt.datetime.now(dt.UTC) - _KEPT
        for name, one in list(self.there.items()):
            if name.startswith(f"{stage.name}-") and name != keep and one.when < old:
                self.store.delete(f"series/{self.series}/{name}")
                del self.there[name]
        bytes_of = self._content or {}
        unsure = [name for name, one in bytes_of.items() if one.when < old]
        if not unsure:
            return
        listed = [name for name in self.store.names(f"series/{self.series}") if not name.startswith(_TRIALS)]
        named = [parcels.read(self.store, f"series/{self.series}/{name}") for name in listed]
        used = {file.sha256 for parcel in named if parcel is not None for file in parcel.files}
        for name in unsure:
            if name not in used:
                self.store.delete(f"{parcels.folder(self.series)}/{name}")


def of(store: Store | None, work: Job, follows: bool = False) -> Shared | None:
    """Return what a job shares, None where nothing is: without a store, and of a simulated market."""
    return None if store is None or work.series.simulated else Shared(store, work, follows)


def key_of(made: Order | Receipt) -> str:
    """Return one digest of all that a stage was made from, or is to be."""
    if isinstance(made, Receipt):
        return tables.sha256_of([made.stage, made.inputs, made.config_sha256, made.code_sha256])
    return tables.sha256_of(
        [made.stage, made.inputs, tables.sha256_of(made.config), receipts.code_sha256(*made.modules)]
    )


def _contents(folder: Path) -> list[Path]:
    """Return the files under `folder` that hold something, sorted: no locks, nothing half-written."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith(".") and path.suffix != ".lock")


def _name(stage: str, key: str) -> str:
    return f"{stage}-{key[:32]}.json"


def _folds_of(stage: str, key: str) -> str:
    return f"{stage}-{key[:32]}{_FOLDS_OF}"
