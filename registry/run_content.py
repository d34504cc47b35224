"""What an MLflow run is filled with: flat parameters, finite metrics, a description that fits, artifacts."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.errors import UsageError
from registry.card import Card, to_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HASHES = ("bars_sha256", "features_sha256", "labels_sha256", "bundle_sha256")
PARAMETER_LENGTH, DESCRIPTION_LENGTH = 6000, 8000
_PARAMETERS = ("recipe", "members", "window", "validation", "labels", "costs", "policy", "risk", "exits", "features")


def metrics(card: Card) -> list[tuple[str, float, int]]:
    """Return every finite number of the card as (name, value, step): `oos/…` once, `fold/…` with its fold as step."""
    found: list[tuple[str, Any, int]] = [(f"oos/{name}", value, 0) for name, value in card.oos.items()]
    for at, fold in enumerate(card.folds, start=1):
        step = int(fold.get("fold", at))
        found += [(f"fold/{name}", value, step) for name, value in fold.items() if name != "fold"]
    return [(name, float(value), step) for name, value, step in found if _finite(value)]


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def parameters(card: Card, more: Mapping[str, Any]) -> dict[str, str]:
    """Return what the run was made from as flat text, `window.cut_off` and the like, each within MLflow's length."""
    values = {name: getattr(card, name) for name in (*_PARAMETERS, *HASHES, "versions", "trials", "looks")}
    return {name: text[:PARAMETER_LENGTH] for name, text in _flat(values | dict(more)).items()}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            flat[f"{prefix}{name}"] = ", ".join(str(item) for item in value)
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat


def description(markdown: str, limit: int = DESCRIPTION_LENGTH) -> str:
    """Return Markdown cut at a section so that it fits into a run's description, saying so where it was cut.

    >>> description("# Verdict")
    '# Verdict'
    >>> print(description("# Verdict" + "\\n\\n## Long\\n\\n" + 50 * "x", limit=60))
    # Verdict
    <BLANKLINE>
    … the rest is in the artifact card.md
    """
    if len(markdown) <= limit:
        return markdown
    rest = "\n\n… the rest is in the artifact card.md"
    end = markdown.rfind("\n\n## ", 0, limit - len(rest))
    return markdown[: end if end > 0 else limit - len(rest)] + rest


def lay_out(
    folder: Path,
    card: Card,
    markdown: str,
    files: Mapping[str, bytes | Path],
    plots: Mapping[str, "bytes | Figure"],
) -> None:
    """Write the artifacts of a run into `folder`: card.md, card.json, `bundle/` and `plots/*.png`.

    Raises UsageError for a name that is not a plain file name.
    """
    for name in (*files, *plots):
        if Path(name).name != name:
            raise UsageError(f"Artifact name {name!r} is not a plain file name.")
    (folder / "card.md").write_text(markdown, encoding="utf-8")
    (folder / "card.json").write_text(to_json(card), encoding="utf-8")
    (folder / "bundle").mkdir()
    (folder / "plots").mkdir()
    for name, content in files.items():
        if isinstance(content, Path):
            shutil.copyfile(content, folder / "bundle" / name)
        else:
            (folder / "bundle" / name).write_bytes(content)
    for name, plot in plots.items():
        path = folder / "plots" / f"{name}.png"
        if isinstance(plot, bytes):
            path.write_bytes(plot)
        else:
            plot.savefig(path)
