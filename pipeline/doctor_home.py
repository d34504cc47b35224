"""`assay doctor --home`: whether an installation and its home are sound. It reads, and mends nothing."""

from typing import Any

from market import settings
from pipeline import doctor_data as data
from pipeline import doctor_installation as installation
from pipeline import doctor_registry as registry
from pipeline.doctor_findings import Check, examine
from pipeline.doctor_installation import Home

CHECKS: tuple[Check[Home], ...] = (
    Check(
        "python",
        "critical",
        "the version of Python",
        installation.python,
        "Make the environment anew with the Python that pyproject.toml asks for.",
    ),
    Check(
        "versions",
        "warning",
        "installed packages against requirements.lock",
        installation.versions,
        "Run `make setup`, which installs what requirements.lock names.",
    ),
    Check(
        "settings",
        "critical",
        "the files of the settings folder",
        installation.settings_read,
        "Correct the file as the sentence says; nothing runs on settings that cannot be read.",
    ),
    Check(
        "gate",
        "note",
        "how often the gate, as it is now, promotes what has no edge",
        installation.error_rate,
        "Run `assay placebo`, tier night for live trading; without it nothing is promoted.",
    ),
    Check(
        "disk",
        "warning",
        "free space where the home is",
        installation.disk,
        "Make room: a training of one series writes about a gigabyte.",
    ),
    Check(
        "port",
        "note",
        "whether the port of `assay ui` is free",
        installation.port,
        "Choose another with `assay ui --port`, if that is not the UI itself.",
    ),
    Check(
        "tables",
        "critical",
        "each stored table against its manifest and its schema",
        data.tables_verified,
        "Delete the table with its manifest and make it again; bars are imported or fetched again.",
    ),
    Check(
        "receipts",
        "warning",
        "what each stage wrote against its receipt",
        data.receipts_match,
        "Run `assay train` for the series: stages whose files are missing or changed run again.",
    ),
    Check(
        "leftovers",
        "note",
        "temporary files of processes that are gone, and tables without a manifest",
        data.leftovers,
        "Delete them while nothing runs; the next command that locks the series removes its own.",
    ),
    Check(
        "ledger",
        "critical",
        "every line of the ledger",
        data.ledger_read,
        "Restore ledger.jsonl from a backup: it is never edited.",
    ),
    Check(
        "database",
        "critical",
        "whether the registry opens and is whole",
        registry.database,
        "Restore mlflow.db from a backup, or move it aside to start a new one: cards and bundles stay.",
    ),
    Check(
        "running",
        "note",
        "runs that are still RUNNING in the registry",
        registry.running,
        "If nothing is training, run `assay registry sweep`, which marks those KILLED whose writer is gone.",
    ),
    Check(
        "moved",
        "warning",
        "whether artifacts of the registry lie in this home",
        registry.moved,
        "Run `assay registry repair`, which lets the registry name the artifacts in this home.",
    ),
    Check(
        "production",
        "critical",
        "each champion: its signed record, the registry's alias and the bundle on the disk",
        registry.production,
        "Promote a model that passed again (`assay train`); until then nothing of this series may trade.",
    ),
    Check(
        "keys",
        "critical",
        "where the signing keys are, who may read them, and whether they are a pair",
        registry.keys,
        "Keep keys in a folder of your own outside of the home: chmod 700 the folder, 600 production.key.",
    ),
    Check(
        "imports",
        "critical",
        "whether each package that numbers come from can be imported",
        installation.imports,
        "Install the package again as requirements.lock has it, with the system libraries that its message names.",
    ),
)


def examine_home() -> dict[str, Any]:
    """Examine the installation and the home, with its demo home where there is one."""
    home = settings.home()
    return {"home": str(home)} | examine(CHECKS, installation.at(home))
