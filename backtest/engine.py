"""The bar loop: fill, apply, decide. Nothing here knows how a price is filled or why a trade is wanted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest.entry import entry
from backtest.policy import REFUSALS, Observation, Policy, Rules, rules
from backtest.risk import Account, Risk, after_exit, after_order, fresh, marked, on_day, typed
from market.compiled import compiled
from market.errors import DataError
from market.execution import (
    END,
    FLAT,
    REASONS,
    Costs,
    Exits,
    Fill,
    State,
    apply,
    as_floats,
    fill,
    liquidate,
)
from market.tape import DEFAULT_MARKET, Tape, bar_at, indexed, tape

_END_OF_DATA = REFUSALS.index("end_of_data")
_REASON_COUNT = len(REFUSALS)
_NEVER = 1 << 40
_ENTRY, _EXIT, _SIDE, _SIZE, _PRICE, _OUT, _STOP, _TARGET, _COST, _R, _PNL, _REASON, _SCORE = range(13)


class Scores(NamedTuple):
    """A score table as arrays, a value a bar; NaN where there is no score."""

    score: np.ndarray
    expected_r_long: np.ndarray
    expected_r_short: np.ndarray
    confidence: np.ndarray


class Result(NamedTuple):
    """Trades, equity (a row a bar from the first score) and how many decisions each reason refused."""

    trades: pd.DataFrame
    equity: pd.DataFrame
    refusals: dict[str, int]


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

    `bars` is indexed by (or carries) `ts`. `score` is a score table, or a Series of directional scores alone (then net
    expectation is taken as positive on both sides). Bars before the first score only warm up the ATR. A decision at a
    close is filled at the next open; an open position is closed at the last close (reason `end`). `market` names the
    trading hours. Deterministic; Σ pnl = Δ equity.
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
) -> Result:
    """Do what `simulate` does and also return why decisions were refused."""
    bars = indexed(bars)
    arrays = tape(bars, costs, exits.atr_period, market)
    return run_tape(arrays, pd.DatetimeIndex(bars.index), score, policy, exits, costs, risk)


def run_tape(
    arrays: Tape,
    ts: pd.DatetimeIndex,
    score: pd.DataFrame | pd.Series,
    policy: Policy,
    exits: Exits,
    costs: Costs,
    risk: Risk,
) -> Result:
    """Do what `run` does on bars that are a tape already, with their stamps: for many runs on the same bars."""
    scores, start = aligned(score, ts)
    typed_exits = Exits(float(exits.take_profit), float(exits.stop_loss), int(exits.bars), int(exits.atr_period))
    account = fresh(risk)
    rows, equity, open_risk, refused = _loop(
        arrays, scores, start, account, rules(policy), typed_exits, as_floats(costs), typed(risk)
    )
    table = pd.DataFrame({"equity": equity[start:], "open_risk": open_risk[start:]}, index=ts[start:].rename("ts"))
    counts = {name: int(count) for name, count in zip(REFUSALS, refused, strict=True) if count}
    return Result(_trades(rows, ts), table, counts)


def aligned(score: pd.DataFrame | pd.Series, ts: pd.DatetimeIndex) -> tuple[Scores, int]:
    """Return `score` as arrays over the bars `ts`, and the position of its first row.

    Raises DataError where a score stands at no bar.
    """
    if isinstance(score, pd.Series):
        score = pd.DataFrame({"score": score, "expected_r_long": 1.0, "expected_r_short": 1.0})
        score["confidence"] = np.maximum(score["score"], 1.0 - score["score"])
    if len(score) == 0:
        raise DataError("There is no score to trade: the score table is empty.")
    positions = ts.get_indexer(pd.DatetimeIndex(score.index))
    if (positions < 0).any():
        raise DataError(f"Score at {score.index[int(np.argmin(positions))]} stands at no bar.")
    arrays = []
    for name in Scores._fields:
        values = np.full(len(ts), np.nan)
        values[positions] = score[name].to_numpy(dtype=np.float64)
        arrays.append(values)
    return Scores(*arrays), int(positions.min())


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
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n = len(tape.close)
    rows = np.empty((n - start, 13))
    count = 0
    equity, open_risk, refused = np.empty(n), np.zeros(n), np.zeros(_REASON_COUNT, np.int64)
    state = FLAT
    last_exit = -_NEVER
    for i in range(start, n):
        bar = bar_at(tape, i)
        account = on_day(account, tape.day[i], risk)
        filled = fill(state, bar, exits, costs)
        before = state
        state = apply(state, filled)
        if filled.opened != 0:
            _write_entry(rows[count], i, before.size, filled)
        if filled.reason == 0 and state.side != 0 and i == n - 1:
            filled = liquidate(state, END, bar, costs)
            state = FLAT
        if filled.reason != 0:
            _write_exit(rows[count], i, filled)
            count += 1
            account = after_exit(account, filled.pnl)
            last_exit = i
        equity[i] = account.cash
        if state.side != 0:
            equity[i] += liquidate(state, END, bar, costs).pnl
            stake = state.size * state.stop_distance * costs.contract_size * bar.usd_per_quote
            open_risk[i] = stake / account.cash
        account = marked(account, equity[i], risk)
        if state.side == 0:
            state, why = _order(tape, scores, i, last_exit, account, rules, exits, costs, risk)
            refused[why] += 1
            if state.order != 0:
                account = after_order(account)
                rows[count, _SCORE] = scores.score[i]
    return rows[:count], equity, open_risk, refused


@compiled
def _write_entry(row: np.ndarray, i: int, size: float, filled: Fill) -> None:
    row[_ENTRY] = i
    row[_SIDE] = filled.opened
    row[_SIZE] = size
    row[_PRICE] = filled.entry
    row[_STOP] = filled.stop
    row[_TARGET] = filled.target


@compiled
def _write_exit(row: np.ndarray, i: int, filled: Fill) -> None:
    row[_EXIT] = i
    row[_OUT] = filled.exit
    row[_REASON] = filled.reason
    row[_COST] = filled.cost
    row[_R] = filled.r
    row[_PNL] = filled.pnl


@compiled
def _order(
    tape: Tape,
    scores: Scores,
    i: int,
    last_exit: int,
    account: Account,
    rules: Rules,
    exits: Exits,
    costs: Costs,
    risk: Risk,
) -> tuple[State, int]:
    """Return the flat state after the decision at the close of bar `i`, with an order or with the reason for none."""
    seen = Observation(
        scores.score[i],
        scores.expected_r_long[i],
        scores.expected_r_short[i],
        scores.confidence[i],
        tape.spread[i],
        tape.atr[i],
        tape.session[i],
        tape.shut[i],
        i - last_exit,
    )
    state, why = entry(seen, tape.close[i], tape.usd_per_quote[i], account, rules, exits, costs, risk)
    if state.order != 0 and i == len(tape.close) - 1:
        return FLAT, _END_OF_DATA
    return state, why


def _trades(rows: np.ndarray, ts: pd.DatetimeIndex) -> pd.DataFrame:
    columns = {
        "t_exit": ts[rows[:, _EXIT].astype(np.int64)],
        "side": rows[:, _SIDE].astype(np.int8),
        "size": rows[:, _SIZE],
        "entry": rows[:, _PRICE],
        "exit": rows[:, _OUT],
        "stop": rows[:, _STOP],
        "target": rows[:, _TARGET],
        "cost": rows[:, _COST],
        "r": rows[:, _R],
        "pnl": rows[:, _PNL],
        "reason": pd.array(np.array(REASONS, dtype=object)[rows[:, _REASON].astype(np.int64)], dtype="str"),
        "score": rows[:, _SCORE],
    }
    return pd.DataFrame(columns, index=ts[rows[:, _ENTRY].astype(np.int64)].rename("t_entry"))
