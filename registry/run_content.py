"""What an MLflow run is filled with: flat parameters and tags, a description that fits, artifacts.

MLflow 3.17 cuts parameters after 6,000 and tags after 8,000 characters without a word (measured on SQLite and on
PostgreSQL; PostgreSQL besides refuses names of runs above 250): what is longer is cut here, where it can be seen. The
whole is always in card.json.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.errors import UsageError
from registry.card import Card, to_json
from registry.report import NAME as REPORT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HASHES = ("bars_sha256", "features_sha256", "labels_sha256", "bundle_sha256")
PARAMETER_LENGTH, TAG_LENGTH, NAME_LENGTH = 6000, 8000, 250
CUT = "… (cut)"
_OF_THE_MOMENT = {"run_id", "made_at", "seconds"}
_PARAMETERS = ("recipe", "members", "window", "validation", "labels", "costs", "policy", "risk", "exits", "features")


def parameters(card: Card) -> dict[str, str]:
    """Return what the run was made from as flat text, `window.cut_off` and the like, each within MLflow's length."""
    values = {name: getattr(card, name) for name in (*_PARAMETERS, *HASHES, "versions", "trials", "looks")}
    return {name: cut(text, PARAMETER_LENGTH) for name, text in _flat(values).items()}


def tags(card: Card, markdown: str) -> dict[str, str]:
    """Return what a run is found by and described with, each within MLflow's length."""
    told = {name: getattr(card, name) for name in ("series", "status", "profile", *HASHES)}
    told |= {"simulated": str(card.simulated).lower(), "training": training(card)}
    told |= {"failed": ", ".join(gate.name for gate in card.gates if not gate.passed) or "none"}
    return {name: cut(text, TAG_LENGTH) for name, text in told.items()} | {"mlflow.note.content": description(markdown)}


def training(card: Card) -> str:
    """Return what makes it the same training: the SHA-256 of its card without when and how fast it was made."""
    values = card.model_dump(mode="json", exclude=_OF_THE_MOMENT)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def cut(text: str, length: int) -> str:
    """Return `text` where it fits into `length` characters, else its beginning, saying that it was cut.

    >>> cut("as long", 7), cut("longer than it", 11)
    ('as long', 'long… (cut)')
    """
    return text if len(text) <= length else text[: length - len(CUT)] + CUT


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


def description(markdown: str, limit: int = TAG_LENGTH) -> str:
    """Return Markdown cut at a section so that it fits into a run's description, saying so where it was cut.

    >>> description("# Verdict")
    '# Verdict'
    >>> print(description("# Verdict" + "\\n\\n## Long\\n\\n" + 70 * "x", limit=80))
    # Verdict
    <BLANKLINE>
    … the rest is in the artifacts report.html and card.md
    """
    if len(markdown) <= limit:
        return markdown
    rest = "\n\n… the rest is in the artifacts report.html and card.md"
    end = markdown.rfind("\n\n## ", 0, limit - len(rest))
    return markdown[: end if end > 0 else limit - len(rest)] + rest


def lay_out(
    folder: Path,
    card: Card,
    markdown: str,
    files: Mapping[str, bytes | Path],
    plots: Mapping[str, "bytes | Figure"],
    report: str = "",
) -> None:
    """Write the artifacts of a run into `folder`: card.md, card.json, report.html, `bundle/` and `plots/*.png`.

    Raises UsageError for a name that is not a plain file name.
    """
    for name in (*files, *plots):
        if Path(name).name != name:
            raise UsageError(f"Artifact name {name!r} is not a plain file name.")
    (folder / "card.md").write_text(markdown, encoding="utf-8")
    (folder / "card.json").write_text(to_json(card), encoding="utf-8")
    if report:
        (folder / REPORT).write_text(report, encoding="utf-8")
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
