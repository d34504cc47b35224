"""Real kill -9 of a promotion, at each of its steps and at random instants; what is left must be sound, and mended.

Every promotion is a child process of its own, so that nothing of a dead one lives on; this process looks at what stands
on the disk, without MLflow. `python -m tests.registry.kills --kills 200` kills as often at random instants.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from mlflow import MlflowClient

from market.errors import AssayError
from registry import alias, history, promotion, runs, signing, tracking
from registry import record as records
from registry.bundle import read_bundle, write_bundle
from registry.promotion import production, promote
from tests.registry.cards import make_card
from tests.registry.models import GOLD, better

FIRST, SECOND, THIRD = "first", "second", "third"
_VERSIONS = """
    SELECT v.version, v.run_id, t.value FROM model_versions v LEFT JOIN model_version_tags t
    ON (t.name, t.version, t.key) = (v.name, v.version, 'bundle_sha256') ORDER BY 1
"""


class Step(NamedTuple):
    """A place to die at: before or after the `passage`-th call of a function that promotion makes."""

    owner: Any
    name: str
    when: str = "before"
    passage: int = 1


STEPS = {
    "before anything is written": Step(tracking, "register"),
    "before the version": Step(MlflowClient, "create_model_version"),
    "after the version": Step(MlflowClient, "create_model_version", "after"),
    "before the record": Step(history, "write_json"),
    "in the middle of the record": Step(Path, "replace"),
    "after the record": Step(history, "write_json", "after"),
    "before it is kept": Step(history, "write_json", "before", 2),
    "before the aliases": Step(tracking, "set_champion"),
    "between the aliases": Step(MlflowClient, "set_registered_model_alias", "after"),
    "after the aliases": Step(MlflowClient, "set_registered_model_alias", "after", 2),
}


class Yard(NamedTuple):
    """A home in which the first model of gold is champion and two more are logged, and how it was at the beginning."""

    home: Path
    template: Path

    def anew(self) -> None:
        """Put everything back."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.template, self.home)


def yard(folder: Path, database: Path) -> Yard:
    """Return a yard in `folder`, from a fresh registry `database`."""
    made = Yard(folder / "data", folder / "template")
    made.home.mkdir()
    shutil.copyfile(database, made.home / "mlflow.db")
    signing.private_key()
    assert ended(child(lambda: _logged(made.home))) == 0
    made.home.rename(made.template)
    made.anew()
    return made


def promoted(home: Path, name: str) -> None:
    """Promote the model `name` as better than whatever is in production."""
    card = _cards(home)[name]
    promote(home, card, home / "bundles" / name, better(home, GOLD))


def child(work: Callable[[], Any], step: Step | None = None) -> int:
    """Fork a child that does `work`, dying at `step`; it ends with 0, or the code of an error for people."""
    number = os.fork()
    if number == 0:
        code = 1
        try:
            if step is not None:
                _arm(step)
            work()
            code = 0
        except AssayError as error:
            code = error.exit_code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return number


def ended(number: int) -> int:
    """Return how a child ended, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def killed_at(where: Yard, step: Step) -> bool:
    """Promote the second model, dying at `step`; return whether it died there."""
    return ended(child(lambda: promoted(where.home, SECOND), step)) == -signal.SIGKILL


def killed_after(where: Yard, seconds: float) -> None:
    """Promote the second model, and kill that after `seconds`."""
    number = child(lambda: promoted(where.home, SECOND))
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)
    assert ended(number) in (0, -signal.SIGKILL)


def seconds_of_a_promotion(where: Yard) -> float:
    """Return how long a promotion takes that nobody kills."""
    where.anew()
    began = time.perf_counter()
    assert ended(child(lambda: promoted(where.home, SECOND))) == 0
    return time.perf_counter() - began


def unsound(home: Path) -> list[str]:
    """Return what no kill may leave: a record or an alias that cannot be used, a version without its digest."""
    found = []
    record = records.trusted(home, GOLD)
    if record is None:
        return ["nothing is in production"]
    read_bundle(home / record["bundle"], record["bundle_sha256"])
    if record["run_id"] not in {card.run_id for card in _cards(home).values()}:
        found.append(f"run {record['run_id']} is in production")
    pointed = alias.champion(home, GOLD)
    if pointed is None or not pointed.exists or pointed.bundle_sha256 is None:
        found.append(f"the alias champion is {pointed}")
    found += [f"version {version} has no digest" for version, _, digest in versions(home) if digest is None]
    for path in (home / "promotions").glob("*.json"):
        json.loads(path.read_bytes())
    return found


def unfinished(home: Path) -> list[str]:
    """Return what is not as after a promotion of the second model that nobody killed."""
    record = production(home)[GOLD]
    facts = {
        "the second is in production": record["run_id"] == _cards(home)[SECOND].run_id,
        "it replaced the first": record["previous"]["version"] == "1",
        "its serial is 2": record["serial"] == 2,
        "both are kept": [one["serial"] for one in history.of(home, GOLD)] == [1, 2],
        "there is no second version of it": len(versions(home)) == 2,
        "the alias agrees": alias.check(home, GOLD, record) == "",
        "previous is the first": _aliases(home) == {"champion": 2, "previous": 1},
        "nothing is left behind": not [*home.rglob("*.tmp")],
    }
    return [what for what, holds in facts.items() if not holds]


def mended(where: Yard) -> list[str]:
    """Promote the second model once more, and return what is wrong then."""
    assert ended(child(lambda: promoted(where.home, SECOND))) == 0
    return unfinished(where.home)


def versions(home: Path) -> list[tuple[int, str, str | None]]:
    """Return the registered versions with run and digest."""
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as connection:
        return connection.execute(_VERSIONS).fetchall()


def random_kills(where: Yard, kills: int, seed: int) -> list[str]:
    """Kill `kills` promotions at random instants, promote again after each, and return everything that was wrong."""
    random, longest, wrong = Random(f"promotions {seed}"), seconds_of_a_promotion(where), []
    for number in range(kills):
        where.anew()
        killed_after(where, random.random() * longest)
        wrong += [f"kill {number}: {what}" for what in (*unsound(where.home), *mended(where))]
    return wrong


def _logged(home: Path) -> None:
    for name in (FIRST, SECOND, THIRD):
        digest = write_bundle(home / "bundles" / name, {"xgboost.ubj": name.encode()}, {"series": GOLD})
        card = make_card(bundle_sha256=digest, recipe=name)
        card = card.model_copy(update={"run_id": tracking.log_run(home, card, "# Card", {}, {})})
        runs.keep_card(home, card)
    promoted(home, FIRST)


def _cards(home: Path) -> dict[str, Any]:
    found = [runs.find_run(home, path.stem) for path in (home / "runs" / GOLD / "cards").glob("*.json")]
    return {card.recipe: card for card in found}


def _aliases(home: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as connection:
        return dict(connection.execute("SELECT alias, version FROM registered_model_aliases").fetchall())


def _arm(step: Step) -> None:
    real, left = getattr(step.owner, step.name), [step.passage]

    def dying(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and step.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(step.owner, step.name, dying)
    if step.name == "register":
        setattr(promotion.tracking, step.name, dying)


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ASSAY_KEYS"] = str(Path(folder) / "keys")
        fresh = Path(folder) / "fresh"
        assert ended(child(lambda: tracking.create_database(fresh))) == 0
        where, began = yard(Path(folder), fresh / "mlflow.db"), time.perf_counter()
        wrong = random_kills(where, given.kills, given.seed)
        print(f"{given.kills} kills in {time.perf_counter() - began:.0f} s, {len(wrong)} wrong", *wrong, sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(_main())
