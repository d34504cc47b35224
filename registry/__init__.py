"""What we vouch for: gates, remedies, cards, bundles, the ledger of trials, tracking and promotion."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.champion import Bundle


def load_champion(series: str, home: Path | None = None) -> "Bundle":
    """Return the verified champion of `series`; see `registry.champion`, which is imported only when it is needed."""
    from registry import champion

    return champion.load_champion(series, home)
