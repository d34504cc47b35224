"""A bound that may be off, as settings have it."""

import math
from typing import Annotated, Any, Literal

from pydantic import PlainValidator

from market.errors import nearest

OFF: Literal["off"] = "off"


def _number_or_off(value: Any) -> float | str:
    """Return a finite number above 0 or "off"; raises ValueError that says so of anything else."""
    if value == OFF:
        return OFF
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value < math.inf:
        return float(value)
    meant = nearest(value, [OFF]) if isinstance(value, str) else ""
    raise ValueError(f"wanted a finite number above 0, or {OFF!r}{'.' + meant if meant else ''}")


NumberOrOff = Annotated[float | Literal["off"], PlainValidator(_number_or_off)]
