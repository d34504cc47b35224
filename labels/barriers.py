"""Triple-barrier labels: each row is a hypothetical trade, long and short, run through `market.execution`."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from labels.events import positions
from labels.weights import average_uniqueness
from market.atr import atr
from market.compiled import compiled
from market.execution import REASONS, TARGET, Costs, Exits, State, apply, as_floats, fill, order, touched, without_text
from market.tape import DEFAULT_MARKET, Tape, bar_at, indexed, tape


class Outcomes(NamedTuple):
    """How lone trades of one side ended, a value a decision; prices are those filled, R is net of all costs.

    Reason 0 (with exit bar −1 and the rest NaN): the data ended before the trade did.
    """

    exit_bar: np.ndarray
    reason: np.ndarray
    r: np.ndarray
    entry: np.ndarray
    exit: np.ndarray


def lone_trades(tape: Tape, decisions: np.ndarray, side: int, exits: Exits, costs: Costs) -> Outcomes:
    """Return how the trades end that orders of `side` (1 long, −1 short) at the closes of `decisions` become.

    `decisions` are positions of bars; each trade has the market to itself.
    """
    exits = Exits(float(exits.take_profit), float(exits.stop_loss), int(exits.bars), int(exits.atr_period))
    rows = np.ascontiguousarray(decisions, dtype=np.int64)
    return Outcomes(*_outcomes(tape, rows, side, exits, without_text(costs)))


@compiled
def _outcomes(tape: Tape, decisions: np.ndarray, side: int, exits: Exits, costs: Costs) -> tuple:
    """Do what `lone_trades` does. One loop: a tape that is handed to a function a trade takes most of its time."""
    n, count = len(tape.close), len(decisions)
    exit_bars, reasons = np.full(count, -1), np.zeros(count, np.int64)
    r, entries, exit_prices = np.full(count, np.nan), np.full(count, np.nan), np.full(count, np.nan)
    for row in range(count):
        i = decisions[row] + 1
        last = min(decisions[row] + exits.bars, n)
        state = order(side, 1.0, tape.atr[decisions[row]])
        entry = np.nan
        while i < n:
            result = fill(state, bar_at(tape, i), exits, costs)
            if result.opened != 0:
                entry = result.entry
            if result.reason != 0:
                exit_bars[row], reasons[row], r[row] = i, result.reason, result.r
                entries[row], exit_prices[row] = entry, result.exit
                break
            state = apply(state, result)
            i = since = i + 1
            while i < last and tape.nights[i] == 0.0 and touched(state, bar_at(tape, i), False, costs)[0] == 0:
                i += 1
            state = _older(state, i - since)
    return exit_bars, reasons, r, entries, exit_prices


@compiled
def _older(state: State, bars: int) -> State:
    """Return what `fill` and `apply` make of a position over `bars` bars that touch no barrier and charge no swap."""
    return State(
        state.side,
        state.order,
        state.size,
        state.atr,
        state.entry,
        state.stop,
        state.target,
        state.stop_distance,
        state.bars_held + bars,
        state.swap,
        state.entry_cost,
    )


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
    exit. Raises DataError where an event is no stamp of a bar, or events do not increase. Source: López de Prado
    (2018), Advances in Financial Machine Learning, §3.4, settled on bid and ask.
    """
    bars = indexed(bars)
    arrays = tape(bars, as_floats(costs), exits.atr_period, market, clamped=False)
    rows = positions(bars, events)
    rows = rows[labelled(arrays.atr, exits.bars)[rows]]
    long, short = (lone_trades(arrays, rows, side, exits, costs) for side in (1, -1))
    ts = pd.DatetimeIndex(bars.index)
    words = pd.array(REASONS, dtype="str")
    return pd.DataFrame(
        {
            "t1_long": ts[long.exit_bar],
            "t1_short": ts[short.exit_bar],
            "y": _classes(long, short),
            "r_long": long.r,
            "r_short": short.r,
            "reason_long": words.take(long.reason),
            "reason_short": words.take(short.reason),
            "atr": arrays.atr[rows],
            "weight": average_uniqueness(rows + 1, np.maximum(long.exit_bar, short.exit_bar)),
        },
        index=ts[rows].rename("ts"),
    )


def labelled(ranges: np.ndarray, horizon: int) -> np.ndarray:
    """Return which bars (mask) can be labelled: those with an ATR above 0 and `horizon` bars after them."""
    can = ranges > 0.0
    can[max(len(can) - horizon, 0) :] = False
    return can


def absent(bars: pd.DataFrame, labels: pd.DataFrame, exits: Exits) -> dict[str, int]:
    """Return how many bars have no label and why: no ATR (yet), else no full horizon left, else not an event."""
    bars = indexed(bars)
    has_atr = atr(bars, exits.atr_period) > 0.0
    can = int(labelled(atr(bars, exits.atr_period), exits.bars).sum())
    have = int(bars.index.isin(labels.index).sum())
    return {
        "no_atr": int((~has_atr).sum()),
        "no_horizon": int(has_atr.sum()) - can,
        "not_an_event": can - have,
    }


def _classes(long: Outcomes, short: Outcomes) -> np.ndarray:
    never = np.iinfo(np.int64).max
    up = np.where(long.reason == TARGET, long.exit_bar, never)
    down = np.where(short.reason == TARGET, short.exit_bar, never)
    return (up < down).astype(np.int8) - (down < up).astype(np.int8)
