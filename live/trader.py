"""The loop: what an event of the feed does. It has no clock, no mode and no memory that the journal could not restore.

For every closed bar: the broker sees it, what it executed is booked, and if the series is flat the same policy and risk
as in the backtest decide. Bars of one stamp that are at hand at once all happen before the first of them is decided on.
The decision and the intent of its order are durable before the order leaves.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from backtest.entry import entry
from backtest.policy import NONE, NOT_AN_EVENT, REFUSALS, Observation, unasked
from backtest.risk import Account, Risk, after_order
from live import books as accounts
from live import reasons
from live.books import DRAWDOWN, Books
from live.brokers import Ambiguous, Broker, Order, Position
from live.companions import beside
from live.failpoints import failpoint
from live.feeds import Arrived, Beside, ClosedBar, Event, Silence
from live.freshness import Freshness
from live.journal import Decision, Journal
from live.model import Model
from live.orders import OrderDesk, client_id
from live.restriction import Level, Request, Restriction, reduced
from live.scoring import NO_SCORE, Scored
from live.signals import observed, signal_id
from live.window import Window, bar_sha256
from market.errors import DataError, HaltError
from market.execution import FLAT, State, stop_distance, usd_per_quote
from market.tape import Tape, bar_at, last

Positions = dict[str, Position]
_TOLD = 3  # differences to the broker that are told in full


class Ruling(NamedTuple):
    """A decision: the order, or the reason for none in one word and in figures; whether only this account refused."""

    state: State
    reason: str
    detail: str
    overlay: bool = False


class Close(NamedTuple):
    """A closed bar that was taken: whose it is, how it came, the bars that end with it and the tape's row of it."""

    model: Model
    event: Arrived
    frame: pd.DataFrame
    latest: Tape


class Trader:
    """Trades `models` on one account. Everything it remembers is in the journal; `tell` hears what a person should."""

    def __init__(
        self,
        account: str,
        models: dict[str, Model],
        windows: dict[str, Window],
        journal: Journal,
        broker: Broker,
        desk: OrderDesk,
        restriction: Restriction,
        freshness: Freshness,
        tell: Callable[[str], None],
        companions: Mapping[str, Window] = MappingProxyType({}),
    ) -> None:
        self._account = account
        self._models = models
        self._windows = windows
        self._companions = companions
        self._journal = journal
        self._broker = broker
        self._desk = desk
        self._restriction = restriction
        self._freshness = freshness
        self._tell = tell
        self._standing: tuple[str, ...] = ()
        self.books: Books

    def start(self, now: int) -> None:
        """Reconcile with the broker and restore the books; the same after a first start, a stop and a kill."""
        if differences := self._desk.reconcile(now, self._restriction.standing().entries):
            more = f" And {len(differences) - _TOLD} more." if len(differences) > _TOLD else ""
            self._halt("reconciliation", f"{' '.join(differences[:_TOLD])}{more}", now)
        first = self._models[min(self._models)]
        self.books = accounts.restored(self._journal, first.risk, sorted(self._models))

    def on(self, event: Event) -> Decision | None:
        """Do what `event` calls for; return the decision where one was made."""
        return next(iter(self.together((event,))), None)

    def together(self, events: Sequence[Event]) -> list[Decision]:
        """Do what `events` call for, bars that closed at one stamp or a single event; return the decisions.

        All bars happen before the first decision; then each series decides, in the order given.
        """
        self._obey(events[0].now)
        for event in events:
            if isinstance(event, Silence):
                self._silent(event.now)
            elif isinstance(event, Beside):
                self._taken(event, self._companions[event.series])
        closes = [close for event in events if isinstance(event, Arrived) and (close := self._closed(event))]
        if not closes:
            return []
        positions = self._moved(closes)
        return [self._decision(close, positions) for close in closes]

    def settle(self, now: int) -> None:
        """Book what was executed since the last bar."""
        self._desk.take_executions(now)
        self.books = accounts.booked(self.books, self._journal)

    def _closed(self, event: Arrived) -> Close | None:
        """Return a bar that may be acted on, None for any other."""
        series, bar, now = event
        model, window = self._models[series], self._windows[series]
        if not self._taken(event, window):
            return None
        if skew := self._freshness.arrived(series, bar.ts, now):
            self._tell(skew)
        frame = window.frame(model.bars_needed)
        latest = last(frame, model.costs, model.exits.atr_period, model.market)
        return Close(model, event, frame, latest)

    def _taken(self, event: Arrived | Beside, window: Window) -> bool:
        """Return whether the window takes the bar as a new one; where not, the journal says why."""
        series, bar, now = event
        verdict = window.accept(bar, now)
        if verdict.kind != "accepted":
            self._journal.record_feed_event(series, bar.ts, verdict.kind, verdict.detail, now)
        return verdict.kind == "accepted"

    def _moved(self, closes: list[Close]) -> Positions | None:
        """Show the bars of a stamp to the broker and book what happened; return what is held, None: it is not known."""
        series, ts, now = [one.model.series for one in closes], closes[0].event.bar.ts, closes[-1].event.now
        for one in closes:
            self.books = accounts.began(self.books, one.model.series, int(one.latest.day[0]), one.model.risk)
        try:
            self._desk.resolve(now, self._restriction.standing().entries)
            for one in closes:
                self._broker.see(one.model.series, ts, bar_at(one.latest, 0))
                failpoint("after_see")
            self._desk.take_executions(now)
            failpoint("after_execution")
            positions = self._broker.positions()
        except Ambiguous as error:
            self._tell(f"{', '.join(series)}: {error}")
            return None
        except HaltError as error:
            self._halt("broker", str(error), now)
            return None
        self.books = accounts.booked(self.books, self._journal, series, ts)
        for one in closes:  # each by its own limit of a drawdown: the strictest halts
            self.books = accounts.marked(self.books, positions, one.model.risk)
        return positions

    def _decision(self, close: Close, positions: Positions | None) -> Decision:
        model, event, frame, latest = close
        asked, scored = self._asked(model, frame, event.now)
        seen = observed(latest, scored, self.books.since_exit[model.series])
        try:
            ruling = self._ruling(model, event, seen, latest, positions)
        except Exception as error:  # whatever fails in a guard refuses the trade
            ruling = Ruling(FLAT, "failed", f"{type(error).__name__}: {error}")
            self._halt("exception", ruling.detail, event.now)
        return self._committed(close, scored, ruling if asked else _unasked(ruling))

    def _asked(self, model: Model, frame: pd.DataFrame, now: int) -> tuple[bool, Scored]:
        """Return whether the close is one at which the model is asked, and what it says there."""
        try:
            if not model.asks(frame):
                return False, NO_SCORE
            return True, model.scorer.scored(frame, beside(model, self._companions, frame))
        except DataError as error:
            self._tell(f"{model.series}: {error}")
        except Exception as error:  # whatever fails in a model is no answer, and a person must look
            self._halt("exception", f"{model.series}: {type(error).__name__}: {error}", now)
        return True, NO_SCORE

    def _ruling(
        self, model: Model, event: Arrived, seen: Observation, latest: Tape, positions: Positions | None
    ) -> Ruling:
        """Return the decision at a close: what stands in the way, else what policy and risk say."""
        series = model.series
        standing = self._restriction.standing()
        stale = self._freshness.refusal(series, event.bar.ts, event.now)
        if positions is None:
            return Ruling(FLAT, "broker_unknown", "the broker does not tell what is held")
        if series in positions:
            return Ruling(FLAT, "in_position", f"{positions[series].size:g} lots are held")
        if any(order.series == series for order, _ in self._journal.unresolved_orders()):
            return Ruling(FLAT, "order_unresolved", "it is not known whether the broker has the last order")
        if lacking := self._lacking(series):
            return Ruling(FLAT, "broker_unknown", lacking)
        if standing.level >= Level.BLOCK:
            return Ruling(FLAT, "restricted", "; ".join(standing.reasons))
        if stale is not None:
            return Ruling(FLAT, "stale", stale)
        risk = reduced(model.risk) if standing.level == Level.REDUCE else model.risk
        ruling = self._entry(model, seen, latest, risk, self._weighed(positions))
        if ruling.state.order != 0 and model.role != "champion":
            return Ruling(FLAT, "shadow", f"a {model.role} sends no orders")
        return ruling

    def _lacking(self, series: str) -> str:
        """Return what the broker has not told yet of a series that it holds nothing of, or an empty string."""
        last, entered = self._journal.last_execution_of(series), self._journal.last_entry_of(series)
        if last is not None and last.kind == "open":
            return f"the broker holds nothing, and has not told how {last.client_id} was closed"
        if entered is None or entered[1] not in ("working", "filled", "closed"):
            return ""
        told = self._journal.last_execution_of(series, entered[0].client_id)
        return "" if told else f"the broker holds nothing, and has not told what became of {entered[0].client_id}"

    def _weighed(self, positions: Positions) -> Account:
        """Return the account with all that is held, and every order that waits or may, at its planned risk."""
        waiting = [order for order, _ in self._journal.working_orders() + self._journal.unresolved_orders()]
        at_risk = {order.series: self._at_risk(order) for order in waiting if order.side != 0}
        held = {series: one.at_risk for series, one in positions.items()}
        return accounts.weighed(self.books.account, at_risk | held)

    def _at_risk(self, order: Order) -> float:
        """Return the USD that `order` will have between entry and stop, at the rate of its series' last bar."""
        model = self._models[order.series]
        rate = float(usd_per_quote(self._windows[order.series].frame(1), model.costs)[-1])
        return order.size * stop_distance(order.atr, model.exits, model.costs) * model.costs.contract_size * rate

    def _entry(self, model: Model, seen: Observation, latest: Tape, risk: Risk, account: Account) -> Ruling:
        price, rate = float(latest.close[0]), float(latest.usd_per_quote[0])
        state, why = entry(seen, price, rate, account, model.rules, model.exits, model.costs, risk)
        if state.order != 0:
            return Ruling(state, REFUSALS[why], "")
        judged, _ = entry(seen, price, rate, account, model.judged_rules, model.exits, model.costs, model.judged_risk)
        told = reasons.told(why, seen, model.rules, account, risk)
        return Ruling(state, REFUSALS[why], told, overlay=judged.order != 0)

    def _committed(self, close: Close, scored: Scored, ruling: Ruling) -> Decision:
        """Make the decision and the intent of its order durable, then send the order."""
        model, event, _, latest = close
        order = self._order(model, event.bar, ruling)
        account = after_order(self.books.account) if order else self.books.account
        row = self._row(model, event, latest, scored, ruling, account)
        failpoint("before_intent")
        try:
            with self._journal.transaction():
                if account.halted:  # with the decision, so that no kill lets one be there without the other
                    self._halt(DRAWDOWN, "equity has fallen too far from its peak", event.now)
                self._journal.record_decision(row)
                if order:
                    self._desk.intend(order, row.signal_id)
                failpoint("in_intent")
        except HaltError as error:
            self._halt("orders", str(error), event.now)
            refused = Ruling(FLAT, "order_storm", str(error))
            return self._committed(close, scored, refused)
        self.books = self.books._replace(account=account)
        if order:
            self._desk.send(order, event.now)
        return row

    def _order(self, model: Model, bar: ClosedBar, ruling: Ruling) -> Order | None:
        state = ruling.state
        if state.order == 0:
            return None
        named = client_id(self._account, self._signal_id(model, bar), "open")
        return Order(named, model.series, state.order, state.size, state.atr, bar.ts)

    def _signal_id(self, model: Model, bar: ClosedBar) -> str:
        return signal_id(model.series, pd.Timestamp(bar.ts, unit="us", tz="UTC"), model.bundle_sha256)

    def _row(
        self, model: Model, event: Arrived, latest: Tape, scored: Scored, ruling: Ruling, account: Account
    ) -> Decision:
        bar, window = event.bar, self._windows[model.series]
        return Decision(
            signal_id=self._signal_id(model, bar),
            ts=bar.ts,
            at=event.now,
            series=model.series,
            role=model.role,
            bundle_sha256=model.bundle_sha256,
            **{name: value for name, value in bar._asdict().items() if name != "ts"},
            bar_sha256=bar_sha256(bar),
            tail_sha256=window.sha256(model.judged_bars_needed),
            **scored._asdict(),
            atr=float(latest.atr[0]),
            session=int(latest.session[0]),
            side=ruling.state.order,
            size=ruling.state.size,
            reason=ruling.reason,
            detail=ruling.detail,
            overlay=ruling.overlay,
            bars_since_exit=self.books.since_exit[model.series],
            cash=account.cash,
            equity=account.equity,
            peak=account.peak,
            open_risk=account.open_risk,
            day=account.day.day,
            day_equity=account.day.equity,
            day_result=account.day.realised,
            day_trades=account.day.trades,
            losses=account.day.losses,
            halted=account.halted,
            booked=self.books.booked,
        )

    def _obey(self, now: int) -> None:
        """Take a resume that a person has asked for; close what is open where flattening is ordered."""
        if self._restriction.take_resume(lambda asked: self._lift(asked, now)):
            self.books = accounts.rearmed(self.books)
            self._tell("resumed by hand: entries are allowed again")
        standing = self._restriction.standing()
        if standing.reasons != self._standing:
            self._standing = standing.reasons
            if standing.reasons:
                self._tell(f"restriction {standing.level.told}: {'; '.join(standing.reasons)}")
        if standing.level < Level.FLATTEN:
            return
        try:
            self._desk.resolve(now, entries=False)
            waiting = {order.series: order.client_id for order, _ in self._journal.working_orders() if order.side != 0}
            held = {series: one.client_id for series, one in self._broker.positions().items()}
            for series, entered in sorted((waiting | held).items()):
                state = self._desk.flatten(series, f"flatten.{entered}", now)
                self._tell(f"flatten: the order to close {series} is {state}")
        except Ambiguous as error:
            self._tell(f"flatten: {error}; asked again at the next event")

    def _lift(self, asked: Request, now: int) -> None:
        self._journal.lift_halts(asked.who, now)

    def _silent(self, now: int) -> None:
        try:
            self._desk.resolve(now, self._restriction.standing().entries)
            self._desk.take_executions(now)
        except Ambiguous as error:
            self._tell(f"{error}; asked again at the next event")
        except HaltError as error:
            self._halt("broker", str(error), now)
        for reason in self._freshness.silent(now):
            self._halt("feed", reason, now)

    def _halt(self, source: str, reason: str, now: int) -> None:
        """Block entries until a person resumes, in the journal and beside it, and say so once."""
        if any((halt.source, halt.reason) == (source, reason) for halt in self._journal.open_halts()):
            return
        self._restriction.halt(reason)
        self._journal.record_halt(Level.BLOCK, source, reason, now)
        self._tell(f"halted: {reason.rstrip('.')}. Entries are blocked until `--resume`; stops and targets stay.")


def _unasked(ruling: Ruling) -> Ruling:
    """Return the decision at a bar that is no event: its score is not missing, nobody asked for it."""
    why = unasked(REFUSALS.index(ruling.reason), event=False) if ruling.reason in REFUSALS else NONE
    return ruling._replace(reason=REFUSALS[why], detail=reasons.UNASKED) if why == NOT_AN_EVENT else ruling
