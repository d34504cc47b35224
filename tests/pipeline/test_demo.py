"""The demo says what it saw: a step that did not show what it must is told with what was wanted, and ends it at 70.

Trainings of planted and of empty markets are judged in test_main_job; here are the steps around them, and the oracle.
"""

import io

import pandas as pd
import pytest
from rich.console import Console

import feature_store
from market import command, gate_settings, instruments, settings, simulated, tables
from pipeline import demo, oracle, planted, planted_leak, stages, strength
from pipeline.demo import Demo, Finding
from pipeline.planted import Market
from registry import promotion

JUDGED_FROM = pd.Timestamp("2019-11-01", tz="UTC")
CUT_OFF = pd.Timestamp(planted.CUT_OFF, tz="UTC")


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))


@pytest.fixture
def shown(tmp_path) -> Demo:
    return Demo(tmp_path / "home" / "demo", 1)


def exit_code(monkeypatch: pytest.MonkeyPatch, *steps: demo.Step) -> int:
    monkeypatch.setattr(demo, "STEPS", steps)
    with pytest.raises(SystemExit) as ended:
        command.run(demo.main, "demo", [])
    return int(ended.value.code or 0)


def seen(_: Demo) -> Finding:
    """Something is there."""
    return Finding("a thing", "the thing", True)


def unseen(_: Demo) -> Finding:
    """Something is not there."""
    return Finding("a thing", "nothing [bold]at all", False)


def test_the_planted_leak_is_named_by_column_and_bar(shown, capsys):
    finding = demo.leak(shown)
    assert finding.shown
    told = capsys.readouterr().out
    assert f"LEAK {planted_leak.COLUMN} at 2019-" in told
    assert " became " in told


def test_a_mean_that_is_not_centred_is_no_leak_and_the_step_says_so(shown, monkeypatch):
    monkeypatch.setattr(planted_leak, "compute", lambda bars: bars[["close"]].rolling(2, min_periods=1).mean())
    finding = demo.leak(shown)
    assert (finding.shown, finding.found) == (False, "no leak")


def test_the_leaky_group_leaves_the_store_even_after_a_failure():
    with pytest.raises(ZeroDivisionError), planted_leak.entered() as name:
        assert name in feature_store.GROUPS
        raise ZeroDivisionError
    assert planted_leak.NAME not in feature_store.GROUPS


@pytest.mark.parametrize(
    ("step", "status", "run_in_production", "is_shown"),
    [
        (demo.noise, "FAILED", None, True),
        (demo.noise, "READY", "1", False),
        (demo.noise, "FAILED", "1", False),
        (demo.edge, "READY", "1", True),
        (demo.edge, "READY", None, False),
        (demo.edge, "READY", "2", False),
        (demo.edge, "FAILED", None, False),
    ],
)
def test_a_verdict_and_what_is_in_production_must_both_be_as_wanted(
    shown, monkeypatch, step, status, run_in_production, is_shown
):
    record = {} if run_in_production is None else {planted.SERIES: {"run_id": run_in_production}}
    monkeypatch.setattr(demo, "_judged", lambda *_: {"status": status, "run_id": "1"})
    monkeypatch.setattr(promotion, "production", lambda home: record if home.name == "demo" else None)
    assert step(shown).shown is is_shown


def test_the_demo_ends_well_only_where_every_step_showed_what_it_must(monkeypatch, capsys):
    assert exit_code(monkeypatch, seen, seen) == 0
    assert "2 of 2 steps" in capsys.readouterr().out
    assert exit_code(monkeypatch, unseen, seen) == 70
    told = capsys.readouterr()
    assert "1 of 2 steps" in told.out
    assert "step 1: wanted a thing; found nothing [bold]at all" in told.out
    assert told.err.endswith(
        "The demo did not show what it must: step 1: wanted a thing; found nothing [bold]at all.\n"
    )


def test_both_markets_are_the_same_but_for_the_edge_and_go_on_past_the_cut_off():
    without, with_edge = (simulated.simulate(**market.world) for market in (demo.NOISE, demo.PLANTED))
    assert without["spread"].equals(with_edge["spread"])
    assert not without["close"].equals(with_edge["close"])
    assert with_edge.index[-1] > CUT_OFF + pd.Timedelta(days=28)


def test_the_demo_changes_no_gate_cost_or_barrier(shown):
    work = planted.prepare(shown.planted)
    assert work.gates == gate_settings.gates()
    assert work.labels == settings.labels("XAUUSD", "15T")
    assert (work.exits, work.sampling) == ((1.4, 1.0, 50, 14), (None, 14))
    assert work.instrument == instruments.instrument("XAUUSD")
    assert work.workspace.bars.is_relative_to(shown.planted)


def test_another_strength_is_another_market_and_the_same_one_is_not_made_again(shown):
    work = planted.prepare(shown.planted)
    done = [stages.simulate(work, **market.world).why for market in (Market(0.2, 1), Market(0.2, 1), Market(0.3, 1))]
    assert done == ["not run yet", None, "settings changed"]
    assert tables.read_table(work.workspace.bars, tables.BARS).equals(simulated.simulate(**Market(0.3, 1).world))


def oracle_on(market: Market, shown: Demo, change: float = 1.0) -> oracle.Oracle:
    """Return the oracle of a market whose prices are multiplied by `change` from the judged window on."""
    bars = simulated.simulate(**market.world)
    bars.loc[bars.index > JUDGED_FROM, ["open", "high", "low", "close"]] *= change
    return oracle.trade(bars, market.signal(), planted.prepare(shown.planted).plan, JUDGED_FROM, CUT_OFF)


def test_the_oracle_earns_with_an_edge_inside_the_judged_window(shown):
    found = oracle_on(demo.PLANTED, shown)
    assert found.profit_factor > gate_settings.gates().profit_factor
    assert found.trades.index[0] > JUDGED_FROM
    assert found.trades["t_exit"].max() <= CUT_OFF


def test_the_oracle_does_not_trade_where_there_is_nothing_to_know(shown):
    found = oracle_on(demo.NOISE, shown)
    assert (found.choice.long, found.profit_factor, len(found.trades)) == (None, None, 0)


def test_the_oracle_chooses_its_thresholds_before_the_judged_window(shown):
    assert oracle_on(demo.PLANTED, shown, change=3.0).choice == oracle_on(demo.PLANTED, shown).choice


def verdict(profit_factor: float | None, passed: bool) -> dict:
    gate = {"name": "profit_factor", "got": profit_factor, "wanted": 1.6, "passed": passed}
    return {"status": "READY" if passed else "FAILED", "gates": [gate]}


def test_the_strength_of_an_edge_is_told_by_seed_and_counted(shown):
    knowing = oracle_on(demo.PLANTED, shown)
    rows = [
        strength.row(Market(0.45, 1), verdict(2.5, True), knowing),
        strength.row(Market(0.45, 2), verdict(None, False), knowing._replace(profit_factor=None)),
    ]
    assert [one["failed"] for one in rows] == [[], ["profit_factor"]]
    out = io.StringIO()
    strength.render(Console(file=out, width=120), rows)
    assert "edge 0.45: READY 1 of 2, FAILED 1" in out.getvalue()
    assert "no trade" in out.getvalue()
