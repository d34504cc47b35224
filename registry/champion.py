"""The champion of a series for other programs: verified, parsed natively, proven here, with the rules it was judged by.

The chain: signed record → the registry's alias agrees → the bytes that were promoted → a schema and features that are
known here → members parsed → golden rows and bars reproduced. MLflow is never imported. A champion that was exported
brings its record along instead.
"""

import functools
import importlib.metadata
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from filelock import FileLock, Timeout

from backtest.policy import Policy
from backtest.risk import Risk
from feature_store import own_groups
from labels import sampling
from labels.sampling import EVERY_BAR, Sampling
from market import settings
from market.errors import DataError, GateError, UnavailableError, UsageError
from market.execution import Costs, Exits
from market.hours import hours
from registry import alias, expiry, exported, golden, group_facts, history, known_good
from registry import record as records
from registry.bundle import READ, SCHEMA, read_bundle
from training import ensemble
from training.ensemble import Ensemble

PATIENCE = 60.0

Contents = tuple[dict[str, bytes], dict[str, Any]]
Rules = TypeVar("Rules")


class Bundle(NamedTuple):
    """A model with everything that was judged: its policy, risk, exits, costs, hours and the bars it needs.

    `sampling` says at which bars it was trained and judged (`labels.sampled`): its score means nothing at others.
    `record` is the signed record of its promotion, None where it was loaded without one and so is not for trading.
    `notes` are sentences about what was not checked and about libraries that differ though nothing else does.
    """

    series: str
    run_id: str
    sha256: str
    model: Ensemble
    policy: Policy
    risk: Risk
    exits: Exits
    costs: Costs
    market: str
    lookback: int
    meta: dict[str, Any]
    record: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    sampling: Sampling = EVERY_BAR

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return `p_down p_flat p_up` for each row of `features`, of events; NaN where a feature is not finite."""
        return self.model.predict(features)

    def score(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the score table on which `policy` decides, at the rows of `features`, of events, and at no others."""
        return ensemble.score(self.predict(features), self.model.outcomes)


def load_champion(series: str, home: Path | None = None) -> Bundle:
    """Return the champion of `series` from `production.json` of `home` (default: the configured one), and keep a copy.

    Raises UnavailableError where nothing of the series is in production or a part is missing or locked; GateError
    where the record is not signed by the trusted key, is older than one trusted before or has expired by the wall's
    clock, or the registry's alias says otherwise; DataError where a byte differs from what was promoted or this machine
    does not reproduce the evidence.
    """
    root = _home(series, home)
    return _kept(root, *_current(root, series))


def load_champion_or_last_good(series: str, home: Path | None = None) -> tuple[Bundle, str | None]:
    """Return the champion and None or, where the registry is unavailable, the last known good and the reason.

    What was altered, refused or withdrawn is not replaced by an older one: the error is raised as by `load_champion`.
    """
    root = _home(series, home)
    if (reason := _unreadable(root)) and (copy := known_good.newest(root, series)):
        return _last_good(root, series, copy, check_alias=True), reason
    try:
        loaded = _current(root, series)
    except UnavailableError as error:
        if reason or series not in records.production(root) or not (copy := known_good.newest(root, series)):
            raise
        return _last_good(root, series, copy, check_alias=False), str(error)
    return _kept(root, *loaded), None


def load_bundle(folder: Path, sha256: str, run_id: str = "") -> Bundle:
    """Return the bundle at `folder`, verified against the digest of its manifest, without any record of promotion.

    For replays of any run, a FAILED one too, and never for trading: its `record` is None. Raises DataError where a
    byte differs, or this machine does not reproduce the evidence.
    """
    files, meta = read_bundle(folder, sha256)
    return _parsed(f"Bundle {folder}", files, meta, sha256)._replace(run_id=run_id)


def load_exported(folder: Path, home: Path) -> Bundle:
    """Return the champion that `assay export` wrote to `folder`, to be traded in `home`, and keep a copy there.

    Neither a registry nor `production.json` is needed: signatures by the trusted key are all there is. Raises GateError
    for a run that was exported without a record, a foreign key, a record that has expired or is older than one that is
    known in `home`; DataError where a byte differs or this machine does not reproduce the evidence.
    """
    found = exported.read(folder)
    series, record = found.series, found.record
    if record is None:
        raise GateError(
            f"{folder} is run {found.run_id} of {series} without a record of promotion, so it is not for trading: "
            f"replay it with --run {found.run_id}."
        )
    where = folder / exported.RECORD
    records.verify(home, series, record, str(where))
    known_good.refuse_older(home, series, record, where)
    history.refuse_superseded(home, series, record, where)
    contents = read_bundle(found.bundle, record["bundle_sha256"])
    return _kept(home, _of_record(found.bundle, series, contents, record, ""), contents)


def _home(series: str, home: Path | None) -> Path:
    return records.home_of(series) if home is None else home


def _current(root: Path, series: str) -> tuple[Bundle, Contents]:
    record, note = _agreed(root, series)
    folder = root / record["bundle"]
    if not folder.exists():
        raise UnavailableError(f"{series}: its champion's bundle {folder} is missing: restore it, or promote again.")
    contents = read_bundle(folder, record["bundle_sha256"])
    return _of_record(folder, series, contents, record, note), contents


def _agreed(root: Path, series: str) -> tuple[dict[str, Any], str]:
    """Return the trusted record and what was not checked; asks again once a promotion that is under way has ended."""
    try:
        return _record(root, series)
    except GateError:
        lock = root / "production.lock"
        if not lock.exists():
            raise
        try:
            with FileLock(lock, timeout=PATIENCE):
                return _record(root, series)
        except Timeout:
            raise UnavailableError(f"{series}: a promotion in {root} has not ended: wait for it.") from None


def _record(root: Path, series: str) -> tuple[dict[str, Any], str]:
    record = records.trusted(root, series)
    if record is None:
        alias.refuse_unrecorded(root, series)
        raise UnavailableError(f"No champion of {series} in {root}: no model of it has passed every benchmark.")
    known_good.refuse_older(root, series, record)
    return record, alias.check(root, series, record)


def _kept(root: Path, champion: Bundle, contents: Contents) -> Bundle:
    known_good.keep(root, champion.series, champion.record or {}, *contents)
    return champion


def _unreadable(root: Path) -> str | None:
    """Return why nobody can tell what is in production in `root`, or None where the file can be read."""
    path = records.production_path(root)
    if not path.exists():
        return f"No {path}: what is in production is not known."
    try:
        records.production(root)
    except UnavailableError as error:
        return str(error)
    return None


def _last_good(root: Path, series: str, copy: known_good.Copy, check_alias: bool) -> Bundle:
    note = ""
    if check_alias:
        try:
            note = alias.check(root, series, copy.record)
        except UnavailableError as error:
            note = str(error)
    return _of_record(copy.bundle, series, read_bundle(copy.bundle, copy.record["bundle_sha256"]), copy.record, note)


def _of_record(folder: Path, series: str, contents: Contents, record: dict[str, Any], note: str) -> Bundle:
    expired = expiry.check(series, record)
    found = _parsed(f"Bundle {folder}", *contents, record["bundle_sha256"])
    if found.series != series:
        raise DataError(f"Bundle {folder} is of {found.series}, its record is of {series}: refused.")
    notes = tuple(one for one in (*found.notes, note, expired) if one)
    return found._replace(run_id=record["run_id"], record=record, notes=notes)


def _parsed(where: str, files: Mapping[str, bytes], meta: Mapping[str, Any], sha256: str) -> Bundle:
    """Return the bundle of verified bytes, once this machine has reproduced its golden evidence."""
    if meta.get("schema") not in READ:
        known = " and ".join(map(str, READ))
        raise DataError(f"{where} has schema {meta.get('schema')!r}, this version reads {known}: train again.")
    differing = _differing(_told(where, lambda: dict(meta["versions"])))
    _check_own_groups(where, meta.get("own_groups", {}))
    evidence = _told(where, lambda: golden.parse(files[golden.FILE]))
    golden.check_features(evidence, where, differing)
    model = _told(where, lambda: ensemble.from_files(dict(files)))
    if set(model.features) != set(evidence.last.index):
        raise DataError(f"{where}: its golden evidence is of other features than its model: train again.")
    golden.check_predictions(evidence, model, where, differing)
    bundle = _told(where, lambda: _bundle(model, meta, sha256))
    golden.check_events(evidence, bundle.sampling, where)
    _check_hours(where, meta)
    notes = (f"Predictions are identical{differing}." if differing else "", group_facts.changed(meta))
    return bundle._replace(notes=tuple(note for note in notes if note))


def _check_own_groups(where: str, used: Mapping[str, str]) -> None:
    """Raise UsageError unless the user's own feature groups that the model uses are here, byte for byte."""
    here = own_groups.enter(settings.own_groups_folder())
    if other := [name for name, digest in used.items() if here.get(name) != digest]:
        told = ", ".join(f"{name} (sha256 {used[name][:16]}…)" for name in other)
        raise UsageError(
            f"{where} was trained with its owner's feature groups {told}, which the folder of config/features.toml "
            "does not hold as they were then: put those files there, or train again."
        )


def _check_hours(where: str, meta: Mapping[str, Any]) -> None:
    """Raise UsageError where the market's hours are others than those that the model was judged in."""
    judged, here = meta.get("hours"), hours(meta["market"])._asdict()
    if judged is not None and judged != here:
        changed = ", ".join(
            f"{name} {judged.get(name)} → {here[name]}" for name in here if judged.get(name) != here[name]
        )
        raise UsageError(
            f"{where} was judged in other hours of the {meta['market']} market than config/sessions.toml has "
            f"({changed}): restore them, or train again."
        )


def _bundle(model: Ensemble, meta: Mapping[str, Any], sha256: str) -> Bundle:
    return Bundle(
        series=meta["series"],
        run_id="",
        sha256=sha256,
        model=model,
        policy=_policy(meta["policy"]),
        risk=Risk(**meta["risk"]),
        exits=Exits(**meta["exits"]),
        costs=Costs(**meta["costs"]),
        market=meta["market"],
        lookback=meta["lookback"],
        meta=dict(meta),
        sampling=sampling.read(meta["sampling"]) if meta["schema"] == SCHEMA else EVERY_BAR,
    )


def _policy(stored: Mapping[str, Any]) -> Policy:
    """Return the policy; a bound of None can never be reached: "no trade" of a threshold, "off" of the volatility."""
    never = {"long_threshold": math.inf, "short_threshold": -math.inf, "max_volatility": math.inf}
    unreached = {name: bound for name, bound in never.items() if name in stored and stored[name] is None}
    return Policy(**dict(stored) | unreached | {"blocked_sessions": tuple(stored["blocked_sessions"])})


def _told(where: str, made: Callable[[], Rules]) -> Rules:
    """Return what `made` returns; whatever the parsers of verified bytes raise becomes one sentence."""
    try:
        return made()
    except Exception as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{where} is not a bundle that this version can read ({why}): train again.") from error


def _differing(versions: Mapping[str, str]) -> str:
    """Return a phrase that names the libraries that differ between training and here, or ""."""
    here = {name: _version(name) for name in versions}
    told = [f"{name} {versions[name]} then, {here[name]} here" for name in versions if versions[name] != here[name]]
    return f"; libraries differ: {', '.join(told)}" if told else ""


@functools.cache
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
