"""The parts of a validation's answer, each a pure function of what was counted while the bars passed (JSON values)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from market import gaps
from market.clock_check import ClockCheck
from market.findings import ERROR, WARNING, Findings
from market.presence import Expected
from market.profile import Profile
from market.timeframe import Timeframe
from market.validation import about_file

MOST_HOLES, MOST_RUNS, MOST_SPIKES = 10, 5, 100  # listed in an answer
MISSING_SHARE, LONG_HOLE_HOURS = 0.01, 24  # beyond which missing bars are a warning
FEWEST_IN_A_RUN = 5  # bars with one close that are worth a word
BAD_TICK, SUSPICIOUS_TICK = "bad tick", "suspicious tick"

_HOUR = 3_600_000_000  # microseconds
_HOLE = gaps.KINDS[-1]
_SET_ASIDE = "import the files again with --replace --quarantine: such rows are set aside"
_LOOK = "compare with another source; what is wrong here, import from there with --prefer new"


class Seen(NamedTuple):
    """A series as it passed by: its profile, its listed gaps (`start` `end` `kind` `missing`), where bars should be."""

    name: str
    timeframe: Timeframe
    profile: Profile
    gaps: pd.DataFrame
    expected: Expected


def missing(seen: Seen, found_already: pd.DataFrame) -> pd.DataFrame:
    """Return a finding where more bars are missing than sources usually leave out, unless a long hole tells it."""
    counts = seen.expected.days[["expected", "present"]].sum()
    wanted, present = int(counts["expected"]), int(counts["present"])
    worst = holes(seen)[:1]
    told_already = (found_already["problem"] == "long hole").any()
    long = not told_already and any(
        one["missing_bars"] * seen.timeframe.minutes >= LONG_HOLE_HOURS * 60 for one in worst
    )
    share = 1 - present / wanted if wanted else 0.0
    if share <= MISSING_SHARE and not long:
        return _nothing()
    place = "".join(f", most from {one['start']} to {one['end']}" for one in worst)
    found = f"{wanted - present:,} of {wanted:,} expected bars ({share:.1%}) are not there{place}"
    most = f"at most {MISSING_SHARE:.0%}, and fewer than {LONG_HOLE_HOURS} hours in a row: import the missing part too"
    return about_file(seen.name, "bars are missing", found, most, WARNING)


def told(findings: Findings) -> list[dict[str, Any]]:
    """Return one entry a problem, errors first: how many rows, the first of them, what was found and the fix."""
    groups = findings.table().groupby(["severity", "problem"], sort=False)
    entries = [_told(str(severity), str(problem), group, findings) for (severity, problem), group in groups]
    return sorted(entries, key=lambda one: bool(one["severity"] != ERROR))


def _told(severity: str, problem: str, group: pd.DataFrame, findings: Findings) -> dict[str, Any]:
    first, of_rows = group.iloc[0], bool((group["row"] > 0).any())
    return {
        "severity": severity,
        "problem": problem,
        "rows": findings.count(severity, problem) if of_rows else 0,
        "first": first["stamp"] or None,
        "found": first["found"],
        "wanted": first["wanted"],
        "fix": (_SET_ASIDE if severity == ERROR else _LOOK) if of_rows else first["wanted"].rpartition(": ")[2],
    }


def clock(found: ClockCheck, declared: str, stamp: str | None) -> dict[str, Any]:
    """Return the declared clock, the verdict on it and the sentence that explains it."""
    return {
        "declared": declared,
        "stamp": stamp,
        "verdict": found.verdict,
        "told": found.told,
        "weeks": found.weeks,
        "explained": found.explained if found.weeks else None,
        "best": found.best or None,
    }


def coverage(seen: Seen) -> dict[str, Any]:
    """Return the share of expected bars that are there: of all, by month and by UTC day."""
    days = seen.expected.days
    days = days[(days["expected"] > 0) | (days["beside"] > 0)]
    months = days.groupby(days.index.strftime("%Y-%m")).sum()
    return _covered(days.sum()) | {
        "months": [{"month": month} | _covered(row) for month, row in months.iterrows()],
        "days": [{"day": f"{day:%Y-%m-%d}"} | _covered(row) for day, row in days.iterrows()],
    }


def _covered(counts: pd.Series) -> dict[str, Any]:
    expected, present, beside = (int(counts[name]) for name in ("expected", "present", "beside"))
    share = present / expected if expected else None
    return {"expected": expected, "present": present, "share": share, "beside": beside}


def by_kind(seen: Seen) -> dict[str, Any]:
    """Return how many gaps there are of each kind, the bars missing from them, and the hours of the longest.

    Holes too small to be listed are counted, a bar each.
    """
    return {kind: _of_kind(kind, seen) for kind in gaps.KINDS}


def _of_kind(kind: str, seen: Seen) -> dict[str, Any]:
    listed = seen.gaps[seen.gaps["kind"] == kind]
    small = int(seen.profile.days["small_gaps"].sum()) if kind == _HOLE else 0
    least = seen.timeframe.minutes / 60 if small else 0.0
    return {
        "count": len(listed) + small,
        "missing_bars": int(listed["missing"].sum()) + small,
        "longest_hours": max([least, *((listed["end"] - listed["start"]) / _HOUR)]),
    }


def holes(seen: Seen) -> list[dict[str, Any]]:
    """Return the holes that miss most bars, the largest first: from when to when (UTC), hours, missing bars."""
    found = seen.gaps[seen.gaps["kind"] == _HOLE].sort_values("missing", ascending=False, kind="stable")
    return [
        {
            "start": minute(hole.start),
            "end": minute(hole.end),
            "hours": (hole.end - hole.start) / _HOUR,
            "missing_bars": int(hole.missing),
        }
        for hole in found.head(MOST_HOLES).itertuples()
    ]


def spikes(findings: Findings) -> dict[str, Any]:
    """Return how many ticks are bad or suspicious, and the first of them with their row and UTC close."""
    table = findings.table()
    rows = table[table["problem"].isin((BAD_TICK, SUSPICIOUS_TICK))].head(MOST_SPIKES)
    return {
        "bad": findings.count(ERROR, BAD_TICK),
        "suspicious": findings.count(WARNING, SUSPICIOUS_TICK),
        "rows": [
            {"ts": one.stamp, "row": int(one.row), "what": one.problem, "found": one.found} for one in rows.itertuples()
        ],
    }


def flat(profile: Profile) -> dict[str, Any]:
    """Return how many bars have one price, and the longest stretches of one close with the UTC day of their end."""
    days = profile.days
    bars, unmoved, unchanged = (int(days[name].sum()) for name in ("bars", "flat", "unchanged"))
    runs = days["unchanged_run"][days["unchanged_run"] >= FEWEST_IN_A_RUN].sort_values(ascending=False, kind="stable")
    longest = [{"ended": f"{day:%Y-%m-%d}", "bars": int(run)} for day, run in runs.head(MOST_RUNS).items()]
    return {"bars": unmoved, "share": unmoved / bars, "unchanged": unchanged, "longest_runs": longest}


def headline(answer: Mapping[str, Any]) -> str:
    """Return in a few words whether the bars are sound.

    >>> headline({"errors": 0, "warnings": 0}), headline({"errors": 1, "warnings": 2})
    ('sound', '1 error, 2 warnings')
    """
    counts = [(answer["errors"], "error"), (answer["warnings"], "warning")]
    return ", ".join(f"{n} {what}{'s' * (n != 1)}" for n, what in counts if n) or "sound"


def minute(microseconds: int) -> str:
    """Return an instant as people write it.

    >>> minute(0)
    '1970-01-01 00:00'
    """
    return f"{pd.Timestamp(microseconds, unit='us'):%Y-%m-%d %H:%M}"


def _nothing() -> pd.DataFrame:
    return about_file("", "", "", "").iloc[:0]
