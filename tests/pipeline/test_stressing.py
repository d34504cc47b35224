"""`assay stress`: a judged run on its own window with worse fills, told to people, as JSON, and by the exit code."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from backtest import Policy, Risk
from backtest.stress import BOUNDS, stress
from market.execution import Exits
from market.instruments import instrument
from market.stress_settings import stress_bounds
from pipeline import screen_stress, stressing
from registry import ledger
from registry.plain_values import plain
from tests.markets import random_bars
from tests.pipeline.conftest import CommandLine
from tests.pipeline.test_backtest import RUN, SERIES, Trained, judged  # noqa: F401

QUICK = (("runs = 200 ", "runs = 20 "), ("paths = 10000 ", "paths = 200 "))


@pytest.fixture
def quick(judged: Trained) -> Trained:  # noqa: F811
    """Return the home of a judged run, with fewer draws."""
    for old, new in QUICK:
        if old in (judged.assay.config / "gates.toml").read_text():
            judged.assay.replace("gates", old, new)
    return judged


def answer(assay: CommandLine, *arguments: str, code: int = 3) -> dict[str, Any]:
    ended = assay("stress", SERIES, *arguments, "--json")
    assert ended.code == code, ended.err
    return json.loads(ended.out)


def test_a_run_without_an_edge_does_not_survive_and_every_failed_bound_is_named(quick):
    ended = quick.assay("stress", SERIES, "--run", RUN[:8])
    assert ended.code == 3 and len(ended.err.strip().splitlines()[-1:]) == 1
    told = answer(quick.assay)
    failed = [one for one in told["verdicts"] if not one["passed"]]
    assert failed and not told["passed"]
    for one in failed:
        assert BOUNDS[one["name"]].title.lower() in ended.err
    assert f"{len(failed)} of {len(BOUNDS)} bounds" in ended.err
    for text in ("As judged", "Costs ×2", "A round trip costs", "The edge dies at", "a bar early", "DOES NOT SURVIVE"):
        assert text in ended.out


def test_the_undisturbed_scenario_is_the_recorded_result_and_it_is_no_look(quick):
    told = answer(quick.assay)
    first = told["scenarios"][0]
    assert (first["name"], first["trades"]) == ("undisturbed", len(quick.trades))
    assert first["expectancy"] == pytest.approx(quick.trades["r"].mean(), abs=1e-15)
    assert (told["run_id"], told["bars"]) == (RUN, len(quick.score))
    assert [one for one in ledger.read(quick.assay.home).entries if one.kind == "look"] == []


def test_the_same_stress_again_writes_the_same_bytes(quick):
    folder = Path(answer(quick.assay)["folder"])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {stressing.FIGURES, stressing.PICTURE}
    assert before[stressing.PICTURE].startswith(b"\x89PNG")
    answer(quick.assay)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_bounds_that_nothing_misses_are_passed_with_exit_code_nought(quick, tmp_path):
    loose = CommandLine(tmp_path)
    loose.home = quick.assay.home
    gates = "\n".join(f"{name} = 0.0001" for name in BOUNDS if "factor" in name)
    how = "runs = 20\nslippage = 1.0\nskipped = 0.05\nworse_spread = 2.0\npaths = 200"
    bounds = f"[stress]\n{how}\n{gates}\ndrawdown_95 = 1.0\nleak_deviations = 1000.0\n"
    (loose.config / "gates.toml").write_text(bounds)
    assert answer(loose, code=0)["passed"] is True
    assert "SURVIVES" in loose("stress", SERIES).out


REFUSED = {
    "a run that is not there": (["--run", "abcdef123"], 2, "No run 'abcdef123'"),
    "a series without bars": (["EURUSD_15T"], 6, "No bars stored for EURUSD_15T"),
    "no series": (["GOLDEN_15T"], 2, "Unknown symbol"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_stressed_is_refused(quick, name):
    typed, code, told = REFUSED[name]
    ended = quick.assay("stress", *(typed if len(typed) == 1 else [SERIES, *typed]))
    assert (ended.code, told in ended.err) == (code, True), ended.err


def test_without_a_model_it_says_so(gold):
    ended = gold("stress", SERIES)
    assert ended.code == 6 and "No model of XAUUSD_15T yet" in ended.err


SPOILED = {
    "runs = 200 ": ("runs = 5 ", "runs = 5: input should be greater than or equal to 20"),
    "skipped = 0.05 ": ("skipped = 1.0 ", "skipped = 1.0: input should be less than 1"),
    "worse_spread = 2.0 ": ("worse_spread = 0.5 ", "worse_spread = 0.5: .*greater than or equal to 1"),
    "drawdown_95 = 0.10 ": ("drawdown_95 = 8.0 ", "drawdown_95 = 8.0: .*less than or equal to 1"),
    "slippage = 1.0 ": ("slippages = 1.0 ", "unknown key 'slippages'. Did you mean slippage"),
    "[stress]": ("[stres]", "key 'runs' is missing"),
}


@pytest.mark.parametrize("old", SPOILED)
def test_a_bound_that_is_none_is_refused_by_name(gold, old):
    new, told = SPOILED[old]
    gold.replace("gates", old, new)
    ended = gold("stress", SERIES)
    assert ended.code == 2 and "config/gates.toml [stress]" in ended.err
    assert pd.Series([ended.err]).str.contains(told).all(), ended.err


def shown(score: float) -> tuple[str, str]:
    """Return what a person reads where every bar has this score, and the complaint."""
    bars, gold = random_bars(1, 300), instrument("XAUUSD")
    rules = (Policy(0.6, 0.4, max_spread_atr=np.inf), Exits(1.4, 1.0, 10), gold.costs, Risk(), gold.market)
    bounds = stress_bounds().model_copy(update={"runs": 20, "paths": 100})
    found = stress(bars, pd.Series(score, index=bars.index)[20:], *rules, bounds)
    head = {"series": SERIES, "judged": "run abc", "bars": 280, "first": "2024-01-08", "last": "2024-01-11"}
    told = plain(head | {"folder": "x", "bounds": bounds.model_dump(), "passed": found.passed} | found._asdict())
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        screen_stress.stressed(Console(file=stream, width=200), told)
    return stream.getvalue(), stressing.complaint(told)


def test_a_run_without_trades_says_so_plainly():
    out, complaint = shown(0.5)
    assert "No trade was closed in the judged window" in out and "DOES NOT SURVIVE" in out
    assert "The edge dies at: not computable" in out and "not computable: no trade was closed" in out
    assert "closed no trade" in complaint
    out, complaint = shown(0.9)
    assert "No trade" not in out and "closed no trade" not in complaint
