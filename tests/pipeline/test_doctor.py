"""`assay doctor SERIES`: each check fires on its fault, is silent on a healthy run, and says what it could not ask."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest import Policy, Risk
from backtest.engine import run as trade
from market.execution import Exits
from pipeline import doctor_trades
from pipeline.doctor_checks import CHECKS
from pipeline.doctor_findings import SEVERITIES, examine, exit_code
from pipeline.doctor_model import EDGES, chance_errors
from pipeline.doctor_run import CHANGED, NO_TRADE, UNTOLD, Run
from registry import runs
from tests.markets import COSTS, random_bars
from tests.pipeline.conftest import CommandLine
from tests.pipeline.doctor_runs import FAULTS, carded, healthy
from tests.registry.cards import make_card
from training import thresholds
from training.reliability import expected_calibration_error

SERIES, RUN = "XAUUSD_15T", "0123456789abcdef" * 2
NAMES = [check.name for check in CHECKS]


@pytest.fixture(scope="module")
def sound() -> Run:
    return healthy()


def found(run: Run) -> list[str]:
    return [one["check"] for one in examine(CHECKS, run)["findings"]]


def test_nothing_is_found_in_a_healthy_run_and_everything_is_asked(sound):
    told = examine(CHECKS, sound)
    assert told == {"findings": [], "not_asked": [], "checks": len(CHECKS)}
    assert exit_code(told) == 0


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_a_check_fires_on_its_fault_with_numbers_and_a_fix(sound, check):
    evidence = check.find(FAULTS[check.name](sound))
    assert evidence and any(sign.isdigit() for sign in evidence) and evidence.endswith(".")
    assert check.severity in SEVERITIES
    assert check.fix[0].isupper() and check.fix.endswith(".")
    assert check.looks_at[0].islower() and not check.looks_at.endswith(".")


def test_every_check_has_a_name_of_its_own_a_fault_and_a_line_in_the_manual():
    assert len(set(NAMES)) == len(NAMES) and set(FAULTS) == set(NAMES)
    manual = Path("docs/doctor.md").read_text()
    for check in CHECKS:
        assert f"| `{check.name}` | {check.severity} |" in manual


def test_the_worst_is_told_first_and_only_what_is_critical_exits_3(sound):
    both = FAULTS["skill"](FAULTS["looks"](FAULTS["class_balance"](sound)))
    told = examine(CHECKS, both)
    assert [one["severity"] for one in told["findings"]] == ["critical", "warning", "note"]
    assert exit_code(told) == 3
    assert exit_code(examine(CHECKS, FAULTS["looks"](sound))) == 0


def test_without_a_trade_what_needs_trades_is_not_asked_in_one_line(sound):
    told = examine(CHECKS, FAULTS["no_trade"](sound))
    (left,) = (one for one in told["not_asked"] if one["why"] == NO_TRADE)
    needing = {"best_month", "ties", "deflated_sharpe", "win_rate", "cost_margin", "sides_disagree", "under_water"}
    assert needing < set(left["checks"])
    assert "no_trade" in found(FAULTS["no_trade"](sound))


def test_a_run_of_which_only_the_card_is_known_is_asked_what_a_card_can_tell(sound):
    names = [*sound.found]
    told = examine(CHECKS, sound._replace(found={}, lacking=dict.fromkeys(names, CHANGED), training={}))
    unasked = {name for one in told["not_asked"] for name in one["checks"]}
    assert {"ties", "feature_drift", "calibration", "best_month"} < unasked
    assert not unasked & {"leaks", "skill", "trades_a_fold", "looks", "threshold_edge", "short_window"}


def test_a_card_of_an_older_version_is_asked_what_it_tells(sound):
    told = examine(CHECKS, carded(selection={}, splits=[], window=make_card().window)(sound))
    (left,) = (one["checks"] for one in told["not_asked"] if one["why"] == UNTOLD)
    assert {"leaks", "feature_choice", "short_window"} <= set(left)


def test_trades_that_touched_both_barriers_are_those_that_the_engine_counts():
    bars = random_bars(11, 3000)
    score = pd.Series(np.where(np.random.default_rng(5).random(len(bars)) < 0.5, 0.9, 0.1), index=bars.index)
    free = Risk(daily_loss=1.0, max_consecutive_losses=1_000_000, max_trades_per_day=1_000_000)
    result = trade(bars, score, Policy(0.6, 0.4, 0), Exits(0.6, 0.5, 20), COSTS, free, "metal")
    tied = doctor_trades.touched_both(result.trades, bars)
    assert tied.sum() == result.ties > 20
    assert (result.trades["reason"][tied] == "stop").all()


def test_a_threshold_is_at_the_edge_where_the_search_ends():
    assert (thresholds._CANDIDATES[0], thresholds._CANDIDATES[-1]) == EDGES


@pytest.fixture
def judged(assay) -> CommandLine:
    """Return a home in which one card is all that is left of a run."""
    card = make_card(run_id=RUN)
    runs.keep_card(assay.home, card)
    (assay.home / "runs" / SERIES / "card.json").write_text(card.model_dump_json())
    return assay


def asked(assay: CommandLine, *arguments: str, code: int = 3) -> dict:
    ended = assay("doctor", *arguments, "--json")
    assert ended.code == code, ended.err
    return json.loads(ended.out)


def test_the_answer_holds_every_promised_name_and_writes_nothing(judged):
    before = judged.clock()
    told = asked(judged, SERIES)
    assert set(told) == {"series", "run_id", "status", "made_at", "findings", "not_asked", "checks"}
    assert (told["series"], told["run_id"], told["status"]) == (SERIES, RUN, "READY")
    assert all(set(one) == {"severity", "check", "evidence", "fix"} for one in told["findings"])
    assert CHANGED in [one["why"] for one in told["not_asked"]]
    assert asked(judged, SERIES, "--run", RUN[:8])["findings"] == told["findings"]
    assert judged.clock() == before


def test_a_person_reads_severity_evidence_fix_and_the_sum(judged):
    ended = judged("doctor", SERIES)
    assert ended.code == 3 and ended.err == ""
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{SERIES} run {RUN[:12]}, READY") and lines[1].startswith("critical ")
    assert lines[3].startswith("  Fix: ") and " findings in " in lines[-1]
    assert sum(line.startswith("Not asked, ") for line in lines) >= 1


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("", 2, "Name a series"),
        (f"{SERIES} --home", 2, "give --home alone"),
        (f"{SERIES} --run abcdef123", 2, "No run 'abcdef123'"),
        (f"EURUSD_15T --run {RUN}", 2, "name its own series"),
        ("EURUSD_15T", 6, "No verdict for EURUSD_15T"),
        ("GOLDEN_15T", 2, "Unknown symbol"),
    ],
)
def test_what_cannot_be_examined_is_refused(judged, typed, code, said):
    ended = judged("doctor", *typed.split())
    assert (ended.code, said in ended.err) == (code, True), ended.err


def test_labels_that_overlap_are_counted_for_what_they_are_worth():
    def forecast(seed: int) -> tuple[float, np.ndarray]:
        random = np.random.default_rng(seed)
        p = np.repeat(random.dirichlet((30.0, 20.0, 30.0), 160), 5, axis=0)
        y = (random.random((160, 1)) > np.cumsum(p[::5], axis=1)).sum(axis=1) - 1
        return expected_calibration_error(np.repeat(y, 5), p), p

    honest = [forecast(seed) for seed in range(15)]
    alarms = [sum(error > np.quantile(chance_errors(p[::step], 20), 0.95) for error, p in honest) for step in (1, 5)]
    assert alarms[0] >= 10 and alarms[1] <= 3
