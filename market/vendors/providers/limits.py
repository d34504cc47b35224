"""What `config/fetch.toml` says about each provider: where it is, how often it is asked, how long and how much."""

import re
from typing import Annotated, NoReturn
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from market import settings
from market.errors import UsageError, nearest
from market.settings import Count, Positive

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PLAIN = re.compile(r"[!-~]+")


def _address(text: str) -> str:
    """Return a sound address without its last slash; the text itself is never shown, since it may hold a secret."""
    parts = _split(text)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        _refuse("an address without user, password, query and fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        _refuse("an https address; http is for this machine only")
    return text.rstrip("/")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        if parts.port == 0 or not parts.hostname or not _PLAIN.fullmatch(text):
            raise ValueError
    except ValueError:
        _refuse("an address such as https://host.name/path")
    return parts


def _refuse(wanted: str) -> NoReturn:
    raise ValueError(f"wanted {wanted}")


class Limits(settings.Settings):
    """Where a provider is and how it is asked; `deadline_seconds` is for one answer, all attempts together."""

    url: Annotated[str, AfterValidator(_address)]
    requests_per_minute: Positive
    deadline_seconds: Annotated[Positive, Field(le=3600)]
    max_mebibytes: Annotated[Positive, Field(le=1024)]
    attempts: Annotated[Count, Field(le=20)]


def limits(provider: str) -> Limits:
    """Return the limits of `provider`; raises UsageError where the file or its table is missing or wrong."""
    tables = settings.read_toml("fetch")
    if provider not in tables:
        known = ", ".join(tables) or "none"
        raise UsageError(f"No [{provider}] in config/fetch.toml: there are {known}.{nearest(provider, tables)}")
    values = tables[provider]
    where = f"config/fetch.toml [{provider}]"
    if isinstance(values.get("url"), str):
        try:
            _address(values["url"])
        except ValueError as error:
            raise UsageError(f"{where}: url: {error}.") from None
    return settings.validated(values, Limits, where)
