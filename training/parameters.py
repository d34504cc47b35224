"""Parameters of members: the bounds of each, and one refusal that names everything wrong with those that are given."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from market.errors import UsageError, nearest


class Range(NamedTuple):
    """Bounds of a parameter, both included; `log` where its size matters by factors, `whole` for whole numbers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Return whether `value` is a number of the range.

        >>> Range(2, 8, whole=True).holds(4.0), Range(2, 8, whole=True).holds(4.5), Range(0, 1).holds(True)
        (True, False, False)
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return self.low <= value <= self.high and (not self.whole or float(value).is_integer())

    def described(self) -> str:
        """Return the range for people.

        >>> Range(2, 8, whole=True).described()
        'a whole number from 2 to 8'
        """
        return f"{'a whole number' if self.whole else 'a number'} from {self.low:g} to {self.high:g}"


def merged(
    member: str, own: Mapping[str, Any], ranges: Mapping[str, Range], given: Mapping[str, float] | None
) -> dict[str, Any]:
    """Return the parameters `own` of `member` with those `given`; raises UsageError that names every problem."""
    given = given or {}
    if found := problems(ranges, given):
        raise UsageError(f"Parameters of {member}: {sentence(found)}")
    return {**own, **{name: int(value) if ranges[name].whole else float(value) for name, value in given.items()}}


def sentence(found: list[str]) -> str:
    """Return phrases as one sentence.

    >>> sentence(["eta = 3: wanted less", "unknown 'etta'. Did you mean eta?"])
    "eta = 3: wanted less; unknown 'etta'. Did you mean eta?"
    """
    told = "; ".join(found)
    return told if told.endswith("?") else f"{told}."


def problems(ranges: Mapping[str, Range], given: Mapping[str, Any]) -> list[str]:
    """Return a phrase for each parameter of `given` that is unknown or out of its range.

    >>> ranges = {"learning_rate": Range(0.01, 0.3, log=True), "num_leaves": Range(4, 127, whole=True)}
    >>> problems(ranges, {"learnin_rate": 0.1, "num_leaves": 2})
    ["unknown 'learnin_rate'. Did you mean learning_rate?", 'num_leaves = 2: wanted a whole number from 4 to 127']
    """
    return [
        f"{name} = {value!r}: wanted {ranges[name].described()}"
        if name in ranges
        else f"unknown {name!r}.{nearest(name, ranges) or ' There are ' + ', '.join(ranges)}"
        for name, value in given.items()
        if name not in ranges or not ranges[name].holds(value)
    ]
