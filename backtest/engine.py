"""The bar loop: fill, apply, decide. Nothing here knows how a price is filled or why a trade is wanted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest.checked import checked
from backtest.entry import entry, unless_last
from backtest.observed import Scores, aligned, observed
from backtest.policy import REFUSALS, Policy, Rules, decide, rules, unasked
from backtest.risk import Account, Risk, after_exit, after_order, fresh, marked, on_day, typed
from backtest.trade_table import COLUMNS, SCORE, trade_table, write_entry, write_exit
from market.compiled import compiled
from market.errors import UsageError, nearest
from market.execution import END, FLAT, STOP, Costs, Exits, apply, fill, liquidate, without_text
from market.tape import DEFAULT_MARKET, Tape, bar_at, read_only, tape
from market.ties import NO_FINER, Finer, finer_bars, untied

PESSIMISTIC, FINER = TIES = ("pessimistic", "finer")

NO_EXTRA = read_only(np.empty(0))  # extra slippage on no bar

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


class Played(NamedTuple):
    """What the loop leaves: a row a trade (`backtest.trade_table`), a row of marks for equity and one for open risk.

    Marks have a value a bar of the tape, 0 before the first score.
    """

    rows: np.ndarray
    marks: np.ndarray
    refused: np.ndarray
    ties: tuple[int, int]


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
    `expected_r_long` and `expected_r_short` besides. Bars before the first score only warm up the ATR; later ones that
    have no row are no events: nothing is decided there but that. A decision at a
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
    played = play(arrays, scores, start, policy, exits, costs, risk, finer)
    table = pd.DataFrame(played.marks[:, start:].T, ts[start:].rename("ts"), ["equity", "open_risk"], copy=False)
    counts = {name: int(count) for name, count in zip(REFUSALS, played.refused, strict=True) if count}
    return Result(trade_table(played.rows, ts), table, counts, int(played.ties[0]), int(played.ties[1]))


def play(
    arrays: Tape,
    scores: Scores,
    start: int,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
    finer: Finer = NO_FINER,
    extra_slippage: np.ndarray = NO_EXTRA,
) -> Played:
    """Do what `run_tape` does on scores that are `aligned` already, and make no tables: for hundreds of runs a second.

    `extra_slippage`, read-only, has a value a bar in price units, which every fill on that bar suffers besides the
    costs' own; one draw for all that happens on a bar. Empty: there is none, which is the same bits as zeros.
    """
    typed_exits = Exits(float(exits.take_profit), float(exits.stop_loss), int(exits.bars), int(exits.atr_period))
    given = (rules(policy), typed_exits, without_text(costs), typed(risk), finer)
    marks = np.zeros((2, len(arrays.close)))  # one block of memory is had much quicker than two
    rows, refused, ties = _loop(arrays, scores, start, fresh(risk), *given, *marks, extra_slippage)
    return Played(rows, marks, refused, ties)


@compiled
def _slipping(costs: Costs, extra_slippage: np.ndarray, i: int) -> Costs:
    """Return what the fills on bar `i` cost."""
    if len(extra_slippage) == 0:
        return costs
    return Costs(
        costs.spread_floor,
        costs.commission,
        costs.slippage + extra_slippage[i],
        costs.swap_long,
        costs.swap_short,
        costs.tick_size,
        costs.pip_size,
        costs.minimum_stop,
        costs.contract_size,
        costs.lot_step,
        costs.quote_currency,
    )


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
    extra_slippage: np.ndarray,
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
            bar, charged = bar_at(tape, i), _slipping(costs, extra_slippage, i)
            filled = fill(state, bar, exits, charged)
            if filled.reason == STOP:
                filled, tie, told = untied(filled, state, bar, i, finer, exits, charged)
                ties, settled = ties + tie, settled + told
            if filled.opened != 0:
                write_entry(rows[count], i, state.size, filled)
            state = apply(state, filled)
            if filled.reason == 0 and i == n - 1:
                filled = liquidate(state, END, bar, charged)
                state = FLAT
            if filled.reason != 0:
                write_exit(rows[count], i, filled)
                count += 1
                account = after_exit(account, filled.pnl)
                last_exit = i
                equity[i] = account.cash
            else:
                equity[i] += liquidate(state, END, bar, charged).pnl
                stake = state.size * state.stop_distance * costs.contract_size * bar.usd_per_quote
                open_risk[i] = stake / account.cash
        account = marked(account, equity[i], risk)
        if state.side == 0:
            seen = observed(tape, scores, i, i - last_exit)
            side, why = decide(seen, rules)
            if side != 0:  # asked first, as most bars want nothing and an order is much to hand over
                state, why = entry(seen, tape.close[i], tape.usd_per_quote[i], account, rules, exits, costs, risk)
                state, why = unless_last(state, why, i == n - 1)
            refused[unasked(why, scores.event[i])] += 1
            if state.order != 0:
                account = after_order(account)
                rows[count, SCORE] = scores.score[i]
    return rows[:count], refused, (ties, settled)
