"""What two models have not in common: features, members, rules, costs, data, libraries; their gates side by side."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from market import instruments, settings
from market.errors import UnavailableError, UsageError, nearest
from pipeline import workspace
from registry import runs
from registry.bundle import read_bundle
from registry.card import Card
from registry.record import production

ALIASES = ("champion", "previous")
_JUDGED_ON = ("bars_sha256", "labels_sha256", "window.oos_start", "window.cut_off")


class Compared(NamedTuple):
    """A judged run as it is compared: its card, the meta of its bundle and the SHA-256 of each native file."""

    card: Card
    meta: dict[str, Any]


def diff(a: str, b: str) -> dict[str, Any]:
    """Return in what two models differ; each is a run id, or its series with @champion or @previous.

    `changed` holds, by section, each value that differs as {"name", "a", "b"}, None where one of them has no such
    value; `gates` every benchmark of either. Raises UsageError for a name that is neither, UnavailableError where a
    series has no such model, DataError where the bytes of a bundle were changed.
    """
    one, other = _found(a), _found(b)
    kept, fresh = one.card.features, other.card.features
    sections = {name: _changed(_section(one)[name], _section(other)[name]) for name in _section(one)}
    return {
        "a": _identity(one.card),
        "b": _identity(other.card),
        "same": one.card.bundle_sha256 == other.card.bundle_sha256,
        "features": {
            "added": [name for name in fresh if name not in kept],
            "removed": [name for name in kept if name not in fresh],
            "common": len(set(kept) & set(fresh)),
        },
        "changed": {name: values for name, values in sections.items() if values},
        "gates": _gates(one.card, other.card),
        "notes": _notes(one.card, other.card),
    }


def _found(named: str) -> Compared:
    home = settings.home()
    name, at, alias = named.partition("@")
    card = runs.find_run(home, _run_of(name, alias) if at else named)
    return Compared(card, read_bundle(runs.bundle_folder(home, card), card.bundle_sha256)[1])


def _run_of(name: str, alias: str) -> str:
    """Return the run that `alias` means of a series."""
    if alias not in ALIASES:
        known = " or ".join(f"@{one}" for one in ALIASES)
        raise UsageError(f"{name}@{alias}: wanted {known}.{nearest(alias, ALIASES)}")
    target = workspace.of(instruments.series_named(name))
    series = target.series.name
    record = production(target.home).get(series)
    if record is None:
        raise UnavailableError(f"No champion of {series} in {target.home}: compare runs by their ids.")
    found = record if alias == "champion" else record.get("previous")
    if found is None:
        raise UnavailableError(f"{series} has had one champion only, run {record['run_id']}: there is no @previous.")
    return str(found["run_id"])


def _identity(card: Card) -> dict[str, Any]:
    names = ("series", "run_id", "status", "made_at", "recipe", "profile", "trials", "looks", "bundle_sha256")
    return {name: getattr(card, name) for name in names}


def _section(one: Compared) -> dict[str, dict[str, Any]]:
    """Return everything that is compared value by value, in sections, by dotted names."""
    card, meta = one
    rules = ("policy", "exits", "costs", "risk")
    data = {name: getattr(card, name) for name in ("bars_sha256", "features_sha256", "labels_sha256")}
    model = {"weights": card.members, **{name: card.model[name] for name in sorted(card.model)}}
    sections = {
        "recipe": {"recipe": card.recipe},
        "members": model,
        "groups": meta.get("groups", {}) | {name: {"sha256": own} for name, own in meta.get("own_groups", {}).items()},
        **{name: meta[name] for name in rules},
        "serving": {name: meta.get(name) for name in ("lookback", "sampling", "market", "hours", "schema")},
        "data": data | {"companions": meta.get("companions", {})},
        "window": card.window,
        "labels": card.labels,
        "validation": card.validation,
        "versions": card.versions,
    }
    return {name: _flat(values) for name, values in sections.items()}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, by dotted names; an empty one is a value.

    >>> _flat({"a": {"b": 1, "c": {}}, "d": [2]})
    {'a.b': 1, 'a.c': {}, 'd': [2]}
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping) and value
        flat |= _flat(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [*a, *(name for name in b if name not in a)]
    return [
        {"name": name, "a": a.get(name), "b": b.get(name)}
        for name in names
        if a.get(name) != b.get(name) or (name in a) != (name in b)
    ]


def _gates(a: Card, b: Card) -> list[dict[str, Any]]:
    """Return what each gate got and wanted on either side, None where a side was not judged by it."""
    ours, theirs = ({gate.name: gate for gate in card.gates} for card in (a, b))
    names = [*ours, *(name for name in theirs if name not in ours)]
    told = ("got", "wanted", "direction", "passed")
    return [
        {"name": name}
        | {
            side: None if name not in gates else {field: getattr(gates[name], field) for field in told}
            for side, gates in (("a", ours), ("b", theirs))
        }
        for name in names
    ]


def _notes(a: Card, b: Card) -> list[str]:
    """Return what to know before the figures of both are laid side by side."""
    if a.series != b.series:
        return [f"{a.series} and {b.series} are different markets: their figures do not compare."]
    ours, theirs = (_flat(card.model_dump(include={"bars_sha256", "labels_sha256", "window"})) for card in (a, b))
    unlike = [name for name in _JUDGED_ON if ours.get(name) != theirs.get(name)]
    if not unlike:
        return []
    told = ", ".join(unlike)
    return [f"They were judged on other data ({told} differ): a better figure of one is not a better model."]
