"""What the report on a fleet says in sentences, on the screen and on the page."""

from collections.abc import Mapping
from typing import Any

from registry.figures import counted
from registry.shortfall import percent

Told = Mapping[str, Any]

READY, FAILED = "READY", "FAILED"


def verdict(answer: Told) -> str:
    """Return what the fleet has come to: series, verdicts, looks, and how many READY ones luck alone would explain."""
    luck, judged = answer["luck"], sum(one["status"] in (READY, FAILED) for one in answer["verdicts"])
    ready = f"{luck['ready']} {'is' if luck['ready'] == 1 else 'are'} READY" if luck["ready"] else "none is READY"
    every = len(answer["verdicts"])
    of = "" if judged == every else f", {judged} of them judged"
    said = f"{every} series{of}: {ready} after {counted(luck['looks'], 'look')} at judged windows"
    if luck["unmeasured"]:
        return f"{said}. How many of so many luck alone would promote is not known: nobody has measured this gate."
    return (
        f"{said}. Luck alone would have promoted {luck['expected_false']:.2f} of so many, at most "
        f"{luck['at_most_95']:.2f} (95 %), by the gate's measured error rate."
    )


def luck(told: Told) -> str:
    """Return how many false promotions are to be expected."""
    said = f"Luck: {told['looks']} looks at judged windows, {told['ready']} READY. "
    if told["elsewhere"]:
        said += f"{counted(told['elsewhere'], 'look')} more at other series stand in the ledger. "
    if told["gate_failed"]:
        said += f"The gate failed its own test as it was measured for {len(told['gate_failed'])} of them. "
    if told["unmeasured"]:
        return (
            said + f"Nobody has measured the gate's error rate for {len(told['unmeasured'])} of them: `assay placebo`."
        )
    return said + (
        f"Expected false promotions by the gate's measured rate: {told['expected_false']:.2f}, at most "
        f"{told['at_most_95']:.2f} at 95 %; the chance of one or more is at most {told['chance_of_one_at_most']:.0%}."
    )


def independence(told: Told) -> str:
    """Return how many independent models these are worth."""
    if not told["traded"]:
        return f"Independence: none of {counted(told['models'], 'model')} traded: they are worth none."
    said = (
        f"Independence: {told['traded']} of {counted(told['models'], 'model')} traded, worth {told['effective']:g} "
        f"independent ones (mean correlation of daily returns {told['mean_correlation']:+.3f} over {told['days']} days "
        "on which two or more have any)."
    )
    alike = told["most_alike"][:1]
    return said + "".join(f" Most alike: {a['first']} and {a['second']}, {a['correlation']:+.2f}." for a in alike)


def portfolio(told: Told) -> str:
    """Return what the READY ones earned on one account, or why there is none."""
    if "why" in told:
        return f"Portfolio: {told['why']}"
    return (
        f"Portfolio of {len(told['series'])} on one account, {told['first'][:10]} to {told['last'][:10]}: "
        f"{told['trades']} trades, return {told['total_return']:+.1%}, drawdown {told['max_drawdown']:.1%}, profit "
        f"factor {number(told['profit_factor'])}, daily Sharpe {number(told['daily_sharpe'])}."
    )


def spent(told: Told) -> str:
    """Return how much work it was, and whose share was the largest."""
    share = "–" if told["slowest_share"] is None else percent(told["slowest_share"])
    return f"{told['seconds']:,.0f} s of work; the slowest series is {told['slowest']}: {share} of it"


def number(value: float | None) -> str:
    """Return a figure, a dash where it is not computable."""
    return "–" if value is None else f"{value:.3f}"
