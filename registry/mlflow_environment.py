"""What MLflow reads from the environment: what we say, credentials, how S3 wants to be asked, and nothing else.

MLflow obeys some 270 variables, of which many lead it elsewhere: to other servers, workspaces, plugins, without TLS.
"""

import os
from collections.abc import Mapping

SECONDS = 5  # that an MLflow server may take to answer; it is asked twice

OURS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_TRUNCATE_LONG_VALUES": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(SECONDS),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
_DEFAULTS = {"AWS_DEFAULTS_MODE": "standard", "AWS_MAX_ATTEMPTS": "2"}
_KEPT = {
    "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE",
    "MLFLOW_S3_UPLOAD_EXTRA_ARGS",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
}


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` without what could lead MLflow elsewhere, and with our own settings of it.

    >>> sorted(set(cleaned({"HOME": "/root", "MLFLOW_TRACKING_URI": "http://evil"})) - {*OURS, *_DEFAULTS})
    ['HOME']
    """
    kept = {name: value for name, value in environment.items() if not _leads(name)}
    return _DEFAULTS | kept | OURS


def enter() -> None:
    """Let this process have the cleaned environment."""
    wanted = cleaned(os.environ)
    for name in [name for name in os.environ if name not in wanted]:
        del os.environ[name]
    os.environ.update(wanted)


def _leads(name: str) -> bool:
    return name.startswith(("MLFLOW_", "_MLFLOW_")) and name not in _KEPT
