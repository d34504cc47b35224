"""Promotion as it is typed, and as training does it: the champion is traded beside the candidate, then one decides."""

from typing import Any

import pandas as pd

from backtest import simulate
from live import assembly, companions
from market import gate_settings, instruments, promotion_settings, settings, tables
from market.errors import AssayError, GateError, UnavailableError, UsageError
from pipeline import answers, parity, placebo_record, workspace
from pipeline.screen import Screen
from pipeline.workspace import Workspace
from registry import champion, golden, incumbent, ledger, promotion, runs
from registry import record as records
from registry.bundle import read_bundle
from registry.card import Card
from registry.champion import Bundle
from registry.incumbent import Account, Comparison, Stretch, not_comparable


def promote(name: str, run_id: str | None, why: str, unproven: bool, screen: Screen) -> dict[str, Any]:
    """Promote a run of the series `name`, by default the last one, and return its signed record.

    Raises as `promoted` does; UnavailableError without a run, UsageError for an unknown one or another series'.
    """
    target = workspace.of(instruments.series_named(name))
    card = _card(target, run_id)
    with screen.stage("promote"):
        return {"series": card.series} | promoted(target, card, why, unproven)


def settled(target: Workspace, card: Card, unproven: bool = False) -> dict[str, Any]:
    """Promote a run that was just judged where that may be done without a person, and say what came of it.

    `promoted`, `version` (None where it was not) and `why`. READY remains READY where the champion stays.
    """
    if card.status != "READY":
        return {"promoted": False, "version": None, "why": "Only READY is promoted."}
    try:
        record = promoted(target, card, unproven=unproven)
    except GateError as error:
        return {"promoted": False, "version": None, "why": str(error)}
    return {"promoted": True, "version": record["version"], "why": record["why"]}


def promoted(target: Workspace, card: Card, why: str = "", unproven: bool = False) -> dict[str, Any]:
    """Make the model of `card` champion, over an incumbent only where it is better, and return the signed record.

    The one way to promotion, for training and by hand. Raises as `registry.promotion.promote`, and GateError for a run
    that was judged by other gates than those that decide now.
    """
    promotion.require_ready(card)
    _require_gates_of_today(card)
    if not unproven:
        _require_gate_not_failed()
    rival = promotion.to_beat(target.home, card)
    comparison = None if rival is None else compared(target, card, rival)
    folder = target.bundles / card.bundle_sha256[:16]
    return promotion.promote(target.home, card, folder, comparison, why, unproven)


def compared(target: Workspace, card: Card, rival: dict[str, Any]) -> Comparison:
    """Return whether the model of `card` is better than that of the record `rival`, on bars that neither was fitted on.

    Each trades by its own policy, barriers, risk and costs. Costs must be the same, and the last bars that each was
    trained on must be stored as they were then, or nothing is compared. Where the incumbent is judged beyond its own
    window, that is a look and counts.
    """
    serial = rival.get("serial", 0)
    try:
        records.verify(target.home, card.series, rival, str(records.production_path(target.home)))
        old = champion.load_bundle(target.home / rival["bundle"], rival["bundle_sha256"], rival["run_id"])
    except AssayError as error:
        return not_comparable(f"the champion cannot be judged ({str(error).rstrip('.')})")._replace(serial=serial)
    new = champion.load_bundle(target.bundles / card.bundle_sha256[:16], card.bundle_sha256, card.run_id)
    bars = tables.read_table(target.bars, tables.BARS).loc[: pd.Timestamp(new.meta["window"]["cut_off"])]
    inside = common(pd.DatetimeIndex(bars.index), new, old)
    folders = (target.bundles / card.bundle_sha256[:16], target.home / rival["bundle"])
    unlike = _other_costs(new, old) or _other_bars(bars, *zip(folders, (new, old), strict=True))
    if unlike or not len(inside):
        told = unlike or "no stored bar lies after both trainings and before the cut-off of the run"
        return not_comparable(told)._replace(serial=serial)
    manifest = tables.verified(target.bars, tables.BARS)
    _look(target, old, inside, manifest.sha256)
    accounts = [_account(target, one, bars, inside[0]) for one in (new, old)]
    found = incumbent.compare(accounts[0], accounts[1], promotion_settings.promotion())
    on = Stretch(inside[0].isoformat(), inside[-1].isoformat(), len(inside), manifest.sha256)
    return found._replace(serial=serial, on=on)


def common(ts: pd.DatetimeIndex, candidate: Bundle, rival: Bundle) -> pd.DatetimeIndex:
    """Return the closes among `ts` that neither model was trained on: after the later of the two training ends."""
    ends = [pd.Timestamp(one.meta["window"]["development_end"]) for one in (candidate, rival)]
    return ts[ts > max(ends)]


def _card(target: Workspace, run_id: str | None) -> Card:
    if run_id is None:
        if not (target.run / "card.json").exists():
            raise UnavailableError(f"No verdict for {target.series.name} yet: run `assay train`.")
        return answers.read(target)
    card = runs.find_run(settings.home(), run_id)
    if card.series != target.series.name:
        raise UsageError(f"Run {card.run_id} is of {card.series}, not of {target.series.name}: name its own series.")
    return card


def _require_gates_of_today(card: Card) -> None:
    judging = gate_settings.judging()
    judged_by = {gate.name: float(gate.wanted) for gate in card.gates}
    if card.profile != judging.decides or judged_by != judging.profiles[judging.decides]:
        raise GateError(
            f"{card.series} run {card.run_id} was judged by profile {card.profile} as it was then, and promotion is "
            f"decided by {judging.decides} as config/gates.toml has it now: `assay train` judges it anew."
        )


def _require_gate_not_failed() -> None:
    """Raise GateError where the placebo has failed since the card was made: what failed may not promote."""
    known = placebo_record.on_card(gate_settings.judging())
    if "why" not in known and known["status"] != "PASSED":
        raise GateError(f"{known['told']} Nothing is promoted by it; --unproven waives that for paper trading.")


def _other_costs(new: Bundle, old: Bundle) -> str:
    """Return a phrase where the two were judged with other costs, else ""."""
    names = [name for name in new.costs._fields if getattr(new.costs, name) != getattr(old.costs, name)]
    told = ", ".join(f"{name} {getattr(old.costs, name)} → {getattr(new.costs, name)}" for name in names)
    return f"it was judged with other costs than the champion ({told})" if told else ""


def _other_bars(bars: pd.DataFrame, *models: tuple[Any, Bundle]) -> str:
    """Return a phrase where the stored bars are not those that one of the models was trained on, else ""."""
    for folder, bundle in models:
        files, _ = read_bundle(folder, bundle.sha256)
        known = golden.parse(files[golden.FILE]).bars
        if not bars.reindex(known.index)[list(known)].equals(known):
            return (
                f"run {bundle.run_id} was trained on other bars than are stored now, as its last ones "
                f"(to {known.index[-1]:%Y-%m-%d %H:%M}) show"
            )
    return ""


def _look(target: Workspace, old: Bundle, inside: pd.DatetimeIndex, bars_sha256: str) -> None:
    """Count the look at bars beyond the incumbent's own window, before anybody sees a number."""
    if inside[-1] <= pd.Timestamp(old.meta["window"]["cut_off"]):
        return
    ledger.record(
        target.home,
        target.series.name,
        "look",
        bars_sha256=bars_sha256,
        config_sha256=tables.sha256_of([old.policy, old.exits, old.costs, old.risk]),
        oos_start=(inside[0] - pd.Timedelta(microseconds=1)).isoformat(),
        cut_off=inside[-1].isoformat(),
        model=old.sha256,
        run_id=old.run_id,
        command="promote",
    )


def _account(target: Workspace, bundle: Bundle, bars: pd.DataFrame, first: pd.Timestamp) -> Account:
    """Return the trades and equity of `bundle` by its own rules on `bars` from `first` on."""
    model = assembly.judged(bundle)
    held = companions.read(target.home / "bars", {model.series: model})
    others = {symbol: held[name] for symbol, name in model.companions.items()}
    score = parity.scored(bundle, bars, first, others or None)
    return simulate(bars, score, bundle.policy, bundle.exits, bundle.costs, bundle.risk, bundle.market)
