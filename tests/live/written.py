"""Rows for tests of the journal."""

from live.journal import Decision

_BLANK = {float: 1.25, int: 7, str: "word", bool: True}


def decision(ts: int, series: str = "XAUUSD_15T", role: str = "champion", **changed: object) -> Decision:
    """Return a decision at the close `ts` with something in every field."""
    given = {name: _BLANK[kind] for name, kind in Decision.__annotations__.items()}
    given |= {"signal_id": f"{series}.{ts}.{role}", "series": series, "ts": ts, "role": role}
    return Decision(**(given | changed))
