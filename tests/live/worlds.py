"""Small worlds for the runner: random bars, a scripted score, the loop, and the backtest that it must equal."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest import Policy, Risk
from backtest.engine import run
from backtest.risk import typed
from live.brokers import Broker
from live.brokers.paper import PaperBroker, Terms
from live.feeds import Event, microseconds
from live.feeds.replay import ReplayFeed
from live.freshness import Freshness, Limits
from live.journal import Journal
from live.model import Model
from live.orders import OrderDesk
from live.restriction import Restriction
from live.scoring import NO_SCORE, Scored
from live.trader import Trader
from live.window import Window
from market import timeframe
from market.execution import Exits, as_floats
from tests.markets import COSTS, random_bars

SERIES = "XAUUSD_15T"
ACCOUNT = "paper"
MARKET = "metal"
MINUTE = 60_000_000
NEED = 200


class Script:
    """A scorer that reads its scores from a table: NaN where it holds none."""

    bars_needed = 2

    def __init__(self, score: pd.Series) -> None:
        self._score = dict(zip(score.index, score.tolist(), strict=True))

    def scored(self, bars: pd.DataFrame, companions: Mapping[str, pd.DataFrame]) -> Scored:
        value = self._score.get(bars.index[-1])
        if value is None or np.isnan(value):
            return NO_SCORE
        return Scored(1.0 - value, 0.0, value, value, 1.0, 1.0, max(value, 1.0 - value))


class World(NamedTuple):
    """Bars and scores of one series, with the rules that it is traded by."""

    bars: pd.DataFrame
    score: pd.Series
    policy: Policy
    risk: Risk
    exits: Exits
    first: int

    @property
    def model(self) -> Model:
        return Model(
            series=SERIES,
            role="champion",
            bundle_sha256="ab" * 32,
            timeframe=timeframe.parse("15T"),
            market=MARKET,
            exits=self.exits,
            costs=as_floats(COSTS),
            judged_policy=self.policy,
            judged_risk=typed(self.risk),
            policy=self.policy,
            risk=typed(self.risk),
            scorer=Script(self.score),
            known_until=0,
        )

    @property
    def start(self) -> int:
        """Return the close after which it is traded."""
        return microseconds(self.bars.index[self.first - 1])

    def backtest(self) -> pd.DataFrame:
        """Return the trades that the engine makes of it."""
        model = self.model
        score = self.score.iloc[self.first :]
        return run(self.bars, score, model.policy, model.exits, model.costs, model.risk, MARKET).trades


def world(seed: int, count: int = 120, first: int = 20, **policy: object) -> World:
    """Return a world that trades often: random bars, random scores, a few of them missing."""
    bars = random_bars(seed, count)
    score = pd.Series(np.random.default_rng(seed + 1).random(count).round(6), index=bars.index)
    score[score.between(0.47, 0.5)] = np.nan
    rules = {"long_threshold": 0.6, "short_threshold": 0.4, "cooldown": 1} | policy
    return World(bars, score, Policy(**rules), Risk(max_trades_per_day=1000, daily_loss=0.9), Exits(1.0, 0.8, 8), first)


class Place(NamedTuple):
    """Where a runner's durable things are: it can be killed and built again on them."""

    folder: Path
    journal: Journal
    broker: Broker


def place(folder: Path, made: World) -> Place:
    """Return a place in `folder`, new or as it was left."""
    return Place(folder, Journal.open(folder / "journal.db", ACCOUNT), paper(folder / "paper.db", made))


def paper(path: Path | str, made: World) -> PaperBroker:
    return PaperBroker(path, {SERIES: Terms(made.exits, COSTS)})


def feed_of(made: World, journal: Journal) -> ReplayFeed:
    """Return the feed that goes on after what is journaled."""
    after = journal.last_decided().get(SERIES, made.start)
    return ReplayFeed({SERIES: made.bars}, after, microseconds(made.bars.index[-1]))


def trader(made: World, where: Place, tell: Callable[[str], None] = lambda line: None) -> Trader:
    """Return a runner built on `where`, its window filled; not started."""
    model = made.model
    after = where.journal.last_decided().get(SERIES, made.start)
    window = Window(SERIES, model.timeframe, model.bars_needed + 64)
    window.load(feed_of(made, where.journal).history(SERIES, after, window.capacity))
    desk = OrderDesk(where.journal, where.broker, ACCOUNT, 10, 60 * 1_000_000, getattr(where.broker, "wait", None))
    freshness = Freshness({SERIES: Limits(model.timeframe, MARKET, 300.0, 1800.0)})
    restriction = Restriction(where.folder, where.journal)
    windows, models = {SERIES: window}, {SERIES: model}
    return Trader(ACCOUNT, models, windows, where.journal, where.broker, desk, restriction, freshness, tell)


def traded(made: World, where: Place, events: list[Event] | None = None) -> Trader:
    """Start a runner on `where`, let everything happen to it, and end the data as the backtest does."""
    running = trader(made, where)
    feed = feed_of(made, where.journal)
    running.start(feed.now(0))
    for event in feed.events() if events is None else events:
        running.on(event)
    where.broker.finish(SERIES)
    running.settle(microseconds(made.bars.index[-1]))
    return running
