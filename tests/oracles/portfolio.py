"""A second opinion on an account that trades many series: plain Python, one stamp after another.

A book is a dict: `name`, `stamp` (microseconds since 1970, increasing), and for each of its bars what
`tests.oracles.trades.backtest` takes, under the same names, with `first` the position of the first bar that counts and
`finer` None or for each bar the finer bars in it.
How a single trade is filled and settled is that oracle's; when what happens, and what counts together, is told here.
"""

import math
import statistics
from itertools import pairwise
from typing import Any

from tests.oracles import trades as single

Book = dict[str, Any]

DAY = 86_400_000_000


def backtest(books: list[Book], risk: dict[str, float], correlation: dict[str, int] | None = None) -> dict[str, Any]:
    """Return trades (each with its `name`), equity and open risk by stamp, and refusals for want of room by name.

    `ties` has an entry for each trade that ended in a tie: what finer bars told of it, or None.
    """
    books = sorted(books, key=lambda book: book["name"])
    account = {"cash": risk["equity"], "row": 0, "day": None, "trades": 0, "began": 0.0, "top": risk["equity"]}
    account["over"] = False
    open_now: dict[str, dict[str, Any]] = {}
    rested: dict[str, int] = {}
    said: dict[str, Any] = {"trades": [], "equity": {}, "open_risk": {}, "refused": {}, "ties": []}
    arrivals: dict[int, list[tuple[Book, int]]] = {}
    for book in books:
        for i in range(book["first"], len(book["stamp"])):
            arrivals.setdefault(book["stamp"][i], []).append((book, i))
    for stamp, here in sorted(arrivals.items(), key=lambda one: one[0]):
        for book, i in here:
            _morning(account, book["day"][i], risk)
        for book, i in here:
            trade = _bar(open_now, book, i, said["ties"])
            if trade is not None:
                said["trades"].append(trade | {"name": book["name"]})
                account["cash"] += trade["pnl"]
                account["row"] = account["row"] + 1 if trade["pnl"] < 0 else 0
                rested[book["name"]] = i
        held = [open_now[name] for name in sorted(open_now) if open_now[name]["kind"] == "position"]
        said["equity"][stamp] = account["cash"] + math.fsum(one["worth"] for one in held)
        said["open_risk"][stamp] = math.fsum(one["at_risk"] for one in held) / account["cash"]
        account["top"] = max(account["top"], said["equity"][stamp])
        account["over"] |= said["equity"][stamp] <= account["top"] * (1.0 - risk["max_drawdown"])
        for book, i in here:
            _decide(account, open_now, rested, books, book, i, risk, correlation, said["refused"])
    return said


def _morning(account: dict[str, Any], day: int, risk: dict[str, float]) -> None:
    """Begin a trading day; a day that another market has begun already is not begun again."""
    if account["day"] is not None and day <= account["day"]:
        return
    account |= {"day": day, "trades": 0, "began": account["cash"]}
    if account["row"] >= risk["max_consecutive_losses"]:
        account["row"] = 0


def _bar(
    open_now: dict[str, dict[str, Any]], book: Book, i: int, ties: list[tuple[float, str] | None]
) -> dict[str, Any] | None:
    """Let bar `i` happen to what the book has open; return the trade that it closes."""
    mine = open_now.get(book["name"])
    if mine is None:
        return None
    exits, costs, bars = book["exits"], book["costs"], book["bars"]
    nights = book["nights"][i]
    if mine["kind"] == "order":
        mine |= {"kind": "position", "trade": single._open_position(mine["trade"], bars, costs)}
        nights -= book["nights_before_open"][i]
    else:
        single._charge_swap(mine["trade"], book["nights_before_open"][i], costs)
        nights -= book["nights_before_open"][i]
    closed = single._told_exit(mine["trade"], bars, i, exits, costs, book["finer"], ties)
    single._charge_until_exit(mine["trade"], bars[i], closed, nights, book["nights_inside"][i], costs)
    if closed is not None:
        del open_now[book["name"]]
        return single._settle(mine["trade"], i, closed, costs, book["usd_per_quote"][i])
    mark = (single._closing_price(mine["trade"]["side"], bars[i], costs), "mark")
    mine["worth"] = single._settle(mine["trade"], i, mark, costs, book["usd_per_quote"][i])["pnl"]
    mine["at_risk"] = _at_risk(mine["trade"], book, i)
    return None


def _at_risk(trade: dict[str, Any], book: Book, i: int) -> float:
    """Return the USD between entry and stop."""
    return trade["size"] * trade["stop_distance"] * book["costs"]["contract_size"] * book["usd_per_quote"][i]


def _decide(
    account: dict[str, Any],
    open_now: dict[str, dict[str, Any]],
    rested: dict[str, int],
    books: list[Book],
    book: Book,
    i: int,
    risk: dict[str, float],
    correlation: dict[str, int] | None,
    refused: dict[tuple[str, str], int],
) -> None:
    name, policy, bars = book["name"], book["policy"], book["bars"]
    tired = name in rested and i - rested[name] < policy["cooldown"]
    if name in open_now or tired or book["shut"][i]:
        return
    side = single._side(book["score"][i], policy)
    if side == 0 or single._guarded(bars[i], book["atr"][i], book["score"][i], book["session"][i], policy):
        return
    if single._too_wild_or_too_calm(book["atr"], i, policy):
        return
    lost = account["began"] - account["cash"]
    if account["over"] or account["trades"] >= risk["max_trades_per_day"]:
        return
    if lost >= risk["daily_loss"] * account["began"] or account["row"] >= risk["max_consecutive_losses"]:
        return
    reason = _no_room(open_now, books, book, i, side, account["cash"], risk, correlation)
    if reason:
        refused[name, reason] = refused.get((name, reason), 0) + 1
        return
    terms = (book["exits"], book["costs"], risk, book["usd_per_quote"][i])
    size = single._size(account["cash"], book["atr"][i], bars[i]["close"], *terms)
    if size < book["costs"]["lot_step"] or i == len(bars) - 1:
        return
    order = single._order(i, side, book["atr"][i], size, book["exits"], book["costs"])
    open_now[name] = {"kind": "order", "trade": order | {"score": book["score"][i]["score"]}, "worth": 0.0}
    open_now[name]["at_risk"] = _at_risk(order, book, i)
    account["trades"] += 1


def _no_room(
    open_now: dict[str, dict[str, Any]],
    books: list[Book],
    book: Book,
    i: int,
    side: int,
    cash: float,
    risk: dict[str, float],
    correlation: dict[str, int] | None,
) -> str:
    """Return why there is no room for another trade, if so: too many, or too much at risk with it."""
    if len(open_now) >= risk["max_positions"]:
        return "positions"
    shares = {name: one["at_risk"] / cash for name, one in open_now.items()} | {book["name"]: risk["per_trade"]}
    sides = {name: one["trade"]["side"] for name, one in open_now.items()} | {book["name"]: side}
    together = sum(shares.values())
    if correlation is not None:
        by_name = {one["name"]: one for one in books}
        known = {
            frozenset((a, b)): known_correlation(by_name[a], by_name[b], book["stamp"][i], **correlation)
            for a in shares
            for b in shares
            if a < b
        }
        together = together_at_risk(shares, sides, known)
    return "open_risk" if together > risk["open_risk"] + 1e-9 else ""


def together_at_risk(
    shares: dict[str, float], sides: dict[str, int], known: dict[frozenset[str], float | None]
) -> float:
    """Return the risk of all together, two at a time; a hedge helps no more than independence, unknown is the same.

    >>> round(together_at_risk({"a": 3.0, "b": 4.0}, {"a": 1, "b": 1}, {frozenset("ab"): 0.0}), 9)
    5.0
    >>> round(together_at_risk({"a": 3.0, "b": 4.0}, {"a": 1, "b": -1}, {frozenset("ab"): 0.9}), 9)
    5.0
    >>> round(together_at_risk({"a": 3.0, "b": 4.0}, {"a": 1, "b": -1}, {frozenset("ab"): None}), 9)
    7.0
    """
    total = sum(share**2 for share in shares.values())
    for pair, value in known.items():
        a, b = pair
        shared = 1.0 if value is None else max(value * sides[a] * sides[b], 0.0)
        total += 2.0 * shared * shares[a] * shares[b]
    return math.sqrt(total)


def known_correlation(first: Book, second: Book, stamp: int, window: int, minimum: int) -> float | None:
    """Return the correlation of daily returns as known on the UTC day in which a bar closes at `stamp`, or None."""
    today = (stamp - 1) // DAY
    a, b = (_last_of_days(book, today) for book in (first, second))
    days = sorted(set(a) & set(b))
    x = [math.log(a[day] / a[before]) for before, day in pairwise(days)][-window:]
    y = [math.log(b[day] / b[before]) for before, day in pairwise(days)][-window:]
    if len(x) < minimum or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    return statistics.correlation(x, y)


def _last_of_days(book: Book, today: int) -> dict[int, float]:
    """Return the last close of each UTC day before `today`."""
    closes = zip(book["stamp"], book["bars"], strict=True)
    return {(at - 1) // DAY: bar["close"] for at, bar in closes if (at - 1) // DAY < today}
