"""Errors for people: one line that says where, what was found, what was wanted and what to do.

Each class carries the exit code with which the command line ends.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AssayError(Exception):
    """Whatever Assay refuses to do; the message is one line for the person at the keyboard."""

    exit_code = 70


class UsageError(AssayError):
    """Something typed or configured is wrong (exit code 2)."""

    exit_code = 2


class GateError(AssayError):
    """A gate said no: a failed verdict, a leak, a model without a record (exit code 3)."""

    exit_code = 3


class DataError(AssayError):
    """Data that cannot be trusted or does not suffice (exit code 4)."""

    exit_code = 4


class HaltError(AssayError):
    """A limit halted the work (exit code 5)."""

    exit_code = 5


class UnavailableError(AssayError):
    """Something needed is missing, locked or down (exit code 6)."""

    exit_code = 6


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean X?" for the nearest known name, or an empty string.

    >>> nearest("XAUUDS", ["EURUSD", "XAUUSD"])
    ' Did you mean XAUUSD?'
    >>> nearest("zzz", ["EURUSD"])
    ''
    """
    by_folded = {str(candidate).casefold(): str(candidate) for candidate in known}
    matches = get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.6)
    return f" Did you mean {by_folded[matches[0]]}?" if matches else ""
