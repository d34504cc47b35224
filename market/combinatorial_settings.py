"""Settings of combinatorial cross-validation: how many groups, how many are held out, and whether it is always done."""

from typing import Annotated

from pydantic import Field, model_validator

from market import settings
from market.bounds import Count, Settings
from market.errors import UsageError
from market.settings import Setting

FILE = TABLE = "combinatorial"
WHERE = f"config/{FILE}.toml [{TABLE}]"


class Combinatorial(Settings):
    """Development rows are cut into `groups`; every choice of `held_out` of them is judged by the others."""

    groups: Annotated[int, Field(ge=2, strict=True)]
    held_out: Count
    always: Annotated[bool, Field(strict=True)]

    @model_validator(mode="after")
    def _some_group_trains(self) -> "Combinatorial":
        if self.held_out >= self.groups:
            raise ValueError(f"held_out is {self.held_out} of {self.groups} groups: at least one group must train")
        return self


def combinatorial() -> Combinatorial:
    """Return the settings; raises UsageError that names every problem."""
    tables = settings.read_toml(FILE)
    if unknown := [name for name in tables if name != TABLE]:
        raise UsageError(f"config/{FILE}.toml: unknown table [{unknown[0]}], wanted [{TABLE}] alone.")
    return settings.validated(tables.get(TABLE, {}), Combinatorial, WHERE)


def effective() -> dict[str, Setting]:
    """Return every setting with where it comes from."""
    return {name: Setting(value, WHERE) for name, value in combinatorial().model_dump().items()}
