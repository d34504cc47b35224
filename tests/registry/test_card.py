"""A card says the verdict first, hides nothing, and cannot be built so that it lies."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from backtest import metrics
from backtest.policy import Policy
from backtest.risk import Risk
from market.errors import DataError
from market.execution import Costs, Exits
from registry import markdown_tables
from registry.card import Card, from_json, headline, to_json, to_markdown
from registry.figures import FIGURES, FORECASTS, GROUPED, SETTINGS
from registry.gates import GATES
from tests.registry.cards import GOOD, a_fold, account, gate, make_card
from training import classification

FAILING = [
    gate(name, got, note)
    for name, got, note in (
        ("profit_factor", 1.28, ""),
        ("max_drawdown", 0.041, ""),
        ("sharpe_per_trade", 0.1, ""),
        ("win_rate", 0.5, ""),
        ("trades", 180, ""),
        ("fold_profit_factor_variation", None, "under 60 trades in fold 3"),
    )
]


def test_the_verdict_comes_first() -> None:
    assert to_markdown(make_card()).startswith("# XAUUSD_15T READY: passes every benchmark\n")
    assert to_markdown(make_card(gates=FAILING)).startswith("# XAUUSD_15T FAILED: fails 5 of 6 benchmarks\n")


def test_where_no_fold_has_skill_the_first_line_says_so() -> None:
    folds = [a_fold(number) | {"skill_low": -0.001} for number in range(1, 11)]
    for first in (to_markdown(make_card(folds=folds)).splitlines()[0], headline(make_card(folds=folds))[0]):
        assert "no fold has skill in direction against the base rate" in first
    unmeasured = [{"fold": 1, "trades": 70, "losses": 30, "profit_factor": 1.2}]
    assert "skill" not in to_markdown(make_card(folds=unmeasured)).splitlines()[0]


def test_each_benchmark_stands_with_got_wanted_and_interval() -> None:
    page = to_markdown(make_card())
    for line in (
        "| ✅ | Profit factor | 1.82 | ≥ 1.60 | 1.64 … 2.00 |",
        "| ✅ | Max drawdown | 4.1 % | ≤ 6.0 % | 3.7 % … 4.5 % |",
        "| ✅ | Trades | 312 | ≥ 200 | 281 … 343 |",
    ):
        assert line in page
    assert "What it would take" not in page


def test_a_failure_says_what_it_would_take() -> None:
    page = to_markdown(make_card(gates=FAILING))
    for text in (
        "**Profit factor**: 25 % more gains or 20 % smaller losses.",
        "**Win rate**: 4 more of 180 trades won.",
        "**Trades**: 20 more trades in the window (it closed 180).",
        "**Fold PF variation**: not computable: under 60 trades in fold 3.",
        "| ❌ | Fold PF variation | not computable | ≤ 0.35 | – |",
    ):
        assert text in page


def test_a_number_that_fails_by_a_hair_is_not_shown_as_its_bound() -> None:
    gates = [gate(name, got) for name, got in (GOOD | {"profit_factor": 1.5999}).items()]
    assert "| ❌ | Profit factor | 1.5999 | ≥ 1.60 |" in to_markdown(make_card(gates=gates))


def test_skill_trials_looks_and_warnings_come_before_the_small_print() -> None:
    page = to_markdown(make_card())
    assert "Skill in direction, out of sample: +0.0051 (90 % interval +0.0012 … +0.0089)" in page
    assert "3 trials of this series so far, 1 look at this out-of-sample window" in page
    assert "12 % of the bars stand on the spread floor" in page
    order = ["## Benchmarks", "## Skill, trials and looks", "## Data warnings", "## Window", "## Folds", "## Costs"]
    assert [page.index(title) for title in order] == sorted(page.index(title) for title in order)


def test_tables_fit_a_phone_and_every_section_is_there() -> None:
    page = to_markdown(make_card(remedies=["Wider barriers."]))
    assert max(line.count("|") for line in page.splitlines()) <= 9
    for text in (
        "1. Wider barriers.",
        "`momentum__rsi_14`",
        "plots/equity.png",
        "bars sha256",
        "by side",
        "Target 1.4 × ATR",
    ):
        assert text in page


def test_the_share_of_flat_labels_and_what_the_base_rate_leaves_stand_beside_the_forecasts_of_a_fold() -> None:
    known = {"flat_share": 0.2345, "accuracy": 0.41, "log_loss": 1.0712}
    page = to_markdown(make_card(folds=[a_fold(number) | known for number in (1, 2)]))
    assert "| Fold | Flat | Accuracy | Log-loss | Skill from | to |" in page
    assert "| 1 | 23.4 % | 41.0 % | 1.071 | +0.0010 | +0.0070 |" in page


def test_splits_of_a_kind_are_told_in_a_line() -> None:
    page = to_markdown(make_card())
    assert "| walk-forward | 10 | 490 | 1000 | 1000 | 0 |" in page
    assert "## Splits" not in to_markdown(make_card(splits=[]))


def test_what_is_not_computable_or_absent_is_a_dash_never_nan() -> None:
    page = to_markdown(make_card(folds=[a_fold(1) | {"profit_factor": None}], skill={}, oos_breakdown={}))
    assert "| Calmar | – |" in page and "nan" not in page.lower() and "None" not in page


def told_of_everything() -> Card:
    """Return a card with every figure and every setting that a real one has."""
    trades, equity = account(np.tile([1.4, -1.0, 0.5, -1.0], 20))
    r, y = trades["r"].to_numpy(), np.array([-1, 0, 1] * 30)
    forecasts = classification.scores(y, np.full((90, 3), 1 / 3), np.full(3, 1 / 3), 5)
    by_session = metrics.breakdown(trades, "session").reset_index().to_dict("records")
    assert {"new_york"} < {row["session"] for row in by_session} and len(r) == 80
    return make_card(
        oos=metrics.summary(trades, equity["equity"]) | {k: v for k, v in forecasts.items() if "skill" not in k},
        oos_breakdown={"session": by_session},
        costs=Costs(0.2, 3.5, 0.05, -3.0, 1.0, 0.01, 0.1, 0.3, 100.0, 0.01)._asdict(),
        policy=Policy(0.6, 0.4)._asdict() | {"max_volatility": None},
        risk=Risk()._asdict(),
        exits=Exits(1.4, 1.0, 50)._asdict(),
    )


def named_for_people(page: str) -> None:
    """Nothing that a person reads is a field's name; what is quoted as code and where files lie may be."""
    for line in page.splitlines():
        plain = re.sub(r"`[^`]*`|plots/\S+", "", line)
        assert not re.search(r"[a-z0-9]_[a-z0-9]", plain), line


def test_no_field_name_stands_on_a_card() -> None:
    card = told_of_everything()
    page = to_markdown(card)
    named_for_people(page)
    for line in (
        "| Daily Sharpe, a year | ",
        "| Largest fall of the sum of R | ",
        "| new york | ",
        "Spread at least: 0.2 in",
    ):
        assert line in page
    assert set(card.oos) <= FIGURES.keys() | FORECASTS.keys()
    assert {name for row in card.oos_breakdown["session"] for name in row} - {"session"} == GROUPED.keys()
    for settings in (card.costs, card.policy, card.risk, card.exits):
        assert settings.keys() <= SETTINGS.keys()


def test_a_figure_or_a_setting_without_a_name_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown_tables, "words", lambda name: name)
    with pytest.raises(AssertionError):
        named_for_people(to_markdown(told_of_everything().model_copy(update={"oos": {"new_ratio": 1.0}})))


def test_a_simulated_series_is_never_taken_for_a_real_one() -> None:
    card = make_card(series="SIM_GOLD_15T", simulated=True)
    assert "SIMULATED, never real" in to_markdown(card).splitlines()[0]
    for series, simulated in (("SIM_GOLD_15T", False), ("XAUUSD_15T", True)):
        with pytest.raises(ValidationError, match="simulated series are SIM_"):
            make_card(series=series, simulated=simulated)


def test_a_card_that_lies_cannot_be_built_or_read() -> None:
    with pytest.raises(ValidationError, match="the gates say FAILED"):
        make_card(gates=FAILING, status="READY")
    with pytest.raises(ValidationError, match="the gates say FAILED"):
        make_card(gates=[], status="READY")
    forged = json.loads(to_json(make_card(gates=FAILING)))
    forged["status"] = "READY"
    with pytest.raises(DataError, match=r"card\.json is not a model card"):
        from_json(json.dumps(forged))


@pytest.mark.parametrize("text", ["", "[]", '{"series": "X"}'])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not a model card of this version"):
        from_json(text)


def test_numbers_that_json_does_not_know_and_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError):
        make_card(oos={"win_rate": float("nan")})
    with pytest.raises(ValidationError):
        make_card(surprise=1)


def test_numbers_stamps_and_named_tuples_come_as_they_are_made() -> None:
    made = {
        "costs": Costs(*range(1, 11), "USD"),
        "window": {"cut_off": pd.Timestamp("2025-10-22", tz="UTC"), "rows": np.int64(7)},
    }
    card = make_card(**made, folds=[a_fold(1) | {"expectancy": np.float32(0.5), "rounds": (3, 4)}])
    assert card.costs["quote_currency"] == "USD" and card.window == {"cut_off": "2025-10-22T00:00:00+00:00", "rows": 7}
    assert card.folds[0]["expectancy"] == 0.5 and card.folds[0]["rounds"] == [3, 4]
    assert from_json(to_json(card)) == card
    with pytest.raises(ValidationError, match=r"folds\.0\.skill is nan: what is not computable is None"):
        make_card(folds=[a_fold(1) | {"skill": np.nan}])


def test_json_comes_back_as_the_same_card() -> None:
    card = make_card(gates=FAILING)
    assert from_json(to_json(card)) == card and to_json(from_json(to_json(card))) == to_json(card)


def test_the_headline_has_verdict_benchmarks_and_remedies() -> None:
    lines = headline(make_card(gates=FAILING, remedies=["Wider barriers."]))
    assert lines[0] == "XAUUSD_15T FAILED: fails 5 of 6 benchmarks"
    assert [line[:4] for line in lines[2:8]] == ["FAIL", "pass", "FAIL", "FAIL", "FAIL", "FAIL"]
    for line, benchmark in zip(lines[2:8], [GATES[name] for name in GOOD], strict=True):
        assert benchmark.title in line
    assert lines[-1] == "1. Wider barriers."
    assert not any("|" in line or "`" in line for line in lines)
