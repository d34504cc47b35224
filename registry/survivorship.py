"""Survivorship: instruments that were chosen, added or dropped after results were seen flatter those that are left."""

from collections.abc import Sequence

from registry import universe
from registry.ledger import Entry


def warnings(entries: Sequence[Entry]) -> list[str]:
    """Return what `entries` of all series, as they were written, say of a choice of instruments after the first look.

    Every entry carries the digest of the list that was configured when it was written, so the list of the first look
    stands before any result of it. Entries of ledgers from before that carry none and say nothing. A symbol that was
    looked at and is configured no longer is named from the ledger itself.
    """
    looks = [one for one in entries if one.kind == "look" and one.instruments_sha256]
    told = []
    if looks and {one.instruments_sha256 for one in looks} | {universe.sha256()} != {looks[0].instruments_sha256}:
        told.append(
            f"The list of instruments was changed after the first look ({looks[0].series}, {looks[0].when[:10]}): "
            "a series that was chosen after results of others were seen looks better than it is."
        )
    configured = set(universe.symbols())
    dropped = sorted({one.series for one in entries if universe.symbol_of(one.series) not in configured})
    if dropped:
        told.append(
            f"The ledger knows series whose instrument is configured no longer: {', '.join(dropped)}. "
            "Judge what is left together with what was dropped."
        )
    return told
