"""What a doctor says: findings with severity, evidence and fix, and what could not be asked."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from market.errors import GateError
from pipeline.doctor_run import NotAskedError

Severity = Literal["critical", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "note")
Asked = TypeVar("Asked")


class Finding(NamedTuple):
    """Something to distrust: how badly, which check found it, the numbers, and what to do in one sentence."""

    severity: Severity
    check: str
    evidence: str
    fix: str


class Check(NamedTuple, Generic[Asked]):
    """One question: what it looks at, how bad a yes is, and what then is to be done.

    `find` returns the evidence in one sentence, None where nothing is wrong; it raises NotAskedError where it cannot be
    asked.
    """

    name: str
    severity: Severity
    looks_at: str
    find: Callable[[Asked], str | None]
    fix: str


def examine(checks: Sequence[Check[Asked]], asked: Asked) -> dict[str, Any]:
    """Return `findings`, the worst first, and `not_asked`: the checks that could not be asked, by the reason."""
    findings, unasked = [], dict[str, list[str]]()
    for check in checks:
        try:
            evidence = check.find(asked)
        except NotAskedError as error:
            unasked.setdefault(str(error), []).append(check.name)
            continue
        if evidence:
            findings.append(Finding(check.severity, check.name, evidence, check.fix))
    return {
        "findings": [one._asdict() for one in sorted(findings, key=_rank)],
        "not_asked": [{"why": why, "checks": names} for why, names in unasked.items()],
        "checks": len(checks),
    }


def exit_code(answer: dict[str, Any]) -> int:
    """Return how the verb ends: 3 where anything critical was found, else 0."""
    critical = any(one["severity"] == "critical" for one in answer["findings"])
    return GateError.exit_code if critical else 0


def _rank(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)
