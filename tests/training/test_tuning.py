"""Tuning looks at the inner folds and at nothing else, keeps every trial, and goes on where it was stopped."""

import json
import multiprocessing
import os
import signal
import time

import joblib
import numpy as np
import pandas as pd
import pytest

from market import settings, tuning_settings
from market.errors import DataError, UsageError
from market.tuning_settings import Tuning
from registry import tuning_plots
from tests.training.worlds import small_plan
from training import objectives, parts, proposals, trials, tuning
from training.dataset import Dataset
from training.journals import Journals
from training.logistic import Logistic
from training.members import MEMBERS
from training.objectives import WORST, Rows
from training.parameters import Range
from training.parts import Part
from training.plan import Plan
from training.search import OFF, Search
from training.trials import Trial
from training.tuning import Tuned
from training.workers import spread

ROWS, END = 1500, 1200  # training ends before the block that is judged


def bars_of() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    ts = pd.date_range("2024-01-01", periods=ROWS, freq="15min", tz="UTC", name="ts").as_unit("us")
    close = 2000.0 * np.exp(np.cumsum(rng.normal(0, 1e-3, ROWS)))
    spread = np.abs(rng.normal(0, 1.0, ROWS)) + 0.2
    prices = {"open": np.roll(close, 1), "high": close + spread, "low": close - spread, "close": close}
    prices["open"][0] = close[0]
    table = pd.DataFrame(prices, index=ts)
    table["high"], table["low"] = table.max(axis=1), table.min(axis=1)
    return table.assign(volume=1.0, spread=0.3)


def rows_of(bars: pd.DataFrame) -> Dataset:
    """Return rows whose features each tell a little of the side, after one that is the number of the row."""
    rng = np.random.default_rng(2)
    hints = rng.normal(size=(ROWS, 6))
    y = np.sign(np.round(0.4 * hints.sum(axis=1) + rng.normal(0, 1.2, ROWS))).astype(np.int8)
    columns = {"made__row": np.arange(ROWS)} | {f"made__hint_{i}": hints[:, i] for i in range(6)}
    X = pd.DataFrame(columns, index=bars.index).astype(np.float32)
    t1 = pd.Series(bars.index[np.minimum(np.arange(ROWS) + 4, ROWS - 1)], index=bars.index, name="t1")
    return Dataset(X, y, np.full(ROWS, 0.2), t1, np.column_stack([y * 1.2 - 0.1, -y * 1.2 - 0.1]))


def plan_of(trials: int, *members: str, **changes) -> Plan:
    plan = small_plan()
    shares = {name: 1.0 / len(members or ["logistic"]) for name in members or ["logistic"]}
    tuned = Tuning(**{"trials": trials, "minutes": 0.0, "objective": "log_loss", "rows": 20_000} | changes)
    return plan._replace(recipe=plan.recipe.model_copy(update={"members": shares}), tuning=Search(tuned))


def tune(rows: Dataset, bars: pd.DataFrame, plan: Plan, name: str = "fold 1", store: Journals | None = None) -> Tuned:
    """Tune on the rows before `END`, as a fold does."""
    train = rows.take(np.arange(END - 10))
    known = bars.iloc[:END]
    inner = parts.inner(train, known, plan.research)
    return tuning.tune(train, inner, [list(rows.X)] * len(inner), known, plan, name, blocks=1.0, store=store)


def same(one: Tuned, other: Tuned) -> bool:
    facts = [[trial.told() for trial in tuned.trials] for tuned in (one, other)]
    days = all(a.daily.equals(b.daily) for a, b in zip(one.trials, other.trials, strict=True))
    return facts[0] == facts[1] and days and one.parameters == other.parameters


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return bars_of()


@pytest.fixture(scope="module")
def rows(bars) -> Dataset:
    return rows_of(bars)


@pytest.fixture(scope="module")
def tuned(rows, bars) -> Tuned:
    return tune(rows, bars, plan_of(14))


class Spy(Logistic):
    """A logistic regression that tells which rows it learnt from, watched and predicted, and breaks where told."""

    def __init__(self, breaks=lambda fits, parameters: None):
        self.seen: list[tuple[set[int], set[int], set[int]]] = []
        self.breaks = breaks

    def fit(self, sample, *, held_out, rounds, seed, parameters=None, threads=1):
        self.breaks(len(self.seen), parameters)
        learnt, watched = (set(one.X[:, 0].astype(int)) for one in (sample, held_out))
        fitted = super().fit(sample, held_out=held_out, rounds=rounds, seed=seed, parameters=parameters)
        predict = fitted.predict
        fitted.predict = lambda X: self.seen.append((learnt, watched, set(X[:, 0].astype(int)))) or predict(X)
        return fitted


def test_a_trial_learns_stops_and_is_judged_where_the_inner_folds_say(rows, bars, monkeypatch):
    spy = Spy()
    monkeypatch.setitem(MEMBERS, "logistic", spy)
    plan = plan_of(1)
    found = tune(rows, bars, plan)
    inner = parts.inner(rows.take(np.arange(END - 10)), bars.iloc[:END], plan.research)
    assert len(spy.seen) == len(inner) == 3
    for (learnt, watched, predicted), part in zip(spy.seen, inner, strict=True):
        assert learnt | watched <= set(part.train)
        assert max(learnt) < min(watched) - 5  # purged: labels last four bars
        assert predicted == set(part.test)
    assert [one.name for one in found.splits] == [f"inner fold {k} of 3, early stopping of trials" for k in (1, 2, 3)]
    assert [one.audit.leaks for one in found.splits] == [0, 0, 0]


def test_what_comes_after_the_training_end_changes_nothing(rows, bars, tuned):
    def changed(data: Dataset) -> Dataset:
        y, r = data.y.copy(), data.r.copy()
        y[END:], r[END:] = -y[END:], 9.0
        X = data.X.copy()
        X.iloc[END:] *= 3.0
        return data._replace(X=X, y=y, r=r)

    later = bars.copy()
    later.iloc[END:] *= 1.5
    assert same(tuned, tune(changed(rows), later, plan_of(14)))

    def leaky(data: Dataset) -> list[float | None]:
        """Tune as a careless fold would: judged on the block that it is to be judged on."""
        plan, names = plan_of(3), list(data.X)
        splits = [Part("leak", "block", np.arange(END - 50), np.arange(END, ROWS - 10), OFF)] * 2
        return [one.value for one in tuning.tune(data, splits, [names, names], bars, plan, "leak").trials]

    assert leaky(rows) != leaky(changed(rows))


def test_the_first_trial_is_the_recipes_own_and_the_best_is_chosen(tuned):
    first = tuned.trials[0]
    assert first.parameters == dict(Logistic.parameters)
    complete = [one for one in tuned.trials if one.state == "complete"]
    assert tuned.parameters["logistic"] == min(complete, key=lambda one: one.value).parameters
    assert min(one.value for one in complete) <= first.value
    ranges = MEMBERS["logistic"].ranges
    assert all(ranges[name].holds(value) for one in tuned.trials for name, value in one.parameters.items())
    assert len({json.dumps(one.parameters) for one in tuned.trials}) == len(tuned.trials) == 14


def test_of_equal_trials_the_earlier_is_taken_and_those_that_did_not_end_never():
    def one(number: int, state: str, *running: float, objective: str = "log_loss") -> Trial:
        return Trial("fold 1", "logistic", number, {}, state, objective, running)

    tied = [one(0, "complete", 1.0, 0.9), one(1, "complete", 1.0, 0.8), one(2, "complete", 0.8), one(3, "pruned", 0.1)]
    assert trials.best(tied).number == 1
    paid = [one(0, "complete", 0.1, objective="expectancy"), one(1, "complete", 0.2, objective="expectancy")]
    assert trials.best(paid).number == 1
    assert trials.best([one(0, "failed"), one(1, "pruned", 1.0)]) is None


def test_a_bad_default_is_improved_and_holds_on_rows_that_tuning_never_saw(rows, bars, monkeypatch):
    bad = {"strength": 0.1, "l1_ratio": 1.0}  # so strong that no feature is heard
    monkeypatch.setattr(Logistic, "parameters", bad)
    found = tune(rows, bars, plan_of(15))
    assert found.trials[0].parameters == bad
    assert found.trials[0].value - trials.best(found.trials).value > 0.1

    def later(parameters: dict) -> float:
        learn = tuning.sample_of(rows.take(np.arange(END - 10)))
        fitted = Logistic().fit(learn, held_out=None, rounds=None, seed=0, parameters=parameters)
        p, y = fitted.predict(rows.X.to_numpy()[END:]), rows.y[END:].astype(int)
        return -np.log(p[np.arange(len(y)), y + 1]).mean()

    assert later(found.parameters["logistic"]) < later(bad) - 0.1


def test_pruned_trials_skip_inner_folds_and_are_kept(rows, bars, tuned, monkeypatch):
    spy = Spy()
    monkeypatch.setitem(MEMBERS, "logistic", spy)
    assert same(tune(rows, bars, plan_of(14)), tuned)
    assert len(spy.seen) == sum(len(one.running) for one in tuned.trials) < 3 * 14
    pruned = [one for one in tuned.trials if one.state == "pruned"]
    assert pruned
    for one in pruned:
        reached = len(one.running)
        others = [other.running[reached - 1] for other in tuned.trials[: one.number] if len(other.running) >= reached]
        assert len(others) >= 5
        assert one.running[-1] > np.median(others)
        assert len(one.daily) > 0
        assert one.value == one.running[-1]
    assert all(len(one.running) == 3 for one in tuned.trials[:5])


def test_a_trial_that_a_library_refuses_is_kept_with_what_was_said_and_the_rest_goes_on(rows, bars, monkeypatch):
    def breaks(fits: int, parameters: dict) -> None:
        if fits == 4 and spy.sound:
            spy.sound = False
            raise RuntimeError("bad split\nof many lines")

    spy = Spy(breaks)
    spy.sound = True
    monkeypatch.setitem(MEMBERS, "logistic", spy)
    found = tune(rows, bars, plan_of(4))
    assert [one.state for one in found.trials] == ["complete", "failed", "complete", "complete"]
    failed = found.trials[1]
    assert (failed.message, failed.value) == ("RuntimeError: bad split", None)
    assert (len(failed.running), len(failed.daily)) == (1, 0)

    spy.breaks = lambda fits, parameters: (_ for _ in ()).throw(DataError("of ours"))
    with pytest.raises(DataError, match="of ours"):
        tune(rows, bars, plan_of(4))
    spy.breaks = lambda fits, parameters: (_ for _ in ()).throw(ValueError("never"))
    with pytest.raises(DataError, match=r"logistic in fold 1: none of 4 trials came to an end.*ValueError: never"):
        tune(rows, bars, plan_of(4))


def test_log_loss_is_judged_after_a_calibration_that_the_judged_rows_did_not_fit():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([2, 2, 2], 900)
    y = np.array([rng.choice([-1, 0, 1], p=one) for one in p])
    cut = [slice(0, 300), slice(300, 600), slice(600, 900)]
    ts = pd.date_range("2024-01-01", periods=900, freq="15min", tz="UTC")
    rows = [Rows(ts[k], y[k], np.ones(300), np.zeros((300, 2))) for k in cut]
    overconfident = p**3 / (p**3).sum(axis=1, keepdims=True)
    honest, mended = (objectives.cross_calibrated([q[k] for k in cut], rows) for q in (p, overconfident))
    whole = objectives.joined(rows)
    assert objectives.log_loss(mended, whole) == pytest.approx(objectives.log_loss(honest, whole), abs=0.01)
    assert objectives.log_loss(overconfident, whole) > objectives.log_loss(honest, whole) + 0.1
    turned = [rows[0]._replace(y=-rows[0].y), *rows[1:]]
    again = objectives.cross_calibrated([overconfident[k] for k in cut], turned)
    assert np.array_equal(again[cut[0]], mended[cut[0]])  # a fold's own labels do not calibrate it
    assert not np.array_equal(again[cut[1]], mended[cut[1]])
    one = -sum(np.log(mended[i, y[i] + 1]) for i in range(900)) / 900
    assert objectives.log_loss(mended, whole) == pytest.approx(one)


def test_expectancy_is_maximised_never_nan_and_worst_without_enough_trades(rows, bars):
    plan = plan_of(6, objective="expectancy")
    found = tune(rows, bars, plan)
    values = [one.value for one in found.trials]
    assert np.isfinite(values).all()
    assert all(value >= WORST for value in values)
    complete = [one for one in found.trials if one.state == "complete"]
    assert trials.best(found.trials).value == max(one.value for one in complete)
    fixed = plan.recipe.model_copy(update={"thresholds": settings.Thresholds(long=1.0, short=0.0)})
    silent = tune(rows, bars, plan._replace(recipe=fixed))
    assert {one.value for one in silent.trials} == {WORST}
    assert silent.parameters["logistic"] == silent.trials[0].parameters
    assert all(np.isfinite(one.running).all() for one in silent.trials)


def test_a_proposal_hangs_on_ranges_trials_and_seed_alone(capfd):
    ranges = {"depth": Range(2, 8, whole=True), "rate": Range(0.01, 0.3, log=True)}
    done: list[Trial] = []
    for number in range(24):
        drawn = proposals.propose(ranges, done, "log_loss", f"seed/{number}")
        assert drawn == proposals.propose(ranges, done, "log_loss", f"seed/{number}")
        assert ranges["depth"].holds(drawn["depth"]) and isinstance(drawn["depth"], int)
        assert ranges["rate"].holds(drawn["rate"])
        value = (drawn["depth"] - 3) ** 2 + np.log(drawn["rate"] / 0.1) ** 2
        state = ["complete", "pruned", "failed"][min(number % 4, 2)] if number % 4 else "complete"
        done.append(Trial("fold 1", "made", number, drawn, state, "log_loss", () if state == "failed" else (value,)))
    assert proposals.propose(ranges, done, "log_loss", "a") != proposals.propose(ranges, done, "log_loss", "b")
    assert proposals.propose(ranges, done, "log_loss", "a") != proposals.propose(ranges, done[:-4], "log_loss", "a")
    assert capfd.readouterr() == ("", "")


def test_one_worker_and_two_make_the_same_trials(rows, bars, tuned):
    made = {}
    for workers in (1, 2):
        tasks = [joblib.delayed(_named)(name, rows, bars) for name in ("fold 1", "fold 2")]
        made[workers] = dict(spread(tasks, workers, "folds", lambda *said: None, 2))
    for name in ("fold 1", "fold 2"):
        assert same(made[1][name], made[2][name])
    assert made[1]["fold 1"].trials[1].parameters != made[1]["fold 2"].trials[1].parameters
    assert [one.told() for one in made[2]["fold 1"].trials[:3]] == [one.told() for one in tuned.trials[:3]]


def _named(name: str, rows: Dataset, bars: pd.DataFrame) -> tuple[str, Tuned]:
    return name, tune(rows, bars, plan_of(3), name)


def test_a_killed_search_goes_on_to_what_it_would_have_been(rows, bars, tuned, tmp_path):
    store = Journals(tmp_path / "tuning", "this training")

    def killed() -> None:
        MEMBERS["logistic"] = Spy(lambda fits, _: os.kill(os.getpid(), signal.SIGKILL) if fits == 22 else None)
        tune(rows, bars, plan_of(14), store=store)

    child = multiprocessing.get_context("fork").Process(target=killed)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    kept = store.open("fold 1", "logistic", "log_loss").trials
    assert 5 <= len(kept) < 14
    [journal] = (tmp_path / "tuning").glob("*.journal")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-100])  # a line torn by the crash
    assert len(store.open("fold 1", "logistic", "log_loss").trials) == len(kept) - 1
    assert same(tune(rows, bars, plan_of(14), store=store), tuned)
    journal.write_bytes(b'{"not": "a journal"}\n' + whole)
    assert same(tune(rows, bars, plan_of(14), store=store), tuned)


def test_a_finished_journal_is_not_tried_again_and_that_of_another_is_not_read(rows, bars, tmp_path, monkeypatch):
    store = Journals(tmp_path / "tuning", "this training")
    first = tune(rows, bars, plan_of(3), store=store)
    spy = Spy()
    monkeypatch.setitem(MEMBERS, "logistic", spy)
    assert same(tune(rows, bars, plan_of(3), store=store), first)
    assert spy.seen == []
    assert store._replace(key="another").open("fold 1", "logistic", "log_loss").trials == []


def test_minutes_are_shared_by_the_folds_and_end_in_time(rows, bars):
    minutes = Search(Tuning(trials=0, minutes=11.0, objective="log_loss", rows=20_000), workers=2)
    beside = sum(minutes.seconds(4, fold) for fold in (1, 2, 3, 4)) / 2
    assert (beside + minutes.seconds(4, 5)) / 60 == pytest.approx(11.0)
    assert minutes.trials == np.inf
    assert OFF.seconds(4, 1) == np.inf
    assert not OFF.on
    seconds = 2.0
    plan = plan_of(0, "logistic", minutes=seconds / 60 * (3 * 4 / 2 + 4))
    assert plan.tuning.seconds(3, 1.0) == pytest.approx(seconds)
    began = time.monotonic()
    found = tune(rows, bars, plan)
    assert time.monotonic() - began < seconds + 1.5
    assert len(found.trials) > 1
    hurried = tune(rows, bars, plan_of(0, "logistic", "lightgbm", minutes=1e-6))
    assert [(one.member, one.number) for one in hurried.trials] == [("logistic", 0), ("lightgbm", 0)]


def test_every_k_th_row_weighs_for_those_left_out(rows):
    sample = tuning.sample_of(rows)
    thinned = tuning.thinned(sample, 3)
    assert thinned.X[:, 0].tolist() == list(range(0, ROWS, 3))
    assert thinned.w.sum() == pytest.approx(sample.w.sum(), rel=0.02)


def test_settings_of_tuning_are_layered_and_wrong_ones_are_named(tmp_path, monkeypatch):
    found = tuning_settings.tuning("XAUUSD", "15T")
    assert (found.trials, found.minutes, found.on) == (0, 0.0, False)
    assert tuning_settings.tuning("XAUUSD", "15T", trials=7, minutes=None).trials == 7
    with pytest.raises(UsageError, match=r"--tune-minutes: minutes = inf: input should be a finite number"):
        tuning_settings.tuning("XAUUSD", "15T", minutes=float("inf"))
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path))
    (tmp_path / "instruments.toml").write_bytes((settings.Path("config") / "instruments.toml").read_bytes())
    default = '[default]\ntrials = 0\nminutes = 0.0\nobjective = "log_loss"\nrows = 20000\n'
    (tmp_path / "tuning.toml").write_text(default + "[15T]\ntrials = 5\n[XAUUSD_15T]\nrows = 5000\n")
    assert tuning_settings.tuning("XAUUSD", "15T") == Tuning(trials=5, minutes=0.0, objective="log_loss", rows=5000)
    told = tuning_settings.effective("XAUUSD", "15T")
    assert told["trials"].origin == "config/tuning.toml [15T]"
    assert told["rows"].origin == "config/tuning.toml [XAUUSD_15T]"
    wrong = '[XAUUSD]\ntrials = -1\nobjectiv = "log_loss"\n[XAUUDS]\nrows = 10\n'
    (tmp_path / "tuning.toml").write_text(default + wrong)
    with pytest.raises(UsageError, match=r"trials = -1.*unknown key 'objectiv'. Did you mean objective\?.*\[XAUUDS\]"):
        tuning_settings.tuning("EURUSD", "1H")


def test_the_plots_are_drawn_where_something_was_tuned(tuned):
    told = json.loads(json.dumps([one.told() for one in tuned.trials]))
    drawn = tuning_plots.draw(told)
    assert set(drawn) == {"tuning_history", "tuning_importance"}
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    assert drawn == tuning_plots.draw(told)
    assert tuning_plots.draw([]) == {}
    assert tuning_plots.weights("logistic", told[:3]) == {}
    ranges = MEMBERS["logistic"].ranges
    rng = np.random.default_rng(0)
    planted = []
    for number in range(40):
        parameters = {"strength": float(10 ** rng.uniform(-5, -1)), "l1_ratio": float(rng.random())}
        assert all(ranges[name].holds(value) for name, value in parameters.items())
        loss = 1.0 + abs(np.log10(parameters["strength"]) + 3.0)  # the other matters nothing
        planted.append(Trial("fold 1", "logistic", number, parameters, "complete", "log_loss", (loss,)).told())
    found = tuning_plots.weights("logistic", planted)
    assert found["strength"] > 0.8
    assert sum(found.values()) == pytest.approx(1.0)
