"""The causality gate: the verb, the record that it leaves, and a training that refuses what has none."""

import json
from functools import partial

import pytest

from feature_store import own_groups
from labels import horizon, triple_barrier
from market import instruments, simulated
from market.errors import GateError
from market.perturbation import KINDS
from pipeline import causality, causality_record, job, planted_leak, receipts, training_stage
from tests.pipeline.conftest import CommandLine, table_of

GOLD = ("XAUUSD", "15T")
RECORD = "runs/XAUUSD_15T/causality.receipt.json"
LEAST = 2


@pytest.fixture(autouse=True)
def few_cuts(monkeypatch):
    """Let a record need two cut points, so that these tests take seconds."""
    monkeypatch.setattr(causality_record, "LEAST_CUTS", LEAST)


@pytest.fixture(autouse=True)
def own_groups_left_as_found():
    yield
    own_groups.enter(None)


def checked(made: CommandLine, *options: str, code: int = 0) -> list[dict]:
    ended = made("causality", *options, "--json")
    assert ended.code == code, ended.err
    return json.loads(ended.out)["series"]


def record(made: CommandLine) -> dict:
    return json.loads((made.home / RECORD).read_text())


def why_stale(made: CommandLine, monkeypatch) -> str | None:
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return causality_record.stale(job.prepare(instruments.series(*GOLD)))


def test_stored_bars_are_checked_and_the_record_tells_how(gold):
    (found,) = checked(gold, *GOLD, "--cuts", "4", "--seed", "7")
    kept = record(gold)
    assert (found["leaks"], found["misdated"], found["seed"]) == ([], [], 7)
    assert found["cuts"].keys() == found["labels"].keys() == set(KINDS)
    assert sum(found["cuts"].values()) == sum(found["labels"].values()) == 4
    assert found["columns"] >= 300
    told = {name: found[name] for name in ("cuts", "labels", "columns", "groups", "seed", "bars_sha256", "companions")}
    assert kept["facts"].items() >= told.items()
    assert len(kept["code_sha256"]) == 64
    assert kept["seconds"] == found["seconds"] > 0


def test_a_person_sees_cut_points_by_kind_and_what_was_found(gold):
    ended = gold("causality", *GOLD, "--cuts", "4")
    assert ended.code == 0, ended.err
    assert all(kind in ended.out for kind in KINDS)
    assert "XAUUSD_15T: no look ahead in" in ended.out
    assert "causality: labels 8 of 8" in ended.err


def test_a_check_with_too_few_cut_points_leaves_no_record(gold):
    checked(gold, *GOLD, "--cuts", str(LEAST - 1))
    assert not (gold.home / RECORD).exists()


def test_a_leak_exits_3_names_column_bar_and_both_values_and_withdraws_the_record(gold):
    checked(gold, *GOLD, "--cuts", "2")
    with planted_leak.entered():
        ended = gold("causality", *GOLD, "--cuts", "2")
        (found,) = checked(gold, *GOLD, "--cuts", "1", code=3)
    (leak,) = found["leaks"]
    assert leak["column"] == planted_leak.COLUMN
    assert leak["before"] != leak["after"]
    assert ended.code == 3
    assert f"LEAK {planted_leak.COLUMN} at 2024-0" in ended.out
    assert " became " in ended.out
    assert ended.err.endswith("error: 1 leak in XAUUSD_15T: see above.\n")
    assert not (gold.home / RECORD).exists()


def told_one_bar_early(bars, exits, costs, market):
    labels = triple_barrier(bars, exits, costs, market=market)
    ends = {name: bars.index[bars.index.get_indexer(labels[name]) - 1] for name in ("t1_long", "t1_short")}
    return labels.assign(**ends)


def told_at_the_time_barrier(bars, exits, costs, market):
    labels = triple_barrier(bars, exits, costs, market=market)
    end = bars.index[bars.index.get_indexer(labels.index) + exits.bars]
    return labels.assign(t1_long=end, t1_short=end)


@pytest.mark.parametrize(
    ("label", "said"),
    [(told_one_bar_early, "when bars after its t1"), (told_at_the_time_barrier, "nothing of it depends on that bar")],
)
def test_a_label_that_is_not_known_at_its_t1_exits_3_and_is_told(gold, monkeypatch, label, said):
    monkeypatch.setattr(causality.horizon, "examine", partial(horizon.examine, label=label))
    ended = gold("causality", *GOLD, "--cuts", "3")
    assert ended.code == 3
    assert "LEAK label " in ended.out
    assert said in ended.out
    assert not (gold.home / RECORD).exists()


def test_training_refuses_a_leak_and_names_column_bar_and_both_values(gold):
    with planted_leak.entered():
        ended = gold("train", *GOLD, "--accept-failed")
    assert ended.code == 3, "what is accepted is a FAILED verdict, and a leak is none"
    assert f"XAUUSD_15T is not trained: {planted_leak.COLUMN} at 2024-0" in ended.err
    assert " became " in ended.err
    assert not (gold.home / RECORD).exists()
    assert not (gold.home / "runs/XAUUSD_15T/train.receipt.json").exists()


def test_training_makes_the_record_once(gold):
    first, second = gold("train", *GOLD), gold("train", *GOLD)
    assert "causality no look ahead in" in first.err
    assert "causality up to date" in second.err
    assert sum(record(gold)["facts"]["cuts"].values()) == LEAST


def test_the_training_stage_alone_refuses_without_a_record(gold, monkeypatch):
    assert why_stale(gold, monkeypatch) == "not run yet"
    with pytest.raises(GateError, match=r"\(not run yet\): run `assay causality XAUUSD 15T`"):
        training_stage.train(job.prepare(instruments.series(*GOLD)))


def test_a_record_holds_for_code_and_groups_whatever_the_bars(gold, month, monkeypatch):
    checked(gold, *GOLD, "--cuts", "2")
    file = gold.folder / "other.csv"
    table_of(month.iloc[:-50] * 1.01).to_csv(file, index=False)
    words = "--symbol XAUUSD --timeframe 15T --timezone UTC --stamp open --replace"
    assert gold("import", str(file), *words.split()).code == 0
    assert why_stale(gold, monkeypatch) is None
    with planted_leak.entered():
        assert why_stale(gold, monkeypatch) == "settings changed"
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "code_sha256", lambda *_: "other")
        assert why_stale(gold, monkeypatch) == "code changed"
    gold.replace("labels", "stop_loss = 1.0", "stop_loss = 1.1")
    assert why_stale(gold, monkeypatch) == "settings changed"


def test_the_code_of_a_record_is_that_of_its_groups_its_labels_and_the_checks(gold, monkeypatch):
    asked = []
    monkeypatch.setattr(receipts, "code_sha256", lambda *modules: asked.append(modules) or "digest")
    why_stale(gold, monkeypatch)
    checked(gold, *GOLD, "--cuts", "2")
    (modules,) = set(asked)
    assert {"feature_store.groups.context", "feature_store.causality", "labels", "labels.horizon"} <= set(modules)


SOUND = '''"""The last change."""

import numpy as np

LOOKBACK = 3


def compute(bars):
    """Return a column."""
    return {"change": np.diff(bars.close, prepend=bars.close[0])[2:]}
'''
LEAKY = SOUND.replace(
    "np.diff(bars.close, prepend=bars.close[0])[2:]", "np.diff(bars.close, append=bars.close[-1])[2:]"
)


def test_an_own_group_that_learns_of_the_future_is_refused_though_it_once_passed(gold, monkeypatch):
    (gold.folder / "mine").mkdir()
    file = gold.folder / "mine" / "carry.py"
    gold.replace("features", 'folder = ""', 'folder = "../mine"')
    file.write_text(SOUND)
    checked(gold, *GOLD, "--cuts", "2")
    assert why_stale(gold, monkeypatch) is None
    file.write_text(LEAKY)
    ended = gold("train", *GOLD)
    assert ended.code == 3
    assert "XAUUSD_15T is not trained: carry__change at 2024-0" in ended.err


def test_an_own_group_that_knows_where_its_history_begins_exits_3_and_is_told(gold):
    (gold.folder / "mine").mkdir()
    gold.replace("features", 'folder = ""', 'folder = "../mine"')
    (gold.folder / "mine" / "carry.py").write_text(
        SOUND.replace("np.diff(bars.close, prepend=bars.close[0])[2:]", "np.cumsum(bars.close)[2:]")
    )
    ended = gold("causality", *GOLD, "--cuts", "2")
    assert ended.code == 3
    assert "LEAK carry__change at 2024-0" in ended.out and "on its LOOKBACK bars alone" in ended.out
    assert ended.err.endswith("error: 1 leak in XAUUSD_15T: see above.\n")
    assert not (gold.home / RECORD).exists()


def test_without_a_series_all_that_are_stored_are_checked_and_one_too_short_is_told(gold):
    assert gold("resample", "XAUUSD", "--to", "1H").code == 0
    fine, coarse = checked(gold, "--cuts", "1", code=4)
    assert coarse["series"] == "XAUUSD_1H"
    assert "bars are too few to look for leaks: these features need" in coarse["refused"]
    assert (fine["series"], fine["leaks"]) == ("XAUUSD_15T", [])
    ended = gold("causality", "--cuts", "1")
    assert "XAUUSD_1H not checked:" in ended.out
    assert ended.err.endswith("error: XAUUSD_1H was not checked: see above.\n")


def test_where_none_is_stored_the_simulated_market_is_checked_and_that_is_said(assay, month, monkeypatch):
    monkeypatch.setattr(simulated, "simulate", lambda *_: month)
    ended = assay("causality", "--cuts", "2")
    assert ended.code == 0, ended.err
    assert "No bars are imported: checking the built-in simulated market SIM_XAUUSD_15T instead." in ended.err
    assert (assay.home / "demo" / "runs" / "SIM_XAUUSD_15T" / "causality.receipt.json").exists()


def test_a_symbol_without_a_timeframe_is_a_usage_error(assay):
    ended = assay("causality", "XAUUSD")
    assert ended.code == 2
    assert "Say the timeframe of XAUUSD too" in ended.err
    assert not assay.home.exists()
