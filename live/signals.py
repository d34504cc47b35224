"""Signals for other programs: what the model would do at the close of the last bar, or why nothing."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from backtest.entry import entry
from backtest.policy import Observation, unasked
from backtest.risk import Account, fresh, on_day
from live import reasons
from live.model import Model, of_bundle
from live.scoring import NO_SCORE, Scored
from market import instruments
from market.errors import DataError, UsageError
from market.execution import Bar, State, opened
from market.tape import Tape, bar_at, indexed, last
from registry.champion import Bundle

NEVER = 1 << 40  # bars since an exit where there was none


class Signal(NamedTuple):
    """A trade proposed at the close `ts`, long, short or none; prices are as if the next bar opened at this close.

    `reward_to_risk` is target distance ÷ stop distance, `size` is in lots; without a trade prices are NaN, the size is
    0 and `reason` says why.
    """

    signal_id: str
    series: str
    ts: pd.Timestamp
    side: str
    entry: float
    stop: float
    target: float
    reward_to_risk: float
    confidence: float
    size: float
    score: float
    reason: str


class SignalGenerator:
    """Asks a verified bundle for signals, by the policy and the risk that it was judged with.

    >>> from live import SignalGenerator
    >>> from registry import load_champion
    >>> generator = SignalGenerator(load_champion("XAUUSD_15T"))     # doctest: +SKIP
    >>> generator.generate_signal("XAUUSD", "15T", bars).side        # doctest: +SKIP
    'none'
    """

    def __init__(self, bundle: Bundle) -> None:
        self._model = of_bundle(bundle, "champion", bundle.policy, bundle.risk)
        self._account = fresh(self._model.risk)

    @property
    def bars_needed(self) -> int:
        """Return how many bars a signal needs."""
        return self._model.bars_needed

    def generate_signal(
        self, symbol: str, timeframe: str, bars: pd.DataFrame, companions: Mapping[str, pd.DataFrame] | None = None
    ) -> Signal:
        """Return the signal at the last of `bars` (a bars table, indexed by or carrying `ts`), for a fresh account.

        `companions` are bars tables, by symbol, of those that the bundle compares with (`meta["companions"]`).
        Raises UsageError where the bundle is another series', DataError for bars that are too few or not clean.
        """
        model = self._model
        asked = instruments.series(symbol, timeframe).name
        if asked != model.series.removeprefix(instruments.SIMULATED):
            raise UsageError(f"This bundle trades {model.series}, not {asked}: load the champion of {asked}.")
        tail = indexed(bars)
        if len(tail) < model.bars_needed:
            raise DataError(f"A signal of {model.series} needs {model.bars_needed} bars, found {len(tail)}: give more.")
        now = last(tail, model.costs, model.exits.atr_period, model.market)
        if lacking := sorted(model.companions.keys() - (companions or {}).keys()):
            raise UsageError(f"The bundle of {model.series} compares with {', '.join(lacking)}: give their bars too.")
        others = {symbol: (companions or {})[symbol] for symbol in model.companions}
        event = model.asks(tail)
        scored = model.scorer.scored(tail, others) if event else NO_SCORE
        account = on_day(self._account, int(now.day[0]), model.risk)
        seen = observed(now, scored, NEVER)
        state, why = decided(model, seen, now, account)
        why = unasked(why, event)
        return _signal(
            model, tail.index[-1], scored, now, state, reasons.told(why, seen, model.rules, account, model.risk)
        )


def signal_id(series: str, ts: pd.Timestamp, bundle_sha256: str) -> str:
    """Return the name of the decision of a bundle at a close.

    >>> signal_id("XAUUSD_15T", pd.Timestamp("2025-10-23 10:15", tz="UTC"), "1a2b3c4d5e6f")
    'XAUUSD_15T.20251023T1015.1a2b3c4d'
    """
    return f"{series}.{ts:%Y%m%dT%H%M}.{bundle_sha256[:8]}"


def observed(now: Tape, scored: Scored, bars_since_exit: int) -> Observation:
    """Return what is known at the close that `now`, the last row of a tape, describes."""
    return Observation(
        scored.score,
        scored.expected_r_long,
        scored.expected_r_short,
        scored.confidence,
        now.spread[0],
        now.atr[0],
        now.session[0],
        now.shut[0],
        bars_since_exit,
        now.volatility[0],
    )


def decided(model: Model, seen: Observation, now: Tape, account: Account) -> tuple[State, int]:
    """Return the decision of `model` by the rules that bind it: an order, or why there is none."""
    return entry(seen, now.close[0], now.usd_per_quote[0], account, model.rules, model.exits, model.costs, model.risk)


def _signal(model: Model, ts: pd.Timestamp, scored: Scored, now: Tape, state: State, reason: str) -> Signal:
    named = signal_id(model.series, ts, model.bundle_sha256)
    if state.order == 0:
        nothing = (math.nan, math.nan, math.nan, math.nan)
        return Signal(named, model.series, ts, "none", *nothing, scored.confidence, 0.0, scored.score, reason)
    at_close = bar_at(now, 0)._replace(open=now.close[0])
    position = opened(state, Bar(*at_close), model.exits, model.costs)
    return Signal(
        named,
        model.series,
        ts,
        "long" if state.order > 0 else "short",
        position.entry,
        position.stop,
        position.target,
        abs(position.target - position.entry) / position.stop_distance,
        scored.confidence,
        state.size,
        scored.score,
        "",
    )
