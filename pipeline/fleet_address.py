"""At which addresses a scheduler may be: off this machine by TLS alone, for whoever reaches one runs code by it."""

import ipaddress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from market import settings
from market.errors import UsageError
from market.fleet_settings import Cluster


class Address(NamedTuple):
    """A scheduler's address and the PEM files to reach it with; none on loopback without TLS."""

    url: str
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def encrypted(self) -> bool:
        """Return whether it is reached by TLS."""
        return self.url.startswith("tls://")


def address_of(cluster: Cluster, scheduler: str | None) -> Address | None:
    """Return where the scheduler is that is asked for, None where this machine's own processes do the work.

    Raises UsageError for what is no address of a scheduler, for one off loopback without TLS, and for TLS without its
    three files.
    """
    url = scheduler or cluster.scheduler
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("tls", "tcp") or not _host_and_port(url):
        raise UsageError(f"Scheduler {url!r}: wanted tls://HOST:PORT, or tcp://127.0.0.1:PORT on this machine.")
    if parts.scheme == "tcp":
        if not _is_loopback(str(parts.hostname)):
            raise UsageError(
                f"Scheduler {url} is off this machine and without TLS: whoever reaches it could run any code on the "
                "workers. Start it with certificates and name it tls://… (docs/fleet.md)."
            )
        return Address(url)
    files = {name: getattr(cluster, name) for name in ("authority", "certificate", "key")}
    folder = settings.config_folder()
    paths = {name: folder / Path(value).expanduser() for name, value in files.items() if value}
    if missing := [name for name in files if name not in paths or not paths[name].is_file()]:
        raise UsageError(
            f"Scheduler {url} is reached by TLS: config/fleet.toml [cluster] names no file for {', '.join(missing)} "
            "that is there."
        )
    return Address(url, **paths)


def _host_and_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port is not None and parts.path in ("", "/")
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
