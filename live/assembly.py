"""How a runner is put together: a journal, a broker, windows and guards around the models that it trades."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from live import companions, overlay
from live import model as models_of
from live.brokers import Broker
from live.brokers.paper import PaperBroker, Terms
from live.feeds import Feed
from live.freshness import Freshness, Limits
from live.journal import Journal
from live.model import Model
from live.orders import OrderDesk
from live.restriction import Restriction
from live.trader import Trader
from live.window import Window
from market.settings import LiveAccount, LiveFeed
from registry.champion import Bundle

SPARE = 256  # bars beyond those needed, so that late and revised bars still have a place


class Desk(NamedTuple):
    """A runner that is put together: its loop, what it writes and what may stop it."""

    trader: Trader
    journal: Journal
    broker: Broker
    restriction: Restriction


def judged(bundle: Bundle) -> Model:
    """Return the model of `bundle` with exactly the policy and risk that were judged."""
    return models_of.of_bundle(bundle, "champion", bundle.policy, bundle.risk)


def bound(bundle: Bundle) -> Model:
    """Return the model of `bundle` as `config/live.toml` binds it: only ever tighter than judged."""
    laid = overlay.read(bundle.series)
    return models_of.of_bundle(bundle, laid.series.role, *overlay.tightened(bundle.policy, bundle.risk, laid.limits))


def terms(models: Mapping[str, Model]) -> dict[str, Terms]:
    """Return what the paper broker must know of each series."""
    return {series: Terms(one.exits, one.costs) for series, one in models.items()}


def paper_broker(folder: Path, models: Mapping[str, Model]) -> PaperBroker:
    """Return the paper broker whose state is in `folder`."""
    return PaperBroker(folder / "paper.db", terms(models))


def assembled(
    folder: Path,
    models: dict[str, Model],
    journal: Journal,
    broker: Broker,
    feed: Feed,
    after: Mapping[str, int],
    account: LiveAccount,
    expected: LiveFeed,
    tell: Callable[[str], None],
) -> Desk:
    """Return the runner of `models` on `broker`, its windows filled with the bars up to `after`.

    `folder` holds the control files. Nothing has been sent or read from the broker yet: `trader.start` does that.
    """
    windows = {}
    for series, model in models.items():
        window = Window(series, model.timeframe, model.bars_needed + SPARE)
        window.load(feed.history(series, after[series], window.capacity))
        windows[series] = window
    limits = {
        series: Limits(model.timeframe, model.market, expected.maximum_age, expected.maximum_silence)
        for series, model in models.items()
    }
    restriction = Restriction(folder, journal)
    validity = int(account.order_validity * 1e6)
    desk = OrderDesk(journal, broker, account.name, account.orders_per_minute, validity)
    others = companions.windows(models, feed, after)
    trader = Trader(account.name, models, windows, journal, broker, desk, restriction, Freshness(limits), tell, others)
    return Desk(trader, journal, broker, restriction)
