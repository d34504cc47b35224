"""The registry's aliases asked of an MLflow server by its REST interface, without MLflow, for who has no time."""

import json
import os
from typing import Any

from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers

from market.errors import UnavailableError
from registry.address import PATIENCE, Address, first_line

_MOST = 1 << 20  # bytes of an answer
_GONE = 404


def version_of(address: Address, series: str, alias: str) -> str | None:
    """Return the version that an alias of `series` points at, None where there is no such model or alias."""
    found = _asked(address, "GET", "registered-models/get", {"name": series})
    aliases = found.get("registered_model", {}).get("aliases", []) if found else []
    return next((str(one["version"]) for one in aliases if one["alias"] == alias), None)


def tags_of(address: Address, series: str, version: str) -> dict[str, str] | None:
    """Return the tags of a version, None where there is no such version."""
    found = _asked(address, "GET", "model-versions/get", {"name": series, "version": version})
    if found is None or found["model_version"].get("current_stage") == "Deleted_Internal":
        return None
    return {one["key"]: one["value"] for one in found["model_version"].get("tags", [])}


def point(address: Address, series: str, alias: str, version: str) -> None:
    """Let an alias of `series` point at a version; raises UnavailableError where the server does not do so."""
    fields = {"name": series, "alias": alias, "version": version}
    if _asked(address, "POST", "registered-models/alias", fields) is None:
        raise UnavailableError(f"{series}: the registry at {address.shown} has no version {version}.")


def _asked(address: Address, method: str, what: str, fields: dict[str, str]) -> dict[str, Any] | None:
    """Return what the server answers, None where it knows no such thing."""
    url = f"{address.tracking}/api/2.0/mlflow/{what}"
    sent = {"fields": fields} if method == "GET" else {"body": json.dumps(fields).encode()}
    try:
        with PoolManager(timeout=Timeout(total=PATIENCE), retries=Retry(0, redirect=False), headers=_headers()) as pool:
            answer: BaseHTTPResponse = pool.request(method, url, preload_content=False, **sent)
            content = answer.read(_MOST)
    except HTTPError as error:
        raise UnavailableError(f"The registry at {address.shown} cannot be reached: {first_line(error)}") from None
    if answer.status == _GONE:
        return None
    try:
        found = json.loads(content) if answer.status < 300 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnavailableError(
            f"The registry at {address.shown} gave no answer of MLflow's to {what} ({answer.status})."
        )
    return found


def _headers() -> dict[str, str]:
    """Return who asks, by the variables that MLflow itself reads."""
    name, password, token = (os.environ.get(f"MLFLOW_TRACKING_{one}") for one in ("USERNAME", "PASSWORD", "TOKEN"))
    headers = {"Content-Type": "application/json"}
    if name and password:
        return headers | make_headers(basic_auth=f"{name}:{password}")
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})
