"""Triple-barrier labels: each row is a hypothetical trade, long and short, run through `market.execution`."""

import numpy as np
import pandas as pd

from labels.weights import average_uniqueness
from market.compiled import compiled
from market.errors import DataError
from market.execution import REASONS, TARGET, Costs, Exits, apply, as_floats, fill, order
from market.tape import DEFAULT_MARKET, Tape, bar_at, indexed, tape


@compiled
def lone_trade(tape: Tape, decision: int, side: int, exits: Exits, costs: Costs) -> tuple[int, int, float]:
    """Return exit bar, reason and net R of the trade that an order of `side` at the close of bar `decision` becomes.

    Reason 0 (with exit bar −1 and R NaN): the data ended before the trade did.
    """
    state = order(side, 1.0, tape.atr[decision])
    for i in range(decision + 1, len(tape.close)):
        result = fill(state, bar_at(tape, i), exits, costs)
        if result.reason != 0:
            return i, result.reason, result.r
        state = apply(state, result)
    return -1, 0, np.nan


@compiled
def _outcomes(tape: Tape, events: np.ndarray, side: int, exits: Exits, costs: Costs) -> tuple:
    exit_bars = np.empty(len(events), np.int64)
    reasons = np.empty(len(events), np.int64)
    r = np.empty(len(events), np.float64)
    for row in range(len(events)):
        exit_bars[row], reasons[row], r[row] = lone_trade(tape, events[row], side, exits, costs)
    return exit_bars, reasons, r


def triple_barrier(
    bars: pd.DataFrame,
    exits: Exits,
    costs: Costs,
    events: pd.DatetimeIndex | None = None,
    market: str = DEFAULT_MARKET,
) -> pd.DataFrame:
    """Return the labels table: for each event, how a long and a short from its close would have ended.

    `bars` is indexed by (or carries) `ts`; `events` are stamps of it (default: every bar); `market` names the hours
    that decide when swap is charged. Columns: `t1_long t1_short` (close stamps of the exit bars), `y` (1 where only
    a long ends at its target, −1 where only a short does, 0 where neither; where both do, the earlier one, the same bar
    is 0), `r_long r_short` (net of all costs, in multiples of the initial risk), `reason_long reason_short`, `atr`,
    `weight` (average uniqueness). A time exit is 0 whatever its sign.

    Rows without an ATR or without `exits.bars` bars after them are absent: see `absent`. A label is known at its later
    exit. Source: López de Prado (2018), Advances in Financial Machine Learning, §3.4, settled on bid and ask.
    """
    bars = indexed(bars)
    costs = as_floats(costs)
    exits = _typed(exits)
    arrays = tape(bars, costs, exits.atr_period, market)
    rows = _labelled_rows(arrays, exits, _positions(bars, events))
    long_bar, long_reason, r_long = _outcomes(arrays, rows, 1, exits, costs)
    short_bar, short_reason, r_short = _outcomes(arrays, rows, -1, exits, costs)
    ts = pd.DatetimeIndex(bars.index)
    reasons = np.array(REASONS, dtype=object)
    return pd.DataFrame(
        {
            "t1_long": ts[long_bar],
            "t1_short": ts[short_bar],
            "y": _classes(long_bar, long_reason, short_bar, short_reason),
            "r_long": r_long,
            "r_short": r_short,
            "reason_long": pd.array(reasons[long_reason], dtype="str"),
            "reason_short": pd.array(reasons[short_reason], dtype="str"),
            "atr": arrays.atr[rows],
            "weight": average_uniqueness(rows + 1, np.maximum(long_bar, short_bar)),
        },
        index=ts[rows].rename("ts"),
    )


def absent(bars: pd.DataFrame, labels: pd.DataFrame, exits: Exits) -> dict[str, int]:
    """Return how many bars have no label and why: no ATR yet, no full horizon left, not an event."""
    bars = indexed(bars)
    have = int(bars.index.isin(labels.index).sum())
    no_atr = min(exits.atr_period, len(bars))
    no_horizon = min(exits.bars, len(bars) - no_atr)
    return {"no_atr": no_atr, "no_horizon": no_horizon, "not_an_event": len(bars) - have - no_atr - no_horizon}


def _typed(exits: Exits) -> Exits:
    return Exits(float(exits.take_profit), float(exits.stop_loss), int(exits.bars), int(exits.atr_period))


def _positions(bars: pd.DataFrame, events: pd.DatetimeIndex | None) -> np.ndarray:
    if events is None:
        return np.arange(len(bars))
    positions = bars.index.get_indexer(events)
    if (positions < 0).any():
        raise DataError(f"Event {events[int(np.argmin(positions))]} is not the stamp of a bar.")
    return positions.astype(np.int64)


def _labelled_rows(arrays: Tape, exits: Exits, rows: np.ndarray) -> np.ndarray:
    has_horizon = rows + exits.bars < len(arrays.close)
    return rows[has_horizon & (np.nan_to_num(arrays.atr[rows]) > 0)]


def _classes(
    long_bar: np.ndarray, long_reason: np.ndarray, short_bar: np.ndarray, short_reason: np.ndarray
) -> np.ndarray:
    never = np.iinfo(np.int64).max
    up = np.where(long_reason == TARGET, long_bar, never)
    down = np.where(short_reason == TARGET, short_bar, never)
    return np.sign(np.where(up < down, 1, np.where(down < up, -1, 0))).astype(np.int8)
