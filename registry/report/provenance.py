"""What a run was made from: window, labels, costs, rules, model, hashes and versions."""

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from registry.card import Card
from registry.figures import SETTINGS
from registry.markdown_tables import show, words
from registry.report.markup import table, tag

_HASHES = ("bars_sha256", "features_sha256", "labels_sha256", "bundle_sha256")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00)?")
_LONG, _SEVERAL = 24, 4


def provenance(card: Card) -> Markup:
    """Return settings and versions, a table for each concern."""
    parts: dict[str, Mapping[str, Any]] = {
        "Window": card.window,
        "Validation": card.validation,
        "Labels": card.labels,
        "Exits": card.exits,
        "Costs": card.costs,
        "Policy": card.policy,
        "Risk": card.risk,
        "Model": {"recipe": card.recipe, "members": card.members} | card.model,
        "Owner's feature groups": card.own_groups,
        "Companions": card.companions,
        "Hashes": {name: getattr(card, name) for name in _HASHES} | {"run": card.run_id},
        "Versions": card.versions,
        "Seconds": {name: f"{value:.1f}" for name, value in card.seconds.items()},
    }
    blocks = [tag("div", tag("h3", name), _pairs(values)) for name, values in parts.items() if _known(values)]
    return tag("div", *blocks, class_="settings")


def _known(values: Mapping[str, Any]) -> bool:
    return any(value not in ({}, [], "", None) for value in values.values())


def _pairs(values: Mapping[str, Any]) -> Markup:
    rows = [row for name, value in values.items() for row in _row(name, value)]
    return table(("Setting", "Value"), rows)


def _row(name: str, value: Any, within: str = "") -> list[tuple[object, object]]:
    """Return a row of a setting; those of one with parts are named after both, and parts of parts stand in one."""
    title = f"{within} {words(name)}".strip()
    if isinstance(value, Mapping) and not within and len(value) > 1:
        return [row for inner, one in value.items() for row in _row(str(inner), one, title)]
    unit = SETTINGS.get(name, ("", ""))[1]
    told = _told(name, value)
    return [(title, f"{told} {unit}" if unit and told not in ("–", "off") else told)]


def _told(name: str, value: Any) -> Markup | str:
    if isinstance(value, str) and _STAMP.fullmatch(value):
        return value[:16].replace("T", " ")
    if isinstance(value, str) and len(value) > _LONG and " " not in value:
        return tag("code", value, class_="long")
    if isinstance(value, list) and len(value) > _SEVERAL:
        return f"{len(value)}, from {_told(name, value[0])} to {_told(name, value[-1])}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return show(name, value)
