"""`assay doctor`: what would make a sceptical trader distrust a finished run; reads, trains nothing, mends nothing."""

from typing import Any

from market import instruments, settings
from market.errors import UsageError
from pipeline import answers, doctor_run, workspace
from pipeline.doctor_checks import CHECKS
from pipeline.doctor_findings import examine
from registry import runs
from registry.card import Card


def doctor(name: str, run_id: str | None) -> dict[str, Any]:
    """Examine the run `run_id` of the series `name`, by default its last one; a simulated one where that is all.

    Of a run before the last only the card is asked. Raises UsageError for an unknown series or run, UnavailableError
    where nothing was judged, DataError for files that are damaged.
    """
    card = _card(name, run_id)
    run = doctor_run.read(workspace.of(instruments.series_named(card.series)), card)
    told = {"series": card.series, "run_id": card.run_id, "status": card.status, "made_at": card.made_at}
    return told | examine(CHECKS, run)


def _card(name: str, run_id: str | None) -> Card:
    if run_id is None:
        return answers.last(name)
    card, series = runs.find_run(settings.home(), run_id), instruments.series_named(name)
    if card.series not in (series.name, series._replace(simulated=True).name):
        raise UsageError(f"Run {card.run_id} is of {card.series}, not of {name}: name its own series.")
    return card
