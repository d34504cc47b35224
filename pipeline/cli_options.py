"""What many verbs take: a series, and whether to answer in JSON."""

from typing import Any

import click

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
_ARGUMENTS = (click.argument("symbol"), click.argument("timeframe"))


def of_series(function: Any) -> Any:
    """Return the verb with the arguments that name a series."""
    for argument in reversed(_ARGUMENTS):
        function = argument(function)
    return function
