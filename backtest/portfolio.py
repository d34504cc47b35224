"""Many series and models on one account: the bar loop of `engine`, over the bars of all series in the order of time.

What closes at one stamp is known together. So, at each stamp: a trading day begins where one of the markets begins it;
then every series' bar happens to its order and its position; then the account is marked, each open position at its last
known close; then the flat series decide. Where the order matters it is that of the series' names, which is the runner's
own: it asks nothing that is not known when a bar arrives, and scores of different models are not made to be compared.
An order that waits for its open counts as a position of its planned risk in all limits.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from backtest import portfolio_loop as loop
from backtest.checked import check_risk, checked
from backtest.correlation import Closes, Correlation, Known, as_table, estimated, utc_day
from backtest.observed import Scores, aligned
from backtest.policy import REFUSALS, Policy, rules
from backtest.portfolio_loop import Line, Terms
from backtest.risk import Risk, fresh, typed
from backtest.trade_table import trade_table
from market.errors import AssayError, UsageError
from market.execution import Costs, Exits, as_floats
from market.tape import DEFAULT_MARKET, Tape, read_only, tape
from market.ties import NO_FINER, Finer, finer_bars

_SCALARS = {int: np.int64, float: np.float64, bool: np.bool_}


class Book(NamedTuple):
    """A series and how it is traded: its bars, its scores, and what `engine.run` takes beside them.

    `finer` bars of the same series settle its ties; without them each is a stop.
    """

    series: str
    bars: pd.DataFrame
    score: pd.DataFrame | pd.Series
    policy: Policy
    exits: Exits
    costs: Costs
    market: str = DEFAULT_MARKET
    finer: pd.DataFrame | None = None


class Result(NamedTuple):
    """What the account did.

    `trades` are ordered by exit and then series. `equity` has a row for each stamp at which a series has a bar, bars
    before its first score left out. `refusals` are counted by series and reason. `correlation` has a row for each UTC
    day and a column for each pair; NaN where it was not known, without rows where it was not asked for. `ties` and
    `ties_settled` count the trades of all series, as `engine.Result` does.
    """

    trades: pd.DataFrame
    equity: pd.DataFrame
    refusals: dict[str, dict[str, int]]
    correlation: pd.DataFrame
    ties: int = 0
    ties_settled: int = 0


def simulate(books: Sequence[Book], risk: Risk, correlation: Correlation | None = None) -> Result:
    """Trade `books` on one account in the order of time and return what it did.

    Each series holds one position at most and is traded from its first score to its last bar, where it is closed
    (reason `end`). All limits of `risk` are the account's. Open risk is the plain sum over positions and waiting
    orders, as if all stops were hit together; with `correlation` it is `correlation.effective_risk` of them, with the
    new trade among them, which lies between that of independent positions and the plain sum. The order in which books
    are given does not matter. One book gives what `engine.run` gives, bit for bit.

    Raises UsageError for no books or a series that stands in two; whatever is wrong with a book (`backtest.checked`)
    names its series.
    """
    check_risk(risk)
    books = _checked(_by_name(books), risk)
    names = [book.series for book in books]
    line = _line(books)
    known = _known(line, correlation)
    nothing = loop.nothing(len(books))
    rows, at, equity, open_risk, refused, ties = loop.traded(
        line, _terms(books), nothing, known.matrix, known.first_day, fresh(risk), typed(risk)
    )
    ts = pd.DatetimeIndex(line.stamp.astype("datetime64[us]")).tz_localize("UTC")
    table = pd.DataFrame({"equity": equity, "open_risk": open_risk}, index=ts[at].rename("ts"))
    counts = {name: _counted(row) for name, row in zip(names, refused, strict=True)}
    trades = trade_table(rows, ts)
    whose = np.array(names, dtype=object)[rows[:, loop.BOOK].astype(np.int64)]
    trades.insert(0, "series", pd.array(whose, dtype="str"))
    return Result(trades, table, counts, as_table(known, names), int(ties[0]), int(ties[1]))


def _by_name(books: Sequence[Book]) -> list[Book]:
    names = sorted(book.series for book in books)
    if not names:
        raise UsageError("There is nothing to trade: a portfolio needs one book or more.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{', '.join(twice)} stands in two books: a series holds one position, so it needs one book.")
    return sorted(books, key=lambda book: book.series)


def _checked(books: list[Book], risk: Risk) -> list[Book]:
    """Return the books with bars by `ts`."""
    kept = []
    for book in books:
        with _naming(book):
            bars = checked(book.bars, book.score, book.policy, book.exits, book.costs, risk)
        kept.append(book._replace(bars=bars))
    return kept


@contextlib.contextmanager
def _naming(book: Book) -> Iterator[None]:
    """Put the series before the message of whatever is wrong with its book."""
    try:
        yield
    except AssayError as error:
        raise type(error)(f"{book.series}: {error}") from None


def _line(books: list[Book]) -> Line:
    ends = np.cumsum([len(book.bars) for book in books])
    begins = np.r_[0, ends[:-1]]
    columns: list[np.ndarray] = []
    counting = []
    for book, begin, end in zip(books, begins, ends, strict=True):
        parts, first = _read(book)
        columns = columns or [np.empty(ends[-1], part.dtype) for part in parts]
        for column, part in zip(columns, parts, strict=True):
            column[begin:end] = part
        counting.append(np.arange(begin + first, end))
    stamp, events = columns[0], np.concatenate(counting)
    events = events[np.argsort(stamp[events], kind="stable")]
    return Line(
        tape=Tape(*columns[1 : 1 + len(Tape._fields)]),
        scores=Scores(*columns[1 + len(Tape._fields) :]),
        stamp=stamp,
        book=np.repeat(np.arange(len(books), dtype=np.int32), ends - begins),
        events=events,
        begins=np.r_[np.flatnonzero(np.diff(stamp[events], prepend=-1)), len(events)],
        last=ends - 1,
        finer=_finer(books),
    )


def _read(book: Book) -> tuple[list[np.ndarray], int]:
    """Return stamps, tape and scores of a book as arrays, and the position of its first score."""
    with _naming(book):
        ts = pd.DatetimeIndex(book.bars.index)
        scores, first = aligned(book.score, ts)
        arrays = tape(book.bars, book.costs, book.exits.atr_period, book.market, book.policy.clamped)
        return [ts.as_unit("us").asi8, *arrays, *scores], first


def _finer(books: list[Book]) -> Finer:
    """Return the finer bars of all books one after another, by the bars of all books."""
    if all(book.finer is None for book in books):
        return NO_FINER
    parts = [_within(book) for book in books]
    before = np.cumsum([0, *(len(part.close) for part in parts[:-1])])
    whole = Finer(*(read_only(np.concatenate(column)) for column in zip(*parts, strict=True)))
    places = np.repeat(before, [len(part.begin) for part in parts])
    return whole._replace(begin=whole.begin + places, end=whole.end + places)


def _within(book: Book) -> Finer:
    if book.finer is None:
        nowhere = np.zeros(len(book.bars), np.int64)
        return NO_FINER._replace(begin=nowhere, end=nowhere)
    with _naming(book):
        return finer_bars(pd.DatetimeIndex(book.bars.index), book.finer)


def _terms(books: list[Book]) -> Terms:
    kept = []
    for book in books:
        with _naming(book):
            kept.append(rules(book.policy))
    return Terms(
        _records(kept), _records([book.exits for book in books]), _records([as_floats(book.costs) for book in books])
    )


def _records(rows: Sequence[Any]) -> np.ndarray:
    """Return named tuples of one class as an array of records with the fields that are not text.

    Arrays of flags become bytes, since kernels know no records with flags in arrays.
    """
    hints = type(rows[0]).__annotations__
    arrays = {}
    for name in (name for name, hint in hints.items() if hint is not str):
        values = np.array([getattr(row, name) for row in rows], dtype=_SCALARS.get(hints[name]))
        arrays[name] = values.view(np.uint8) if values.ndim > 1 and values.dtype == bool else values
    layout = [(name, values.dtype, values.shape[1:]) for name, values in arrays.items()]
    records = np.zeros(len(rows), dtype=np.dtype(layout, align=True))
    for name, values in arrays.items():
        records[name] = values
    return records


def _known(line: Line, how: Correlation | None) -> Known:
    """Return the correlation in force on each UTC day of the events; of no day where none is asked for."""
    first, last = utc_day(line.stamp[line.events[[0, -1]]]).tolist()
    if how is None:
        return Known(first, np.empty((0, len(line.last), len(line.last))))
    begins = np.r_[0, line.last[:-1] + 1]
    closes = [
        Closes(line.stamp[begin : end + 1], line.tape.close[begin : end + 1])
        for begin, end in zip(begins, line.last, strict=True)
    ]
    return estimated(closes, first, last, how)


def _counted(refused: np.ndarray) -> dict[str, int]:
    return {name: int(count) for name, count in zip(REFUSALS, refused, strict=True) if count}
