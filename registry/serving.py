"""How the MLflow UI of a home is served: to this machine alone, under exact names, with nothing extra running."""

import os
import sys
from pathlib import Path

from market.errors import UnavailableError
from registry import address as addresses
from registry import mlflow_environment


def command(home: Path, port: int = 5000) -> list[str]:
    """Return the command that serves the UI of `home`; run it in `environment`.

    No password is in it: databases and stores take theirs from the environment. Raises UnavailableError where the
    registry is a server already.
    """
    address = addresses.of(home)
    if address.is_server:
        raise UnavailableError(f"The registry is served at {address.shown}: open that.")
    hosts = [f"{name}:{port}" for name in ("localhost", "127.0.0.1")]
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--backend-store-uri", address.tracking),
        *("--default-artifact-root", address.artifacts, "--no-serve-artifacts"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", ",".join(hosts)),
        *("--cors-allowed-origins", ",".join(f"http://{host}" for host in hosts)),
        *("--x-frame-options", "DENY"),
    ]


def environment() -> dict[str, str]:
    """Return the environment of the server: that of this process, without what could lead it elsewhere."""
    return mlflow_environment.cleaned(os.environ) | {"PYTHONWARNINGS": "ignore"}
