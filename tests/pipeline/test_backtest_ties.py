"""`assay backtest --ties finer`: the finest stored bars of the symbol tell what a coarse bar leaves open."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtest.engine import run
from backtest.policy import Policy
from backtest.risk import Risk
from market import simulated, tables
from market.execution import Exits
from market.instruments import instrument
from registry import ledger
from tests.pipeline.conftest import CommandLine, table_of
from tests.pipeline.test_backtest import SERIES, crossover

IMPORT = "--symbol XAUUSD --timezone UTC --stamp open --timeframe"


@pytest.fixture(scope="module")
def fine() -> pd.DataFrame:
    """Return eight days of bars of five minutes."""
    return simulated.simulate("XAUUSD", "5T", "2024-01-02", "2024-01-11")


def coarse(fine: pd.DataFrame, minutes: int = 15) -> pd.DataFrame:
    """Return the bars of `minutes` that the finer ones make."""
    grouped = fine.groupby(fine.index.ceil(f"{minutes}min").rename("ts"))
    told = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "last"}
    return grouped.agg(told)


def store(assay: CommandLine, bars: pd.DataFrame, minutes: int) -> None:
    file = assay.folder / f"{minutes}.csv"
    table_of(bars, minutes).to_csv(file, index=False)
    ended = assay("import", str(file), *IMPORT.split(), f"{minutes}T")
    assert ended.code == 0, ended.err


@pytest.fixture
def narrow(assay: CommandLine, fine: pd.DataFrame) -> CommandLine:
    """Return a home with quarters of an hour, barriers so near that many bars touch both, and a rule."""
    store(assay, coarse(fine), 15)
    assay.replace("labels", "take_profit = 1.4", "take_profit = 0.5")
    assay.replace("labels", "stop_loss = 1.0", "stop_loss = 0.5")
    bars = tables.read_table(assay.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    crossover(bars).to_parquet(assay.folder / "crossover.parquet")
    return assay


def told(assay: CommandLine, *typed: str, series: str = SERIES) -> dict[str, Any]:
    ended = assay("backtest", series, "--rule", str(assay.folder / "crossover.parquet"), *typed, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_ties_are_settled_by_the_finest_bars_as_the_engine_does_it(narrow, fine):
    store(narrow, fine, 5)
    store(narrow, coarse(fine, 30), 30)
    bars, finer = (
        tables.read_table(narrow.home / "bars" / f"XAUUSD_{name}.parquet", tables.BARS) for name in ("30T", "5T")
    )
    rule = crossover(bars, 5, 20)
    rule.to_parquet(narrow.folder / "crossover.parquet")
    answer = told(narrow, "--ties", "finer", series="XAUUSD_30T")
    gold, score = instrument("XAUUSD"), rule.set_index("ts")["score"]
    rules = (Policy(0.6, 0.4), Exits(0.5, 0.5, 50), gold.costs, Risk(), gold.market)
    expected = run(bars, score, *rules, ties="finer", finer=finer)
    assert tables.read_table(Path(answer["folder"]) / "trades.parquet", tables.TRADES).equals(expected.trades)
    ties = answer["ties"]
    assert (ties["how"], ties["by"], ties["count"]) == ("finer", "XAUUSD_5T", expected.ties)
    assert 0 < ties["settled"] == expected.ties_settled <= ties["count"]
    assert ties["share"] == pytest.approx(expected.ties / len(expected.trades))


def test_by_default_each_is_a_stop_and_kept_apart(narrow, fine):
    store(narrow, fine, 5)
    settled, default = told(narrow, "--ties", "finer"), told(narrow)
    assert (default["ties"]["how"], default["ties"]["by"], default["ties"]["settled"]) == ("pessimistic", None, 0)
    assert default["ties"]["count"] > 0 and default["folder"] != settled["folder"]
    assert default["figures"]["expectancy"] < settled["figures"]["expectancy"]


def test_the_screen_and_the_page_say_what_settled_them(narrow, fine):
    store(narrow, fine, 5)
    answer = told(narrow, "--ties", "finer")
    ended = narrow("backtest", SERIES, "--rule", str(narrow.folder / "crossover.parquet"), "--ties", "finer")
    line = f"bars of XAUUSD_5T tell of {answer['ties']['settled']} of them what came first"
    page = (Path(answer["folder"]) / "tear_sheet.md").read_text()
    assert line in ended.out and line in page
    assert f"{answer['ties']['count']} trades ({answer['ties']['share']:.1%}) ended on a bar" in page
    assert answer["ties"]["bars_sha256"] in page


def test_bars_that_do_not_add_up_settle_nothing(narrow, fine):
    wrong = fine.copy()
    wrong[["open", "high", "low", "close"]] += 0.5
    before = told(narrow)
    store(narrow, wrong, 5)
    answer = told(narrow, "--ties", "finer")
    assert answer["ties"]["settled"] == 0 < answer["ties"]["count"]
    assert answer["figures"] == before["figures"]


def test_each_way_of_settling_is_a_look_of_its_own(narrow, fine):
    store(narrow, fine, 5)
    narrow.replace("research", "cut_off = 2025-10-22", "cut_off = 2024-07-10")
    for typed, looks in (([], 1), (["--ties", "finer"], 2), (["--ties", "finer"], 2)):
        told(narrow, *typed)
        assert len([one for one in ledger.read(narrow.home).entries if one.kind == "look"]) == looks


@pytest.mark.parametrize("stored", [(), (30,)])
def test_without_finer_bars_it_is_refused_with_what_to_do(narrow, fine, stored):
    for minutes in stored:
        store(narrow, coarse(fine, minutes), minutes)
    ended = narrow("backtest", SERIES, "--rule", str(narrow.folder / "crossover.parquet"), "--ties", "finer")
    assert ended.code == 6 and "finer than 15T" in ended.err and "assay import" in ended.err
    assert not (narrow.home / "backtests").exists()


def test_another_word_is_refused(narrow):
    ended = narrow("backtest", SERIES, "--rule", "x.csv", "--ties", "optimistic")
    assert ended.code == 2 and "optimistic" in ended.err
