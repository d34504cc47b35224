"""The bar loop: fill, apply, decide. Nothing here knows how a price is filled or why a trade is wanted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest.checked import EXPECTED, checked
from backtest.entry import entry, unless_last
from backtest.observed import Scores, observed
from backtest.policy import REFUSALS, Policy, Rules, decide, rules
from backtest.risk import Account, Risk, after_exit, after_order, fresh, marked, on_day, typed
from backtest.trade_table import COLUMNS, SCORE, trade_table, write_entry, write_exit
from market.compiled import compiled
from market.errors import DataError, UsageError, nearest
from market.execution import END, FLAT, STOP, Costs, Exits, apply, fill, liquidate, without_text
from market.tape import DEFAULT_MARKET, Tape, bar_at, read_only, tape
from market.ties import NO_FINER, Finer, finer_bars, untied

PESSIMISTIC, FINER = TIES = ("pessimistic", "finer")

_REASON_COUNT = len(REFUSALS)
_NEVER = 1 << 40


class Result(NamedTuple):
    """Trades, equity (a row a bar from the first score) and how many decisions each reason refused.

    `ties` counts the trades that ended on a bar that touched stop and target, `ties_settled` those among them of which
    finer bars told what came first.
    """

    trades: pd.DataFrame
    equity: pd.DataFrame
    refusals: dict[str, int]
    ties: int = 0
    ties_settled: int = 0


def simulate(
    bars: pd.DataFrame,
    score: pd.DataFrame | pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    market: str = DEFAULT_MARKET,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trade `score` on `bars`, bar by bar, and return the trades and equity tables.

    `bars` is indexed by (or carries) `ts`. `score` is a score table or a Series of directional scores by the close
    stamps of bars: from 0 (short) to 1 (long), NaN is no view. Where it is that alone, net expectation is taken as
    positive on both sides and confidence as the larger of score and 1 − score; a table may have `confidence` or both
    `expected_r_long` and `expected_r_short` besides. Bars before the first score only warm up the ATR. A decision at a
    close is filled at the next open; an open position is closed at the last close (reason `end`). `market` names the
    trading hours. Deterministic; Σ pnl = Δ equity. Raises UsageError for settings and DataError for bars or scores
    that nobody can trade by (`backtest.checked`).
    """
    result = run(bars, score, policy, exits, costs, risk, market)
    return result.trades, result.equity


def run(
    bars: pd.DataFrame,
    score: pd.DataFrame | pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    market: str = DEFAULT_MARKET,
    ties: str = PESSIMISTIC,
    finer: pd.DataFrame | None = None,
) -> Result:
    """Do what `simulate` does and also return why decisions were refused.

    `ties`: a bar that touches stop and target is a stop (`pessimistic`), or settled by `finer`, bars of a finer
    timeframe of the same series, where they have the bar's own prices and tell (`finer`). Raises UsageError for other
    words, or without finer bars to settle ties by.
    """
    bars = checked(bars, score, policy, exits, costs, risk)
    ts = pd.DatetimeIndex(bars.index)
    within = _finer(ts, ties, finer)
    arrays = tape(bars, costs, exits.atr_period, market, policy.clamped)
    return run_tape(arrays, ts, score, policy, exits, costs, risk, within)


def _finer(ts: pd.DatetimeIndex, ties: str, finer: pd.DataFrame | None) -> Finer:
    if ties not in TIES:
        raise UsageError(f"ties = {ties!r}: choose one of {', '.join(TIES)}.{nearest(ties, TIES)}")
    if ties == PESSIMISTIC:
        return NO_FINER
    if finer is None:
        raise UsageError("ties = 'finer' needs finer bars to settle them by: give them, or choose pessimistic.")
    return finer_bars(ts, finer)


def run_tape(
    arrays: Tape,
    ts: pd.DatetimeIndex,
    score: pd.DataFrame | pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    finer: Finer = NO_FINER,
) -> Result:
    """Do what `run` does on bars that are a tape already, with their stamps: for many runs on the same bars.

    Settings and scores are not checked here, but by `run`: whoever calls this a thousand times has them from there.
    """
    scores, start = aligned(score, ts)
    typed_exits = Exits(float(exits.take_profit), float(exits.stop_loss), int(exits.bars), int(exits.atr_period))
    account = fresh(risk)
    marks = np.zeros((2, len(ts)))  # one block of memory is had much quicker than two
    rows, refused, ties = _loop(
        arrays, scores, start, account, rules(policy), typed_exits, without_text(costs), typed(risk), finer, *marks
    )
    table = pd.DataFrame(marks[:, start:].T, ts[start:].rename("ts"), ["equity", "open_risk"], copy=False)
    counts = {name: int(count) for name, count in zip(REFUSALS, refused, strict=True) if count}
    return Result(trade_table(rows, ts), table, counts, int(ties[0]), int(ties[1]))


def aligned(score: pd.DataFrame | pd.Series, ts: pd.DatetimeIndex) -> tuple[Scores, int]:
    """Return `score` as arrays over the bars `ts`, and the position of its first row.

    Raises DataError where a score stands at no bar.
    """
    if len(score) == 0:
        raise DataError("There is no score to trade: the score table is empty.")
    rows, start = _rows(pd.DatetimeIndex(score.index), ts)
    whole = len(score) == len(ts) and isinstance(rows, slice)
    columns = _columns(score)
    if not whole:
        columns = Scores(*_spread_out(columns, rows, len(ts)))
    return Scores(*(read_only(np.ascontiguousarray(values)) for values in columns)), start


def _columns(score: pd.DataFrame | pd.Series) -> Scores:
    """Return scores as arrays, a value a row; what a table leaves out is taken as for a Series."""
    table = score if isinstance(score, pd.DataFrame) else score.to_frame("score")
    given = {name: table[name].to_numpy(dtype=np.float64) for name in Scores._fields if name in table}
    if len(given) == len(Scores._fields):
        return Scores(**given)
    directional = given["score"]
    expected, confidence = np.empty((2, len(score)))
    expected.fill(1.0)
    np.subtract(1.0, directional, out=confidence)
    np.maximum(directional, confidence, out=confidence)
    return Scores(**dict.fromkeys(EXPECTED, expected) | {"confidence": confidence} | given)


def _rows(stamps: pd.DatetimeIndex, ts: pd.DatetimeIndex) -> tuple[slice | np.ndarray, int]:
    """Return where the rows with these stamps stand among the bars `ts`, and the first of these places."""
    if stamps.dtype == ts.dtype:
        first = int(ts.searchsorted(stamps[0]))
        if np.array_equal(ts.asi8[first : first + len(stamps)], stamps.asi8):
            return slice(first, first + len(stamps)), first
    positions = ts.get_indexer(stamps)
    if (positions < 0).any():
        raise DataError(f"Score at {stamps[int(np.argmin(positions))]} stands at no bar.")
    return positions, int(positions.min())


def _spread_out(columns: Scores, rows: slice | np.ndarray, count: int) -> np.ndarray:
    """Return `columns` over `count` bars: NaN but at `rows`."""
    arrays = np.full((len(columns), count), np.nan)
    for values, given in zip(arrays, columns, strict=True):
        values[rows] = given
    return arrays


@compiled
def _loop(
    tape: Tape,
    scores: Scores,
    start: int,
    account: Account,
    rules: Rules,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    finer: Finer,
    equity: np.ndarray,
    open_risk: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    n = len(tape.close)
    rows = np.empty((n - start, COLUMNS))
    count, refused = 0, np.zeros(_REASON_COUNT, np.int64)
    state = FLAT
    last_exit = -_NEVER
    ties, settled = 0, 0
    for i in range(start, n):
        account = on_day(account, tape.day[i], risk)
        equity[i] = account.cash
        if state.side != 0 or state.order != 0:
            bar = bar_at(tape, i)
            filled = fill(state, bar, exits, costs)
            if filled.reason == STOP:
                filled, tie, told = untied(filled, state, bar, i, finer, exits, costs)
                ties, settled = ties + tie, settled + told
            if filled.opened != 0:
                write_entry(rows[count], i, state.size, filled)
            state = apply(state, filled)
            if filled.reason == 0 and i == n - 1:
                filled = liquidate(state, END, bar, costs)
                state = FLAT
            if filled.reason != 0:
                write_exit(rows[count], i, filled)
                count += 1
                account = after_exit(account, filled.pnl)
                last_exit = i
                equity[i] = account.cash
            else:
                equity[i] += liquidate(state, END, bar, costs).pnl
                stake = state.size * state.stop_distance * costs.contract_size * bar.usd_per_quote
                open_risk[i] = stake / account.cash
        account = marked(account, equity[i], risk)
        if state.side == 0:
            seen = observed(tape, scores, i, i - last_exit)
            side, why = decide(seen, rules)
            if side != 0:  # asked first, as most bars want nothing and an order is much to hand over
                state, why = entry(seen, tape.close[i], tape.usd_per_quote[i], account, rules, exits, costs, risk)
                state, why = unless_last(state, why, i == n - 1)
            refused[why] += 1
            if state.order != 0:
                account = after_order(account)
                rows[count, SCORE] = scores.score[i]
    return rows[:count], refused, (ties, settled)
