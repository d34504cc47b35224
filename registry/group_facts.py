"""What a bundle says of the feature groups that its model uses: how far each looks back, the digest of its source."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import feature_store
from feature_store import own_groups
from market.timeframe import Timeframe


def used(features: Iterable[str], timeframe: Timeframe) -> dict[str, dict[str, Any]]:
    """Return `lookback` (own bars) and `sha256` (of the source file) of each group that `features` come from."""
    names = sorted({name.partition("__")[0] for name in features})
    return {
        name: {"lookback": feature_store.lookback([name], timeframe), "sha256": _source_sha256(name)} for name in names
    }


def changed(meta: Mapping[str, Any]) -> str:
    """Return a sentence that names the groups whose source is another here than at training, or "".

    Their features of the golden bars must have come out equal before: this tells of code that those bars may not reach.
    A bundle of a time that kept no digests says nothing.
    """
    kept = meta.get("groups", {})
    other = [name for name, facts in kept.items() if _source_sha256(name) != facts["sha256"]]
    if not other:
        return ""
    return f"The source of {', '.join(other)} is another than at training; the features of the golden bars are equal."


def _source_sha256(group: str) -> str:
    if group in (own := own_groups.entered()):
        return own[group]
    module = feature_store.GROUPS.get(group)
    return "" if module is None else hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()
