"""The session clock read plainly: an instant at a time, with the standard library alone."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

NEW_YORK, UTC = ZoneInfo("America/New_York"), ZoneInfo("UTC")
EPOCH = date(1970, 1, 1)
REST = {"metal": 60, "index": 60, "forex": 0}  # minutes after 17:00 New York
TRIPLE = {"metal": 2, "index": 4, "forex": 2}  # Monday is 0


def is_open(instant: datetime, market: str) -> bool:
    """Return whether the market trades at `instant` (UTC)."""
    if market == "crypto":
        return True
    local = instant.astimezone(NEW_YORK)
    minute = local.hour * 60 + local.minute
    closed, reopened = minute >= 17 * 60, minute >= 17 * 60 + REST[market]
    if local.weekday() == 4:
        return not closed
    if local.weekday() == 5:
        return False
    return reopened if local.weekday() == 6 else not closed or reopened


def trading_day(close: datetime, market: str) -> int:
    """Return the trading day, as days since 1970, of a bar that closes at `close` (UTC)."""
    last = close - timedelta(microseconds=1)
    if market == "crypto":
        return (last.date() - EPOCH).days
    local = last.astimezone(NEW_YORK)
    return (local.date() - EPOCH).days + (local.hour >= 17)


def nights(start: datetime, end: datetime, market: str) -> int:
    """Return the nights of swap charged in `(start, end]` (UTC), found by walking from day to day."""
    if market == "crypto":
        return 0
    charged, day = 0, start.astimezone(NEW_YORK).date() - timedelta(days=1)
    while day <= end.astimezone(NEW_YORK).date() + timedelta(days=1):
        roll = datetime(day.year, day.month, day.day, 17, tzinfo=NEW_YORK).astimezone(UTC)
        if start < roll <= end and day.weekday() < 5:
            charged += 3 if day.weekday() == TRIPLE[market] else 1
        day += timedelta(days=1)
    return charged


def nights_inside(opened: datetime, close: datetime, market: str) -> int:
    """Return the nights charged between `opened` and `close` where the market trades just before `close`."""
    last = close - timedelta(microseconds=1)
    return nights(opened, last, market) if is_open(last, market) else 0


def session(close: datetime) -> str:
    """Return the session in which a bar falls that closes at `close` (UTC)."""
    last = close - timedelta(microseconds=1)
    london, new_york = last.astimezone(ZoneInfo("Europe/London")).hour, last.astimezone(NEW_YORK).hour
    if 8 <= new_york < 17:
        return "new_york"
    return "london" if london >= 8 and new_york < 8 else "asia"
