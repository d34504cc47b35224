"""What is typed wrong in Python is told as on the command line: one sentence with the field, the value, what is wanted.

The tables hold one wrong thing each; the bars, scores and settings around it are sound, and are traded first.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk, simulate
from backtest.engine import Result, run
from backtest.portfolio import Book
from backtest.portfolio import simulate as simulate_books
from market.errors import AssayError, DataError, UsageError
from market.execution import Exits
from tests.markets import COSTS, random_bars

BARS = random_bars(7, 120)
SCORE = pd.Series(np.random.default_rng(7).random(len(BARS)), index=BARS.index)
TABLE = pd.DataFrame({"score": SCORE, "confidence": 0.9, "expected_r_long": 1.0, "expected_r_short": 1.0})
SOUND = {"policy": Policy(0.6, 0.4), "exits": Exits(1.4, 1.0, 20), "costs": COSTS, "risk": Risk()}
NAN, INF = math.nan, math.inf


def traded(**changes: Any) -> Result:
    given = {"bars": BARS, "score": SCORE, **SOUND, **changes}
    return run(*given.values(), market="metal")


def refused(error: type[AssayError], *words: str, **changes: Any) -> None:
    """Say that all three doors refuse `changes` in one sentence that holds these words."""
    given = {"bars": BARS, "score": SCORE, **SOUND, **changes}
    risk = given.pop("risk")
    doors = (
        lambda: run(*given.values(), risk, "metal"),
        lambda: simulate(*given.values(), risk, "metal"),
        lambda: simulate_books([Book("XAUUSD_15T", **given, market="metal")], risk),
    )
    for door in doors:
        with pytest.raises(error) as raised:
            door()
        said = str(raised.value)
        assert all(word in said for word in words), said
        assert said.endswith((".", "?")) and "\n" not in said and len(said) < 250


WRONG = [
    ("exits", "take_profit", (0.0, -1.0, NAN, INF, "1.4", None, True), "a finite number above 0"),
    ("exits", "stop_loss", (0, -1.0, NAN, INF), "a finite number above 0"),
    ("exits", "bars", (0, -5, 2.5, NAN, INF), "a whole number, 1 at least"),
    ("exits", "atr_period", (0, -14, 1.5, NAN, 100_001), "a whole number from 1 to 100,000"),
    ("policy", "long_threshold", (NAN, "0.6"), "a number"),
    ("policy", "short_threshold", (NAN, None), "a number"),
    ("policy", "cooldown", (-1, 1.5, NAN), "a whole number, 0 at least"),
    ("policy", "max_spread_atr", (0.0, -1.0, NAN), "a number above 0"),
    ("policy", "min_confidence", (-0.1, 1.1, NAN), "from 0 to 1"),
    ("policy", "max_volatility", ("off", 0.0, NAN), "math.inf"),
    ("policy", "min_volatility", (-0.1, NAN, INF), "a finite number, 0 at least"),
    ("policy", "blocked_sessions", ("asia", None), "a tuple of names"),
    ("risk", "equity", (0.0, -1.0, NAN, INF), "a finite number above 0"),
    *(("risk", name, (0.0, -0.1, 1.5, NAN), "a share above 0") for name in ("per_trade", "open_risk", "daily_loss")),
    ("risk", "max_drawdown", (0.0, 1.1, NAN), "a share above 0"),
    ("risk", "max_trades_per_day", (0, 1.5, NAN), "a whole number, 1 at least"),
    ("risk", "max_consecutive_losses", (0, NAN), "a whole number, 1 at least"),
    ("risk", "max_positions", (0, NAN), "a whole number, 1 at least"),
    ("risk", "max_notional", (0.0, NAN), "a number above 0"),
    *(
        ("costs", name, (-0.1, NAN, INF), "a finite number, 0 at least")
        for name in ("spread_floor", "slippage", "commission", "minimum_stop")
    ),
    *(
        ("costs", name, (0.0, -1.0, NAN, INF), "a finite number above 0")
        for name in ("tick_size", "contract_size", "lot_step", "pip_size")
    ),
    *(("costs", name, (NAN, INF, None), "a finite number") for name in ("swap_long", "swap_short")),
]


@pytest.mark.parametrize(("where", "name", "values", "wanted"), WRONG, ids=[f"{row[0]}.{row[1]}" for row in WRONG])
def test_a_setting_that_cannot_be_traded_by_is_named_with_what_is_wanted(where, name, values, wanted):
    for value in values:
        changed = SOUND[where]._replace(**{name: value})
        refused(UsageError, f"{where}.{name} = {value!r}", wanted, **{where: changed})


def test_sound_settings_are_traded_at_the_bounds_of_what_is_allowed():
    assert len(traded().trades) > 3
    widest = {
        "policy": Policy(0.5, 0.5, 0, INF, ("asia", "london"), 0.0, INF, 0.0),
        "exits": Exits(np.float32(1.5), np.int64(1), np.int64(1), 120),
        "risk": Risk(1e-3, 1.0, 1.0, 1.0, 1, 1, 1.0, 1, INF),
        "costs": COSTS._replace(spread_floor=0, slippage=0, commission=0, minimum_stop=0, swap_long=-1e3),
    }
    for where, value in widest.items():
        traded(**{where: value})
    for never in (Policy(INF, -INF), Policy(0.6, -INF), Policy(INF, 0.7), Policy(0.6, 0.4, blocked_sessions=["asia"])):
        traded(policy=never)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": Policy(0.4, 0.6)}, ("long_threshold = 0.4", "short_threshold = 0.6")),
        ({"policy": Policy(0.6, 0.4, max_volatility=0.5, min_volatility=2)}, ("min_volatility = 2", "above", "0.5")),
        ({"policy": Policy(0.6, 0.4, blocked_sessions=("tokio",))}, ("tokio",)),
        ({"risk": Risk(per_trade=0.06)}, ("per_trade = 0.06", "open_risk = 0.05", "no trade could ever")),
        ({"policy": {"long_threshold": 0.6}}, ("policy is a dict", "Policy(…)")),
        ({"risk": None}, ("risk is a NoneType", "Risk(…)")),
        ({"exits": (1.4, 1.0, 20)}, ("exits is a tuple", "Exits(…)")),
        ({"costs": SOUND["risk"]}, ("costs is a Risk", "Costs(…)")),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(changes, words):
    refused(UsageError, *words, **changes)


def spoiled(value: Any, at: int = 5, of: pd.Series = SCORE) -> pd.Series:
    made = of.copy()
    made.iloc[at] = value
    return made


SCORES = {
    "none": (None, ("The scores are a NoneType", "wanted a Series")),
    "a list": ([0.5] * len(BARS), ("The scores are a list",)),
    "an array": (SCORE.to_numpy(), ("The scores are a ndarray",)),
    "no rows": (SCORE.iloc[:0], ("There is no score",)),
    "texts": (SCORE.astype(str), ("score is of type", "wanted numbers")),
    "truth values": (SCORE > 0.5, ("score is of type bool", "wanted numbers")),
    "above one": (spoiled(1.01), ("The score at 2024-01-08 01:30:00+00:00 is 1.01", "0 … 1")),
    "below zero": (spoiled(-0.5), ("is -0.5", "0 … 1")),
    "infinite": (spoiled(INF), ("is inf", "0 … 1")),
    "minus infinite": (spoiled(-INF), ("is -inf", "0 … 1")),
    "per cent": (SCORE * 100.0, ("0 … 1",)),
    "twice": (SCORE.iloc[[0, 1, 1, 2]], ("score at 2024-01-08 00:30:00+00:00 does not come after",)),
    "backwards": (SCORE.iloc[::-1], ("does not come after the one before it",)),
    "without zone": (SCORE.tz_localize(None), ("carry no time zone", "UTC")),
    "by number": (SCORE.reset_index(drop=True), ("stand by int64", "close stamps")),
    "off the bars": (SCORE.shift(freq="7min"), ("stands at no bar",)),
    "table without score": (TABLE.drop(columns="score"), ("lack the column score; found confidence",)),
    "misspelt": (TABLE.rename(columns={"confidence": "confidance"}), ("'confidance'", "Did you mean confidence?")),
    "half": (TABLE.drop(columns="expected_r_long"), ("lack expected_r_long",)),
    "confidence": (TABLE.assign(confidence=1.5), ("The confidence at", "is 1.5")),
    "expectation": (TABLE.assign(expected_r_short=INF), ("The expected_r_short at", "a finite number")),
}


@pytest.mark.parametrize("name", SCORES)
def test_scores_that_are_none_are_refused_with_the_first_stamp(name):
    score, words = SCORES[name]
    refused(DataError, *words, score=score)


def test_a_score_that_is_nan_is_no_view_and_does_not_trade():
    some = SCORE.where(SCORE > 0.3)
    result = traded(score=some)
    assert result.refusals["no_score"] > 0
    pd.testing.assert_frame_equal(result.trades, traded(score=some.astype("Float64")).trades)


@pytest.mark.parametrize("left_out", [[], ["confidence"], ["expected_r_long", "expected_r_short"]])
def test_columns_that_a_table_leaves_out_are_taken_as_for_a_series(left_out):
    policy = Policy(0.6, 0.4, min_confidence=0.7)
    whole = pd.DataFrame(
        {"score": SCORE, "confidence": np.maximum(SCORE, 1 - SCORE), "expected_r_long": 1.0, "expected_r_short": 1.0}
    )
    expected = traded(policy=policy)
    assert len(expected.trades) > 3 and expected.refusals["confidence"] > 0
    for table in (whole.drop(columns=left_out), SCORE.to_frame("score")):
        found = traded(policy=policy, score=table)
        pd.testing.assert_frame_equal(found.trades, expected.trades, check_exact=True)
        assert found.refusals == expected.refusals


def test_a_table_with_a_confidence_of_its_own_trades_by_it():
    sure, unsure = (traded(score=SCORE.to_frame("score").assign(confidence=value)) for value in (1.0, NAN))
    assert len(sure.trades) > 3 and len(unsure.trades) == 0


def with_bar(**values: float) -> pd.DataFrame:
    bars = BARS.copy()
    for name, value in values.items():
        bars.iloc[30, bars.columns.get_loc(name)] = value
    return bars


BROKEN = {
    "none": (None, ("The bars are a NoneType", "wanted a table")),
    "without close and spread": (BARS.drop(columns=["close", "spread"]), ("lack the columns close, spread; found",)),
    "without stamps": (BARS.reset_index(drop=True), ("UTC close stamp",)),
    "texts": (BARS.astype({"low": str}), ("The bars' low is of type", "wanted numbers")),
    "a low above the open": (with_bar(low=BARS["open"].iloc[30] + 1.0), ("2024-01-08 07:45:00+00:00 has open",)),
    "a high below the close": (with_bar(high=BARS["close"].iloc[30] - 0.01), ("low ≤ open, close ≤ high",)),
    "no price": (with_bar(open=0.0, low=0.0), ("low 0", "wanted 0 < low")),
    "a negative price": (with_bar(low=-1.0), ("low -1",)),
    "a negative spread": (with_bar(spread=-0.01), ("spread -0.01", "spread ≥ 0")),
    "NaN": (with_bar(close=NAN), ("07:45:00+00:00 has a close that is not finite",)),
    "infinite": (with_bar(high=INF), ("high that is not finite",)),
    "fewer than the ATR wants": (BARS.iloc[:13], ("13 bars", "exits.atr_period = 14")),
    "no bars": (BARS.iloc[:0], ("0 bars",)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_bars_that_are_none_are_refused_with_the_first_stamp(name):
    bars, words = BROKEN[name]
    refused(DataError, *words, bars=bars)


def test_a_period_of_the_atr_that_is_longer_than_the_bars_is_told_before_ta_lib_is_asked():
    refused(DataError, "exits.atr_period = 200", exits=Exits(1.4, 1.0, 20, 200))


def test_a_portfolio_names_the_series_of_what_is_wrong():
    book = Book("XAUUSD_15T", BARS, SCORE, SOUND["policy"], Exits(0.0, 1.0, 20), COSTS, "metal")
    with pytest.raises(UsageError, match=r"^XAUUSD_15T: exits\.take_profit = 0\.0"):
        simulate_books([book], Risk())
