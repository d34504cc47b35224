"""Trials of tuning: every set of parameters that was tried, whatever became of it."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

Objective = Literal["log_loss", "expectancy"]
State = Literal["complete", "pruned", "failed"]

_NO_DAYS = pd.Series(np.array([]), index=pd.DatetimeIndex([], tz="UTC", name="day").as_unit("us"), name="r")


class Trial(NamedTuple):
    """One member with one set of parameters, tried on the inner folds of the training part `part`.

    `running` is the objective over the inner folds so far, one value after each; `value` is its last, None where it
    failed, with the library's own `message`. `daily` is what the out-of-fold scores of the inner folds that it got to
    earned by UTC day (`training.performance`); without days where it failed.
    """

    part: str
    member: str
    number: int
    parameters: dict[str, float]
    state: State
    objective: Objective
    running: tuple[float, ...] = ()
    daily: pd.Series = _NO_DAYS
    message: str = ""

    @property
    def value(self) -> float | None:
        """Return the objective over the inner folds that it got to, None where it failed."""
        return self.running[-1] if self.running and self.state != "failed" else None

    def told(self) -> dict[str, Any]:
        """Return everything but the days as JSON values."""
        facts = self._asdict() | {"value": self.value, "running": list(self.running)}
        return {name: value for name, value in facts.items() if name != "daily"}


def loss(value: float, objective: Objective) -> float:
    """Return `value` such that less is better: log-loss is minimised, expectancy maximised.

    >>> loss(0.5, "log_loss"), loss(0.5, "expectancy")
    (0.5, -0.5)
    """
    return value if objective == "log_loss" else -value


def best(trials: Iterable[Trial]) -> Trial | None:
    """Return the best of the complete trials, of equal ones the earlier; None where none is complete."""
    complete = [one for one in trials if one.state == "complete"]
    return min(complete, key=lambda one: (loss(one.running[-1], one.objective), one.number), default=None)
