"""Where the folds of a series are cut: drawn at its first training, and held to from then on."""

from pathlib import Path

import pandas as pd

from market import durable
from pipeline.workspace import read_json
from training import dataset, edges


def brought(held: Path, window: dataset.Windows, folds: int) -> pd.DatetimeIndex:
    """Return the edges recorded at the first training of the series, brought to this window.

    They are drawn anew where the start of history or the number of folds in the settings has changed, and where an
    earlier cut-off leaves fewer folds than the settings ask for.
    """
    drawn = edges.draw(window.start, window.oos_start, folds)
    if held.exists():
        recorded = read_json(held)
        if recorded.get("folds") == folds and pd.Timestamp(recorded["edges"][0]) == window.start:
            brought = edges.hold([pd.Timestamp(edge) for edge in recorded["edges"]], window.oos_start)
            return brought if len(brought) >= len(drawn) else drawn
    return drawn


def record(held: Path, cuts: pd.DatetimeIndex, folds: int) -> None:
    """Record the edges of a training that came to its end; edges that an earlier cut-off made fewer are not kept."""
    known = read_json(held) if held.exists() else {}
    if known.get("folds") != folds or known["edges"][0] != cuts[0].isoformat() or len(cuts) >= len(known["edges"]):
        durable.write_json(held, {"folds": folds, "edges": [edge.isoformat() for edge in cuts]})
