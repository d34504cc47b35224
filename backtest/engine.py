"""The bar loop: fill, apply, decide. Nothing here knows how a price is filled or why a trade is wanted."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest.entry import entry
from backtest.policy import REFUSALS, Observation, Policy, Rules, decide, rules
from backtest.risk import Account, Risk, after_exit, after_order, fresh, marked, on_day, typed
from market.compiled import compiled
from market.errors import DataError, UsageError, nearest
from market.execution import END, FLAT, REASONS, STOP, Costs, Exits, Fill, State, apply, as_floats, fill, liquidate
from market.tape import DEFAULT_MARKET, Tape, bar_at, indexed, tape
from market.ties import NO_FINER, Finer, finer_bars, untied

TIES = ("pessimistic", "finer")

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
    ties: str = "pessimistic",
    finer: pd.DataFrame | None = None,
) -> Result:
    """Do what `simulate` does and also return why decisions were refused.

    `ties`: a bar that touches stop and target is a stop (`pessimistic`), or settled by `finer`, bars of a finer
    timeframe of the same series, where they have the bar's own prices and tell (`finer`). Raises UsageError for other
    words, or without finer bars to settle ties by.
    """
    bars = indexed(bars)
    ts = pd.DatetimeIndex(bars.index)
    within = _finer(ts, ties, finer)
    arrays = tape(bars, costs, exits.atr_period, market)
    return run_tape(arrays, ts, score, policy, exits, costs, risk, within)


def _finer(ts: pd.DatetimeIndex, ties: str, finer: pd.DataFrame | None) -> Finer:
    if ties not in TIES:
        raise UsageError(f"ties = {ties!r}: choose one of {', '.join(TIES)}.{nearest(ties, TIES)}")
    if ties == "pessimistic":
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
    """Do what `run` does on bars that are a tape already, with their stamps: for many runs on the same bars."""
    scores, start = aligned(score, ts)
    typed_exits = Exits(float(exits.take_profit), float(exits.stop_loss), int(exits.bars), int(exits.atr_period))
    account = fresh(risk)
    rows, equity, open_risk, refused, ties = _loop(
        arrays, scores, start, account, rules(policy), typed_exits, as_floats(costs), typed(risk), finer
    )
    table = pd.DataFrame({"equity": equity[start:], "open_risk": open_risk[start:]}, index=ts[start:].rename("ts"))
    counts = {name: int(count) for name, count in zip(REFUSALS, refused, strict=True) if count}
    return Result(_trades(rows, ts), table, counts, int(ties[0]), int(ties[1]))


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
    finer: Finer,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    n = len(tape.close)
    rows = np.empty((n - start, 13))
    count = 0
    equity, open_risk, refused = np.empty(n), np.zeros(n), np.zeros(_REASON_COUNT, np.int64)
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
                _write_entry(rows[count], i, state.size, filled)
            state = apply(state, filled)
            if filled.reason == 0 and i == n - 1:
                filled = liquidate(state, END, bar, costs)
                state = FLAT
            if filled.reason != 0:
                _write_exit(rows[count], i, filled)
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
            side, why = decide(seen, rules)
            if side != 0:  # asked first, as most bars want nothing and an order is much to hand over
                state, why = entry(seen, tape.close[i], tape.usd_per_quote[i], account, rules, exits, costs, risk)
                state, why = _unless_last(state, why, i == n - 1)
            refused[why] += 1
            if state.order != 0:
                account = after_order(account)
                rows[count, _SCORE] = scores.score[i]
    return rows[:count], equity, open_risk, refused, (ties, settled)


@compiled
def _unless_last(state: State, why: int, last: bool) -> tuple[State, int]:
    """Return the decision, but no order on the last bar, after which nothing could fill it."""
    return (FLAT, _END_OF_DATA) if last and state.order != 0 else (state, why)


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
