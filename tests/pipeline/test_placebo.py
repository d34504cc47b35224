"""The placebo: worlds go the way of every series, leaks show, what was broken off goes on, a tier has its verdict."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import labels
from market import placebo_settings
from pipeline import placebo, placebo_store, placebo_worlds
from pipeline.placebo_controls import CONTROLS
from pipeline.placebo_entries import random_sides
from pipeline.placebo_judging import traded
from pipeline.placebo_store import Kept
from pipeline.placebo_table import table
from pipeline.placebo_tasks import Task, done, tasks
from pipeline.placebo_views import BY_SIDE, wanted
from pipeline.placebo_worlds import FAMILIES, PLANTED, Source, made, permuted
from pipeline.stage import quiet
from tests.pipeline.conftest import PROJECT, CommandLine
from training import dataset

BUILT_IN = Source(None, "", True, "the built-in market")
CHEAP = {
    "months = 10": "months = 4",
    "folds = 3, inner_folds = 2, oos_months = 4": "folds = 2, inner_folds = 2, oos_months = 2, embargo = 50",
    "{ lightgbm = 0.6, logistic = 0.4 }, features = 12": "{ logistic = 1.0 }, features = 6",
    "nulls = 10\n": "nulls = 5\n",
    "most_promotions = 0.30": "most_promotions = 0.50",
    "planted = 2": "planted = 1",
}


@pytest.fixture(scope="module")
def cheap(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return a command line whose placebo has tiny worlds."""
    command = CommandLine(tmp_path_factory.mktemp("placebo"))
    for old, new in CHEAP.items():
        command.replace("placebo", old, new)
    return command


@pytest.fixture(autouse=True)
def settings_of_tiny_worlds(cheap, monkeypatch):
    for name, value in cheap.environment.items():
        monkeypatch.setenv(name, value)


def rows_without_seconds(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def judged(folder: Path, asked: list[Task], report=quiet) -> list[dict]:
    return placebo.judged(asked, Kept(folder, "digest"), BUILT_IN, placebo_settings.worlds(), 1, report)


def test_the_tier_of_every_commit_runs_and_says_what_it_found(cheap):
    ended = cheap("placebo", "--tier", "commit", "--workers", "1", "--json")
    found = json.loads(ended.out)
    assert ended.code == (0 if found["status"] == "PASSED" else 3)
    assert (found["worlds"], found["promotions"]) == (5, 0)
    assert found["upper_bound_95"] == pytest.approx(1 - 0.05 ** (1 / 5))
    assert [one["family"] for one in found["families"]] == list(FAMILIES)
    assert {one["control"]: one["flagged"] for one in found["controls"]}["future feature"] is True
    assert found["errors"] == found["promoted"] == []
    assert [one["edge"] for one in found["power"]] == [0.45]
    kept = json.loads(Path(found["result"]).read_text())
    assert kept == {name: value for name, value in found.items() if name not in ("result", "plot")}
    assert Path(found["plot"]).read_bytes().startswith(b"\x89PNG")

    again = cheap("placebo", "--workers", "1")
    assert again.code == ended.code
    assert f"{found['status']} tier commit: 0 of 5 null worlds promoted" in again.out


def test_a_run_that_was_broken_off_goes_on_and_shows_the_same(tmp_path):
    asked = [Task("null", name, 1000) for name in list(FAMILIES)[:3]] + [Task(PLANTED, PLANTED, 1000, 0.45)]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    whole = judged(tmp_path / "a", asked)

    def interrupted(what: str, at: int, total: int) -> None:
        if at == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judged(tmp_path / "b", asked, interrupted)
    torn = tmp_path / "b" / "digest.worlds.jsonl"
    assert len(torn.read_text().splitlines()) == 2
    torn.write_text(torn.read_text() + '{"key": "half a li')
    resumed = judged(tmp_path / "b", asked)
    assert rows_without_seconds(resumed) == rows_without_seconds(whole)
    assert len(torn.read_text().splitlines()) == len(asked)
    tier, common = placebo_settings.tier("commit"), placebo_settings.worlds()
    assert table(resumed, tier, common) == table(whole, tier, common)


def test_null_worlds_that_are_promoted_end_the_run(tmp_path, monkeypatch):
    def promoted(task: Task, known: Source, common) -> dict:
        return {"key": task.key} | task._asdict() | {"promoted": True, "seconds": 0.0}

    monkeypatch.setattr(placebo, "done", promoted)
    rows = judged(tmp_path, tasks(placebo_settings.tier("merge"), 1000))
    assert len(rows) == 1


def test_seeds_are_registered_beforehand_and_every_family_has_its_share():
    asked = tasks(placebo_settings.tier("merge"), 1000)
    null = [task for task in asked if task.kind == "null"]
    assert [task.seed for task in null] == [1000 + at // 5 for at in range(100)]
    assert [task.family for task in null[:5]] == list(FAMILIES)
    assert len({task.key for task in asked}) == len(asked)
    leaks = {task.control for task in asked if task.control}
    assert leaks == {name for name, control in CONTROLS.items() if 0 < control.needed <= 5}


def test_a_world_that_breaks_off_keeps_its_seed_and_fails_the_tier(monkeypatch):
    broken = done(Task("null", "N3 sign-flipped", 1000), Source(Path("nowhere.parquet"), "", True, ""), None)
    assert broken["seed"] == 1000 and "nowhere" in broken["error"] and not broken["promoted"]
    found = table([broken], placebo_settings.tier("commit"), placebo_settings.worlds())
    assert found["status"] == "FAILED"
    assert any("seed 1000 broke off" in complaint for complaint in found["complaints"])


def test_every_control_is_seen_or_found_by_a_test_that_exists():
    for name, control in CONTROLS.items():
        file, _, test = control.found_by.partition("::")
        assert f"def {test}(" in (PROJECT / file).read_text(), name
        assert control.needed == 0 or control.steps is not None, name


def test_labels_that_are_permuted_keep_their_blocks_their_counts_and_when_they_are_known():
    world = made("N1 random walk", 1000, 0.0, "small", BUILT_IN)
    rows = rows_of(world)
    other = permuted(rows, 50, seed=1)
    assert other.t1.equals(rows.t1) and other.X is rows.X
    assert sorted(other.w.tolist()) == sorted(rows.w.tolist())
    at = np.flatnonzero(rows.labelled)
    blocks = {tuple(rows.r[at[begin : begin + 50], 0]) for begin in range(0, len(at), 50)}
    assert tuple(other.r[at[:50], 0]) in blocks
    assert (other.y != rows.y).mean() > 0.3


def rows_of(world: placebo_worlds.World):
    plan = world.job.plan.venue
    outcome = labels.triple_barrier(world.bars, plan.exits, plan.costs, market=plan.market)
    X = pd.DataFrame({"made__close": world.bars["close"].astype(np.float32)})
    return dataset.assemble(X, outcome)[0]


def test_wants_know_no_later_score():
    scores = pd.Series(np.random.default_rng(3).random(1500))
    whole = wanted(scores, 0.2)
    pd.testing.assert_series_equal(whole.iloc[:900], wanted(scores.iloc[:900], 0.2))
    assert whole.iloc[:200].isna().all()
    assert whole.iloc[300:].notna().mean() == pytest.approx(0.4, abs=0.05)


def test_sides_by_chance_earn_what_a_coin_earns_and_foresight_far_more():
    world = made("N2 GARCH", 1000, 0.0, "small", BUILT_IN)
    bars, venue = world.bars, world.job.plan.venue
    rng = np.random.default_rng(4)
    coin = pd.Series(np.where(rng.random(len(bars)) < 0.4, rng.integers(0, 2, len(bars)), np.nan), bars.index)
    outcome = labels.triple_barrier(bars, venue.exits, venue.costs, market=venue.market)
    better = (outcome["r_long"] > outcome["r_short"]).astype(float)
    seer = better.reindex(bars.index).where(coin.notna())
    for sides, above in ((coin, False), (seer, True)):
        random = random_sides(bars, sides, venue, 40, seed=5)
        earned = traded(bars, sides, BY_SIDE, venue).trades["r"]
        z = (earned.mean() - random.mean_r.mean()) / np.hypot(earned.sem(), random.mean_r.std() / np.sqrt(40))
        assert (z > 10) == above and (above or abs(z) < 4)


def test_the_digest_follows_what_decides(cheap):
    before = placebo_store.digest(BUILT_IN)
    assert placebo_store.digest(BUILT_IN) == before
    assert placebo_store.digest(BUILT_IN._replace(sha256="other bars")) != before
    cheap.replace("gates", "win_rate = 0.52", "win_rate = 0.53")
    try:
        assert placebo_store.digest(BUILT_IN) != before
    finally:
        cheap.replace("gates", "win_rate = 0.53", "win_rate = 0.52")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[commit]", "[comit]", r"unknown table \[comit\]. Did you mean commit"),
        ("tail = 0.2", "tail = 0.7", "tail = 0.7"),
        ("folds = 2,", "fold = 2,", "unknown key 'fold'"),
    ],
)
def test_settings_that_are_wrong_are_told(tmp_path, old, new, told):
    command = CommandLine(tmp_path)
    for one, other in CHEAP.items():
        command.replace("placebo", one, other)
    command.replace("placebo", old, new)
    ended = command("placebo", "--workers", "1")
    assert ended.code == 2
    assert pd.Series([ended.err]).str.contains(told).all(), ended.err


def test_a_tier_that_is_not_there_is_told(cheap):
    ended = cheap("placebo", "--tier", "nightly")
    assert ended.code == 2
    assert "there are commit, merge, night, agreement, release. Did you mean night?" in ended.err
