"""The verbs that care for the registry: `assay registry sweep`, `prune` and `repair`."""

import sys

import click

from pipeline.cli_options import JSON


@click.group()
def registry() -> None:
    """Mend, prune or repair the registry of runs and models; docs/registry.md says what is where."""


@registry.command()
@JSON
def sweep(as_json: bool) -> None:
    """Mend what a crash left: dead runs, half models and versions, aliases that disagree with the signed record.

    Exits 3 where something is left that only a person can mend.
    """
    from pipeline import registry_care, screen, screen_care

    answer = registry_care.sweep()
    screen.show(answer, as_json, screen_care.swept)
    sys.exit(registry_care.exit_code(answer))


@registry.command()
@click.option("--keep", default=5, show_default=True, type=click.IntRange(1), help="Newest finished runs of a series.")
@click.option("--yes", is_flag=True, help="Delete for good; default: only say what would go.")
@JSON
def prune(keep: int, yes: bool, as_json: bool) -> None:
    """Say which runs nobody needs, with their size, and delete them for good with --yes; the ledger stays."""
    from pipeline import registry_care, screen, screen_care

    screen.show(registry_care.prune(keep, yes), as_json, screen_care.pruned)


@registry.command()
@JSON
def repair(as_json: bool) -> None:
    """Let the registry of a home that was moved or copied name the artifacts that lie in it now."""
    from pipeline import registry_care, screen, screen_care

    screen.show(registry_care.repair(), as_json, screen_care.repaired)


VERBS = (registry,)
