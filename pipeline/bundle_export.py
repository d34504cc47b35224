"""A model goes out to a folder that another machine can verify and trade, or, without a record, only replay."""

from pathlib import Path
from typing import Any

from market import instruments, settings
from market.errors import UsageError
from pipeline import answers, workspace
from pipeline.workspace import Workspace
from registry import champion, exported, runs
from registry.card import Card


def export(name: str, folder: Path, run_id: str | None = None) -> dict[str, Any]:
    """Write the champion of a series, or any run of it, to a new `folder` and return what it holds.

    What is exported is loaded first, with every check of a load. Raises UsageError where `folder` cannot be used or the
    run is another series', UnavailableError where there is no champion, and as `registry.champion` does.
    """
    target, home, folder = workspace.of(instruments.series_named(name)), settings.home(), folder.resolve()
    if folder.is_relative_to(home.resolve()):
        raise UsageError(f"{folder} is among the files that Assay keeps for itself: name one outside {home}.")
    if run_id is None:
        bundle = champion.load_champion(target.series.name, target.home)
        card = runs.find_run(home, bundle.run_id)
        record = bundle.record or {}
        where = target.home / record["bundle"]
    else:
        card, record = runs.find_run(home, run_id), None
        if card.series != target.series.name:
            raise UsageError(
                f"Run {card.run_id} is of {card.series}, not of {target.series.name}: name its own series."
            )
        where = runs.bundle_folder(home, card)
        champion.load_bundle(where, card.bundle_sha256, card.run_id)
    facts = exported.write(folder, where, card, record, _report(target, card))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return facts | {"folder": str(folder), "files": files}


def _report(target: Workspace, card: Card) -> bytes | None:
    """Return the HTML report of a run; None where it has none, or a later run of its series took its place."""
    path = target.run / exported.REPORT
    if not path.exists() or answers.read(target).run_id != card.run_id:
        return None
    return path.read_bytes()
