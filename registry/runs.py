"""Every judged run of a home, FAILED ones too: its card by its id, and the folder of its bundle."""

from pathlib import Path

from market.durable import write_text
from market.errors import UsageError, nearest
from registry import card as cards
from registry.card import Card
from registry.record import DEMO

SHORTEST = 6
_TOLD = 5


def keep_card(home: Path, card: Card) -> None:
    """Keep the card of a logged run as `runs/<series>/cards/<run_id>.json`."""
    write_text(home / "runs" / card.series / "cards" / f"{card.run_id}.json", cards.to_json(card))


def find_run(home: Path, run_id: str) -> Card:
    """Return the card of the run whose id is `run_id` or starts with it (six digits at least), real or simulated.

    Raises UsageError for an id that is unknown, too short or not unique, with the runs there are.
    """
    paths = _paths(home)
    if run_id in paths:
        return _card(paths[run_id])
    found = [known for known in paths if known.startswith(run_id)] if len(run_id) >= SHORTEST else []
    if len(found) == 1:
        return _card(paths[found[0]])
    if found:
        raise UsageError(
            f"{len(found)} runs start with {run_id!r}: {', '.join(sorted(found)[:_TOLD])}. Give more digits."
        )
    what = f"No run {run_id!r}" if len(run_id) >= SHORTEST else f"{run_id!r} is too short for a run id"
    raise UsageError(f"{what}: {_latest(home, paths)}{nearest(run_id, paths)}")


def bundle_folder(home: Path, card: Card) -> Path:
    """Return where the bundle of a judged run is, under `home` or, simulated, under its demo home."""
    return (home / DEMO if card.simulated else home) / "bundles" / card.series / card.bundle_sha256[:16]


def _paths(home: Path) -> dict[str, Path]:
    return {path.stem: path for one in (home, home / DEMO) for path in (one / "runs").glob("*/cards/*.json")}


def _card(path: Path) -> Card:
    return cards.from_json(path.read_bytes(), str(path))


def _latest(home: Path, paths: dict[str, Path]) -> str:
    judged = sorted((_card(path) for path in paths.values()), key=lambda card: card.made_at, reverse=True)
    if not judged:
        return f"no run has been judged in {home} yet, `assay train SYMBOL TIMEFRAME` judges one."
    told = [f"{card.run_id} ({card.series} {card.status} {card.made_at[:16]})" for card in judged[:_TOLD]]
    return f"the latest are {', '.join(told)}."
