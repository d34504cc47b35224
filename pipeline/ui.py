"""The MLflow UI of a home, on loopback, until it is interrupted."""

import socket
import subprocess
import sys
from pathlib import Path

from market import settings
from market.errors import UnavailableError
from registry import address, serving


def serve(port: int, demo: bool) -> None:
    """Run the MLflow UI on `port`; raises UnavailableError without runs, for a port in use, or where it dies."""
    home = _home(demo)
    _refuse_taken(port)
    command = serving.command(home, port)
    where = f"MLflow UI of {home} on http://127.0.0.1:{port} in some seconds"
    sys.stderr.write(f"{where}; choose Model training at its top left. Ctrl-C ends it.\n")
    server = subprocess.Popen(command, start_new_session=True, env=serving.environment())
    try:
        code = server.wait()
    except KeyboardInterrupt:
        server.terminate()
        code = min(server.wait(), 0)
    if code > 0:
        raise UnavailableError(f"The MLflow server ended with code {code}; its output is above.")


def _home(demo: bool) -> Path:
    """Return the home with runs: the real one or its registry by URL, unless `demo` is asked for or is all there is."""
    real = settings.home()
    if not demo and address.of(real).database is None:
        return real
    home = real / "demo" if demo or not (real / "mlflow.db").exists() else real
    if not (home / "mlflow.db").exists():
        raise UnavailableError(f"No runs yet under {real}: run `make train SYMBOL=XAUUSD TF=15T` first.")
    return home


def _refuse_taken(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UnavailableError(f"Port {port} is in use: choose another with --port.") from None
