"""Values as JSON knows them, for whatever stands on a card."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any, where: str = "value") -> Any:
    """Return `value` as JSON knows it: named tuples as objects, numpy numbers and stamps as numbers and text.

    Models are left to pydantic. Raises ValueError where a number is not finite; `where` names it.

    >>> plain({"a": (1, 2.5), "when": dt.date(2025, 10, 22)})
    {'a': [1, 2.5], 'when': '2025-10-22'}
    """
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(name): plain(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}.{at}") for at, item in enumerate(value)]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}: what is not computable is None")
    return value
