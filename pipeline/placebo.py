"""The placebo: how often the verdict says READY where there is nothing, and how often where there is something.

Worlds are spread over processes and kept as they come; a run that was broken off goes on where it was, and worlds that
the same code has judged for another tier are not judged again.
"""

import os
from functools import partial
from typing import Any

from market import durable, gate_settings, placebo_settings, settings, tables, workers
from market.errors import GateError
from market.placebo_settings import Worlds
from pipeline import placebo_record, placebo_store
from pipeline.placebo_statistics import sequential
from pipeline.placebo_store import Kept
from pipeline.placebo_table import table
from pipeline.placebo_tasks import NULL, Task, done, tasks
from pipeline.placebo_worlds import Source, source
from pipeline.screen import Screen
from pipeline.stage import Report


def placebo(tier_name: str, seed: int | None, processes: int | None, screen: Screen) -> dict[str, Any]:
    """Judge the worlds of a tier, with seeds from `seed` on, write the result and its picture, and return it."""
    tier, common = placebo_settings.tier(tier_name), placebo_settings.worlds()
    months = placebo_settings.variant("full" if tier.full else "small").months
    known, first_seed = source(months), common.first_seed if seed is None else seed
    asked = tasks(tier, first_seed)
    digest = placebo_store.digest(known)
    screen.say(f"N3 to N5 are made from {known.told}.")
    with placebo_store.held(settings.home()) as folder:
        with screen.stage("placebo") as report:
            rows = judged(asked, Kept(folder, digest), known, common, processes or os.cpu_count() or 1, report)
        found = {
            "tier": tier_name,
            "first_seed": first_seed,
            "source": known.told,
            "code": digest,
            "decided_by": placebo_record.decided_by(gate_settings.judging()),
            "asked": len(asked),
            "judged": len(rows),
            **table(rows, tier, common),
            "seconds_per_world": round(sum(row["seconds"] for row in rows) / len(rows), 2),
        }
        path = folder / f"{tables.sha256_of([digest, tier_name, tier.model_dump(), first_seed])[:16]}.json"
        durable.write_json(path, found)
        durable.write_bytes(path.with_suffix(".png"), _drawn(found))
    return found | {"result": str(path), "plot": str(path.with_suffix(".png"))}


def judged(
    asked: list[Task], kept: Kept, known: Source, common: Worlds, processes: int, report: Report
) -> list[dict[str, Any]]:
    """Return a row for each of `asked` in their order; where null worlds are promoted too often, those up to there.

    Wald's test decides when it is too often, so that a broken pipeline is told within minutes.
    """
    before = kept.rows()
    waiting = [task for task in asked if task.key not in before]
    made = workers.in_order(partial(done, known=known, common=common), waiting, min(processes, len(waiting) or 1))
    rows: list[dict[str, Any]] = []
    report("worlds", 0, len(asked))
    try:
        for task in asked:
            row = before.get(task.key)
            if row is None:
                row = next(made)
                kept.keep(row)
            rows.append(row)
            report("worlds", len(rows), len(asked))
            if (
                task.kind == NULL
                and sequential([one["promoted"] for one in rows if one["kind"] == NULL])[0] == "broken"
            ):
                break
    finally:
        made.close()
        workers.end()
    return rows


def exit_code(found: dict[str, Any]) -> int:
    """Return how the command ends: 0 where the tier holds, else 3."""
    return 0 if found["status"] == "PASSED" else GateError.exit_code


def _drawn(found: dict[str, Any]) -> bytes:
    from pipeline import placebo_plot  # matplotlib takes a second to load

    return placebo_plot.draw(found)
