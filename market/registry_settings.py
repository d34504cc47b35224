"""Settings of the registry: at which addresses runs and artifacts are kept, where not in the home itself."""

from pathlib import PurePosixPath
from urllib.parse import SplitResult, parse_qs, urlsplit

from market import settings
from market.bounds import Settings
from market.errors import UsageError

FILE = "registry"
DATABASES, SERVERS = ("postgresql",), ("http", "https")

_LONGEST = 128  # characters of `artifacts`: PostgreSQL keeps 200 of an address in which series and run follow
_SECRETS = ("password", "passfile", "sslpassword", "sslkey")


class Registry(Settings):
    """The addresses of the registry; "" for the home's own."""

    tracking: str = ""
    artifacts: str = ""


def registry() -> Registry:
    """Return the configured addresses; those of the home where there is no such settings file.

    Raises UsageError for an address of another kind, for one that holds a password, and for a database by URL whose
    artifacts would stay in one machine's home. What stands there is not repeated, for it may be a secret.
    """
    path = settings.config_folder() / f"{FILE}.toml"
    tables = settings.read_toml(FILE) if path.exists() else {}
    if unknown := [name for name in tables if name != FILE]:
        raise UsageError(f"config/{FILE}.toml: unknown table [{unknown[0]}], wanted [{FILE}].")
    found = settings.validated(tables.get(FILE, {}), Registry, f"config/{FILE}.toml [{FILE}]")
    _check_tracking(found)
    _check_artifacts(found)
    return found


def _check_tracking(found: Registry) -> None:
    address = _split(found.tracking, "tracking")
    if not found.tracking:
        return
    if address.scheme not in DATABASES + SERVERS:
        raise _wrong("tracking", "wanted postgresql://USER@HOST/DATABASE, https://HOST, or nothing")
    if not address.hostname and "host" not in parse_qs(address.query):
        raise _wrong("tracking", "it names no host")
    if address.scheme in DATABASES and not found.artifacts:
        raise _wrong("artifacts", "a database by URL needs artifacts that every machine reaches: s3://BUCKET/FOLDER")


def _check_artifacts(found: Registry) -> None:
    address = _split(found.artifacts, "artifacts")
    if not found.artifacts:
        return
    bucket = address.scheme == "s3" and bool(address.netloc)
    if not bucket and not (address.scheme == "" and PurePosixPath(found.artifacts).is_absolute()):
        raise _wrong("artifacts", "wanted s3://BUCKET/FOLDER, an absolute folder, or nothing")
    if len(found.artifacts) > _LONGEST:
        raise _wrong("artifacts", f"it has {len(found.artifacts)} characters, wanted at most {_LONGEST}")


def _split(text: str, key: str) -> SplitResult:
    try:
        address = urlsplit(text)
        secret = address.password is not None or any(name in _SECRETS for name in parse_qs(address.query))
    except ValueError:
        raise _wrong(key, "it is not an address") from None
    if secret:
        raise _wrong(
            key, "it holds a password: take it out, and set PGPASSWORD, MLFLOW_TRACKING_PASSWORD or AWS_… instead"
        )
    return address


def _wrong(key: str, why: str) -> UsageError:
    return UsageError(f"config/{FILE}.toml [{FILE}] {key}: {why}.")
