"""What is fitted in a fold has seen nothing but its training part, and is the same bytes every time."""

import numpy as np
import pandas as pd
import pytest

from market import simulated
from market.errors import DataError
from tests.markets import stamps
from tests.training.worlds import rows_of, small_bars, small_plan
from training import crossval, dataset, edges, fold, parts, thresholds
from training.plan import Plan
from training.skill import skill
from training.thresholds import choose


@pytest.fixture(scope="module")
def plan() -> Plan:
    return small_plan()


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return small_bars()


def test_the_walk_forward_is_deterministic_finds_the_edge_and_audits_itself(bars, plan):
    rows = rows_of(bars, plan)
    cuts = edges.draw(rows.X.index[0] - pd.Timedelta(minutes=15), rows.X.index[-1], 3)
    told = []
    first = crossval.train(rows, bars, plan, cuts, 1, lambda *said: told.append(said))
    second = crossval.train(rows, bars, plan, cuts, 2, lambda *said: None)
    assert first.ensemble.to_files() == second.ensemble.to_files()
    assert first.folds == second.folds
    assert first.choice == second.choice
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    assert told[0] == ("folds", 0, 3)
    assert told[-1] == ("final members", 3, 3)
    assert first.pooled["skill_low"] > 0
    for figures, start in zip(first.folds, cuts[1:-1], strict=True):
        assert figures["purged"] > 0
        assert pd.Timestamp(figures["train_end"]) < start < pd.Timestamp(figures["test_start"])
    assert first.predictions.index.is_unique


def test_too_few_rows_in_the_first_fold_say_what_is_missing(bars, plan):
    rows = rows_of(bars, plan)
    greedy = plan._replace(research=plan.research.model_copy(update={"minimum_rows": 10**6}))
    cuts = edges.draw(rows.X.index[0], rows.X.index[-1], 3)
    with pytest.raises(DataError, match=r"Too few bars for 3 folds. .* wanted 1000000"):
        crossval.train(rows, bars, greedy, cuts, 1, lambda *said: None)


def test_the_first_fold_is_fitted_from_the_fewest_rows_on_that_pass_and_refused_in_a_sentence_below(bars, plan):
    rows = rows_of(bars, plan)

    def refused(count: int) -> str:
        train = rows.take(np.arange(count))
        try:
            parts.rehearse(train, bars.loc[: train.t1.max()], plan.research)
        except DataError as error:
            return str(error)
        return ""

    said = [refused(count) for count in range(60, 1200, 20)]
    fewest = 60 + 20 * said.index("")
    assert not any(said[said.index("") :])
    assert all("training rows are too few for the" in one and "wanted 50 rows" in one for one in said if one)
    train = rows.take(np.arange(fewest))
    fitted = fold.fit(train, bars.loc[: train.t1.max()], plan, 1.0)
    assert min(len(split.train) for split in fitted.splits) >= parts.LEAST_ROWS
    cuts = pd.DatetimeIndex([rows.X.index[0], rows.X.index[fewest - 30], *rows.X.index[[-600, -300, -1]]])
    small = plan._replace(research=plan.research.model_copy(update={"minimum_rows": 1}))
    with pytest.raises(DataError, match=r"Of the first fold: \d+ training rows are too few for the .* fewer folds"):
        crossval.train(rows, bars, small, cuts, 1, lambda *said: None)


def test_without_a_positive_expectancy_the_answer_is_no_trade(bars, plan):
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"score": rng.random(len(bars)), "expected_r_long": 1.0, "expected_r_short": 1.0}, bars.index)
    noise["confidence"] = np.maximum(noise["score"], 1 - noise["score"])
    choice = choose(bars, noise, plan.venue, blocks=1.0)
    assert choice.long is None
    assert choice.described() == "no trade"
    assert choice.policy(plan.venue.guards).long_threshold == np.inf


def test_a_model_that_knows_nothing_of_direction_does_not_ride_a_rising_market(bars, plan):
    """Its score is the share of ups. Long at every bar, it would be paid by the trend, and judged as if it knew."""
    up = simulated.simulate("XAUUSD", "15T", "2019-01-02", "2019-03-31")
    up[["open", "high", "low", "close"]] *= np.linspace(1.0, 2.0, len(up))[:, None]
    venue = plan.venue._replace(costs=plan.venue.costs._replace(spread_floor=0.0, slippage=0.0))
    always = pd.DataFrame(
        {"score": 0.55, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": 0.55}, up.index
    )
    assert thresholds.choose(up, always, venue, blocks=1.0).described() == "no trade"
    assert thresholds.given(up, always, venue, 0.5, 0.5).described() == "no trade"
    sure = always.assign(score=np.where(np.arange(len(up)) % 2, 0.55, 0.56))
    assert thresholds.given(up, sure, venue, 0.5, 0.5).described() == "no trade"
    riding = thresholds.given(up, sure, venue, 0.555, 0.445)
    assert riding.trades > 100 and (riding.expectancy or 0.0) > 0.1  # what a broken twin would have been paid


def test_thresholds_need_sixty_trades_a_block(bars, plan):
    hidden = simulated.hidden_signal("XAUUSD", "15T", "2019-01-02", "2019-04-30").reindex(bars.index)
    up = 1 / (1 + np.exp(-hidden))
    score = pd.DataFrame({"score": up, "expected_r_long": 1.0, "expected_r_short": 1.0, "confidence": 1.0}, bars.index)
    found = choose(bars, score, plan.venue, blocks=1.0)
    assert found.long is not None
    assert found.trades >= 60
    assert choose(bars, score, plan.venue, blocks=1000.0).long is None


def test_windows_cut_history_where_the_settings_say():
    ts = stamps(40_000, "2024-01-02")
    found = dataset.windows(ts, pd.Timestamp("2024-02-01", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC"), 6)
    assert found.start == pd.Timestamp("2024-02-01 00:15", tz="UTC")
    assert found.oos_start == pd.Timestamp("2024-07-01", tz="UTC")
    assert found.cut_off == pd.Timestamp("2025-01-01", tz="UTC")
    with pytest.raises(DataError, match="shorter than the 60 judged months"):
        dataset.windows(ts, pd.Timestamp("2024-02-01", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC"), 60)
    with pytest.raises(DataError, match="No usable rows between"):
        dataset.windows(ts, pd.Timestamp("2030-02-01", tz="UTC"), pd.Timestamp("2031-01-01", tz="UTC"), 6)


def test_labels_past_an_edge_are_dropped_and_their_rows_stay_predictable(bars, plan):
    rows = rows_of(bars, plan)
    edge = rows.X.index[2000]
    kept = dataset.drop_labels_past(rows, edge)
    assert (kept.t1.dropna() <= edge).all()
    assert len(kept.X) == len(rows.X)
    assert (kept.w[~kept.labelled] == 0).all()
    assert kept.labelled.sum() < rows.labelled.sum()


def test_a_forecast_that_never_changes_has_no_skill_whatever_the_mix_of_classes(bars, plan):
    rows = rows_of(bars, plan)
    kept = rows.take(np.flatnonzero((rows.y > 0) | ~rows.labelled))  # luck: nothing but ups happened
    same = pd.DataFrame([[0.3, 0.3, 0.4]] * len(kept.y), columns=["p_down", "p_flat", "p_up"], index=kept.X.index)
    figures = skill(kept, same, np.array([0.35, 0.3, 0.35]), 20)
    assert (figures["skill"], figures["skill_low"], figures["skill_high"]) == (0.0, 0.0, 0.0)
    other = same.assign(p_down=0.4, p_up=0.3)
    both = pd.concat([same.iloc[:100].assign(fold=1), other.iloc[100:].assign(fold=2)])
    figures = skill(kept, both, np.array([0.35, 0.3, 0.35]), 20)
    assert (figures["skill"], figures["skill_low"], figures["skill_high"]) == (0.0, 0.0, 0.0)
