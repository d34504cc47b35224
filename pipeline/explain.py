"""Why a decision was made: from the hash of the raw bar to the order, and whether the stored bars give it again."""

import contextlib
from pathlib import Path
from typing import Any

import pandas as pd

from live import assembly, companions
from live.feeds import ClosedBar, microseconds
from live.journal import Decision, Journal
from live.model import Model
from live.replay import MODE
from live.scoring import NO_SCORE, Scored
from live.window import COLUMNS, Window, bar_sha256
from market import instruments, settings, tables
from market.errors import AssayError, UnavailableError, UsageError, nearest
from registry import champion, known_good
from registry import record as records

_LATEST = 3


def explain(signal_id: str, home: Path | None = None) -> dict[str, Any]:
    """Return everything about the decision `signal_id`, from the runner's journal of `home` or a replay's.

    Raises UsageError for an unknown id, with the latest ones there are.
    """
    home = settings.home() if home is None else home
    path, decision = _found(home, signal_id)
    root = path.parent
    with contextlib.closing(Journal.read(path)) as journal:
        orders = [_order(journal, *one) for one in journal.orders_of(signal_id)]
    return {
        "signal_id": signal_id,
        "journal": str(path),
        "mode": _mode(path),
        "decision": decision._asdict() | {"ts": _iso(decision.ts), "at": _iso(decision.at)},
        "model": _model(home, decision) | ({"run_id": root.name.partition(".")[0]} if _mode(path) == MODE else {}),
        "again": _again(home, decision),
        "orders": orders,
        "home": str(root),
    }


def journals(home: Path) -> list[Path]:
    """Return every journal of a home: the runner's, the demo's, and those of replays."""
    return [path for path in (home / "journal.db", home / "demo" / "journal.db") if path.exists()] + sorted(
        home.glob("replays/*/journal.db")
    )


def _found(home: Path, signal_id: str) -> tuple[Path, Decision]:
    latest = []
    for path in journals(home):
        with contextlib.closing(Journal.read(path)) as journal:
            if found := journal.decision(signal_id):
                return path, found
            if last := journal.last_decision():
                latest.append(last.signal_id)
    told = f"the latest are {', '.join(latest[:_LATEST])}" if latest else "nothing has been decided here yet"
    raise UsageError(f"No decision {signal_id!r} in {home}: {told}.{nearest(signal_id, latest)}")


def _model(home: Path, decision: Decision) -> dict[str, Any]:
    """Return the bundle that decided, and the record of its promotion where it is the champion or was kept as one."""
    told: dict[str, Any] = {"bundle_sha256": decision.bundle_sha256, "run_id": None, "version": None, "serial": None}
    for root in (home, home / "demo"):
        with contextlib.suppress(AssayError):
            record = records.production(root).get(decision.series, {})
            if record.get("bundle_sha256") != decision.bundle_sha256:
                copy = known_good.of_bundle(root, decision.series, decision.bundle_sha256)
                record = copy.record if copy else {}
            if record:
                told |= {name: record.get(name) for name in ("run_id", "version", "serial")}
    return told


def _again(home: Path, decision: Decision) -> dict[str, Any]:
    """Work the decision's inputs out once more from the stored bars, and say of each whether it is the same."""
    try:
        bars, digest = _stored(home, decision)
        model = _loaded(home, decision)
        others = companions.read(home / "bars", {decision.series: model})
    except AssayError as error:
        return {"same": None, "why": str(error)}
    ts = pd.Timestamp(decision.ts, unit="us", tz="UTC")
    if ts not in bars.index:
        return {"same": False, "why": f"the stored bars hold none that closes at {ts}", "bars_sha256": digest}
    tail = bars.loc[:ts].iloc[-model.bars_needed :]
    window = Window(decision.series, model.timeframe, model.bars_needed)
    window.load(tail)
    beside = {symbol: others[name] for symbol, name in model.companions.items()}
    scored = model.scorer.scored(tail, beside) if model.asks(tail) else NO_SCORE
    checks = {
        "bar_sha256": bar_sha256(_bar(tail)) == decision.bar_sha256,
        "tail_sha256": window.sha256(model.bars_needed) == decision.tail_sha256,
        **{name: _equal(getattr(scored, name), getattr(decision, name)) for name in Scored._fields},
    }
    unlike = [name for name, same in checks.items() if not same]
    return {
        "same": not unlike,
        "why": f"differs: {', '.join(unlike)}" if unlike else "the stored bars give the same bytes and the same score",
        "bars_sha256": digest,
        "bars_needed": model.bars_needed,
        "checks": checks,
    }


def _stored(home: Path, decision: Decision) -> tuple[pd.DataFrame, str]:
    simulated = instruments.series_named(decision.series).simulated
    path = (home / "demo" if simulated else home) / "bars" / f"{decision.series}.parquet"
    manifest = tables.read_manifest(path)
    if manifest is None:
        raise UnavailableError(f"no bars of {decision.series} are stored any more")
    return tables.read_table(path, tables.BARS)[list(COLUMNS)], manifest.sha256


def _loaded(home: Path, decision: Decision) -> Model:
    for root in (home, home / "demo"):
        folder = root / "bundles" / decision.series / decision.bundle_sha256[:16]
        if not folder.exists() and (copy := known_good.of_bundle(root, decision.series, decision.bundle_sha256)):
            folder = copy.bundle
        if folder.exists():
            return assembly.judged(champion.load_bundle(folder, decision.bundle_sha256))
    raise UnavailableError(f"the bundle {decision.bundle_sha256[:16]} is not here any more")


def _bar(tail: pd.DataFrame) -> ClosedBar:
    return ClosedBar(microseconds(tail.index[-1]), *tail.iloc[-1].tolist())


def _order(journal: Journal, order: Any, state: str) -> dict[str, Any]:
    executions = [one for one in journal.executions(order.series) if one.client_id == order.client_id]
    return {
        "client_id": order.client_id,
        "side": order.side,
        "size": order.size,
        "state": state,
        "states": [one._asdict() | {"at": _iso(one.at)} for one in journal.states(order.client_id)],
        "executions": [one._asdict() | {"ts": _iso(one.ts)} for one in executions],
    }


def _mode(path: Path) -> str:
    with contextlib.closing(Journal.read(path)) as journal:
        return journal.sessions()[-1].mode


def _equal(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _iso(ts: int) -> str:
    return pd.Timestamp(ts, unit="us", tz="UTC").isoformat()
