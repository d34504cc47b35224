"""What a seed of the simulation draws: a small world, what happens in it, and how much of it goes wrong."""

import functools
from random import Random
from typing import NamedTuple

import pandas as pd

from backtest import Policy, Risk
from live.feeds import ClosedBar
from live.feeds.replay import merged
from live.model import Model
from live.restriction import Level
from live.window import COLUMNS
from market.errors import DataError
from market.execution import Exits
from tests.live import worlds
from tests.live.faulty import Line
from tests.live.worlds import World

GOLD, SILVER = worlds.SERIES, "XAGUSD_15T"
BARS, FIRST = 98, 76  # the trading day turns in the middle of what is traded
SECOND, MINUTE, QUARTER = 1_000_000, 60_000_000, 900_000_000
SCENES = 48
MAXIMUM_AGE = 300 * SECOND

LOOSE = Risk(max_trades_per_day=1000, daily_loss=0.9)
RISKS = (
    LOOSE,
    LOOSE._replace(max_consecutive_losses=2),
    LOOSE._replace(max_trades_per_day=3),
    LOOSE._replace(daily_loss=0.004),
    LOOSE._replace(max_drawdown=0.012),
)


class Scene(NamedTuple):
    """One or two series of an account, with their bars in the order of time and the trades of an undisturbed run."""

    number: int
    worlds: dict[str, World]
    arrivals: tuple[tuple[str, ClosedBar], ...]

    @property
    def risk(self) -> Risk:
        return self.worlds[GOLD].risk

    def models(self) -> dict[str, Model]:
        return {name: made.model._replace(series=name) for name, made in self.worlds.items()}


class Step(NamedTuple):
    """What happens at `now`: a bar, a silence, or what an operator does."""

    kind: str
    now: int
    series: str = ""
    bar: ClosedBar | None = None
    level: Level = Level.NONE


class Plan(NamedTuple):
    """What a seed has drawn. Where it is `fair`, nothing in it forbids an entry: the trades are the backtest's."""

    seed: int
    fair: bool
    scene: Scene
    steps: tuple[Step, ...]
    line: Line
    kills: float
    per_minute: int
    shadow: str
    raising: dict[int, type[Exception]]


@functools.cache
def scene(number: int) -> Scene:
    """Return one of the `SCENES`; every third has two series on the account."""
    names = (GOLD, SILVER) if number % 3 == 2 else (GOLD,)
    risk = RISKS[number % len(RISKS)]
    policy = Policy(long_threshold=0.6, short_threshold=0.4, cooldown=number % 4)
    made = {
        name: worlds.world(100 * number + place, BARS, FIRST)._replace(
            risk=risk, policy=policy, exits=Exits(1.0, 0.8, 2 + number % 7)
        )
        for place, name in enumerate(names)
    }
    bars = {name: one.bars[list(COLUMNS)].iloc[FIRST:] for name, one in made.items()}
    return Scene(number, made, tuple((event.series, event.bar) for event in merged(bars)))


@functools.cache
def history(number: int, series: str) -> pd.DataFrame:
    """Return the bars of a scene that were there before trading began, as a bars table."""
    return scene(number).worlds[series].bars[list(COLUMNS)].iloc[:FIRST]


def undisturbed(number: int) -> Plan:
    """Return the plan of a scene in which nothing goes wrong."""
    made = scene(number)
    steps = tuple(Step("bar", bar.ts, series, bar) for series, bar in made.arrivals)
    return Plan(-1 - number, True, made, steps, Line(), 0.0, 10, "", {})


def drawn(seed: int) -> Plan:
    """Return what `seed` draws: a fair plan, or for every other seed a wild one."""
    random = Random(f"plan {seed}")
    fair = seed % 2 == 0
    made = scene(random.randrange(SCENES))
    steps = _bars(random, made, fair)
    if not fair:
        steps = _operated(random, _frozen(random, steps))
    bad = random.choice((0.0, 0.1, 0.1, 0.3))
    line = Line(bad) if fair else Line(bad, random.choice((0.0, 0.03, 0.1)), random.choice((0.0, 0.1)), 9)
    return Plan(
        seed,
        fair,
        made,
        tuple(steps),
        line,
        kills=random.choice((0.0, 0.004, 0.02, 0.06)),
        per_minute=10 if fair else random.choice((1, 10)),
        shadow="" if fair or random.random() < 0.9 else random.choice(sorted(made.worlds)),
        raising={} if fair or random.random() < 0.8 else _raising(random, made),
    )


def _raising(random: Random, made: Scene) -> dict[int, type[Exception]]:
    kinds = (DataError, DataError, RuntimeError, ZeroDivisionError)
    return {bar.ts: random.choice(kinds) for _, bar in random.choices(made.arrivals, k=random.randint(1, 3))}


def _bars(random: Random, made: Scene, fair: bool) -> list[Step]:
    """Return the steps of the bars: some late, some told again, some of them nonsense."""
    steps: list[Step] = []
    known: list[tuple[str, ClosedBar]] = []
    withheld: list[tuple[str, ClosedBar]] = []
    for series, bar in made.arrivals:
        now = bar.ts + random.randrange(4 * SECOND)
        if not fair and random.random() < 0.05:
            now = bar.ts + random.randrange(250, 800) * SECOND
        if random.random() < 0.1:
            steps.append(_nonsense(random, series, bar, now))
        if not fair and random.random() < 0.03:
            withheld.append((series, bar))
            continue
        steps.append(Step("bar", now, series, bar))
        known.append((series, bar))
        if withheld and random.random() < 0.7:
            steps.append(Step("bar", now, *withheld.pop()))
        if random.random() < 0.15:
            steps.append(_again(random, *random.choice(known[-6:]), now, fair))
        if random.random() < 0.1:
            steps.append(Step("silence", now + random.randrange(10 if fair else 80) * SECOND))
    return steps


def _nonsense(random: Random, series: str, bar: ClosedBar, now: int) -> Step:
    """Return a bar that may not be acted on, just before the right one."""
    wrong = random.choice(
        (
            bar._replace(high=bar.low - 1.0),
            bar._replace(close=float("nan")),
            bar._replace(ts=bar.ts + MINUTE),
            bar._replace(ts=bar.ts + QUARTER),
            bar._replace(open=10 * bar.open, high=10 * bar.high, low=10 * bar.low, close=10 * bar.close),
        )
    )
    return Step("early" if wrong.ts == bar.ts + QUARTER else "nonsense", now, series, wrong)


def _again(random: Random, series: str, bar: ClosedBar, now: int, fair: bool) -> Step:
    """Return a known bar once more: the same, or revised; a fair revision changes nothing that counts later."""
    if random.random() < 0.5:
        return Step("bar", now, series, bar)
    if fair or random.random() < 0.5:
        return Step("bar", now, series, bar._replace(volume=bar.volume + 1.0, spread=bar.spread + 0.01))
    return Step("bar", now, series, bar._replace(high=bar.high + random.randrange(1, 500) / 100.0))


def _frozen(random: Random, steps: list[Step]) -> list[Step]:
    """Return `steps` with, now and then, a feed that stands still and then tells all at once."""
    if random.random() < 0.75:
        return steps
    begin = random.randrange(len(steps) - 1)
    end = min(begin + random.randrange(3, 14), len(steps) - 1)
    until = steps[end].now
    silences = [Step("silence", now) for now in range(steps[begin].now, until, QUARTER)]
    return steps[:begin] + silences + [one._replace(now=until) for one in steps[begin:end]] + steps[end:]


def _operated(random: Random, steps: list[Step]) -> list[Step]:
    """Return `steps` with what operators do in between, most of it lifted again later."""
    for _ in range(random.choice((0, 0, 1, 2, 3))):
        at = random.randrange(len(steps))
        kind = random.choice(("order", "order", "order", "signal", "garbage", "strange"))
        level = random.choice((Level.REDUCE, Level.BLOCK, Level.FLATTEN))
        steps.insert(at, Step(kind, steps[at].now, level=level))
        if random.random() < 0.8:
            _resumed(random, steps, min(at + random.randrange(1, 15), len(steps) - 1))
    if random.random() < 0.4:
        _resumed(random, steps, random.randrange(len(steps)))
    return steps


def _resumed(random: Random, steps: list[Step], at: int) -> None:
    """Let a person resume before the step `at`, most often while nothing else happens."""
    now = steps[at].now
    steps[at:at] = [Step("resume", now)] + [Step("silence", now)] * (random.random() < 0.7)
