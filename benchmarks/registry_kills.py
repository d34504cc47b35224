"""Kill -9 at random instants, from a training's log to its promotion, and while a registry's database is made.

    python -m benchmarks.registry_kills [--kills 200] [--creations 40] [--seed 0]

After each kill the registry must open, the alias champion must point at a whole version, a sweep must leave nothing
that is half there and the alias where the signed record says; and the same command again must adopt what was done,
so that one training is one finished run and one version. Exits 1 where any of that failed.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from market.errors import AssayError
from registry import alias, inspection, promotion, runs, sweeping, tracking
from registry.bundle import write_bundle
from registry.tracking import DIGEST
from tests.registry.cards import make_card
from tests.registry.models import better

SERIES = "XAUUSD_15T"
_LONGER = 1.2  # than an undisturbed one, so that some are killed after their end
_PRELOADED = ["registry.sweeping", "tests.registry.models", "mlflow", "mlflow.store.tracking.sqlalchemy_store"]


class Counted(NamedTuple):
    """What came of the kills; `wrong` says in sentences what must never be."""

    kills: int
    at_work: int
    mended: int
    adopted: int
    wrong: list[str]


def trained(home: Path, number: int) -> str:
    """Log training `number`, register it and promote it over its predecessor; return its run id."""
    folder = home / "bundles" / SERIES / f"{number:016d}"
    digest = write_bundle(folder, {"model.txt": str(number).encode()}, {"series": SERIES, "number": number})
    card = make_card(bundle_sha256=digest, looks=1)
    files = {path.name: path for path in folder.iterdir()}
    card = card.model_copy(update={"run_id": tracking.log_run(home, card, "# Card", files, {})})
    runs.keep_card(home, card)
    promotion.promote(home, card, folder, better(home, SERIES))
    return card.run_id


def kill_trainings(home: Path, kills: int, seed: int) -> Counted:
    """Train and promote `kills` times, each killed at a random instant and then done again; return what came of it."""
    children, draw = _children(), random.Random(seed)
    usual = _undisturbed(children, trained, (home, 0))
    at_work, mended, adopted, wrong = 0, 0, 0, list[str]()
    for number in range(1, kills + 1):
        at_work += _killed(children, trained, (home, number), draw.uniform(0.0, _LONGER * usual))
        before = _finished(home)
        wrong += [f"kill {number}: {line}" for line in unsound(home)]
        swept = sweeping.sweep(home)
        mended += bool(swept.killed or swept.versions or swept.aliases)
        wrong += [f"kill {number}, swept: {line}" for line in (*swept.unmended, *half(home))]
        adopted += trained(home, number) in before
        wrong += [f"kill {number}, done again: {line}" for line in doubled(home, number + 1)]
    return Counted(kills, at_work, mended, adopted, wrong)


def kill_creations(folder: Path, kills: int, seed: int) -> Counted:
    """Kill the first creation of a database `kills` times, each at a random instant, each time on the same home."""
    children, draw, home = _children(), random.Random(seed), folder / "created"
    usual = _undisturbed(children, tracking.create_database, (folder / "undisturbed",))
    at_work, wrong = 0, list[str]()
    for number in range(1, kills + 1):
        at_work += _killed(children, tracking.create_database, (home,), draw.uniform(0.0, usual))
        if (home / "mlflow.db").exists():
            found = inspection.inspect(home)
            wrong += [f"creation {number}: {found.damage}"] if found and found.damage else []
            (home / "mlflow.db").unlink()
    trained(home, 0)
    return Counted(kills, at_work, 0, 0, wrong + unsound(home))


def _children() -> ForkServerContext:
    """Return how children are started: forked from a process that has imported everything and opened nothing."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOADED)
    return found


def _undisturbed(children: ForkServerContext, work: Callable[..., object], arguments: tuple) -> float:
    """Let a child do its work to the end and return how many seconds that took."""
    child = _begun(children, work, arguments)
    began = time.perf_counter()
    child.join()
    return time.perf_counter() - began


def _killed(children: ForkServerContext, work: Callable[..., object], arguments: tuple, seconds: float) -> bool:
    """Let a child work, kill it after `seconds` of work and return whether it was still at it."""
    child = _begun(children, work, arguments)
    child.join(seconds)
    child.kill()
    child.join()
    if child.exitcode not in (0, -9):
        raise RuntimeError(f"A child that was not killed ended with {child.exitcode}.")
    return child.exitcode == -9


def _begun(children: ForkServerContext, work: Callable[..., object], arguments: tuple) -> ForkServerProcess:
    ready = children.Event()
    child: ForkServerProcess = children.Process(target=_work, args=(ready, dict(os.environ), work, arguments))
    child.start()
    ready.wait()
    return child


def _work(ready: Event, environment: dict[str, str], work: Callable[..., object], arguments: tuple) -> None:
    os.environ.update(environment)
    ready.set()
    work(*arguments)


def unsound(home: Path) -> list[str]:
    """Return what is wrong right after a kill: a registry that does not open, an alias that points at nothing whole."""
    found = inspection.inspect(home)
    if found is None or found.damage:
        return [f"the registry is damaged: {found}"]
    pointed, record = alias.champion(home, SERIES), promotion.production(home).get(SERIES)
    if pointed is None:
        return [] if record is None else ["no alias champion"]
    whole = pointed.exists and pointed.bundle_sha256
    return [] if whole and (home / "production.json").exists() else [f"the alias points at {pointed}"]


def half(home: Path) -> list[str]:
    """Return what a sweep should have mended: dead runs, bare versions, an alias that disagrees with the record."""
    with tracking.opened(home) as client:
        states = [run.info.status for run in tracking.every_run(client, SERIES)]
        versions = client.search_model_versions(f"name='{SERIES}'")
    bare = [str(one.version) for one in versions if one.status != "READY" or not one.tags.get(DIGEST)]
    told = [f"{states.count('RUNNING')} runs are RUNNING"] if "RUNNING" in states else []
    told += [f"versions {bare} are half there"] if bare else []
    try:
        alias.check(home, SERIES, promotion.production(home)[SERIES])
    except AssayError as error:
        told.append(str(error))
    return told


def _finished(home: Path) -> set[str]:
    with tracking.opened(home) as client:
        return {run.info.run_id for run in tracking.every_run(client, SERIES) if run.info.status == "FINISHED"}


def doubled(home: Path, trainings: int) -> list[str]:
    """Return where there are more or fewer finished runs or versions than trainings."""
    with tracking.opened(home) as client:
        versions = client.search_model_versions(f"name='{SERIES}'", max_results=1000)
    found = {"finished runs": len(_finished(home)), "versions": len(versions)}
    return [f"{count} {what} of {trainings} trainings" for what, count in found.items() if count != trainings]


def main() -> int:
    """Run both tiers, print what came of them and return the exit code."""
    words = argparse.ArgumentParser(description="Kill -9 against the registry.")
    for name, default in (("kills", 200), ("creations", 40), ("seed", 0)):
        words.add_argument(f"--{name}", type=int, default=default)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-kills-") as folder:
        os.environ["ASSAY_KEYS"] = f"{folder}/keys"
        began = time.perf_counter()
        creations = kill_creations(Path(folder), asked.creations, asked.seed)
        trainings = kill_trainings(Path(folder) / "created", asked.kills, asked.seed)
        seconds = time.perf_counter() - began
    print(f"creation of the database: {creations.kills} kills, {creations.at_work} of them at work")
    print(
        f"log to promotion: {trainings.kills} kills, {trainings.at_work} of them at work; {trainings.mended} times a "
        f"sweep had something to mend, {trainings.adopted} times the training had been logged and was adopted"
    )
    wrong = creations.wrong + trainings.wrong
    print("\n".join(wrong) or f"Nothing was ever half there. {seconds:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
