"""The runner's books: the account, and the bars since each series' last exit, folded from executions and decisions.

Every decision row carries the account as it stood after it, and the number of the last execution that is booked in it;
so a restart reads one row and books what came after, by the same functions.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from backtest import risk as risks
from backtest.risk import Account, Day, Risk
from live.brokers import Position
from live.journal import Journal
from live.signals import NEVER

DRAWDOWN = "drawdown"  # what halts where equity has fallen too far; as long as that halt is open, so is the account's


class Books(NamedTuple):
    """The account, the number of the last execution in it, and the bars since each series' last exit."""

    account: Account
    booked: int
    since_exit: dict[str, int]


def restored(journal: Journal, risk: Risk, series: list[str]) -> Books:
    """Return the books as they stood after the last decision in `journal`; fresh where there is none."""
    row = journal.last_decision()
    booked = 0 if row is None else row.booked
    since_exit = {name: _bars_since_exit(journal, name, booked) for name in series}
    if row is None:
        return Books(risks.fresh(risk), 0, since_exit)
    day = Day(row.day, row.day_equity, row.day_result, row.day_trades, row.losses)
    account = Account(row.cash, row.equity, row.peak, row.halted, 0, row.open_risk, day)
    books = Books(account, booked, since_exit)
    lifted = not any(halt.source == DRAWDOWN for halt in journal.open_halts())
    return rearmed(books) if lifted else books


def began(books: Books, series: str, day: int, risk: Risk) -> Books:
    """Return the books at a new bar of `series`, on trading day `day`."""
    since_exit = books.since_exit | {series: books.since_exit[series] + 1}
    return books._replace(account=risks.on_day(books.account, day, risk), since_exit=since_exit)


def booked(books: Books, journal: Journal, series: Collection[str] = (), ts: int = 0) -> Books:
    """Return the books with every execution of `journal` in them, at the bars of `series` that closed at `ts`.

    Those bars have not been decided yet, so they are counted besides the decisions since an exit.
    """
    for one in journal.executions_after(books.booked):
        books = books._replace(booked=one.number)
        if one.kind == "close":
            since = journal.count_decisions(one.series, one.ts) + (one.series in series and one.ts < ts)
            books = books._replace(
                account=risks.after_exit(books.account, one.pnl), since_exit=books.since_exit | {one.series: since}
            )
    return books


def marked(books: Books, positions: dict[str, Position], risk: Risk) -> Books:
    """Return the books marked to what the open positions would fetch."""
    cash = books.account.cash
    held = [positions[name] for name in sorted(positions)]
    equity = cash
    for one in held:
        equity += one.unrealised
    account = risks.holding(books.account, len(held), sum(one.at_risk for one in held) / cash)
    return books._replace(account=risks.marked(account, equity, risk))


def weighed(account: Account, at_risk: Mapping[str, float]) -> Account:
    """Return the account with what it holds and waits for, USD `at_risk` by series, as the backtest's limits count it.

    An order that waits for its open counts as the position that it is to become.
    """
    total = 0.0
    for series in sorted(at_risk):
        total += at_risk[series]
    return risks.holding(account, len(at_risk), total / account.cash if at_risk else 0.0)


def rearmed(books: Books) -> Books:
    """Return the books after a person has lifted the halt: a drawdown that had halted counts from here."""
    account = books.account
    if not account.halted:
        return books
    return books._replace(account=account._replace(halted=False, peak=account.equity))


def _bars_since_exit(journal: Journal, series: str, booked: int) -> int:
    """Return the bars of `series` decided since its last exit that is booked; −1 where its own bar is not decided yet.

    So another series' decision at the same stamp may have been the last thing before a stop.
    """
    exits = [one.ts for one in journal.executions(series) if one.kind == "close" and one.number <= booked]
    if not exits:
        return NEVER
    decided = journal.last_decided().get(series, 0)
    return journal.count_decisions(series, exits[-1]) - (decided < exits[-1])
