"""The record that features and labels, as their code is now, know nothing of the future; training needs one.

It is about code, the groups and the rules of a label, not about bars: of those it tells only which were looked at. A
check that finds a leak leaves none.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import feature_store
from feature_store import own_groups
from market import durable, tables
from market.errors import GateError
from market.sessions import hours
from pipeline import companions, receipts
from pipeline.job import Job
from pipeline.receipts import Order, Receipt

STAGE = "causality"
LEAST_CUTS = 50
"""Cut points that a record needs, and that `assay train` tries where there is none."""

_MODULES = ("feature_store", "feature_store.causality", "labels", "labels.horizon")


def groups_of(job: Job) -> tuple[str, ...]:
    """Return the feature groups of the series, as `enrich` computes them."""
    manifest = tables.read_manifest(job.workspace.bars)
    has_volume = bool(manifest is None or manifest.facts.get("has_volume", True))
    return feature_store.groups_for(has_volume, companions.look(job).stored)


def read(job: Job) -> Receipt | None:
    """Return the record that stands, whatever it is worth now; None where there is none."""
    return receipts.read(job.workspace.receipt(STAGE))


def stale(job: Job) -> str | None:
    """Return why the series has no record for its features and labels as they are now (one phrase), or None."""
    return order_of(job).stale(job.workspace.receipt(STAGE))


def require(job: Job) -> None:
    """Raise GateError unless the record stands."""
    why = stale(job)
    if why is not None:
        symbol, name = job.series.symbol, job.series.timeframe.name
        raise GateError(
            f"{job.series.name}: nothing shows that its features and labels know nothing of the future ({why}): run "
            f"`assay causality {symbol} {name}`."
        )


def keep(job: Job, facts: Mapping[str, Any], seconds: float) -> Receipt:
    """Write the record of a check that found nothing, and return it."""
    order = order_of(job)
    receipt = Receipt(
        stage=order.stage,
        inputs=order.inputs,
        config_sha256=tables.sha256_of(order.config),
        code_sha256=receipts.code_sha256(*order.modules),
        outputs={},
        facts=dict(facts) | {"made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")},
        seconds=seconds,
    )
    durable.write_json(job.workspace.receipt(STAGE), receipt.model_dump())
    return receipt


def withdraw(job: Job) -> None:
    """Remove the record: a leak was found."""
    job.workspace.receipt(STAGE).unlink(missing_ok=True)


def on_card(job: Job) -> dict[str, Any]:
    """Return what a model card tells of the record: cut points, leaks, when, and the digest of the code."""
    record = read(job)
    if record is None:
        return {}
    told = {name: record.facts[name] for name in ("cuts", "labels", "columns", "made_at")}
    return told | {"code_sha256": record.code_sha256}


def order_of(job: Job) -> Order:
    """Return what a record is made from: code, groups and the rules of a label."""
    groups = groups_of(job)
    beside, market = sorted(companions.look(job).stored), job.instrument.market
    return Order(
        stage=STAGE,
        inputs={},
        config=[groups, beside, own_groups.entered(), job.exits, job.instrument.costs, market, hours(market)],
        modules=(*_MODULES, *(feature_store.GROUPS[name].__name__ for name in groups)),
    )
