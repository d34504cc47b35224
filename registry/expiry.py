"""How long a champion is vouched for: its record names an instant of the wall clock, not one of the bars."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from market import promotion_settings
from market.errors import GateError


def after(when: str, months: int) -> str:
    """Return the instant `months` calendar months after `when`, both as ISO 8601 text.

    >>> after("2025-08-31T10:00:00+00:00", 6)
    '2026-02-28T10:00:00+00:00'
    """
    return (pd.Timestamp(when) + pd.DateOffset(months=months)).isoformat()


def expired(record: Mapping[str, Any], now: dt.datetime | None = None) -> bool:
    """Return whether the model of a record is no longer vouched for; one without a date, of before, never expires."""
    until = record.get("expires")
    return until is not None and dt.datetime.fromisoformat(until) <= (now or dt.datetime.now(dt.UTC))


def refused(record: Mapping[str, Any]) -> bool:
    """Return whether the model of a record has expired and settings refuse such a one."""
    return expired(record) and promotion_settings.promotion().expired == "refuse"


def check(series: str, record: Mapping[str, Any]) -> str:
    """Return "" for a record that holds, and a sentence for one that has expired, where settings only warn of it.

    Raises GateError where they refuse it.
    """
    if not expired(record):
        return ""
    what = f"{series}: version {record['version']} expired on {record['expires'][:10]}"
    if refused(record):
        raise GateError(
            f'{what}: nobody vouches for it any more. Train again on newer bars, or set expired = "warn" in '
            "config/promotion.toml."
        )
    return f"{what}, and is used because config/promotion.toml only warns of it."
