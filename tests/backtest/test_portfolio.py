"""Many series on one account: one of them is the engine, any of them are the oracle, in whatever order they come."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import Policy, Risk, portfolio, portfolio_loop
from backtest.correlation import Correlation
from backtest.engine import run
from backtest.portfolio import Book, simulate
from market.errors import DataError, UsageError
from market.execution import Exits
from market.tape import tape
from tests.markets import COSTS, YEN, bars_of, random_bars, stamps
from tests.oracles import portfolio as oracle

SHORT = Correlation(window=10, minimum=4)
LIVELY = Policy(0.6, 0.4, cooldown=1, min_confidence=0.55)
LOOSE = Risk(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)
FREE = COSTS._replace(commission=0.0, slippage=0.0, swap_long=0.0, swap_short=0.0)


def random_book(seed: int, name: str, **changes: object) -> Book:
    """Return a book with bars of its own timeframe, start, holes and market, all from `seed`."""
    rng = np.random.default_rng(seed)
    minutes = int(rng.choice([15, 60, 240]))
    start = pd.Timestamp("2024-01-08") + pd.Timedelta(minutes=minutes * int(rng.integers(1, 40)))
    bars = random_bars(seed, int(rng.integers(60, 400)), str(start), minutes)
    bars = bars[rng.random(len(bars)) > rng.choice([0.0, 0.2])]
    score = pd.Series(rng.random(len(bars)), index=bars.index).iloc[int(rng.integers(0, 20)) :]
    score[score.between(0.47, 0.5)] = np.nan
    policy = LIVELY._replace(cooldown=int(rng.integers(0, 4)), blocked_sessions=(("london",) if seed % 3 == 0 else ()))
    exits = Exits(float(rng.choice([0.5, 1.4, 3.0])), float(rng.choice([0.4, 1.0, 2.0])), int(rng.choice([1, 7, 50])))
    costs = YEN if seed % 4 == 0 else COSTS
    market = str(rng.choice(["metal", "forex", "crypto"]))
    return Book(name, bars, score, policy, exits, costs, market)._replace(**changes)


def twin(book: Book, seed: int, name: str) -> Book:
    """Return another model's book on the same bars: what is most alike."""
    score = pd.Series(np.random.default_rng(seed).random(len(book.score)), index=book.score.index)
    return book._replace(series=name, score=score)


def random_books(seed: int, count: int) -> list[Book]:
    """Return `count` books, the last one the twin of the first."""
    books = [random_book(seed * 10 + k, f"S{k}_15T") for k in range(count - 1)]
    return [*books, twin(books[0], seed + 1, "TWIN_15T")]


def told(book: Book) -> oracle.Book:
    """Return `book` as the oracle reads it."""
    arrays = tape(book.bars, book.costs, book.exits.atr_period, book.market)
    values = book.score.reindex(book.bars.index)
    blocked = [2] if book.policy.blocked_sessions else []
    names = ("atr", "day", "session", "shut", "nights", "nights_before_open", "nights_inside", "usd_per_quote")
    return {name: getattr(arrays, name).tolist() for name in names} | {
        "name": book.series,
        "stamp": pd.DatetimeIndex(book.bars.index).as_unit("us").asi8.tolist(),
        "first": int(book.bars.index.get_loc(book.score.index[0])),
        "bars": book.bars[["open", "high", "low", "close", "spread"]].to_dict("records"),
        "score": [
            {"score": s, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": max(s, 1.0 - s)} for s in values
        ],
        "policy": book.policy._asdict() | {"blocked_sessions": blocked},
        "exits": book.exits._asdict(),
        "costs": {name: value for name, value in book.costs._asdict().items() if name != "quote_currency"},
        "finer": None if book.finer is None else inside(book),
    }


def inside(book: Book) -> list[list[dict[str, float]]]:
    """Return for each bar of the book the finer bars that close in it."""
    length = book.bars.index.to_series().diff().min()
    finer = book.finer[["open", "high", "low", "close", "spread"]]
    return [finer[(finer.index > ts - length) & (finer.index <= ts)].to_dict("records") for ts in book.bars.index]


def second_opinion(books: list[Book], risk: Risk, how: Correlation | None = None) -> dict:
    return oracle.backtest([told(book) for book in books], risk._asdict(), how and how._asdict())


def assert_same(result: portfolio.Result, said: dict, books: list[Book]) -> None:
    by_name = {book.series: book.bars.index for book in books}
    assert len(result.trades) == len(said["trades"])
    for t_entry, row, trade in zip(result.trades.index, result.trades.itertuples(), said["trades"], strict=True):
        index = by_name[row.series]
        assert (row.series, t_entry, row.t_exit, row.side, row.reason, row.score) == (
            trade["name"],
            index[trade["entry_bar"]],
            index[trade["exit_bar"]],
            trade["side"],
            trade["reason"],
            trade["score"],
        )
        for name in ("size", "entry", "stop", "target", "exit", "r", "pnl"):
            assert getattr(row, name) == pytest.approx(trade[name], rel=1e-9, abs=1e-9), name
    assert result.equity.index.as_unit("us").asi8.tolist() == list(said["equity"])
    np.testing.assert_allclose(result.equity["equity"], list(said["equity"].values()), rtol=1e-12)
    np.testing.assert_allclose(result.equity["open_risk"], list(said["open_risk"].values()), rtol=1e-9, atol=1e-15)
    settled = [told for told in said["ties"] if told is not None]
    assert (result.ties, result.ties_settled) == (len(said["ties"]), len(settled))
    for name, counts in result.refusals.items():
        for reason in ("positions", "open_risk"):
            assert counts.get(reason, 0) == said["refused"].get((name, reason), 0), (name, reason)


def quarters(seed: int, name: str, **changes: object) -> Book:
    """Return a book that meets its barriers often, with the five-minute bars that its quarters are made of."""
    fine = random_bars(seed, 900, "2024-01-08 00:05", 5)
    grouped = fine.groupby(fine.index.ceil("15min").rename("ts"))
    bars = grouped.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    bars = bars.assign(spread=0.1).iloc[seed % 7 :]
    score = pd.Series(np.random.default_rng(seed + 1).random(len(bars)), index=bars.index)
    exits = Exits(0.5, 0.4, 50)
    return Book(name, bars, score, Policy(0.6, 0.4, cooldown=0), exits, COSTS, "metal", fine)._replace(**changes)


def assert_identical(first: portfolio.Result, second: portfolio.Result) -> None:
    for name in ("trades", "equity", "correlation"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)
    assert first.refusals == second.refusals


def allowing(risk: Risk) -> Risk:
    """Return `risk` with room for one trade at least."""
    return risk._replace(open_risk=max(risk.open_risk, risk.per_trade))


risks = st.builds(
    Risk,
    equity=st.just(100_000.0),
    per_trade=st.sampled_from([0.0025, 0.005, 0.02]),
    open_risk=st.sampled_from([0.005, 0.012, 0.05]),
    daily_loss=st.sampled_from([0.01, 0.02, 0.5]),
    max_trades_per_day=st.sampled_from([2, 20]),
    max_consecutive_losses=st.sampled_from([1, 2, 5]),
    max_drawdown=st.sampled_from([0.02, 0.1, 1.0]),
    max_positions=st.sampled_from([1, 2, 1000]),
    max_notional=st.sampled_from([0.5, 1000.0]),
).map(allowing)
correlations = st.sampled_from([None, SHORT])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), risk=risks, how=correlations)
def test_a_portfolio_of_one_book_is_the_engine_bit_for_bit(seed, risk, how):
    book = random_book(seed, "XAUUSD_15T")
    result = simulate([book], risk, how)
    alone = run(book.bars, book.score, book.policy, book.exits, book.costs, risk, book.market)
    pd.testing.assert_frame_equal(result.trades.drop(columns="series"), alone.trades, check_exact=True)
    pd.testing.assert_frame_equal(result.equity, alone.equity, check_exact=True, check_freq=False)
    assert (result.ties, result.ties_settled) == (alone.ties, alone.ties_settled)
    assert result.refusals == {"XAUUSD_15T": alone.refusals}
    assert (result.trades["series"] == "XAUUSD_15T").all()


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 4), risk=risks, how=correlations)
def test_portfolio_and_oracle_agree_on_any_markets(seed, count, risk, how):
    books = random_books(seed, count)
    assert_same(simulate(books, risk, how), second_opinion(books, risk, how), books)


def with_and_without_finer(seed: int) -> list[Book]:
    """Return three books in which ties are settled, in none of the second's and in some of the third's."""
    books = [quarters(10 * seed + k, f"S{k}_15T") for k in range(3)]
    return [books[0], books[1]._replace(finer=None), books[2]._replace(finer=books[2].finer.iloc[::2])]


@pytest.mark.parametrize("seed", range(4))
def test_portfolio_and_oracle_agree_where_finer_bars_settle_ties(seed):
    books = with_and_without_finer(seed)
    result = simulate(books, LOOSE)
    assert_same(result, second_opinion(books, LOOSE), books)
    assert 5 < result.ties_settled < result.ties


def test_a_book_with_finer_bars_is_the_engine_with_them():
    book = quarters(3, "S_15T")
    result = simulate([book], LOOSE)
    rules = (book.policy, book.exits, book.costs, LOOSE, book.market)
    alone = run(book.bars, book.score, *rules, ties="finer", finer=book.finer)
    pd.testing.assert_frame_equal(result.trades.drop(columns="series"), alone.trades, check_exact=True)
    assert (result.ties, result.ties_settled) == (alone.ties, alone.ties_settled) and alone.ties_settled > 0


def test_finer_bars_of_another_book_are_caught():
    books = with_and_without_finer(1)
    swapped = [books[0]._replace(finer=books[2].finer), *books[1:]]
    with pytest.raises(AssertionError):
        assert_same(simulate(books, LOOSE), second_opinion(swapped, LOOSE), books)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), risk=risks)
def test_the_order_in_which_books_are_given_does_not_matter(seed, risk):
    books = random_books(seed, 3)
    first = simulate(books, risk, SHORT)
    for shuffled in permutations(books):
        assert_identical(simulate(shuffled, risk, SHORT), first)


def test_an_account_that_forgets_orders_which_wait_is_caught(monkeypatch):
    def forgetful(open_now, *rest):
        return honest({name: one for name, one in open_now.items() if one["kind"] == "position"}, *rest)

    honest = oracle._no_room
    monkeypatch.setattr(oracle, "_no_room", forgetful)
    assert caught(LOOSE._replace(max_positions=1), None)


def test_a_correlation_that_knows_the_close_of_today_is_caught(monkeypatch):
    honest = oracle._last_of_days
    monkeypatch.setattr(oracle, "_last_of_days", lambda book, today: honest(book, today + 1))
    assert caught(LOOSE._replace(open_risk=0.009), SHORT)


def caught(risk: Risk, how: Correlation | None) -> bool:
    """Return whether any of a few markets tells the oracle from the portfolio."""
    for seed in range(12):
        books = random_books(seed, 3)
        try:
            assert_same(simulate(books, risk, how), second_opinion(books, risk, how), books)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", [None, SHORT])
def test_what_comes_later_changes_nothing_before(seed, how):
    books = random_books(seed, 3)
    cut = max(book.score.index[0] for book in books) + pd.Timedelta(days=3)
    short = [book._replace(bars=book.bars.loc[:cut], score=book.score.loc[:cut]) for book in books]
    whole, part = simulate(books, LOOSE, how), simulate(short, LOOSE, how)
    until = min(book.bars.index[-1] for book in short)
    same = part.equity.index < until
    assert same.sum() > 20
    pd.testing.assert_frame_equal(part.equity[same], whole.equity.loc[part.equity.index[same]], check_exact=True)
    closed = part.trades[part.trades["t_exit"] < until]
    pd.testing.assert_frame_equal(closed, whole.trades[whole.trades["t_exit"] < until], check_exact=True)
    pd.testing.assert_frame_equal(
        part.correlation, whole.correlation.loc[part.correlation.index], check_exact=True, check_freq=False
    )


@pytest.mark.parametrize("seed", range(4))
def test_money_is_conserved(seed):
    books = random_books(seed, 4)
    result = simulate(books, LOOSE)
    assert result.trades["series"].nunique() > 1
    assert result.trades["pnl"].sum() == pytest.approx(result.equity["equity"].iloc[-1] - LOOSE.equity, abs=1e-6)
    assert result.trades[["t_exit", "series"]].apply(tuple, axis=1).is_monotonic_increasing


def quiet(name: str, first: int = 20, minutes: int = 15, count: int = 60, **changes: object) -> Book:
    """Return a book on a market that goes nowhere, long at every close from bar `first` on, out after two bars."""
    bars = bars_of([(100.0, 100.5, 99.5, 100.0)] * count, minutes=minutes)
    score = pd.Series(1.0, index=bars.index[first:])
    return Book(name, bars, score, Policy(0.6, 0.4, cooldown=0), Exits(3.0, 3.0, 2), FREE, "crypto")._replace(**changes)


def test_one_place_goes_to_the_first_name():
    result = simulate([quiet("B_15T"), quiet("A_15T")], LOOSE._replace(max_positions=1))
    assert set(result.trades["series"]) == {"A_15T"}
    assert result.refusals["B_15T"] == {"positions": 39, "end_of_data": 1}


def test_a_place_is_free_for_every_name_at_the_stamp_at_which_it_is_left():
    holder = quiet("Z_15T", policy=Policy(0.6, 0.4, cooldown=10))
    waiting = quiet("A_15T", first=22)
    trades = simulate([holder, waiting], LOOSE._replace(max_positions=1)).trades
    assert trades["series"].iloc[:2].tolist() == ["Z_15T", "A_15T"]
    assert trades.index[1] == trades["t_exit"].iloc[0] + pd.Timedelta(minutes=15)


def test_an_order_that_waits_for_its_open_takes_a_place():
    slow, fast = quiet("SLOW_4H", minutes=240, count=30), quiet("FAST_15T", count=480)
    decided = slow.score.index[0]
    fast = fast._replace(score=pd.Series(1.0, index=fast.bars.loc[decided + pd.Timedelta(minutes=15) :].index))
    result = simulate([slow, fast], LOOSE._replace(max_positions=1))
    out = slow.bars.index[slow.bars.index.get_loc(decided) + 2]
    assert result.trades.index[0] == slow.bars.index[slow.bars.index.get_loc(decided) + 1]
    assert result.trades["t_exit"].iloc[0] == out
    assert result.refusals["FAST_15T"]["positions"] >= 31
    early = result.equity.loc[decided : result.trades.index[0] - pd.Timedelta(minutes=15)]
    assert (early["open_risk"] == 0.0).all()


def test_finer_bars_settle_the_ties_of_their_own_book_alone():
    """Worked by hand: both books are long from 100, stop 97 and target 103, on a bar that reaches both."""
    rows = [(100.0, 100.5, 99.5, 100.0)] * 21 + [(100.0, 104.0, 96.0, 100.0), (100.0, 100.5, 99.5, 100.0)]
    bars = bars_of(rows)
    up_first = [(100.0, 104.0, 100.0, 102.0), (102.0, 102.0, 96.0, 98.0), (98.0, 100.0, 97.5, 100.0)]
    finer = bars_of(up_first).set_axis(stamps(3, str(bars.index[21] - pd.Timedelta(minutes=10)), 5))
    told = quiet("A_15T", bars=bars, score=pd.Series(1.0, index=bars.index[19:20]), finer=finer)
    trades = simulate([told, told._replace(series="B_15T", finer=None)], LOOSE)
    assert trades.trades["reason"].tolist() == ["target", "stop"]
    assert trades.trades["exit"].tolist() == [103.0, 97.0]
    assert (trades.ties, trades.ties_settled) == (2, 1)


def test_a_series_that_ends_is_closed_while_the_others_go_on():
    early = quiet("A_15T", count=30, exits=Exits(3.0, 3.0, 50))
    result = simulate([early, quiet("B_15T", count=60)], LOOSE)
    trade = result.trades[result.trades["series"] == "A_15T"]
    assert trade["reason"].tolist() == ["end"]
    assert trade["t_exit"].tolist() == [early.bars.index[-1]]
    assert result.equity.index[-1] > early.bars.index[-1]


def test_all_series_share_the_limits_of_a_day():
    books = [quiet(f"S{k}_15T", count=300) for k in range(3)]
    result = simulate(books, LOOSE._replace(max_trades_per_day=5))
    assert result.trades.groupby(result.trades.index.floor("D")).size().max() <= 6  # an order of midnight fills later
    assert len(result.trades) == 20


def test_the_first_market_to_begin_a_day_begins_it_for_all():
    books = [quiet("A_15T", count=400), quiet("B_15T", count=400, market="forex")]
    trades = simulate(books, LOOSE._replace(max_trades_per_day=1)).trades
    assert set(trades["series"]) == {"A_15T"}
    assert trades.index.strftime("%H:%M").tolist() == ["05:30"] + 4 * ["22:30"]


@pytest.mark.parametrize("how", [None, SHORT])
def test_open_risk_stays_below_its_limit(how):
    result = simulate([quiet(f"S{k}_15T") for k in range(4)], LOOSE._replace(open_risk=0.011), how)
    assert 0.0099 < result.equity["open_risk"].max() <= 0.01
    assert set(result.trades["series"]) == {"S0_15T", "S1_15T"}
    assert result.refusals["S2_15T"]["open_risk"] == result.refusals["S3_15T"]["open_risk"] == 39


def paired(other: str, side: int, first: int = 300) -> list[Book]:
    """Return a long in one series, and a trade on `side` at the same stamps in the same series or in another one."""
    bars, others = (random_bars(seed, 320, minutes=240).assign(spread=0.0) for seed in (1, 2))
    score = pd.Series(1.0, index=bars.index[first:])
    lone = Book("A_4H", bars, score, Policy(0.6, 0.4), Exits(9.0, 9.0, 100), FREE, "crypto")
    beside = bars if other == "same" else others
    return [lone, lone._replace(series="B_4H", bars=beside, score=lone.score * (side > 0))]


@pytest.mark.parametrize(
    ("other", "side", "how", "refused"),
    [
        ("same", 1, Correlation(), True),
        ("same", -1, Correlation(), False),
        ("another", 1, Correlation(), False),
        ("another", -1, Correlation(), False),
        ("same", 1, None, True),
        ("same", -1, None, True),
        ("another", 1, None, True),
        ("another", -1, Correlation(window=200, minimum=100), True),
    ],
)
def test_what_moves_together_is_one_risk_and_what_is_unknown_too(other, side, how, refused):
    risk = LOOSE._replace(per_trade=0.005, open_risk=0.009)
    first = simulate(paired(other, side), risk, how)
    assert (first.refusals["B_4H"].get("none", 0) == 0) == refused
    assert first.refusals["A_4H"]["none"] > 0


def test_the_table_of_correlation_is_what_was_known_each_day():
    books = random_books(7, 3)
    table = simulate(books, LOOSE, SHORT).correlation
    assert list(table.columns) == [("S0_15T", "S1_15T"), ("S0_15T", "TWIN_15T"), ("S1_15T", "TWIN_15T")]
    by_name = {book.series: told(book) for book in books}
    for midnight, (_, row) in zip(table.index.as_unit("us").asi8.tolist(), table.iterrows(), strict=True):
        for (first, second), value in row.items():
            known = oracle.known_correlation(by_name[first], by_name[second], midnight + 1, **SHORT._asdict())
            assert value == pytest.approx(np.nan if known is None else known, abs=1e-12, nan_ok=True)
    assert table.notna().any().all()
    assert simulate(books, LOOSE).correlation.shape == (0, 3)


@pytest.mark.parametrize(
    ("books", "error", "said"),
    [
        ([], UsageError, "one book or more"),
        ([quiet("A_15T"), quiet("A_15T")], UsageError, "A_15T stands in two books"),
        ([quiet("A_15T", policy=Policy(0.6, 0.4, blocked_sessions=("tokyo",)))], UsageError, "A_15T: Unknown session"),
        ([quiet("A_15T", score=pd.Series(dtype=float))], DataError, "A_15T: There is no score"),
        ([quiet("A_15T", bars=quiet("A_15T").bars.drop(columns="spread"))], DataError, "A_15T: Bars lack"),
        ([quiet("A_15T", market="moon")], UsageError, "A_15T: "),
        ([quiet("A_15T"), quiet("B_15T", finer=quiet("B_15T").bars)], DataError, "B_15T: .* give finer ones"),
        ([quiet("A_15T", score=pd.Series(1.0, index=stamps(3, "2030-01-01")))], DataError, "A_15T: Score at"),
    ],
)
def test_what_is_wrong_with_a_book_names_its_series(books, error, said):
    with pytest.raises(error, match=said):
        simulate(books, LOOSE)


def test_whole_numbers_are_compiled_once():
    simulate([quiet("A_15T"), quiet("B_15T")], LOOSE)
    before = len(portfolio_loop.traded.signatures)
    whole = quiet("A_15T", exits=Exits(3, 3, 2), costs=FREE._replace(slippage=0, commission=0))
    assert_identical(simulate([whole], LOOSE._replace(equity=100_000)), simulate([quiet("A_15T")], LOOSE))
    assert len(portfolio_loop.traded.signatures) == before == 1
