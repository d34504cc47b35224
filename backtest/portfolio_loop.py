"""The bar loop of an account: begin the day, let bars happen, mark, decide; stamp after stamp, over all series.

It is `engine`'s loop with the bars of several series in it. Kernels that are called for each bar take no wide tuples of
arrays: handing those over costs more than what is done with them.
"""

from typing import NamedTuple

import numpy as np

from backtest.correlation import DAY, effective_risk
from backtest.entry import entry, unless_last
from backtest.observed import Scores, observed
from backtest.policy import REFUSALS, Observation, Rules, decide, unasked
from backtest.risk import Account, Risk, after_exit, after_order, holding, marked, on_day
from backtest.trade_table import COLUMNS, SCORE, write_entry, write_exit
from market.compiled import compiled
from market.execution import END, FLAT, STOP, Bar, Costs, Exits, Fill, State, apply, fill, liquidate, stop_distance
from market.tape import Tape, bar_at
from market.ties import Finer, untied

BOOK = COLUMNS  # the column beside those of a trade: whose it is

_REASON_COUNT = len(REFUSALS)
_NEVER = 1 << 40


class Line(NamedTuple):
    """The bars of all books one after another, with the stamp (int64 us since 1970 UTC) and the book of each.

    `events` are the positions of the bars that count, in the order of time and then of books; `begins` says where
    among them each stamp begins, with their number at its end; `last` is the position of each book's last bar. `finer`
    holds the finer bars in each bar, where its book has some.
    """

    tape: Tape
    scores: Scores
    stamp: np.ndarray
    book: np.ndarray
    events: np.ndarray
    begins: np.ndarray
    last: np.ndarray
    finer: Finer


class Terms(NamedTuple):
    """Rules, exits and costs as arrays of records, one a book; kernels read the fields of a record by name."""

    rules: np.ndarray
    exits: np.ndarray
    costs: np.ndarray


class Held(NamedTuple):
    """What each book has open, an order that waits included: side (0: nothing) and USD at risk.

    `worth` is what closing a position would bring in USD, `exit` the position of the bar of the last exit, `trade` the
    row of the trade so far.
    """

    side: np.ndarray
    stake: np.ndarray
    worth: np.ndarray
    exit: np.ndarray
    trade: np.ndarray


def nothing(books: int) -> Held:
    """Return what is open before the first bar."""
    return Held(
        np.zeros(books, np.int64),
        np.zeros(books),
        np.zeros(books),
        np.full(books, -_NEVER, np.int64),
        np.empty((books, COLUMNS + 1)),
    )


@compiled
def traded(
    line: Line,
    terms: Terms,
    held: Held,
    correlation: np.ndarray,
    first_day: int,
    account: Account,
    risk: Risk,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """Return trades, and the position of a bar, equity and open risk for each stamp, and refusals by book and reason.

    The last are the ties, and how many of them were settled. `correlation` holds a matrix for each UTC day from
    `first_day` on; without days, open risk is a plain sum.
    """
    n, books = len(line.begins) - 1, len(line.last)
    rows, count = np.empty((len(line.events), COLUMNS + 1)), 0
    at, equity, open_risk = np.empty(n, np.int64), np.empty(n), np.empty(n)
    refused = np.zeros((books, _REASON_COUNT), np.int64)
    states = [FLAT] * books
    ties, settled = 0, 0
    for k in range(n):
        events = line.events[line.begins[k] : line.begins[k + 1]]
        at[k] = events[0]
        account = _begun(account, line.tape.day, events, risk)
        for i in events:
            book = line.book[i]
            if held.side[book] == 0:
                continue
            bar, exits, costs = bar_at(line.tape, i), terms.exits[book], terms.costs[book]
            filled = fill(states[book], bar, exits, costs)
            if filled.reason == STOP:
                filled, tie, told = untied(filled, states[book], bar, i, line.finer, exits, costs)
                ties, settled = ties + tie, settled + told
            states[book], closed = _moved(states[book], filled, bar, i, i == line.last[book], costs, held.trade[book])
            if closed.reason != 0:
                held.trade[book, BOOK] = book
                rows[count] = held.trade[book]
                count += 1
                account = after_exit(account, closed.pnl)
                held.exit[book] = i
            _remember(states[book], bar, exits, costs, held, book)
        equity[k], open_risk[k] = _standing(states, held, account.cash)
        account = _counting(marked(account, equity[k], risk), held)
        for i in events:
            book = line.book[i]
            if states[book].side != 0:
                continue
            kept, exits, costs = terms.rules[book], terms.exits[book], terms.costs[book]
            seen = observed(line.tape, line.scores, i, i - held.exit[book])
            weighed = account
            if len(correlation) > 0 and account.positions > 0:
                known = correlation[(line.stamp[i] - 1) // DAY - first_day]
                weighed = _weighed(account, seen, kept, held, book, known, risk)
            state, why = entry(seen, line.tape.close[i], line.tape.usd_per_quote[i], weighed, kept, exits, costs, risk)
            state, why = unless_last(state, why, i == line.last[book])
            refused[book, unasked(why, line.scores.event[i])] += 1
            states[book] = state
            if state.order != 0:
                _remember(state, bar_at(line.tape, i), exits, costs, held, book)
                held.trade[book, SCORE] = seen.score
                account = _counting(after_order(account), held)
    return rows[:count], at, equity, open_risk, refused, (ties, settled)


@compiled
def _begun(account: Account, day: np.ndarray, events: np.ndarray, risk: Risk) -> Account:
    """Return the account on the latest of the trading days of the bars `events`."""
    for i in events:
        account = on_day(account, day[i], risk)
    return account


@compiled
def _moved(
    state: State, filled: Fill, bar: Bar, i: int, last: bool, costs: Costs, row: np.ndarray
) -> tuple[State, Fill]:
    """Return the state of a book after bar `i` and what happened there at last; write both into the trade's row."""
    if filled.opened != 0:
        write_entry(row, i, state.size, filled)
    state = apply(state, filled)
    if filled.reason == 0 and state.side != 0 and last:
        filled = liquidate(state, END, bar, costs)
        state = FLAT
    if filled.reason != 0:
        write_exit(row, i, filled)
    return state, filled


@compiled
def _remember(state: State, bar: Bar, exits: Exits, costs: Costs, held: Held, book: int) -> None:
    """Write what `book` has open at the close of `bar`, the order just placed included."""
    side, stake, worth = state.side, 0.0, 0.0
    if state.side != 0:
        stake = state.size * state.stop_distance * costs.contract_size * bar.usd_per_quote
        worth = liquidate(state, END, bar, costs).pnl
    elif state.order != 0:
        side = state.order
        stake = state.size * stop_distance(state.atr, exits, costs) * costs.contract_size * bar.usd_per_quote
    held.side[book], held.stake[book], held.worth[book] = side, stake, worth


@compiled
def _standing(states: list[State], held: Held, cash: float) -> tuple[float, float]:
    """Return the equity, and the open risk of positions as a share of cash."""
    equity, at_risk = cash, 0.0
    for book in range(len(states)):
        if states[book].side != 0:
            equity += held.worth[book]
            at_risk += held.stake[book]
    return equity, at_risk / cash if at_risk != 0.0 else 0.0


@compiled
def _counting(account: Account, held: Held) -> Account:
    """Return the account with all positions and orders counted at the plain sum of their risk."""
    count, at_risk = 0, 0.0
    for book in range(len(held.side)):
        if held.side[book] != 0:
            count += 1
            at_risk += held.stake[book]
    return holding(account, count, at_risk / account.cash if count > 0 else 0.0)


@compiled
def _weighed(
    account: Account, seen: Observation, rules: Rules, held: Held, book: int, correlation: np.ndarray, risk: Risk
) -> Account:
    """Return the account with the open risk that makes its sum with the new trade's the effective risk of them all."""
    side, _ = decide(seen, rules)
    if side == 0:
        return account
    share, sides = held.stake / account.cash, held.side.copy()
    share[book], sides[book] = risk.per_trade, side
    return holding(account, account.positions, effective_risk(share, sides, correlation) - risk.per_trade)
