"""How a command ends: what went wrong in one line, and the exit code that the design names; never a traceback."""

import datetime as dt
import errno
import json
import os
import sys
from typing import Any

import click

from market.errors import AssayError

# Failures of the machine that no code of ours can cause or mend.
MACHINE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENOTDIR}
_INTERRUPTED = "interrupted: run the same command again to go on with what is not done yet"


class Date(click.ParamType):
    """A day on a command line, as in 2025-10-22."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """Return the date, or fail with what a date looks like."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date: wanted YYYY-MM-DD.", param, ctx)


class Instant(click.ParamType):
    """An instant in UTC on a command line, as in 2025-10-22 or 2025-10-22T13:45."""

    name = "YYYY-MM-DDTHH:MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Return the instant, or fail with what one looks like."""
        if isinstance(value, dt.datetime):
            return value
        try:
            instant = dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an instant: wanted YYYY-MM-DD or YYYY-MM-DDTHH:MM, in UTC.", param, ctx)
        return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def run(command: click.Command, name: str, arguments: list[str] | None = None) -> None:
    """Run `command` on `arguments` (default: those of the process) and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with command.make_context(name, list(given)) as context:
            command.invoke(context)
        sys.stdout.flush()
        sys.exit(0)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.format_message(), err=True)
        sys.exit(2)
    except AssayError as error:
        _fail(str(error), error.exit_code, given)
    except click.ClickException as error:
        _fail(error.format_message(), 2, given)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _fail(_INTERRUPTED, 130, given)
    except BrokenPipeError:  # whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        _fail(*_unexpected(error), given)


def _fail(message: str, code: int, given: list[str]) -> None:
    """Say in one line what went wrong, without anything that a terminal would obey, and exit."""
    known = message.encode("utf-8", "replace").decode()
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in known).split())
    if "--json" in given:
        click.echo(json.dumps({"error": line, "exit_code": code}))
    click.echo(f"error: {line}", err=True)
    sys.exit(code)


def _unexpected(error: Exception) -> tuple[str, int]:
    """Return what to say, and the exit code: the machine's failures are no bugs; whatever else happens is, and kept."""
    if isinstance(error, OSError) and error.errno in MACHINE:
        return f"{error.strerror}: {error.filename or 'the disk'}: mend that and run the same command again.", 6
    return _bug(error), 70


def _bug(error: Exception) -> str:
    import traceback

    from market import durable, settings

    what = f"this is a bug in Assay ({type(error).__name__}: {str(error)[:200]})."
    try:
        path = settings.home() / "logs" / f"bug-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}.txt"
        durable.write_text(path, "".join(traceback.format_exception(error)))
    except (AssayError, OSError):
        return f"{what} Its details could not be written; please report it."
    return f"{what} The details are in {path}; please report them."
