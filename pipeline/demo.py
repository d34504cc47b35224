"""`make demo`: what Assay does where it matters, one step after the other, on simulated markets; each step is checked.

Everything is made under `demo/` of the home, each market in a home of its own that `ASSAY_HOME` may name, so that
neither the real registry nor the built-in simulated market knows of it. A second run shows the same and trains nothing.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from feature_store import causality
from market import command, gate_settings, settings, simulated
from market.errors import AssayError
from pipeline import demo_frozen, demo_live, demo_parity, placebo, placebo_record, planted, planted_leak, screen
from pipeline.causality import leak_told
from pipeline.demo_step import Demo, Finding, Step, say
from pipeline.oracle import Oracle
from pipeline.planted import Market
from pipeline.screen import Screen
from registry import promotion
from registry.gates import GATES

_SEED = planted.SEEDS[0]
_CUTS = 25
NOISE = Market(0.0, _SEED)
PLANTED = Market(planted.EDGE, _SEED)


def leak(_: Demo) -> Finding:
    """A planted leak is named by column and bar."""
    bars = simulated.simulate(start="2019-01-02", end="2019-03-02", seed=_SEED)
    with planted_leak.entered() as name:
        leaks, cuts, columns = causality.examine(bars, ("momentum", name), _CUTS)
    for one in leaks:
        say(f"[red]LEAK[/] {escape(leak_told(one._asdict()))}")
    say(f"{planted.SERIES}: {columns} features, {sum(cuts.values())} cut points, {len(leaks)} leaks")
    named = ", ".join(f"{one.column} at {one.ts}" for one in leaks) or "no leak"
    return Finding(f"{planted_leak.COLUMN} and no other", named, [one.column for one in leaks] == [planted_leak.COLUMN])


def noise(demo: Demo) -> Finding:
    """A market without any edge is FAILED."""
    verdict = _judged(demo, NOISE, demo.noise)
    recorded = _production(demo.noise)
    found = f"{verdict['status']}, {len(recorded)} in production"
    return Finding("FAILED, 0 in production", found, verdict["status"] == "FAILED" and not recorded)


def gate(demo: Demo) -> Finding:
    """How often the gate promotes what has no edge is known: without that, nothing is promoted."""
    known = placebo_record.on_card(gate_settings.judging())
    if "why" in known:
        placebo.placebo("commit", None, demo.workers, Screen())
        known = placebo_record.on_card(gate_settings.judging())
    return Finding("worlds without an edge are not promoted", known["told"], known["status"] == "PASSED")


def edge(demo: Demo) -> Finding:
    """The same market with a planted edge is READY, and its model the champion."""
    verdict = _judged(demo, PLANTED, demo.planted)
    champion = _production(demo.planted).get(planted.SERIES, {}).get("run_id")
    found = f"{verdict['status']}, run {champion or 'none'} in production"
    shown = verdict["status"] == "READY" and champion == verdict["run_id"]
    return Finding(f"READY, run {verdict['run_id']} in production", found, shown)


STEPS: tuple[Step, ...] = (
    leak,
    noise,
    gate,
    edge,
    demo_live.paper,
    demo_live.alias,
    demo_frozen.frozen,
    demo_parity.compared,
)


def run(home: Path, workers: int | None, steps: Sequence[Step]) -> list[Finding]:
    """Run `steps` under `home`, print what each shows and how long it took, and return their findings."""
    demo = Demo(home, workers)
    findings: list[Finding] = []
    began = time.perf_counter()
    for number, step in enumerate(steps, start=1):
        say(f"\n[bold]{number} of {len(steps)}[/] {(step.__doc__ or '').splitlines()[0]}")
        started = time.perf_counter()
        finding = _found(step, demo, findings)
        findings.append(finding)
        took = f"in {time.perf_counter() - started:.1f} s"
        say(f"[green]Shown[/] {took}: {escape(finding.found)}" if finding.shown else f"[red]NOT SHOWN[/] {took}")
        if not finding.shown:
            say(escape(_unlike(number, finding)))
    shown = sum(finding.shown for finding in findings)
    say(f"\n{shown} of {len(findings)} steps showed what they must in {time.perf_counter() - began:.0f} s")
    return findings


def _found(step: Step, demo: Demo, before: Sequence[Finding]) -> Finding:
    """Return what `step` found; an error is raised, unless it may only follow from a step before it."""
    try:
        return step(demo)
    except AssayError as error:
        if all(finding.shown for finding in before):
            raise
        return Finding("what the steps before should have left", str(error), False)


def _judged(demo: Demo, market: Market, home: Path) -> dict[str, Any]:
    """Judge `market` in `home`; print its verdict and what the oracle of the same market brings."""
    progress = Screen()
    verdict = planted.judge(market, home, progress, demo.workers)
    verdict["open"] = f"ASSAY_HOME={home} assay ui --demo"
    screen.show(verdict, False, screen.verdict)
    say(escape(_oracle_told(planted.oracle_of(market, home))))
    return verdict


def _production(home: Path) -> dict[str, dict[str, Any]]:
    return promotion.production(planted.prepare(home).workspace.home)


def _oracle_told(oracle: Oracle) -> str:
    if oracle.choice.long is None:
        return "The oracle, which knows the hidden signal, finds nothing that pays its costs either: it does not trade."
    factor = "–" if oracle.profit_factor is None else GATES["profit_factor"].show(oracle.profit_factor)
    return f"The oracle, which knows the hidden signal: profit factor {factor} in {len(oracle.trades)} trades"


def _unlike(number: int, finding: Finding) -> str:
    return f"step {number}: wanted {finding.wanted}; found {finding.found}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--workers", type=click.IntRange(1), help="Processes; default: one for each core.")
def main(workers: int | None) -> None:
    """Show on simulated markets what Assay does where it matters; exits 0 only if every step showed it."""
    findings = run(settings.home() / "demo", workers, STEPS)
    unlike = [_unlike(number, one) for number, one in enumerate(findings, start=1) if not one.shown]
    if unlike:
        raise AssayError(f"The demo did not show what it must: {'; '.join(unlike)}.")


if __name__ == "__main__":
    command.run(main, "python -m pipeline.demo")
