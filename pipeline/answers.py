"""Questions asked of results: the last verdict, the ledger, what is in production, effective settings.

Nothing here trains, so nothing here imports what trains: an answer is there at once.
"""

from pathlib import Path
from typing import Any

from market import combinatorial_settings, gate_settings, instruments, settings, tuning_settings
from market.errors import DataError, UnavailableError, nearest
from pipeline import workspace
from pipeline.workspace import Workspace
from registry import card as cards
from registry import deflation, expiry, promotion, survivorship, trials
from registry import ledger as trial_ledger
from registry.card import Card
from registry.figures import counted
from registry.ledger import Entry
from registry.markdown import skilled_folds, trials_line
from registry.markdown_luck import proof_lines
from registry.markdown_paths import lines as paths_lines
from registry.markdown_placebo import lines as placebo_lines
from registry.record import DEMO
from registry.report import NAME as REPORT

_KEPT = (
    *("series", "status", "run_id", "gates", "oos", "folds", "features", "seconds", "bars_sha256", "simulated"),
    *("skill", "warnings", "remedies", "profile", "verdicts"),
)


def card(name: str) -> dict[str, Any]:
    """Return the last verdict of a series; where only the simulated market was judged, that of it."""
    target = last_workspace(name)
    return verdict(target, read(target))


def card_markdown(name: str) -> str:
    """Return the last card of a series as Markdown."""
    return cards.to_markdown(last(name))


def last(name: str) -> Card:
    """Return the last card of a series; where only the simulated market was judged, that of it."""
    return read(last_workspace(name))


def read(target: Workspace) -> Card:
    """Return the last card of a series."""
    path = target.run / "card.json"
    return cards.from_json(path.read_bytes(), str(path))


def verdict(target: Workspace, made: Card) -> dict[str, Any]:
    """Return the verdict as the command line gives it: the card's essence, with trials and looks as of now."""
    every = trial_ledger.read(target.home).entries
    entries = [entry for entry in every if entry.series == made.series]
    counts = trial_ledger.count_of(entries, made.window["oos_start"], made.window["cut_off"])
    values = made.model_dump(mode="json")
    if counts.looks < made.looks or counts.trials < made.trials:
        values["warnings"].append(
            f"The ledger holds {counted(counts.trials, 'trial')} and {counted(counts.looks, 'look')}, this card was "
            f"made at {made.trials} and {made.looks}: entries were removed. "
            f"Restore {trial_ledger.ledger_path(target.home)}."
        )
    values["warnings"] += [line for line in survivorship.warnings(every) if line not in values["warnings"]]
    return {name: values[name] for name in _KEPT} | {
        "looks": counts.looks,
        "trials": counts.trials,
        "trials_line": trials_line(values | counts._asdict() | _cost(target, made, entries)),
        "headline": cards.headline(made)[0].partition(": ")[2],
        "skill_lines": _skill_lines(made),
        "proof_lines": [*proof_lines(values), *placebo_lines(values), *paths_lines(values)],
        "card": str(target.run / "card.md"),
        "report": str(target.run / REPORT),
        "open": "assay ui --demo" if made.simulated else "make ui",
    }


def ledger(name: str) -> dict[str, Any]:
    """Return the trials and looks of a series, what they cost, and every entry in the order of writing."""
    target = workspace.of(instruments.series_named(name))
    series = target.series.name
    found = trial_ledger.read(target.home)
    entries = [entry for entry in found.entries if entry.series == series]
    cost = deflation.measure(entries, trials.kept(target.home, series))
    told = {"series": series, **cost._asdict(), "benchmark": gate_settings.gates().sharpe_per_trade}
    chosen = survivorship.warnings(found.entries)
    told["warnings"] = [*([found.warning] if found.warning else []), *cost.warnings, *chosen]
    return told | {"entries": [entry.model_dump() for entry in entries]}


def _cost(target: Workspace, made: Card, entries: list[Entry]) -> dict[str, Any]:
    """Return what trials cost as of now; nothing where the card still tells it."""
    if made.effective_trials is not None and made.trials == sum(entry.kind == "trial" for entry in entries):
        return {}
    return deflation.measure(entries, trials.kept(target.home, made.series))._asdict()


def models() -> list[dict[str, Any]]:
    """Return what is in production by series: the champion and, under it, whom a rollback would bring back.

    Each is its record with `series`, `alias` (champion or previous), `status` (READY, or EXPIRED where nobody vouches
    for it any more), `expired` and `expires` (None on records of before). Nothing is verified: this is for showing.
    """
    rows, home = [], settings.home()
    for name, record in (promotion.production(home / DEMO) | promotion.production(home)).items():
        for alias, one in (("champion", record), ("previous", record.get("previous"))):
            if one is not None:
                gone = expiry.expired(one)
                told = {"series": name, "alias": alias, "status": "EXPIRED" if gone else "READY", "expired": gone}
                rows.append(told | {"expires": None, "metrics": {}} | one)
    return rows


def effective_settings(name: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return each effective setting of a series and where it comes from."""
    series = instruments.series_named(name)
    found = settings.effective(series.symbol, series.timeframe.name)
    found |= {tuning_settings.FILE: tuning_settings.effective(series.symbol, series.timeframe.name)}
    found |= {combinatorial_settings.FILE: combinatorial_settings.effective()}
    return {file: {key: one._asdict() for key, one in values.items()} for file, values in found.items()}


def last_workspace(name: str) -> Workspace:
    """Return where the last verdict of a series is: its own, else that of the simulated market.

    Raises UnavailableError where there is neither.
    """
    series = instruments.series_named(name)
    for one in (series, series._replace(simulated=True)):
        target = workspace.of(one)
        if (target.run / "card.json").exists():
            return target
    raise UnavailableError(
        f"No verdict for {name} yet: run `assay train {series.symbol} {series.timeframe.name}`."
        f"{nearest(name, _with_cards(workspace.of(series).home))}"
    )


def _with_cards(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "runs").glob("*/card.json"))


def _skill_lines(made: Card) -> list[str]:
    lines = []
    for name, told in (("out_of_fold", "out of fold"), ("oos", "out of sample")):
        skill = made.skill.get(name)
        if skill is None:
            raise DataError(f"The card of {made.series} has no skill {told}: run `assay train` to make it anew.")
        value = "not computable" if skill["skill"] is None else f"{skill['skill']:+.4f}"
        interval = "" if skill["low"] is None else f" (90 % interval {skill['low']:+.4f} … {skill['high']:+.4f})"
        lines.append(f"Skill in direction {told}: {value}{interval}")
    return [*lines, f"Folds with skill in direction: {skilled_folds(made.folds) or 0} of {len(made.folds)}"]
