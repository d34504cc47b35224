"""Whether a champion should be trained again: its trades since it was judged, by the journal or by the backtest."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import feature_store
from backtest.engine import run
from feature_store import groups as feature_groups
from labels.sampling import sampled
from live import assembly, replay
from live import parity as journaled
from live.journal import Journal
from market import instruments, retraining_settings, settings, tables
from market.atr import atr
from market.errors import UnavailableError
from pipeline import parity, workspace
from pipeline.doctor_drift import FEWEST, Shift, shift, windows_before
from pipeline.doctor_run import instant
from pipeline.screen import Screen
from pipeline.workspace import Workspace
from registry import champion, ledger, runs
from registry import record as records
from registry.card import Card
from registry.champion import Bundle
from registry.expiry import expired
from registry.plain_values import plain
from registry.retraining import Rule, any_wrong, claimed, months_of, rules, verdict

JOURNAL, SIMULATED = "journal", "simulated"

_LONGEST, _SHORTEST = pd.Timedelta(days=91), pd.Timedelta(days=28)  # of the stretch that is asked for its regime
_OTHERS = 19  # stretches of that length to compare with: by chance the latest is the furthest in one of twenty cases


class Traded(NamedTuple):
    """What the champion has traded since it was judged, on which bars, and whence that is known."""

    source: str
    told: str
    trades: pd.DataFrame
    bars: pd.DatetimeIndex


def advise(name: str, screen: Screen) -> dict[str, Any]:
    """Return whether the champion of the series `name` should be trained again, rule by rule, and why.

    Its trades are those of the journal where it has any, else what the backtest makes of the bars that came after its
    judged window: that is a look, and counted. Raises UnavailableError without a champion or without bars, GateError or
    DataError where its record or bundle cannot be trusted.
    """
    target, record = _champion(name)
    bundle = champion.load_bundle(target.home / record["bundle"], record["bundle_sha256"], record["run_id"])
    card = runs.find_run(settings.home(), record["run_id"])
    workspace.require_bars(target)
    bars = tables.read_table(target.bars, tables.BARS)
    with screen.stage("trades"):
        traded = _traded(target, bundle, card, bars)
    asked = retraining_settings.retraining()
    months = months_of(traded.trades, traded.bars)
    claim = claimed(card.oos, _days(card))
    found = [] if claim is None else rules(months, claim, asked)
    with screen.stage("regime"):
        regimes = _regimes(target, bundle, card, bars)
    found += regimes
    return {
        "series": target.series.name,
        "run_id": card.run_id,
        "verdict": verdict(found),
        "source": traded.source,
        "source_told": traded.told,
        "first": None if not len(traded.bars) else traded.bars[0].isoformat(),
        "last": None if not len(traded.bars) else traded.bars[-1].isoformat(),
        "trades": len(traded.trades),
        "months": [month._asdict() for month in months],
        "claim": None if claim is None else claim._asdict() | {"break_even": claim.break_even},
        "rules": [plain(rule._asdict()) for rule in found],
        "any_wrong": None if claim is None else any_wrong(months, claim, asked),
        "regime_wrong": sum(rule.wrong or 0.0 for rule in regimes),
        "expires": record.get("expires"),
        "expired": expired(record),
    }


def _champion(name: str) -> tuple[Workspace, dict[str, Any]]:
    """Return where the champion of a series is and its verified record; the simulated one where that is all."""
    series = instruments.series_named(name)
    for one in (series, series._replace(simulated=True)):
        target = workspace.of(one)
        if record := records.trusted(target.home, one.name):
            return target, record
    raise UnavailableError(
        f"No champion of {name}: there is nothing to train again. `assay train {series.symbol} "
        f"{series.timeframe.name}` makes one, where it is READY."
    )


def _traded(target: Workspace, bundle: Bundle, card: Card, bars: pd.DataFrame) -> Traded:
    return _by_journal(target.home / "journal.db", bundle) or _by_backtest(target, bundle, card, bars)


def _by_journal(path: Path, bundle: Bundle) -> Traded | None:
    """Return the trades that the journal holds of this very bundle, None where it holds none."""
    if not path.exists():
        return None
    with contextlib.closing(Journal.read(path)) as journal:
        decisions = list(journal.decisions(bundle.series))
        executions = journal.executions(bundle.series)
        modes = ", ".join(dict.fromkeys(one.mode for one in journal.sessions()))
    own = [one for one in decisions if one.bundle_sha256 == bundle.sha256]
    if not own:
        return None
    stamps = journaled.table_of(own).index
    trades = journaled.trades_of(executions, decisions)
    ordered = journaled.table_of([one for one in decisions if one.side != 0])
    before = ordered.index.searchsorted(trades.index) - 1
    trades = trades[(ordered["bundle_sha256"] == bundle.sha256).to_numpy()[before]]
    if not len(trades):
        return None
    return Traded(JOURNAL, f"the journal {path} ({modes} trading)", trades, pd.DatetimeIndex(stamps))


def _by_backtest(target: Workspace, bundle: Bundle, card: Card, bars: pd.DataFrame) -> Traded:
    """Return what the champion would have traded on the bars after its judged window; those bars are looked at."""
    after = instant(card.window, "cut_off")
    inside = pd.DatetimeIndex(bars.index[bars.index > after])
    told = "simulated trading: the backtest of the champion on the bars after its judged window"
    if not len(inside):
        return Traded(SIMULATED, f"{told}, of which none are stored", _no_trades(), inside)
    ledger.record(
        target.home,
        target.series.name,
        "look",
        bars_sha256=tables.sha256_of_file(target.bars),
        config_sha256=tables.sha256_of([bundle.sha256]),
        oos_start=after.isoformat(),
        cut_off=inside[-1].isoformat(),
        model=bundle.sha256,
        run_id=card.run_id,
        command="advise",
    )
    score = parity.scored_as_stored(bundle, bars, inside[0])
    given = (bundle.policy, bundle.exits, bundle.costs, bundle.risk, bundle.market)
    return Traded(SIMULATED, f"{told} (a look, in the ledger)", run(bars, score, *given).trades, inside)


def _no_trades() -> pd.DataFrame:
    return pd.DataFrame({"t_exit": pd.DatetimeIndex([], tz="UTC"), "r": np.empty(0)})


def _days(card: Card) -> float:
    return (instant(card.window, "cut_off") - instant(card.window, "oos_start")) / pd.Timedelta(days=1)


def _regimes(target: Workspace, bundle: Bundle, card: Card, bars: pd.DataFrame) -> list[Rule]:
    """Return what features and volatility say of the latest stretch, against all stretches of its length before.

    It is as long as history allows to have 19 others to compare with, and no longer than what came after the judged
    window, or a quarter.
    """
    start, after = (instant(card.window, name) for name in ("history_start", "cut_off"))
    last = bars.index[-1]
    length = min(last - after, (last - start) / (_OTHERS + 2), _LONGEST)
    days = max(length / pd.Timedelta(days=1), 0.0)
    told = {
        "features": f"the model's features, by importance, over {days:.0f} days further from all else than before",
        "volatility": f"volatility (ATR ÷ price) over {days:.0f} days further from all else than before",
    }
    if length < _SHORTEST:
        why = f"{days:.0f} days to ask, wanted {_SHORTEST.days}, and {_OTHERS} stretches as long before"
        return [_unasked(name, text, why) for name, text in told.items()]
    begin = last - length
    ranges = np.log(atr(bars, bundle.exits.atr_period) / bars["close"].to_numpy())
    columns = {"volatility": pd.DataFrame({"volatility": ranges}, index=bars.index)}
    try:
        columns["features"] = _features(target, bundle, bars)
    except UnavailableError as error:
        missing = [_unasked("features", told["features"], str(error).rstrip("."))]
    else:
        missing = []
    weights = pd.Series(bundle.model.importance())
    found = []
    for name, table in columns.items():
        table = table[table.index > start]
        window = windows_before(pd.DatetimeIndex(table.index), begin, last)
        moved = shift(table, window, weights if name == "features" else None)
        found.append(_shifted(name, told[name], moved))
    return sorted([*found, *missing], key=lambda rule: rule.name)


def _shifted(name: str, told: str, moved: Shift | None) -> Rule:
    if moved is None:
        return _unasked(name, told, f"fewer than {FEWEST} stretches of its length came before it")
    worst = ", ".join(f"{one} {index:.2f}" for one, index in moved.worst.items())
    text = f"{told} in {moved.windows} such stretches{f' (most: {worst})' if name == 'features' else ''}"
    return Rule(name, text, (moved.judged,), moved.largest, moved.furthest, 0, 1.0 / (moved.windows + 1), None, "")


def _unasked(name: str, told: str, why: str) -> Rule:
    return Rule(name, told, (), 0.0, None, 0, None, None, "", why)


def _features(target: Workspace, bundle: Bundle, bars: pd.DataFrame) -> pd.DataFrame:
    """Return the model's features at its events: those stored, and computed where newer bars have come.

    Raises UnavailableError where they are not stored.
    """
    names = list(bundle.model.features)
    if not target.features.exists() or (set(names) - set(tables.column_names(target.features, tables.FEATURES))):
        raise UnavailableError(f"no features of the model are stored: run `assay enrich {target.series.name}`.")
    stored = tables.read_table(target.features, tables.FEATURES, names)
    newer = bars.index[bars.index > stored.index[-1]]
    if len(newer):
        stored = pd.concat([stored, _computed(bundle, bars, len(newer))])
    events = sampled(bars, bundle.sampling)
    return stored.loc[stored.index.isin(events)]


def _computed(bundle: Bundle, bars: pd.DataFrame, rows: int) -> pd.DataFrame:
    groups = feature_groups.chosen(sorted({name.partition("__")[0] for name in bundle.model.features}))
    timeframe = instruments.series_named(bundle.series).timeframe
    tail = bars.iloc[-(rows + feature_store.lookback(groups, timeframe)) :]
    companions = _companions(bundle)
    return feature_store.compute(tail, groups, companions=companions).iloc[-rows:][list(bundle.model.features)]


def _companions(bundle: Bundle) -> Mapping[str, pd.DataFrame] | None:
    model = assembly.judged(bundle)
    if not model.companions:
        return None
    return replay.stored_companions(settings.home(), runs.find_run(settings.home(), bundle.run_id), model)
