"""How the gates on luck and stress are measured: from what was found once and stands on the card (`evidence.Proof`)."""

from collections.abc import Callable, Mapping
from typing import Any

from registry.evidence import Evidence, Measured

_NONE = "nothing was looked for: the card is older than this gate, train again"


def of_luck(question: str, number: str) -> Callable[[Evidence], Measured]:
    """Return the measure of a `number` of the answer to a `question` of `registry.significance`."""

    def measure(evidence: Evidence) -> Measured:
        answer = _answer(evidence, question)
        got = answer.get(number)
        return Measured(None, answer.get("why") or _NONE) if got is None else Measured(float(got))

    return measure


def overfitting(evidence: Evidence) -> Measured:
    """Return how often the best configuration is below the median outside and loses; not asked where there is one."""
    answer = _answer(evidence, "overfitting")
    if "unasked" in answer:
        return Measured(None, unasked=answer["unasked"])
    return of_luck("overfitting", "both")(evidence)


def permutation_p(evidence: Evidence) -> Measured:
    """Return the larger p of two permutations: other signs of the trades, and the signal at other times."""
    found = [of_luck(question, "p")(evidence) for question in ("signs", "shifts")]
    if missing := [one for one in found if one.got is None]:
        return missing[0]
    return max(found, key=lambda one: one.got or 0.0)


def stress(evidence: Evidence) -> Measured:
    """Return how many bounds of the stress test do not hold."""
    told = evidence.proof.robustness if evidence.proof else {}
    if not told.get("verdicts"):
        return Measured(None, told.get("why", _NONE))
    broken = [one["name"].replace("_", " ") for one in told["verdicts"] if not one["passed"]]
    return Measured(float(len(broken)), lacks=f"bounds of [stress] that hold: {', '.join(broken)}")


def looks(evidence: Evidence) -> Measured:
    """Return how many models were ever judged on the window."""
    if evidence.proof is None or evidence.proof.looks < 1:
        return Measured(None, "nobody counted the looks at this window")
    return Measured(float(evidence.proof.looks))


def _answer(evidence: Evidence, question: str) -> Mapping[str, Any]:
    told = evidence.proof.significance if evidence.proof else {}
    return {"why": told["why"]} if "why" in told else told.get(question, {"why": _NONE})
