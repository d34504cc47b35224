"""The usual column names, and what they mean."""

from market.errors import DataError
from market.vendors.foreign import shown

_NEEDED = ("open", "high", "low", "close")
_NAMES = {
    "open": ("open", "o", "bid_open"),
    "high": ("high", "h", "bid_high"),
    "low": ("low", "l", "bid_low"),
    "close": ("close", "c", "bid_close"),
    "volume": ("tick_volume", "tickvol", "tick_vol", "volume", "vol", "v"),
    "spread": ("spread_recorded", "spread"),
    "symbol": ("symbol", "ticker", "instrument", "pair"),
}
_STAMP = ("timestamp", "datetime", "date_time", "ts", "time", "date", "open_time", "__index_level_0__", "index")
_WHOLE_STAMP = ("timestamp", "datetime", "date_time", "ts")


def plain(name: str) -> str:
    """Return a column name without case, quotes and outer blanks.

    >>> plain(' "Tick Volume"')
    'tick_volume'
    """
    return name.strip().strip("\"'").strip().lower().replace(" ", "_")


def known(names: list[str]) -> int:
    """Return how many of `names` are usual column names."""
    usual = {name for names_of_role in _NAMES.values() for name in names_of_role} | set(_STAMP)
    return len(usual & {plain(name) for name in names})


def roles(names: list[str], where: str) -> dict[str, list[int]]:
    """Return the positions in `names` of each role: `stamp` (two where date and time stand apart), `open`, `volume` …

    Where several names fit a role the more precise one wins (`tick_volume` over `volume`). Raises DataError naming all
    roles that are missing, with the columns found, or a column that stands twice.
    """
    found = [plain(name) for name in names]
    twice = sorted({name for name in found if name and found.count(name) > 1})
    if twice:
        raise DataError(f"{where}: the column {shown(twice[0], 40)} stands twice: keep one. Found: {_listed(names)}.")
    places = {role: [found.index(name) for name in usual if name in found][:1] for role, usual in _NAMES.items()}
    places["stamp"] = _stamp(found)
    missing = [role for role in ("stamp", *_NEEDED) if not places[role]]
    if missing:
        wanted = ", ".join("timestamp" if role == "stamp" else role for role in missing)
        raise DataError(f"{where}: missing columns: {wanted}. Found: {_listed(names)}. Rename them to the usual names.")
    return {role: place for role, place in places.items() if place}


def _stamp(found: list[str]) -> list[int]:
    whole = [found.index(name) for name in _WHOLE_STAMP if name in found]
    if not whole and "date" in found and "time" in found:
        return [found.index("date"), found.index("time")]
    return whole[:1] or [found.index(name) for name in _STAMP if name in found][:1]


def _listed(names: list[str]) -> str:
    some = ", ".join(shown(name.strip(), 40) for name in names[:20])
    return some + (f" and {len(names) - 20} more" if len(names) > 20 else "")
