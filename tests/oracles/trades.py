"""A second opinion on trades and backtests: plain Python on plain lists, sharing no code with what it checks.

A bar is a dict of floats `open high low close spread`, bid prices. Exits, costs, policy and risk are dicts with the
names that the configuration uses. A trade is decided at the close of one bar and filled at the open of the next. Bars
are counted from 0. Nothing here is fast, and everything is written in the order in which it happens.
"""

from math import ceil, floor, fsum, inf, isnan
from typing import Any

Bar = dict[str, float]
Trade = dict[str, Any]

LONG, SHORT = 1, -1


def lone_trade(
    bars: list[Bar],
    decision: int,
    side: int,
    atr: float,
    exits: dict[str, float],
    costs: dict[str, float],
    nights: list[float] | None = None,
    usd_per_quote: list[float] | None = None,
    size: float = 1.0,
    nights_before_open: list[float] | None = None,
    nights_inside: list[float] | None = None,
) -> Trade | None:
    """Return the one trade decided at the close of bar `decision`, or None where it cannot be opened.

    >>> quiet = {"open": 100.0, "high": 100.5, "low": 99.5, "close": 100.0, "spread": 0.2}
    >>> rally = {"open": 100.0, "high": 103.0, "low": 99.9, "close": 102.5, "spread": 0.2}
    >>> exits = {"take_profit": 2.0, "stop_loss": 1.0, "bars": 3}
    >>> costs = {"slippage": 0.1, "commission": 0.0, "swap_long": 0.0, "swap_short": 0.0, "tick_size": 0.1}
    >>> costs |= {"minimum_stop": 0.5, "contract_size": 100.0, "lot_step": 0.01}
    >>> trade = lone_trade([quiet, quiet, rally], 0, LONG, 1.0, exits, costs)
    >>> trade["reason"], trade["exit_bar"], round(trade["entry"], 9), round(trade["r"], 9)
    ('target', 2, 100.3, 2.0)
    >>> trade = lone_trade([quiet, quiet, rally], 0, SHORT, 1.0, exits, costs)
    >>> trade["reason"], round(trade["entry"], 9), round(trade["exit"], 9), round(trade["r"], 9)
    ('stop', 99.9, 101.0, -1.1)
    >>> lone_trade([quiet, quiet, quiet], 0, LONG, 1.0, exits, costs)["reason"]
    'end'
    """
    nights = nights or [0.0] * len(bars)
    nights_before_open = nights_before_open or [0.0] * len(bars)
    nights_inside = nights_inside or [0.0] * len(bars)
    usd_per_quote = usd_per_quote or [1.0] * len(bars)
    if decision + 1 >= len(bars) or not atr > 0:
        return None
    position = _open_position(_order(decision, side, atr, size, exits, costs), bars, costs)
    for i in range(decision + 1, len(bars)):
        if i > decision + 1:
            _charge_swap(position, nights_before_open[i], costs)
        closed = _exit(position, bars, i, exits, costs)
        _charge_until_exit(position, bars[i], closed, nights[i] - nights_before_open[i], nights_inside[i], costs)
        if closed is not None:
            return _settle(position, i, closed, costs, usd_per_quote[i])
    raise AssertionError("the last bar closes every trade")


def backtest(
    bars: list[Bar],
    atr: list[float],
    score: list[dict[str, float]],
    policy: dict[str, Any],
    exits: dict[str, float],
    costs: dict[str, float],
    risk: dict[str, float],
    day: list[int],
    session: list[int] | None = None,
    shut: list[bool] | None = None,
    nights: list[float] | None = None,
    usd_per_quote: list[float] | None = None,
    nights_before_open: list[float] | None = None,
    nights_inside: list[float] | None = None,
    finer: list[list[Bar]] | None = None,
) -> dict[str, Any]:
    """Return `{"trades": [...], "equity": [...]}`: trades in the order of their exits, equity at each bar's close.

    `score` holds for each bar a dict of `score expected_r_long expected_r_short confidence`; `day` the trading day,
    `session` the session's code, `shut` whether the market is shut at the bar's close. `policy["blocked_sessions"]`
    holds codes. `nights` of swap end in each bar, `nights_before_open` of them before it opens, `nights_inside` of them
    while it lasts and is traded on; `finer` holds for each bar the finer bars in it. `ties` and `ties_settled` count
    trades.
    """
    session = session or [-1] * len(bars)
    shut = shut or [False] * len(bars)
    nights = nights or [0.0] * len(bars)
    usd_per_quote = usd_per_quote or [1.0] * len(bars)
    nights_before_open = nights_before_open or [0.0] * len(bars)
    nights_inside = nights_inside or [0.0] * len(bars)

    account = _fresh_account(risk)
    trades: list[Trade] = []
    equity: list[float] = []
    order: dict[str, Any] | None = None
    position: dict[str, Any] | None = None
    ties: list[tuple[float, str] | None] = []

    for i, bar in enumerate(bars):
        if day[i] != account["day"]:
            _begin_day(account, day[i], risk)

        if position is not None:
            _charge_swap(position, nights_before_open[i], costs)
        if order is not None:
            position, order = _open_position(order, bars, costs), None

        worth = 0.0
        if position is not None:
            closed = _told_exit(position, bars, i, exits, costs, finer, ties)
            _charge_until_exit(position, bar, closed, nights[i] - nights_before_open[i], nights_inside[i], costs)
            if closed is None:
                mark = (_closing_price(position["side"], bar, costs), "mark")
                worth = _settle(position, i, mark, costs, usd_per_quote[i])["pnl"]
            else:
                trades.append(_settle(position, i, closed, costs, usd_per_quote[i]))
                _book(account, trades[-1])
                position = None
        equity.append(account["cash"] + worth)
        _mark(account, equity[-1], risk)

        if position is not None or shut[i] or i == len(bars) - 1 or not _rested(trades, i, policy):
            continue
        side = _side(score[i], policy)
        guarded = _guarded(bar, atr[i], score[i], session[i], policy) or _too_wild_or_too_calm(atr, i, policy)
        if side == 0 or guarded or _limited(account, risk):
            continue
        size = _size(account["cash"], atr[i], bar["close"], exits, costs, risk, usd_per_quote[i])
        if size >= costs["lot_step"]:
            order = _order(i, side, atr[i], size, exits, costs) | {"score": score[i]["score"]}
            account["trades_today"] += 1

    settled = [told for told in ties if told is not None]
    return {"trades": trades, "equity": equity, "ties": len(ties), "ties_settled": len(settled)}


def _fresh_account(risk: dict[str, float]) -> dict[str, Any]:
    return {
        "cash": risk["equity"],
        "losses_in_a_row": 0,
        "day": None,
        "trades_today": 0,
        "cash_at_day_start": 0.0,
        "highest": risk["equity"],
        "stopped_out": False,
    }


def _mark(account: dict[str, Any], equity: float, risk: dict[str, float]) -> None:
    """Remember the highest equity; too far below it the account is stopped out for good."""
    account["highest"] = max(account["highest"], equity)
    if equity <= account["highest"] * (1.0 - risk.get("max_drawdown", 1.0)):
        account["stopped_out"] = True


def nearest_tick(price: float, tick: float) -> float:
    """Return the nearest tick, halves up.

    >>> nearest_tick(10.25, 0.5), nearest_tick(10.2, 0.5)
    (10.5, 10.0)
    """
    return round(floor(price / tick + 0.500001) * tick, 10)


def at_or_above(price: float, level: float, tick: float) -> bool:
    """Return whether a price has reached a level: on the grid of ticks, not on the rounding of a sum of floats.

    >>> 1.1 + 2.2 <= 3.3, at_or_above(3.3, 1.1 + 2.2, 0.1), at_or_above(3.2, 3.3, 0.1)
    (False, True, False)
    """
    return price >= level - 1e-6 * tick


def stop_distance(atr: float, exits: dict[str, float], costs: dict[str, float]) -> float:
    """Return the planned distance of the stop: never less than the minimum, rounded up to the tick.

    >>> costs = {"tick_size": 0.25, "minimum_stop": 0.5}
    >>> [stop_distance(atr, {"stop_loss": 2.0}, costs) for atr in (0.1, 0.5, 0.51)]
    [0.5, 1.0, 1.25]
    """
    wanted = max(exits["stop_loss"] * atr, costs["minimum_stop"])
    return ceil(wanted / costs["tick_size"] - 0.000001) * costs["tick_size"]


def target_distance(atr: float, exits: dict[str, float], costs: dict[str, float]) -> float:
    """Return the distance of the target: the nearest tick, at least one."""
    ticks = floor(exits["take_profit"] * atr / costs["tick_size"] + 0.500001)
    return max(ticks, 1) * costs["tick_size"]


def _order(
    decision: int, side: int, atr: float, size: float, exits: dict[str, float], costs: dict[str, float]
) -> dict[str, Any]:
    return {
        "decision": decision,
        "side": side,
        "size": size,
        "stop_distance": stop_distance(atr, exits, costs),
        "target_distance": target_distance(atr, exits, costs),
    }


def _open_position(order: dict[str, Any], bars: list[Bar], costs: dict[str, float]) -> dict[str, Any]:
    """Fill at the next open: a long pays spread and slippage, a short gets the bid less slippage."""
    bar, side, tick = bars[order["decision"] + 1], order["side"], costs["tick_size"]
    entry = bar["open"] - costs["slippage"]
    if side == LONG:
        entry = bar["open"] + bar["spread"] + costs["slippage"]
    return order | {
        "entry_bar": order["decision"] + 1,
        "entry": entry,
        "stop": nearest_tick(entry - side * order["stop_distance"], tick),
        "target": nearest_tick(entry + side * order["target_distance"], tick),
        "swap": 0.0,
    }


def _exit(
    position: dict[str, Any], bars: list[Bar], i: int, exits: dict[str, float], costs: dict[str, float]
) -> tuple[float, str] | None:
    """Return the price and the reason of an exit in bar `i`, or None where the position stays open."""
    bar, side = bars[i], position["side"]
    touched = _long_barriers(position, bar, costs) if side == LONG else _short_barriers(position, bar, costs)
    if touched is not None:
        return touched
    if i - position["entry_bar"] + 1 >= exits["bars"]:
        return _closing_price(side, bar, costs), "time"
    if i == len(bars) - 1:
        return _closing_price(side, bar, costs), "end"
    return None


def _long_barriers(position: dict[str, Any], bar: Bar, costs: dict[str, float]) -> tuple[float, str] | None:
    """A long is closed on the bid: a barrier that the open has passed fills there, then the stop, then the target."""
    stop, target, tick = position["stop"], position["target"], costs["tick_size"]
    if at_or_above(stop, bar["open"], tick):
        return bar["open"] - costs["slippage"], "stop"
    if at_or_above(bar["open"], target, tick):
        return bar["open"], "target"
    if at_or_above(stop, bar["low"], tick):
        return stop - costs["slippage"], "stop"
    if at_or_above(bar["high"], target, tick):
        return target, "target"
    return None


def _short_barriers(position: dict[str, Any], bar: Bar, costs: dict[str, float]) -> tuple[float, str] | None:
    """A short is closed on the ask, the bid and that bar's spread, in the same order."""
    stop, target, tick = position["stop"], position["target"], costs["tick_size"]
    ask = {name: bar[name] + bar["spread"] for name in ("open", "high", "low")}
    if at_or_above(ask["open"], stop, tick):
        return ask["open"] + costs["slippage"], "stop"
    if at_or_above(target, ask["open"], tick):
        return ask["open"], "target"
    if at_or_above(ask["high"], stop, tick):
        return stop + costs["slippage"], "stop"
    if at_or_above(target, ask["low"], tick):
        return target, "target"
    return None


def _told_exit(
    position: dict[str, Any],
    bars: list[Bar],
    i: int,
    exits: dict[str, float],
    costs: dict[str, float],
    finer: list[list[Bar]] | None,
    ties: list[tuple[float, str] | None],
) -> tuple[float, str] | None:
    """Return what `_exit` does, or on a tie what finer bars tell; write down each tie and what they told of it."""
    if not _is_tie(position, bars[i], costs):
        return _exit(position, bars, i, exits, costs)
    ties.append(_untied(position, bars[i], finer[i] if finer else [], costs))
    return ties[-1] or _exit(position, bars, i, exits, costs)


def _is_tie(position: dict[str, Any], bar: Bar, costs: dict[str, float]) -> bool:
    """Return whether the bar opens between the barriers and reaches both, so that it does not tell which came first."""
    ask = 0.0 if position["side"] == LONG else bar["spread"]
    floor, ceiling = sorted([position["stop"], position["target"]])
    tick = costs["tick_size"]
    if at_or_above(floor, bar["open"] + ask, tick) or at_or_above(bar["open"] + ask, ceiling, tick):
        return False
    return at_or_above(floor, bar["low"] + ask, tick) and at_or_above(bar["high"] + ask, ceiling, tick)


def _untied(position: dict[str, Any], bar: Bar, finer: list[Bar], costs: dict[str, float]) -> tuple[float, str] | None:
    """Return price and reason of the exit from finer bars, None where they are not this bar, or tie themselves."""
    if not finer:
        return None
    whole = {
        "open": finer[0]["open"],
        "high": max(one["high"] for one in finer),
        "low": min(one["low"] for one in finer),
        "close": finer[-1]["close"],
    }
    if any(abs(bar[name] - price) > 1e-6 * costs["tick_size"] for name, price in whole.items()):
        return None
    barriers = _long_barriers if position["side"] == LONG else _short_barriers
    for one in finer:
        charged = one | {"spread": bar["spread"]}
        if (reached := barriers(position, charged, costs)) is not None:
            return None if _is_tie(position, charged, costs) else reached
    return None


def _closing_price(side: int, bar: Bar, costs: dict[str, float]) -> float:
    """Return what closing at the bar's close pays: the bid for a long, the ask for a short, and slippage."""
    if side == LONG:
        return bar["close"] - costs["slippage"]
    return bar["close"] + bar["spread"] + costs["slippage"]


def _charge_until_exit(
    position: dict[str, Any],
    bar: Bar,
    closed: tuple[float, str] | None,
    nights: float,
    inside: float,
    costs: dict[str, float],
) -> None:
    """Charge the nights of a bar that the position outlives, or with which the data end; else those before its exit.

    An exit at the close comes after the nights inside the bar, one at the open before them; of one in between it is
    not known, so they count where they cost.
    """
    if closed is None or closed[1] == "end":
        _charge_swap(position, nights, costs)
    elif closed[1] == "time":
        _charge_swap(position, inside, costs)
    elif not _opened_beyond(position, bar, costs):
        before = position["swap"]
        _charge_swap(position, inside, costs)
        position["swap"] = min(before, position["swap"])


def _opened_beyond(position: dict[str, Any], bar: Bar, costs: dict[str, float]) -> bool:
    """Return whether the bar opened at or beyond a barrier."""
    opened = bar["open"] + (0.0 if position["side"] == LONG else bar["spread"])
    floor, ceiling = sorted([position["stop"], position["target"]])
    return at_or_above(floor, opened, costs["tick_size"]) or at_or_above(opened, ceiling, costs["tick_size"])


def _charge_swap(position: dict[str, Any], nights: float, costs: dict[str, float]) -> None:
    """Add the nights over which the position was open, in price units (positive is a credit)."""
    points = costs["swap_long"] if position["side"] == LONG else costs["swap_short"]
    position["swap"] += nights * points * costs["tick_size"]


def _settle(
    position: dict[str, Any], i: int, closed: tuple[float, str], costs: dict[str, float], usd_per_quote: float
) -> Trade:
    """Return the trade as closed in bar `i`: `r` net of every cost in units of the initial risk, `pnl` in USD."""
    price, reason = closed
    commission = costs["commission"] / (costs["contract_size"] * usd_per_quote)
    gain = position["side"] * (price - position["entry"]) + position["swap"] - 2 * commission
    r = gain / position["stop_distance"]
    if abs(r) < 1e-9:
        r = 0.0  # rounding, neither a gain nor a loss
    pnl = r * position["stop_distance"] * costs["contract_size"] * position["size"] * usd_per_quote
    return position | {"exit_bar": i, "exit": price, "reason": reason, "r": r, "pnl": pnl}


def _side(scores: dict[str, float], policy: dict[str, Any]) -> int:
    """Return the side that the scores call for; a comparison with NaN is False, so NaN calls for none."""
    if scores["score"] >= policy["long_threshold"] and scores["expected_r_long"] > 0:
        return LONG
    if scores["score"] <= policy["short_threshold"] and scores["expected_r_short"] > 0:
        return SHORT
    return 0


def _guarded(bar: Bar, atr: float, scores: dict[str, float], session: int, policy: dict[str, Any]) -> bool:
    """Return whether a guard refuses the entry."""
    return (
        isnan(atr)
        or atr <= 0
        or bar["spread"] > policy["max_spread_atr"] * atr
        or scores["confidence"] < policy["min_confidence"]
        or session in policy["blocked_sessions"]
    )


def _too_wild_or_too_calm(atr: list[float], i: int, policy: dict[str, Any]) -> bool:
    """Return whether the ATR of bar `i`, in units of its usual self, leaves the bounds; unknown, it leaves any.

    Its usual self is the mean over the five hundred bars that end with `i`, of which a hundred need an ATR.
    """
    if policy["max_volatility"] == inf and policy["min_volatility"] == 0.0:
        return False
    known = [value for value in atr[max(i - 499, 0) : i + 1] if not isnan(value)]
    if len(known) < 100 or fsum(known) == 0.0:
        return True
    times = atr[i] * len(known) / fsum(known)
    return times > policy["max_volatility"] or times < policy["min_volatility"]


def _rested(trades: list[Trade], i: int, policy: dict[str, Any]) -> bool:
    """Return whether the cooldown after the last exit is over at the close of bar `i`."""
    return not trades or i - trades[-1]["exit_bar"] >= policy["cooldown"]


def _begin_day(account: dict[str, Any], day: int, risk: dict[str, float]) -> None:
    """Begin a trading day; a block by losses in a row ends with the day before, and its count restarts."""
    account |= {"day": day, "trades_today": 0, "cash_at_day_start": account["cash"]}
    if account["losses_in_a_row"] >= risk["max_consecutive_losses"]:
        account["losses_in_a_row"] = 0


def _book(account: dict[str, Any], trade: Trade) -> None:
    """Book a closed trade; one that neither gains nor loses ends a row of losses."""
    account["cash"] += trade["pnl"]
    account["losses_in_a_row"] = account["losses_in_a_row"] + 1 if trade["pnl"] < 0 else 0


def _limited(account: dict[str, Any], risk: dict[str, float]) -> bool:
    """Return whether a limit blocks entries: the drawdown for good; trades, loss, losses in a row for the day."""
    lost_today = account["cash_at_day_start"] - account["cash"]
    return (
        account["stopped_out"]
        or account["trades_today"] >= risk["max_trades_per_day"]
        or lost_today >= risk["daily_loss"] * account["cash_at_day_start"]
        or account["losses_in_a_row"] >= risk["max_consecutive_losses"]
    )


def _size(
    cash: float,
    atr: float,
    price: float,
    exits: dict[str, float],
    costs: dict[str, float],
    risk: dict[str, float],
    usd_per_quote: float,
) -> float:
    """Return lots that lose the risk per trade at the planned stop, within the largest notional, by whole lot steps.

    >>> _size(10_000.0, 1.0, 100.0, {"stop_loss": 1.0}, {"tick_size": 0.25, "minimum_stop": 0.5, "contract_size": 100.0,
    ...       "lot_step": 0.25}, {"per_trade": 0.01}, 1.0)
    1.0
    """
    loss_per_lot = stop_distance(atr, exits, costs) * costs["contract_size"] * usd_per_quote
    lots = cash * risk["per_trade"] / loss_per_lot
    lots = min(lots, cash * risk.get("max_notional", 1e9) / (price * costs["contract_size"] * usd_per_quote))
    return round(floor(lots / costs["lot_step"] + 1e-9) * costs["lot_step"], 10)
