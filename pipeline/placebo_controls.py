"""Positive controls of the placebo: leaks that are switched on deliberately, here and nowhere else.

Each alters one step of `pipeline.placebo_judging.HONEST` by an altered table or function. A placebo that does not see
them could not see those that nobody planted. Some cannot be seen in worlds without an edge: for these the test is named
that finds them.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

import feature_store
from backtest import metrics
from backtest.engine import Result
from pipeline.placebo_judging import HONEST, Rows, Steps, traded
from pipeline.placebo_views import BY_SIDE, LONG, wanted
from training import thresholds
from training.thresholds import Choice, Venue

_TAILS = (0.05, 0.1, 0.2, 0.3)
_SELECTED = 12


class Control(NamedTuple):
    """A leak: the steps that have it (None: nothing to alter here), and the test that finds it by other means.

    `needed` is in how many worlds a placebo must see it; 0 where it cannot.
    """

    steps: Steps | None
    needed: int
    found_by: str


def future(bars: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    """Return features with one that is the return of the next bar."""
    return _with(bars, groups, bars["close"].shift(-1) / bars["close"] - 1.0)


def centred(bars: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    """Return features with one that is the distance to a moving average which somebody centred."""
    smoothed = bars["close"].rolling(9, center=True, min_periods=1).mean()
    return _with(bars, groups, smoothed / bars["close"] - 1.0)


def unfinished(bars: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    """Return features with one that is the close of the hour which a bar is in, before that hour has closed."""
    hour = pd.DatetimeIndex(bars.index - pd.Timedelta(microseconds=1)).floor("1h")
    return _with(bars, groups, bars["close"].groupby(hour).transform("last") / bars["close"] - 1.0)


def on_judged(rows: Rows) -> Rows:
    """Return what is learned from with the judged window among it."""
    return rows._replace(window=rows.window._replace(oos_start=rows.window.cut_off))


def unpurged(rows: Rows) -> Rows:
    """Return rows whose labels pretend to be known a bar later, so that nothing is purged."""
    known = rows.rows
    t1 = known.X.index.to_series().shift(-1).where(known.t1.notna().to_numpy()).rename("t1")
    labelled = t1.notna().to_numpy()
    return rows._replace(
        rows=known._replace(t1=t1, y=np.where(labelled, known.y, 0).astype(np.int8), w=np.where(labelled, known.w, 0.0))
    )


def selected_on_all(rows: Rows) -> Rows:
    """Return rows with the features that go best with the labels of all windows, the judged one among them."""
    known = rows.rows
    ranks = known.X[known.labelled].rank().fillna(0.0)
    strength = ranks.corrwith(pd.Series(known.y[known.labelled].astype(float), ranks.index)).abs().fillna(0.0)
    best = strength.sort_values(ascending=False, kind="stable").index[:_SELECTED]
    return rows._replace(rows=known._replace(X=known.X[sorted(best)]))


def chosen_on_judged(_: Choice, bars: pd.DataFrame, score: pd.DataFrame, venue: Venue) -> Choice:
    """Return the thresholds that would have been best on the judged window."""
    return thresholds.choose(bars, score.dropna(), venue, 1.0)


def viewed_on_judged(score: pd.Series, tail: float, bars: pd.DataFrame, venue: Venue) -> pd.Series:
    """Return the sides of the tail, and of the direction, that would have been best on the judged window."""
    ways = product([wanted(score, one) for one in (*_TAILS, tail)], (False, True))
    tried = [LONG - sides if against else sides for sides, against in ways]
    earned = [metrics.expectancy(traded(bars, sides, BY_SIDE, venue).trades["r"].to_numpy()) for sides in tried]
    return tried[int(np.argmax([-np.inf if one is None else one for one in earned]))]


def without_costs(bars: pd.DataFrame, score: pd.DataFrame | pd.Series, choice: Choice, venue: Venue) -> Result:
    """Trade without spread, slippage, commission and swap."""
    free = venue.costs._replace(spread_floor=0.0, commission=0.0, slippage=0.0, swap_long=0.0, swap_short=0.0)
    return traded(bars.assign(spread=0.0), score, choice, venue._replace(costs=free))


def at_the_close(bars: pd.DataFrame, score: pd.DataFrame | pd.Series, choice: Choice, venue: Venue) -> Result:
    """Trade as if every bar opened where the one before closed, so that an entry has the price it was decided at."""
    opened = bars["close"].shift().fillna(bars["open"])
    gapless = bars.assign(open=opened, high=np.maximum(bars["high"], opened), low=np.minimum(bars["low"], opened))
    return traded(gapless, score, choice, venue)


def _with(bars: pd.DataFrame, groups: tuple[str, ...], leaky: pd.Series) -> pd.DataFrame:
    features = feature_store.compute(bars, groups)
    return features.assign(placebo__leak=leaky.astype(np.float32).where(features.notna().any(axis=1)))


_CAUSALITY = "tests/feature_store/test_causality.py::test_a_column_that_looks_ahead_is_caught"
_FUTURE = "tests/training/test_nothing_from_the_future.py::test_what_learns_from_later_bars_is_caught"
_MISTAKES = (
    "tests/backtest/test_engine_invariants.py::test_the_engine_is_free_of_a_mistake_and_its_broken_twin_is_caught"
)
CONTROLS: dict[str, Control] = {
    "future feature": Control(HONEST._replace(features=future), 1, _CAUSALITY),
    "centred window": Control(HONEST._replace(features=centred), 1, _CAUSALITY),
    "unfinished higher-timeframe bar": Control(HONEST._replace(features=unfinished), 1, _CAUSALITY),
    "training on the judged window": Control(
        HONEST._replace(learnt=on_judged),
        5,
        "tests/training/test_audit.py::test_the_gap_before_the_judged_window_is_audited_with_the_bars_that_come",
    ),
    "thresholds tuned on the judged window": Control(
        HONEST._replace(choose=chosen_on_judged, view=viewed_on_judged), 10, _FUTURE
    ),
    "no costs": Control(
        HONEST._replace(trade=without_costs),
        1,
        "tests/backtest/test_engine_invariants.py"
        "::test_mistake_11_random_entries_lose_what_they_cost_and_none_that_are_free",
    ),
    "no purge": Control(
        HONEST._replace(learnt=unpurged), 0, "tests/training/test_audit.py::test_every_known_leak_is_caught"
    ),
    "selection on all data": Control(HONEST._replace(learnt=selected_on_all), 0, _FUTURE),
    "entry at the signal's close": Control(HONEST._replace(trade=at_the_close), 0, _MISTAKES),
    "target first where both are touched": Control(None, 0, _MISTAKES),
}
