"""What we vouch for: gates, remedies, cards, bundles, the ledger of trials, tracking and promotion."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from registry.champion import Bundle


def load_champion(series: str, home: Path | None = None) -> "Bundle":
    """Return the verified champion of `series`; see `registry.champion`, which is imported only when it is needed.

    Imported by its name, so that whoever uses a gate does not depend on how champions are loaded.
    """
    return cast("Bundle", importlib.import_module("registry.champion").load_champion(series, home))
