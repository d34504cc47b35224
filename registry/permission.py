"""What a promotion allows: a gate vouches for a model only as far as its own error rate has been measured."""

from typing import Any

from market.errors import GateError
from registry.card import Card

PAPER, LIVE = "paper", "live"
RANKED = ("commit", "merge", "night", "release")
"""Tiers of `assay placebo` that say something of the gate, from the weakest on."""

_LIVE_TIERS = RANKED[RANKED.index("night") :]
_RARE = 0.01  # of worlds without an edge may be promoted, at 95 %, where real money follows
_KEPT = ("tier", "worlds", "promotions", "upper_bound_95", "decided_by", "told")


def of(card: Card, unproven: bool) -> dict[str, Any]:
    """Return what the record of a promotion holds about the gate's error rate; `allows` is paper or live.

    Tiers `commit` and `merge` allow paper trading, `night` and `release` live trading where they bound the share of
    promoted worlds without an edge by 1 %. `unproven` waives all of it, for paper trading, and is told. Raises
    GateError where nobody has measured this gate, or where it failed.
    """
    found = card.placebo
    why = found.get("why") or ("" if found else "The card is older than the measured error rate: train again.")
    if not why and found["status"] != "PASSED":
        why = found["told"]
    if why and not unproven:
        raise GateError(f"{card.series} is not promoted. {why} --unproven waives it, and the card says so.")
    if why:
        return {"allows": PAPER, "unproven": True, "told": f"Promoted with --unproven. {why}"}
    proven = found["tier"] in _LIVE_TIERS and found["upper_bound_95"] <= _RARE
    return {"allows": LIVE if proven else PAPER, "unproven": False} | {name: found[name] for name in _KEPT}
