"""The measured error rate of today's gate: the best result of `assay placebo` that the same code and bounds have.

A result counts where what decides is unchanged: the code of features, labels, training, backtest and gates with the
libraries below it, the bounds of the gates and of the stress test, gaps, guards, policy and risk, the worlds and the
small variant, and the registered seeds. The project brings its own results in `docs/placebo/`; those of a home count
as well.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from market import placebo_settings, settings, tables
from market.gate_settings import HONEST, SIX, Judging
from pipeline import placebo_store, receipts
from pipeline.placebo_worlds import prepared
from registry.permission import RANKED

_SHIPPED = Path(__file__).parent.parent / "docs" / "placebo"
_TOLD = ("tier", "status", "complaints", "source", "mean_sharpe_z", "skilled")
_EDGE = ("edge", "worlds", "oracle_profit_factor", "profit_factor", "profiles")
_NONE = (
    "Nobody has measured how often this gate promotes what has no edge, as its code and its bounds are now: "
    "`assay placebo` does (tier commit takes a minute, night allows live trading)."
)


def decided_by(judging: Judging) -> str:
    """Return the digest of what decides: code, bounds, and how worlds are made and judged."""
    common = placebo_settings.worlds().model_dump()
    worlds = {name: value for name, value in common.items() if name != "series"}
    profiles = {name: judging.profiles[name] for name in sorted({judging.decides, SIX, HONEST})}
    bounds = [profiles, judging.stress.model_dump()]
    small = placebo_settings.variant("small").model_dump()
    return tables.sha256_of([receipts.code_sha256(*placebo_store.MODULES), bounds, worlds, small, _rules()])


def _rules() -> list[Any]:
    """Return how the worlds are trained and traded where the small variant says nothing of its own: gaps, guards, risk.

    Not which days are looked at, nor what trading costs: those are each series' own.
    """
    work = prepared("small")
    research = work.research.model_dump(mode="json", exclude={"history_start", "cut_off"})
    return [
        research,
        work.tuning.model_dump(mode="json"),
        work.trading.model_dump(mode="json"),
        work.exits,
        work.sampling,
    ]


def on_card(judging: Judging) -> dict[str, Any]:
    """Return the error rate of the gate that decides as a card quotes it; {"why": …} where nobody has measured it.

    Of several results the one of the highest tier counts, also where it failed.
    """
    wanted, first_seed = decided_by(judging), placebo_settings.worlds().first_seed
    known = [
        one
        for one in _results()
        if one.get("decided_by") == wanted and one.get("first_seed") == first_seed and one.get("tier") in RANKED
    ]
    if not known:
        return {"why": _NONE}
    return _quoted(max(known, key=lambda one: RANKED.index(one["tier"])), judging.decides)


def _results() -> Iterator[dict[str, Any]]:
    for folder in (settings.home() / placebo_store.FOLDER, _SHIPPED):
        for path in sorted(folder.glob("*.json")):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (ValueError, OSError):
                continue
            if isinstance(found, dict):
                yield found


def _quoted(found: Mapping[str, Any], decides: str) -> dict[str, Any]:
    asked = [one for one in found["controls"] if one["expected"]]
    quoted = {name: found[name] for name in _TOLD} | found["profiles"][decides]
    quoted |= {
        "variant": "small",
        "decides": decides,
        "decided_by": found["decided_by"],
        "profiles": {decides: found["profiles"][decides]} | found["profiles"],
        "leaks": len(asked),
        "leaks_seen": sum(one["flagged"] for one in asked),
        "power": [{name: one[name] for name in _EDGE} for one in found["power"] if one["worlds"]],
    }
    return quoted | {"told": told(quoted)}


def told(quoted: Mapping[str, Any]) -> str:
    """Return one sentence about the error rate of a gate.

    >>> told({"promotions": 0, "worlds": 300, "upper_bound_95": 0.00994, "status": "PASSED"})
    'This gate promoted 0 of 300 worlds without an edge: at most 1.0 % at 95 % (measured on the small variant).'
    """
    bound = f"at most {100 * quoted['upper_bound_95']:.1f} % at 95 %"
    failed = "" if quoted["status"] == "PASSED" else " The placebo FAILED: do not believe this gate."
    return (
        f"This gate promoted {quoted['promotions']} of {quoted['worlds']} worlds without an edge: {bound} "
        f"(measured on the small variant).{failed}"
    )
