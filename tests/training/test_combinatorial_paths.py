"""Paths cover history once each, by models that held it out; nothing that is fitted beside a hole has seen into it."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from backtest import simulate
from backtest.engine import run
from market import simulated
from market.combinatorial_settings import Combinatorial
from market.errors import DataError, GateError
from market.execution import Exits
from market.perturbation import scrambled
from market.settings import Thresholds
from pipeline.fold_store import FoldStore
from tests.oracles import paths as oracle
from tests.oracles import splits as purging
from tests.training.worlds import rows_of, small_plan
from training import combinatorial, edges, ensemble, fold, parts, paths
from training.audit import audit, refuse_leaks
from training.dataset import Dataset
from training.judging import Judged
from training.plan import Plan
from training.splits import CombinatorialPurgedCV

GROUPS, HELD_OUT = 4, 2
WANTED = Combinatorial(groups=GROUPS, held_out=HELD_OUT, always=False)
WARM_UP = 400  # bars before a row that its features and its ATR know
PATIENT = Exits(50.0, 50.0, 400)  # trades that no label has settled


class Market(NamedTuple):
    """Bars, their rows and a plan."""

    bars: pd.DataFrame
    rows: Dataset
    plan: Plan

    @property
    def edges(self) -> pd.DatetimeIndex:
        return edges.draw(self.rows.X.index[0] - pd.Timedelta(minutes=15), self.rows.X.index[-1], 3)

    def judged(self, workers: int = 1, **more) -> list[Judged]:
        args = self.rows, self.bars, self.plan, self.edges, WANTED, workers
        return combinatorial.judged(*args, lambda *said: None, **more)

    def paths(self, judged: list[Judged]) -> list[paths.Path]:
        return paths.paths(self.rows, self.bars, self.plan, WANTED, judged)


def market(edge: float) -> Market:
    """Return eleven weeks of simulated gold, and a plan that fits in half a second."""
    plan = small_plan()
    quick = plan.recipe.model_copy(update={"members": {"logistic": 1.0}, "features": 4})
    plan = plan._replace(recipe=quick, research=plan.research.model_copy(update={"inner_folds": 2}))
    bars = simulated.simulate("XAUUSD", "15T", "2019-01-02", "2019-03-20", edge=edge)
    return Market(bars, rows_of(bars, plan), plan)


@pytest.fixture(scope="module")
def planted() -> Market:
    return market(0.4)


@pytest.fixture(scope="module")
def without_edge() -> Market:
    return market(0.0)


@pytest.fixture(scope="module")
def fitted(planted) -> list[Judged]:
    return planted.judged()


@pytest.fixture(scope="module")
def made(planted, fitted) -> list[paths.Path]:
    return planted.paths(fitted)


def guessed(made_of: Market) -> list[Judged]:
    """Return splits whose model guesses: an opinion of every row that it holds out, drawn at random."""
    splits = parts.combinatorial(made_of.rows, made_of.bars, made_of.plan.research, GROUPS, HELD_OUT)
    random = np.random.default_rng(5)
    found = []
    for number, part in enumerate(splits, start=1):
        p = random.dirichlet([1.0, 1.0, 1.0], len(part.test)).round(6)
        predictions = pd.DataFrame(p, made_of.rows.X.index[part.test], list(ensemble.PROBABILITIES))
        told = {
            "fold": number,
            "choice": {"long": 0.7, "short": 0.3, "trades": 0, "expectancy": None},
            "outcomes": {"long": [1.0, 1.0, 1.0], "short": [1.0, 1.0, 1.0]},
            "base_rate": [0.4, 0.2, 0.4],
        }
        found.append(Judged(told, predictions.assign(fold=number), {}, {}, []))
    return found


@pytest.mark.parametrize("step", [1, 7], ids=["every bar is an event", "a bar in seven is an event"])
def test_groups_share_out_all_rows_and_all_bars(planted, step):
    bars, research = planted.bars, planted.plan.research
    rows = planted.rows.take(np.arange(0, len(planted.rows.y), step))
    cut = paths.groups(rows, bars, GROUPS)
    assert (cut[0].first, cut[-1].stop, cut[-1].end) == (0, len(rows.y), bars.index[-1])
    for one, following in pairwise(cut):
        assert one.stop == following.first
        assert bars.index[bars.index > one.end][0] == rows.X.index[following.first]
    held_out = [
        np.concatenate([np.arange(*cut[group][:2]) for group in one]) for one in oracle.splits(GROUPS, HELD_OUT)
    ]
    used = parts.combinatorial(rows, bars, research, GROUPS, HELD_OUT)
    for part, judged in zip(used, held_out, strict=True):
        assert np.array_equal(part.test, judged) and part.audit.leaks == 0


def test_each_path_covers_every_row_once_and_no_split_judges_a_group_twice(planted, fitted, made):
    assert [path.splits for path in made] == oracle.holders(GROUPS, HELD_OUT)
    chosen, used = oracle.splits(GROUPS, HELD_OUT), set()
    index = planted.rows.X.index
    for path in made:
        covered = []
        for group, rows in enumerate(np.array_split(np.arange(len(index)), GROUPS)):
            assert group in chosen[path.splits[group] - 1]
            assert (path.splits[group], group) not in used
            used.add((path.splits[group], group))
            predicted = fitted[path.splits[group] - 1].predictions
            covered += [*predicted.index[predicted.index.isin(index[rows])]]
        assert pd.DatetimeIndex(covered).equals(index)
    assert len(used) == len(chosen) * HELD_OUT


def test_trades_and_figures_are_those_of_plain_accounts_group_by_group(planted, fitted, made):
    plan, venue = planted.plan, planted.plan.venue
    for path in made:
        trades = []
        for group, rows in enumerate(np.array_split(np.arange(len(planted.rows.y)), GROUPS)):
            one = fitted[path.splits[group] - 1]
            known = planted.bars.loc[: planted.rows.X.index[rows[-1]]]
            outcomes = ensemble.Outcomes(**one.figures["outcomes"])
            score = ensemble.score(
                one.predictions.loc[one.predictions.index.isin(planted.rows.X.index[rows])], outcomes
            )
            bounds = {f"{side}_threshold": one.figures["choice"][side] for side in ("long", "short")}
            alone, _ = simulate(
                known, score, venue.guards._replace(**bounds), venue.exits, venue.costs, venue.risk, venue.market
            )
            assert alone.index.min() > score.index[0] and alone["t_exit"].max() <= known.index[-1]
            trades.append(alone)
        pd.testing.assert_frame_equal(path.trades, pd.concat(trades))
        assert path.trades.index.is_monotonic_increasing and path.trades.index.is_unique
        expected = oracle.figures(path.trades["r"].tolist(), plan.venue.risk.per_trade)
        assert {name: path.figures[name] for name in expected} == pytest.approx(expected)


def test_a_groups_account_sees_no_bar_that_comes_after_it(without_edge):
    known, closed = without_edge, 0
    for group, following in pairwise(paths.groups(known.rows, known.bars, GROUPS)):
        wild = scrambled(known.bars, slice(known.bars.index.get_loc(group.end) + 1, None), np.random.default_rng(3))
        for one in guessed(known):
            if known.rows.X.index[group.first] not in one.predictions.index:
                continue

            def trades(bars: pd.DataFrame, until: pd.Timestamp, one=one, group=group) -> pd.DataFrame:
                return paths.traded(one, group._replace(end=until), known.rows, bars, known.plan.venue)

            told = trades(known.bars, group.end)
            assert told.equals(trades(wild, group.end))
            if told["reason"].iloc[-1] == "end":  # what is open at the end of its group is closed there
                closed += 1
                assert told["t_exit"].iloc[-1] == group.end
                assert not trades(known.bars, following.end).equals(trades(wild, following.end))
    assert closed > 0


def test_no_split_leaks_and_splits_that_are_not_purged_are_refused(planted, fitted):
    counted = [told for one in fitted for told in one.figures["splits"]]
    assert {told["leaks"] for told in counted} == {0}
    kinds = [told["kind"] for told in counted]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "combinatorial": 6,
        "inner fold": 12,
        "scout of features": 12,
        "early stopping": 6,
    }
    research, ts = planted.plan.research, pd.DatetimeIndex(planted.bars.index)
    splitter = CombinatorialPurgedCV(GROUPS, HELD_OUT, research.purge, research.embargo)
    every = np.flatnonzero(planted.rows.labelled)
    unpurged = [
        (np.setdiff1d(every, test), test) for _, test in splitter.split(planted.rows.X, t1=planted.rows.t1, bars=ts)
    ]
    found = audit(splitter, planted.rows.X, t1=planted.rows.t1, bars=ts, splits=unpurged)
    assert all(one.leaks > 0 for one in found)
    with pytest.raises(GateError, match="Leak in split 1"):
        refuse_leaks({f"split {at}": one for at, one in enumerate(found, start=1)})


def test_no_row_of_an_inner_fold_borders_a_hole(planted):
    research, bars, rows = planted.plan.research, pd.DatetimeIndex(planted.bars.index), planted.rows
    ends = [None if pd.isna(end) else end.value for end in rows.t1]
    labels = purging.in_bars([ts.value for ts in rows.X.index], ends, [ts.value for ts in bars], research.purge)
    for part in parts.combinatorial(rows, planted.bars, research, GROUPS, HELD_OUT):
        train = rows.take(part.train)
        holes = [
            [labels[row] for row in block] for block in np.split(part.test, np.flatnonzero(np.diff(part.test) > 1) + 1)
        ]
        held = [
            purging.Label(hole[0].start, max(one.end for one in hole), max(one.end for one in hole)) for hole in holes
        ]
        cut = [*parts.inner(train, planted.bars, research), parts.holdout(train, planted.bars, research)]
        inside = np.unique(np.concatenate([rows for one in cut for rows in (one.train, one.test)]))
        assert len(inside) == len(part.train)
        for row in part.train[inside]:
            assert all(purging.fits(labels[row], [hole], research.embargo) for hole in held)


class Hole(NamedTuple):
    """A market with the two groups in the middle held out; but for its last bars what is in the hole may change."""

    market: Market
    part: parts.Part

    def changed(self) -> "Hole":
        """Return the same with wild bars in the hole; the last of them, which rows after it still know, stay."""
        rows, bars = self.market.rows, self.market.bars
        first, last = bars.index.get_indexer(rows.X.index[self.part.test[[0, -1]]])
        wild = scrambled(bars, slice(first, last - WARM_UP), np.random.default_rng(11))
        return Hole(Market(wild, rows_of(wild, self.market.plan), self.market.plan), self.part)

    def fitted(self, rows: Dataset, plan: Plan | None = None) -> tuple:
        """Return all that a split fits on these rows with the bars of this market."""
        one = fold.fit(rows, self.market.bars.loc[: rows.t1.max()], plan or self.market.plan, blocks=0.0)
        return one.ensemble.to_files(), one.choice, one.rounds, [part.told() for part in one.splits]

    def always_long(self, train: np.ndarray, exits: Exits) -> pd.DataFrame:
        """Return the trades of an account that would be long at every row of `train`."""
        venue = self.market.plan.venue
        score = pd.DataFrame({"score": 1.0}, self.market.rows.X.index[train])
        policy = venue.guards._replace(long_threshold=0.5, short_threshold=0.0)
        risk = venue.risk._replace(max_trades_per_day=1000, max_consecutive_losses=1000, daily_loss=1.0)
        return run(self.market.bars, score, policy, exits, venue.costs, risk, venue.market).trades


@pytest.fixture(scope="module")
def hole(planted) -> Hole:
    splits = parts.combinatorial(planted.rows, planted.bars, planted.plan.research, GROUPS, HELD_OUT)
    return Hole(planted, splits[oracle.splits(GROUPS, HELD_OUT).index((1, 2))])


def test_what_stands_in_a_hole_changes_nothing_that_is_fitted_around_it(hole):
    known, other = (one.market.rows.take(hole.part.train) for one in (hole, hole.changed()))
    assert known.t1.equals(other.t1) and np.array_equal(known.y, other.y) and np.array_equal(known.r, other.r)
    np.testing.assert_allclose(known.X, other.X, rtol=1e-3, atol=1e-5)  # a running sum remembers wild bars a little
    np.testing.assert_allclose(known.w, other.w, rtol=1e-9)
    assert hole.fitted(known) == hole.changed().fitted(known)


def test_a_split_that_is_not_purged_around_its_hole_is_caught_by_that(hole):
    labelled = hole.market.rows.labelled & hole.changed().market.rows.labelled
    unpurged = np.setdiff1d(np.flatnonzero(labelled), hole.part.test)
    known, other = (one.market.rows.take(unpurged) for one in (hole, hole.changed()))
    assert not np.array_equal(known.r, other.r)
    assert hole.fitted(known) != hole.changed().fitted(other)


def test_trades_that_run_on_across_a_hole_are_caught_by_that(hole):
    known, plan = hole.market.rows.take(hole.part.train), hole.market.plan
    settled = plan._replace(recipe=plan.recipe.model_copy(update={"thresholds": Thresholds(long=0.5, short=0.5)}))
    unsettled = settled._replace(venue=plan.venue._replace(exits=PATIENT))
    told = hole.fitted(known, settled)
    assert told == hole.changed().fitted(known, settled) and told[1].trades > 100
    assert hole.fitted(known, unsettled) != hole.changed().fitted(known, unsettled)


def test_no_trade_by_which_thresholds_are_chosen_runs_into_a_hole(hole):
    index, gap = hole.market.rows.X.index, hole.market.plan.research.embargo
    first, last = index[hole.part.test[[0, -1]]]

    def inside(trades: pd.DataFrame) -> int:
        return int(((trades["t_exit"] >= first) & (trades.index <= last)).sum())

    settled = hole.always_long(hole.part.train, hole.market.plan.venue.exits)
    assert len(settled) > 100 and inside(settled) == 0
    assert settled.loc[settled.index < first, "t_exit"].max() <= index[hole.part.test[0] - gap]
    ends = hole.market.rows.t1.reindex(index[index.get_indexer(settled.index) - 1]).to_numpy()
    assert (settled["t_exit"].to_numpy() <= ends).all()  # a trade ends with the label of the row that opened it
    assert inside(hole.always_long(hole.part.train, PATIENT)) > 0


def test_a_planted_edge_earns_on_every_path(made):
    assert all(path.figures["trades"] > 100 for path in made)
    assert all(path.figures["expectancy"] > 0 and path.figures["skill_low"] > 0 for path in made)
    told = paths.distribution([path.figures for path in made])
    again = paths.drawn_anew(made, 0.005)
    assert again == paths.drawn_anew(made, 0.005)
    assert 0 < again["expectancy"] < told["bad_end"]["expectancy"] <= told["median"]["expectancy"]
    assert again["max_drawdown"] > told["bad_end"]["max_drawdown"] >= told["median"]["max_drawdown"]


def test_without_an_edge_the_procedure_trades_on_no_path_and_guesses_lose_their_costs(without_edge):
    silent = without_edge.paths(without_edge.judged())
    told = paths.distribution([path.figures for path in silent])
    assert told["median"]["trades"] == 0 and told["median"]["expectancy"] is None
    assert told["median"]["skill"] <= 0.001
    assert paths.drawn_anew(silent, 0.005) == {}
    guesses = [path.figures for path in without_edge.paths(guessed(without_edge))]
    assert min(one["trades"] for one in guesses) > 100
    assert paths.distribution(guesses)["median"]["expectancy"] < 0
    assert all(one["skill"] < 0 for one in guesses)


def test_an_interrupted_run_goes_on_to_the_same_bytes_with_two_processes(planted, fitted, made, tmp_path):
    store = FoldStore(tmp_path, "these paths")
    for one in fitted[:3]:
        store.keep(one)

    def keep_and_stop(one: Judged) -> None:
        store.keep(one)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        planted.judged(finished=store.finished(), keep=keep_and_stop)
    assert sorted(store.finished()) == [1, 2, 3, 4] and FoldStore(tmp_path, "others").finished() == {}
    new: list[int] = []
    again = planted.judged(2, finished=store.finished(), keep=lambda one: new.append(one.figures["fold"]))
    assert sorted(new) == [5, 6]
    for one, other in zip(fitted, again, strict=True):
        assert one.figures == other.figures
        pd.testing.assert_frame_equal(one.predictions, other.predictions, check_freq=False)
    for path, other in zip(made, planted.paths(again), strict=True):
        assert path.trades.equals(other.trades) and path.figures == other.figures


def test_too_few_rows_say_what_is_missing(planted):
    greedy = planted.plan._replace(research=planted.plan.research.model_copy(update={"minimum_rows": 10**6}))
    with pytest.raises(DataError, match=r"split \d of 6 has \d+ usable training rows, wanted 1000000"):
        planted._replace(plan=greedy).judged()


@pytest.mark.parametrize("count", [1, 5, 20, 21, 45])
def test_the_bad_end_is_the_worst_path_up_to_twenty_and_the_worst_twentieth_beyond(count):
    random = np.random.default_rng(count)
    told = [{"expectancy": float(a), "max_drawdown": float(b), "skill_low": 0.0} for a, b in random.random((count, 2))]
    found = paths.distribution([*told, {"expectancy": None, "max_drawdown": None, "skill_low": None}])
    for name, high_is_bad in (("expectancy", False), ("max_drawdown", True)):
        values = [one[name] for one in told]
        assert found["bad_end"][name] == oracle.worst_twentieth(values, high_is_bad)
        assert found["median"][name] == pytest.approx(oracle.median(values))
    assert "skill_low" not in found["median"]
