"""From the rows of judged worlds to what the placebo shows: promotions, means, p-values, power, leaks, complaints."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backtest.significance import wilson
from market.placebo_settings import Tier, Worlds
from pipeline.placebo_agreement import agreement
from pipeline.placebo_controls import CONTROLS
from pipeline.placebo_statistics import lower_bound, mean_of, sequential, uniformity, upper_bound
from pipeline.placebo_tasks import NULL, SMALL
from pipeline.placebo_worlds import FAMILIES, PLANTED

Row = dict[str, Any]

_SKILLED = 0.05  # of null worlds may have a 90 % interval of skill above 0
# What is within the blocks of these is real and may be foretold: their promotions count, their means do not.
_UNGATED = "N4 resampled"
_AVERAGED = ("mean_r", "random_r", "gross_r", "sharpe", "random_sharpe")


def table(rows: Sequence[Row], tier: Tier, common: Worlds) -> dict[str, Any]:
    """Return what `rows`, one a judged world in their order, show (JSON values), and what a tier complains of.

    Promotions are those of all null worlds; what is measured besides leaves out the resampled ones.
    """
    null = [row for row in rows if row["kind"] == NULL]
    planted = [row for row in rows if row["kind"] == PLANTED and row["variant"] == SMALL]
    gated = [row for row in null if row["family"] != _UNGATED]
    told = (
        promotions(null)
        | measures(gated)
        | {
            "profiles": {profile: promotions(null, profile) for profile in _profiles(rows)},
            "families": [_family(name, null) for name in FAMILIES],
            "sequential": dict(zip(("says", "after"), sequential([row["promoted"] for row in null]), strict=True)),
            "power": [_power(edge, [row for row in planted if row["edge"] == edge]) for edge in tier.edges],
            "controls": [_control(name, [row for row in rows if row["control"] == name], common) for name in CONTROLS],
            "agreement": agreement(rows),
            "promoted": [
                _named(row) | {"by": [profile for profile, hit in row["promoted_by"].items() if hit]}
                for row in null
                if any(row["promoted_by"].values())
            ],
            "errors": [_named(row) | {"error": row["error"]} for row in rows if row["error"]],
            "refused": [_named(row) | {"refused": row["refused"]} for row in null if row["refused"]],
        }
    )
    complaints = list(_complaints(told, tier, common))
    return {"status": "FAILED" if complaints else "PASSED", "complaints": complaints} | told


def promotions(rows: Sequence[Row], profile: str | None = None) -> dict[str, Any]:
    """Return how many of `rows` were promoted, and the upper end of the one-sided 95 % interval of their share.

    Promoted by the gates of `profile`; without one, by those that decide.
    """
    promoted = _promoted(rows, profile)
    bound = upper_bound(promoted, len(rows)) if rows else None
    return {"worlds": len(rows), "promotions": promoted, "upper_bound_95": bound}


def measures(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what `rows` show together of skill, of fixed thresholds against random entries, and of p-values.

    `skilled` are worlds whose 90 % interval of direction skill out of fold lies above 0, `viewed` those that fixed
    thresholds traded at all.
    """
    entries = [row["entries"] for row in rows if row["entries"]]
    skilled = sum((row.get("skill_low") or 0.0) > 0.0 for row in rows)
    averages = {name: _average(entries, name) for name in _AVERAGED}
    r, sharpe = _mean(entries, "excess_r"), _mean(entries, "excess_sharpe")
    return {
        "skilled": skilled,
        "skilled_lower_bound_95": lower_bound(skilled, len(rows)) if rows else None,
        "viewed": len(entries),
        **averages,
        "excess_r": r.mean,
        "excess_r_error": r.error,
        "mean_r_z": r.z,
        "excess_sharpe": sharpe.mean,
        "excess_sharpe_error": sharpe.error,
        "mean_sharpe_z": sharpe.z,
        "p_uniformity": uniformity([one["p"] for one in entries]),
    }


def _family(name: str, null: Sequence[Row]) -> dict[str, Any]:
    rows = [row for row in null if row["family"] == name]
    return {"family": name} | promotions(rows) | measures(rows)


def _power(edge: float, planted: Sequence[Row]) -> dict[str, Any]:
    """Return how many worlds with an edge were promoted, by the gates that decide and by those of each profile."""
    return (
        {"edge": edge, "worlds": len(planted)}
        | _share(planted)
        | {
            "refused": sum(row["refused"] is not None for row in planted),
            "oracle_profit_factor": _median(row.get("oracle_profit_factor") for row in planted),
            "profit_factor": _median(row.get("profit_factor") for row in planted),
            "trades": _median(row.get("trades") for row in planted),
            "profiles": {
                profile: _share(planted, profile) | {"failed": _failed(planted, profile)}
                for profile in _profiles(planted)
            },
        }
    )


def _share(planted: Sequence[Row], profile: str | None = None) -> dict[str, Any]:
    promoted = _promoted(planted, profile)
    low, high = wilson(promoted, len(planted)) if planted else (None, None)
    return {"promoted": promoted, "share": promoted / len(planted) if planted else None, "low": low, "high": high}


def _promoted(rows: Sequence[Row], profile: str | None) -> int:
    """Return how many were promoted; a world that was refused or broke off was not, by any profile."""
    return sum(row["promoted"] if profile is None else row["promoted_by"].get(profile, False) for row in rows)


def _profiles(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(profile for row in rows for profile in row["promoted_by"]))


def _failed(rows: Sequence[Row], profile: str) -> dict[str, int]:
    return _counts(row["verdicts"][profile]["failed"] for row in rows if profile in row["verdicts"])


def _control(name: str, rows: Sequence[Row], common: Worlds) -> dict[str, Any]:
    shown = promotions(rows) | measures(rows)
    names = ("worlds", "promotions", "excess_r", "mean_r_z", "excess_sharpe", "mean_sharpe_z")
    found = {one: shown[one] for one in names}
    refused = sum(row["refused"] is not None for row in rows)
    flagged = refused > 0 or (
        any(any(row["promoted_by"].values()) for row in rows)
        or max(found["mean_r_z"] or 0.0, found["mean_sharpe_z"] or 0.0) > common.deviations
    )
    control = CONTROLS[name]
    return (
        {"control": name, "flagged": flagged if rows else None, "expected": len(rows) >= control.needed > 0}
        | found
        | {"refused": refused, "found_by": control.found_by}
    )


def _complaints(told: dict[str, Any], tier: Tier, common: Worlds) -> Iterable[str]:
    if told["sequential"]["says"] == "broken":
        yield f"{told['promotions']} promotions within {told['sequential']['after']} null worlds: nothing more was run"
    for profile, one in told["profiles"].items():
        if one["worlds"] and one["upper_bound_95"] > tier.most_promotions:
            yield (
                f"{one['promotions']} of {one['worlds']} null worlds were promoted by profile {profile}: up to "
                f"{one['upper_bound_95']:.2%} may be (95 %), wanted {tier.most_promotions:.2%} at most"
            )
    for one in ({"family": "all but the resampled"} | told, *told["families"]):
        if one["family"] != _UNGATED:
            yield from _biased(one, common)
    if (told["skilled_lower_bound_95"] or 0.0) > _SKILLED:
        yield f"{told['skilled']} null worlds show skill in direction: wanted {_SKILLED:.0%} of them at most"
    if (told["p_uniformity"] or 1.0) < common.uniformity:
        yield f"p-values over null worlds are not uniform (p = {told['p_uniformity']:.2g})"
    for one in told["controls"]:
        if one["expected"] and one["flagged"] is False:
            yield f"the leak {one['control']!r} was not seen in {one['worlds']} worlds"
    yield from _powerless(told["power"], tier)
    yield from (f"{one['family']} of seed {one['seed']} broke off: {one['error']}" for one in told["errors"])
    yield from (f"{one['family']} of seed {one['seed']} was not trained: {one['refused']}" for one in told["refused"])


def _powerless(power: Sequence[dict[str, Any]], tier: Tier) -> Iterable[str]:
    strongest = max(power, key=lambda one: one["edge"], default=None)
    if strongest and strongest["worlds"] and strongest["share"] < tier.least_power:
        yield (
            f"{strongest['promoted']} of {strongest['worlds']} worlds with an edge of {strongest['edge']:g} were "
            f"promoted: wanted {tier.least_power:.0%}"
        )


def _biased(one: dict[str, Any], common: Worlds) -> Iterable[str]:
    for name, what in (("mean_r", "mean R"), ("mean_sharpe", "Sharpe ratio per trade")):
        z = one[f"{name}_z"]
        if z is not None and abs(z) > common.deviations:
            yield f"{what} over {one['family']} is {z:+.1f} standard errors away from random entries"


def _mean(entries: Sequence[Row], name: str) -> Any:
    return mean_of([one[name] for one in entries], [one[f"{name}_error"] for one in entries])


def _average(entries: Sequence[Row], name: str) -> float | None:
    values = [one[name] for one in entries if one[name] is not None]
    return float(np.mean(values)) if values else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _counts(lists: Iterable[Sequence[str]]) -> dict[str, int]:
    names = [name for one in lists for name in one]
    return {name: names.count(name) for name in dict.fromkeys(names)}


def _named(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("kind", "family", "seed", "edge", "control", "variant")}
