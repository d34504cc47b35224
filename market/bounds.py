"""What every settings table is, and the bounds of the numbers that stand there; one of them may be off."""

import datetime as dt
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from market.errors import nearest

Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[Number, Field(gt=0, le=1)]
Day = Annotated[dt.date, Field(strict=True)]

OFF: Literal["off"] = "off"


class Settings(BaseModel):
    """What every settings table is: closed, immutable, without NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _number_or_off(value: Any) -> float | str:
    """Return a finite number above 0 or "off"; raises ValueError that says so of anything else."""
    if value == OFF:
        return OFF
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.0 < value < math.inf:
        return float(value)
    meant = nearest(value, [OFF]) if isinstance(value, str) else ""
    raise ValueError(f"wanted a finite number above 0, or {OFF!r}{'.' + meant if meant else ''}")


NumberOrOff = Annotated[float | Literal["off"], PlainValidator(_number_or_off)]
