"""What a report draws is of its own run: what is missing or was made anew since is told, and not drawn."""

import html
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk, simulate
from market import tables
from market.execution import Exits
from market.instruments import instrument, series_named
from pipeline import reporting
from pipeline.workspace import Workspace
from registry.report import page
from tests.registry.cards import account, make_card

MADE_FROM = {"inputs": {}, "config_sha256": "c" * 64, "code_sha256": "d" * 64}


@pytest.fixture
def target(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, series_named("XAUUSD_15T"))


def kept_equity(target: Workspace) -> pd.DataFrame:
    _, equity = account(pd.Series([1.0, -1.0] * 20).to_numpy())
    equity["open_risk"] = 0.0
    tables.write_table(target.run / "equity.parquet", equity, tables.EQUITY, **MADE_FROM)
    return equity


def test_a_run_without_tables_has_a_report_that_says_what_is_missing(target):
    found = reporting.shown(target, make_card())
    assert set(found.lacking) == {"equity", "trades", "calibration", "frontier", "drift"}
    text = html.unescape(page.to_html(make_card(), found))
    assert all(found.lacking[name] in text for name in ("equity", "trades", "calibration", "drift"))


def test_what_is_there_is_read_as_it_was_written(target):
    equity = kept_equity(target)
    assert reporting.shown(target, make_card()).equity.equals(equity["equity"])


def test_bars_that_were_imported_since_are_not_drawn(target, month):
    """Trades are drawn with the bars that they were made on, and never with others."""
    sides = pd.Series(np.random.default_rng(1).random(len(month)), index=month.index)
    gold = instrument("XAUUSD")
    trades, _ = simulate(month, sides, Policy(0.9, 0.1), Exits(1.4, 1.0, 50), gold.costs, Risk(), gold.market)
    tables.write_table(target.run / "trades.parquet", trades, tables.TRADES, **MADE_FROM)
    stored = tables.write_table(target.bars, month, tables.BARS, **MADE_FROM)
    drawn = reporting.shown(target, make_card(bars_sha256=stored.sha256))
    assert drawn.trades["r"].tolist() == trades["r"].tolist() and (drawn.trades[["mae", "mfe"]] >= 0.0).all(axis=None)
    since = reporting.shown(target, make_card(bars_sha256="f" * 64))
    assert since.trades is None and since.lacking["trades"] == "the bars stored today are not those of the run"
