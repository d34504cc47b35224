"""Several models on one account: the runner's replay makes the trades of the portfolio, one for one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import portfolio
from backtest.portfolio import Book
from live import books as accounts
from live import parity, replay
from live.feeds import Event, microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from live.model import Model
from live.scoring import NO_SCORE, Scored
from tests.live import worlds
from tests.live.worlds import MARKET, World
from tests.markets import YEN

NAMES = ("XAGUSD_15T", "XAUUSD_15T", "XPTUSD_15T")
SEED, BARS = 2, 110
TIGHT = {
    "one place": {"max_positions": 1},
    "risk for two": {"open_risk": 0.0115},
    "two losses": {"max_consecutive_losses": 2},
    "few a day": {"max_trades_per_day": 7},
    "a drawdown": {"max_drawdown": 0.03},
}


class Script:
    """A scorer that reads its scores from a table: NaN where it holds none."""

    bars_needed = 2

    def __init__(self, score: pd.Series) -> None:
        self._score = score

    def scored(self, bars: pd.DataFrame, *_: object) -> Scored:
        value = float(self._score.get(bars.index[-1], np.nan))
        if np.isnan(value):
            return NO_SCORE
        return Scored(1.0 - value, 0.0, value, value, 1.0, 1.0, max(value, 1.0 - value))


class Backwards(ReplayFeed):
    """A feed in which the last name of a stamp comes first."""

    def together(self) -> Iterator[tuple[Event, ...]]:
        return (events[::-1] for events in super().together())


class OneByOne(ReplayFeed):
    """A feed that cannot know what else has closed at a stamp."""

    def together(self) -> Iterator[tuple[Event, ...]]:
        return ((event,) for event in self.events())


def made(seed: int, **risk: float) -> dict[str, World]:
    """Return a lively world for each name, all under one account; bars are missing here and there, not at the end."""
    found = {}
    for place, name in enumerate(NAMES):
        world = worlds.world(10 * seed + place, BARS, 20)
        kept = np.random.default_rng(seed + place).random(BARS) > 0.1
        kept[[*range(21), -1]] = True
        rules = {"bars": world.bars[kept], "score": world.score[kept], "risk": world.risk._replace(**risk)}
        found[name] = world._replace(**rules)
    return found


def model(name: str, world: World) -> Model:
    costs = YEN if name == NAMES[2] else world.model.costs
    return world.model._replace(series=name, costs=costs, scorer=Script(world.score))


def backtested(of: dict[str, World]) -> pd.DataFrame:
    """Return the trades of the portfolio."""
    books = []
    for name, world in of.items():
        score = world.score.iloc[world.first :]
        books.append(Book(name, world.bars, score, world.policy, world.exits, model(name, world).costs, MARKET))
    return portfolio.simulate(books, of[NAMES[0]].risk).trades


def replayed(folder: Path, of: dict[str, World], kind: type[ReplayFeed] = ReplayFeed) -> pd.DataFrame:
    """Return the trades that the runner makes of a replay, in the portfolio's order."""
    first = of[NAMES[0]]
    tables = {name: world.bars for name, world in of.items()}
    feed = kind(tables, first.start, microseconds(first.bars.index[-1]))
    models = {name: model(name, world) for name, world in of.items()}
    replay.played(folder, models, feed, 0, lambda done, total: None)
    with contextlib.closing(Journal.read(folder / "journal.db")) as journal:
        parts = {
            name: parity.trades_of(journal.executions(name), list(journal.decisions(name))).assign(series=name)
            for name in of
        }
    return pd.concat(parts.values()).reset_index().sort_values(["t_exit", "series"]).set_index("t_entry")


def assert_same(live: pd.DataFrame, backtest: pd.DataFrame) -> None:
    assert live["series"].nunique() > 1 or backtest["series"].nunique() == 1
    assert live.index.tolist() == backtest.index.tolist()
    for name in ("series", *parity.TRADE_FIELDS):
        assert live[name].tolist() == backtest[name].tolist(), name


@pytest.mark.parametrize("limit", TIGHT)
def test_the_runner_makes_the_trades_of_the_portfolio(tmp_path, limit):
    of = made(SEED, **TIGHT[limit])
    trades = backtested(of)
    assert len(trades) > 5
    assert_same(replayed(tmp_path, of), trades)


@pytest.mark.parametrize(
    ("kind", "limit"), [(Backwards, "one place"), (OneByOne, "two losses"), (OneByOne, "a drawdown")]
)
def test_another_order_within_a_stamp_is_caught(tmp_path, kind, limit):
    of = made(SEED, **TIGHT[limit])
    with pytest.raises(AssertionError):
        assert_same(replayed(tmp_path, of, kind), backtested(of))


def test_a_runner_that_forgets_orders_which_wait_is_caught(tmp_path, monkeypatch):
    monkeypatch.setattr(accounts, "weighed", lambda account, at_risk: account)
    of = made(SEED, max_positions=1)
    with pytest.raises(AssertionError):
        assert_same(replayed(tmp_path, of), backtested(of))
