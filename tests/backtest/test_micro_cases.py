"""Golden micro-cases: a market of a few bars in each row, with the numbers of its one trade worked out by hand.

Four calm bars of range 1 come first, so the ATR is 1; the decision is at the close of the fourth, at 100. Unless a row
says otherwise a bar is a quarter of an hour, the stop is 1 away, the target 2, time is up after three bars, a tick is
0.01, and 0.5 % of 100,000 USD at 1 × 100 USD a lot is 5 lots: 1 R is 500 USD.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.engine import run
from labels.barriers import lone_trades
from live.brokers import Order
from live.brokers.paper import PaperBroker, Terms
from market.execution import REASONS, Costs, Exits, as_floats
from market.tape import bar_at, last, tape
from tests.markets import bars_of, stamps

FREE = as_floats(Costs(0, 0, 0, 0, 0, 0.01, 0.1, 0, 100, 0.01))
SWAP = FREE._replace(swap_long=-10.0, swap_short=4.0)  # in ticks: 0.10 a night to pay, 0.04 to get
YEN = FREE._replace(contract_size=100_000.0, quote_currency="JPY")
EXITS = Exits(take_profit=2.0, stop_loss=1.0, bars=3, atr_period=2)
RISK = Risk(max_trades_per_day=1000)
QUARTER = pd.Timedelta(minutes=15)

FAR = (100.0, 100.5, 99.5, 100.0)
CALM = [FAR] * 4
BOTH = (100.0, 103.0, 98.0, 100.0)
LONG, SHORT = 1, -1


class Case(NamedTuple):
    """Bars after the decision and what its trade comes to; `shut`: from which of them on, and for how many minutes."""

    what: str
    side: int
    rows: list[tuple[float, float, float, float]]
    told: dict[str, Any]
    costs: Costs = FREE
    spread: float = 0.0
    equity: float = 100_000.0
    market: str = "crypto"
    first_open: str = "2024-01-08 00:00"
    shut: tuple[int, int] = (0, 0)


def ends(reason: str, exit_: float, r: float, bars: int, **more: float) -> dict[str, Any]:
    return {"reason": reason, "exit": exit_, "r": r, "bars": bars} | more


# Rolls are at 17:00 New York: 22:00 UTC in winter, 21:00 in summer. A first open at 19:45 fills the entry at 20:45.
CASES = [
    # A long holds 5 lots from 100, stop 99, target 102; a short stop 101, target 98.
    Case("a tie of a long is a stop", LONG, [FAR, BOTH], ends("stop", 99, -1, 2, pnl=-500, entry=100, stop=99)),
    Case("a tie of a short is a stop", SHORT, [FAR, BOTH], ends("stop", 101, -1, 2, pnl=-500, target=98)),
    Case("a tie on the entry bar is a stop", LONG, [BOTH], ends("stop", 99, -1, 1)),
    Case("a long gaps through its stop: 97 − 100", LONG, [FAR, (97, 98, 96, 97)], ends("stop", 97, -3, 2, pnl=-1500)),
    Case("a short gaps through its stop: 100 − 103", SHORT, [FAR, (103, 104, 102, 103)], ends("stop", 103, -3, 2)),
    Case("a long gaps through its target: 104 − 100", LONG, [FAR, (104, 105, 98, 99)], ends("target", 104, 4, 2)),
    Case("a short gaps through its target: 100 − 96", SHORT, [FAR, (96, 102, 95, 96)], ends("target", 96, 4, 2)),
    Case("the entry bar reaches the target", LONG, [(100, 102, 99.5, 102)], ends("target", 102, 2, 1, pnl=1000)),
    Case(
        "entry is at the next open, 105, not at the close of the decision, and barriers hang on it",
        LONG,
        [(105, 107.5, 104.5, 107)],
        ends("target", 107, 2, 1, entry=105, stop=104, target=107, size=5),
    ),
    # With a spread of 0.25 a long holds from 100.25 (stop 99.25, target 102.25) and leaves on the bid.
    Case("a long pays the spread", LONG, [FAR, FAR, FAR], ends("time", 100, -0.25, 3, entry=100.25), spread=0.25),
    Case("a long stops on the bid", LONG, [(100, 100.5, 99.25, 100)], ends("stop", 99.25, -1, 1), spread=0.25),
    Case("a long's target on the bid", LONG, [(100, 102.25, 100, 102)], ends("target", 102.25, 2, 1), spread=0.25),
    # A short holds from 100 and leaves on the ask: at a bid of 100.75 it stops, its target needs a bid of 97.75.
    Case("a short stops on the ask", SHORT, [(100, 100.75, 100, 100)], ends("stop", 101, -1, 1), spread=0.25),
    Case("a short's target on the ask", SHORT, [(100, 100, 97.75, 98)], ends("target", 98, 2, 1), spread=0.25),
    Case("a short pays the spread at its end", SHORT, [FAR, FAR, FAR], ends("time", 100.25, -0.25, 3), spread=0.25),
    Case("time is up at the third close", LONG, [FAR, FAR, (100, 101, 99.5, 100.5)], ends("time", 100.5, 0.5, 3)),
    Case("the data ends", LONG, [FAR, (100, 101, 99.5, 100.7)], ends("end", 100.7, 0.7, 2, pnl=350)),
    # In at 100.1, stop 99.1, out at 99.0: 1.1 lost of 1.
    Case(
        "slippage at entry and stop",
        LONG,
        [FAR, (100, 100.5, 98.5, 99)],
        ends("stop", 99.0, -1.1, 2, entry=100.1, cost=0.2 * 500),
        FREE._replace(slippage=0.1),
    ),
    # 500 USD ÷ (2 × 100) is 2.5 lots.
    Case(
        "the minimum stop of 2 widens the stop and halves the size",
        LONG,
        [FAR, (100, 100.5, 97.5, 98)],
        ends("stop", 98, -1, 2, size=2.5, stop=98, target=102, pnl=-500),
        FREE._replace(minimum_stop=2.0),
    ),
    # 100,777 × 0.5 % ÷ 100 is 5.03885 lots.
    Case("lots are rounded down", LONG, [BOTH], ends("stop", 99, -1, 1, size=5.03, pnl=-503), equity=100_777.0),
    # 5 USD a lot and side is 0.10 a unit.
    Case(
        "commission is paid twice",
        LONG,
        [FAR, (100, 103, 100, 102)],
        ends("target", 102, 1.9, 2, pnl=950, cost=50),
        FREE._replace(commission=5.0),
    ),
    # 500 USD ÷ (1 × 100,000 ÷ 100) is 0.5 lots; 2 × 50,000 yen at 102 a dollar are 980.39 USD.
    Case(
        "yen become dollars at their own price",
        LONG,
        [FAR, (100, 103, 100, 102)],
        ends("target", 102, 2, 2, size=0.5, pnl=100_000 / 102),
        YEN,
    ),
    # The same less 2 × 5 USD on half a lot; at the exit's rate that is 5 × 102 ÷ 50,000 = 0.0102 of a yen a unit.
    Case(
        "commission in dollars on yen",
        LONG,
        [FAR, (100, 103, 100, 102)],
        ends("target", 102, 1.9898, 2, pnl=100_000 / 102 - 5),
        YEN._replace(commission=5.0),
    ),
    Case("a night of Monday", LONG, [FAR] * 3, ends("time", 100, -0.1, 3), SWAP, 0, 1e5, "forex", "2024-01-08 20:45"),
    Case("of Wednesday: 3", LONG, [FAR] * 3, ends("time", 100, -0.3, 3), SWAP, 0, 1e5, "forex", "2024-01-10 20:45"),
    Case("a short gets 3", SHORT, [FAR] * 3, ends("time", 100, 0.12, 3), SWAP, 0, 1e5, "forex", "2024-01-10 20:45"),
    Case("of an index: Friday", LONG, [FAR] * 3, ends("time", 100, -0.3, 3), SWAP, 0, 1e5, "index", "2024-01-12 20:45"),
    Case("of crypto: none", LONG, [FAR] * 3, ends("time", 100, 0, 3), SWAP, 0, 1e5, "crypto", "2024-01-10 20:45"),
    # Out on the bar that closes at the roll: not held over it.
    Case("an exit at the roll", LONG, [BOTH], ends("stop", 99, -1, 1), SWAP, 0, 1e5, "forex", "2024-01-08 20:45"),
    # Summer time begins in New York on 10 March 2024 and ends on 3 November: 21:00 UTC is a roll only between.
    Case("before spring", LONG, [FAR] * 3, ends("time", 100, 0, 3), SWAP, 0, 1e5, "forex", "2024-03-07 19:45"),
    Case("after spring", LONG, [FAR] * 3, ends("time", 100, -0.1, 3), SWAP, 0, 1e5, "forex", "2024-03-11 19:45"),
    Case("before autumn", LONG, [FAR] * 3, ends("time", 100, -0.1, 3), SWAP, 0, 1e5, "forex", "2024-10-31 19:45"),
    Case("after autumn", LONG, [FAR] * 3, ends("time", 100, 0, 3), SWAP, 0, 1e5, "forex", "2024-11-04 19:45"),
    # Friday to Sunday: Friday's one night, charged as the position outlived it; Sunday opens below the stop.
    Case(
        "a weekend is one night, and its gap fills at the open",
        LONG,
        [FAR, (97, 98, 96, 97)],
        ends("stop", 97, -3.1, 2),
        SWAP,
        market="forex",
        first_open="2024-01-12 20:45",
        shut=(1, 48 * 60),
    ),
    # 4 July 2024, a Thursday: gold stops at 17:00 UTC and opens at 22:00; the roll at 21:00 is in between.
    Case(
        "a night of an early close is charged although the first bar after it is the last",
        LONG,
        [FAR, (97, 98, 96, 97)],
        ends("stop", 97, -3.1, 2),
        SWAP,
        market="metal",
        first_open="2024-07-04 15:45",
        shut=(1, 300),
    ),
    Case(
        "a night of an early close is charged once to what outlives that bar",
        LONG,
        [FAR, FAR, FAR],
        ends("time", 100, -0.1, 3),
        SWAP,
        market="metal",
        first_open="2024-07-04 15:45",
        shut=(1, 300),
    ),
    Case(
        "a night of an early close is not charged to what is opened after it",
        LONG,
        [FAR, FAR, FAR],
        ends("time", 100, 0, 3),
        SWAP,
        market="metal",
        first_open="2024-07-04 16:00",
        shut=(0, 300),
    ),
]


def market_of(case: Case) -> pd.DataFrame:
    bars = bars_of([*CALM, *case.rows], case.spread, start=str(pd.Timestamp(case.first_open) + QUARTER))
    late = np.arange(len(bars)) >= len(CALM) + case.shut[0]
    return bars.set_axis((bars.index + pd.to_timedelta(late * case.shut[1], "min")).rename("ts"))


def scored(bars: pd.DataFrame, side: int) -> pd.Series:
    score = pd.Series(np.nan, index=bars.index)
    score.iloc[len(CALM) - 1] = 1.0 if side > 0 else 0.0
    return score


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_a_backtest_tells_what_was_worked_out_by_hand(case):
    bars = market_of(case)
    risk = RISK._replace(equity=case.equity)
    result = run(bars, scored(bars, case.side), Policy(0.6, 0.4), EXITS, case.costs, risk, case.market)
    (trade,) = result.trades.reset_index().to_dict("records")
    assert trade["t_entry"] == bars.index[len(CALM)]
    trade["bars"] = bars.index.get_loc(trade["t_exit"]) - len(CALM) + 1
    assert {name: trade[name] for name in case.told} == pytest.approx(case.told, abs=1e-9)
    assert result.equity["equity"].iloc[-1] == pytest.approx(case.equity + trade["pnl"])
    assert result.ties == int("tie" in case.what or case.rows[-1] == BOTH)


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_a_label_tells_the_same(case):
    bars = market_of(case)
    decision = np.array([len(CALM) - 1])
    told = lone_trades(tape(bars, case.costs, 2, case.market), decision, case.side, EXITS, case.costs)
    reason, r = int(told.reason[0]), told.r[0]
    if case.told["reason"] == "end":
        assert reason == 0
    else:
        assert (REASONS[reason], r) == (case.told["reason"], pytest.approx(case.told["r"], abs=1e-9))


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_a_broker_on_paper_tells_the_same_bar_by_bar(case):
    bars = market_of(case)
    broker = PaperBroker(":memory:", {"X": Terms(EXITS, case.costs)})
    for i in range(len(bars)):
        now = last(bars.iloc[: i + 1], case.costs, 2, case.market)
        broker.see("X", int(bars.index[i].as_unit("us").value), bar_at(now, 0))
        if i == len(CALM) - 1:
            broker.submit(Order("a.X.open", "X", case.side, case.told.get("size", 5.0), now.atr[0], 0))
    broker.finish("X")
    opened, closed = broker.executions(0)
    assert (opened.kind, closed.reason) == ("open", case.told["reason"])
    assert (closed.price, closed.r) == pytest.approx((case.told["exit"], case.told["r"]), abs=1e-9)


WANTED = Policy(0.6, 0.4, cooldown=0)


@pytest.mark.parametrize(
    ("what", "policy", "market", "first_open", "shut", "entries", "refusal"),
    [
        # Trades of three bars: in at 4, out at 6; decided again at that close and filled at 7, and so on.
        ("without a cooldown", WANTED, "crypto", "2024-01-08 00:00", (0, 0), [4, 7, 10], None),
        # Out at 6: bars 7 and 8 are the two; decided at the close of 8.
        (
            "a cooldown of two bars",
            WANTED._replace(cooldown=2),
            "crypto",
            "2024-01-08 00:00",
            (0, 0),
            [4, 9],
            "cooldown",
        ),
        # The fourth bar closes at 22:00 UTC, when gold rests for an hour: no entry there, the next close decides.
        ("the last bar before the break", WANTED, "metal", "2024-01-08 21:00", (0, 60), [5, 8, 11], "market_shut"),
        ("the last bar of a week", WANTED, "metal", "2024-01-12 21:00", (0, 49 * 60), [5, 8, 11], "market_shut"),
        ("currencies do not rest on Monday", WANTED, "forex", "2024-01-08 21:00", (0, 0), [4, 7, 10], None),
    ],
)
def test_entries_stand_where_they_were_counted_by_hand(what, policy, market, first_open, shut, entries, refusal):
    bars = market_of(Case(what, LONG, [FAR] * 8, {}, market=market, first_open=first_open, shut=shut))
    score = pd.Series(1.0, index=bars.index[3:])
    result = run(bars, score, policy, EXITS, FREE, RISK, market)
    assert bars.index.get_indexer(result.trades.index).tolist() == entries, what
    assert refusal is None or result.refusals[refusal] > 0


WILD = (100.0, 101.5, 98.5, 100.0)
# An ATR of 2 bars is known from the third bar on and 1 as long as it is calm; a wild bar after 129 calm ones makes it
# (1 + 3) ÷ 2. The 128 that are known are then 129 ÷ 128 in the mean, and 2 is 256 ÷ 129 times that.
LIVELY = 256 / 129


@pytest.mark.parametrize(
    ("what", "calm", "last", "bounds", "entered"),
    [
        ("no bound", 129, WILD, (np.inf, 0.0), True),
        ("as lively as allowed", 129, WILD, (LIVELY, 0.0), True),
        ("livelier than allowed", 129, WILD, (np.nextafter(LIVELY, 0.0), 0.0), False),
        ("as lively as wanted", 129, WILD, (np.inf, LIVELY), True),
        ("calmer than wanted", 129, WILD, (np.inf, np.nextafter(LIVELY, 3.0)), False),
        ("as calm as ever, which is 1", 129, FAR, (1.0, 1.0), True),
        ("a bound below 1 on a calm market", 129, FAR, (0.999, 0.0), False),
        ("a hundred ATRs", 101, FAR, (1.0, 1.0), True),
        ("99 ATRs tell nothing, an upper bound refuses", 100, FAR, (1e9, 0.0), False),
        ("99 ATRs tell nothing, a lower bound refuses", 100, FAR, (np.inf, 1e-9), False),
        ("99 ATRs tell nothing, no bound asks", 100, FAR, (np.inf, 0.0), True),
        ("2 ATRs tell nothing, no bound asks", 3, FAR, (np.inf, 0.0), True),
    ],
)
def test_a_market_that_is_too_wild_or_too_calm_is_left_alone(what, calm, last, bounds, entered):
    bars = bars_of([*[FAR] * calm, last, FAR, FAR])
    score = pd.Series(1.0, index=bars.index[[calm]])
    policy = WANTED._replace(max_volatility=bounds[0], min_volatility=bounds[1])
    result = run(bars, score, policy, EXITS, FREE, RISK, "crypto")
    assert (len(result.trades) == 1, result.refusals.get("volatility", 0)) == (entered, int(not entered)), what


def test_a_wild_bar_is_forgotten_after_five_hundred():
    # From it on the ATR is 2, 1½, 1¼ … and soon 1: all of that adds 2 to 500, all but its first bar adds 1. So 1 is
    # 500 ÷ 502 of the mean while the wild bar is among the last 500, and 500 ÷ 501 at the next close.
    bars = bars_of([*[FAR] * 10, WILD, *[FAR] * 503])
    policy = WANTED._replace(min_volatility=0.997)
    for decided, entered in ((509, False), (510, True)):
        result = run(bars, pd.Series(1.0, index=bars.index[[decided]]), policy, EXITS, FREE, RISK, "crypto")
        assert (len(result.trades) == 1) == entered


def test_the_last_bar_of_the_data_opens_nothing():
    bars = bars_of(CALM)
    result = run(bars, scored(bars, LONG), Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto")
    assert len(result.trades) == 0 and result.refusals["end_of_data"] == 1


@pytest.mark.parametrize(
    ("what", "within", "reason", "exit_", "settled"),
    [
        ("up first", [(100, 103, 100, 102), (102, 102, 99.5, 100), (100, 100, 98, 100)], "target", 102, 1),
        ("down first", [(100, 100, 98, 99), (99, 103, 99, 102), (102, 102, 100, 100)], "stop", 99, 1),
        ("a gap within the bar", [FAR, (98.5, 98.5, 98, 98.2), (98.2, 103, 98.2, 100)], "stop", 98.5, 1),
        ("both at once again", [FAR, (100, 103, 98, 101), FAR], "stop", 99, 0),
        ("another bar's", [(100, 103.5, 100, 102), (102, 102, 99.5, 100), (100, 100, 98, 100)], "stop", 99, 0),
        ("none", [], "stop", 99, 0),
    ],
)
def test_finer_bars_tell_what_came_first(what, within, reason, exit_, settled):
    bars = bars_of([*CALM, FAR, BOTH, FAR])
    fine = pd.concat([bars_of([FAR] * 15, spread=0.9), bars_of([*within, FAR])])
    fine.index = stamps(len(fine), "2024-01-08 00:05", 5)
    fine = fine if within else fine.iloc[:-1]
    result = run(bars, scored(bars, LONG), Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto", "finer", fine)
    trade = result.trades.iloc[0]
    assert (trade["reason"], trade["exit"], trade["r"]) == (reason, exit_, pytest.approx(exit_ - 100)), what
    assert (result.ties, result.ties_settled) == (1, settled)
    pessimistic = run(bars, scored(bars, LONG), Policy(0.6, 0.4), EXITS, FREE, RISK, "crypto", finer=fine)
    assert pessimistic.trades.iloc[0]["exit"] == 99 and (pessimistic.ties, pessimistic.ties_settled) == (1, 0)
