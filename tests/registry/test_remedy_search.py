"""Computed remedies: the folds are traded as they were judged, noise proposes nothing, an edge its own remedy."""

import numpy as np
import pandas as pd
import pytest

from backtest import metrics
from backtest.significance import heterogeneity
from registry import development_figures as figures
from registry import remedy_search
from registry.better_than_luck import accounts_of
from registry.development import Change, Played, as_judged, scored, traded
from registry.development_figures import FIGURES, Judged
from registry.gates import Gate
from registry.measures import variation
from registry.remedies import remedies
from registry.remedy_search import Search, search, window_like
from tests.registry.cards import GOOD, gate
from tests.registry.traded_folds import EXITS, FOLDS, VENUE, World, knowing, market, world

EVEN = {"long": 0.5, "short": 0.5}


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, pd.DataFrame]:
    return market()


@pytest.fixture(scope="module")
def sure(made) -> World:
    """Return a model that knows where it is sure, and trades every guess as well."""
    return world(*made, knowing(made[1]["y"].to_numpy(), 0.78, 0.70, seed=2), EVEN)


def failing(**got: float | None) -> list[Gate]:
    """Return gates of which those named fail; trades are asked where they are named: six weeks have too few of them."""
    return [gate(name, value) for name, value in (GOOD | got).items() if name != "trades" or "trades" in got]


def searched(given: World, gates: list[Gate]) -> Search:
    found = given.folds()
    return search(found, gates, window_like(found, given.training["window"], 1.0))


def test_the_folds_are_traded_as_they_were_judged_and_a_fold_that_is_not_its_own_is_noticed(sure) -> None:
    found = sure.folds()
    assert as_judged(found, traded(found, Change(), scored(found)))
    other = sure._replace(predictions=sure.predictions.assign(p_up=sure.predictions["p_down"].to_numpy()))
    noticed = searched(other, failing(profit_factor=1.0))
    assert not noticed.outcomes and "as they were judged" in noticed.why


def test_what_is_computed_of_sums_is_what_the_gates_measure_of_trades(sure) -> None:
    found = sure.folds()
    played = traded(found, Change(), scored(found))
    whole = np.concatenate([one.r for one in played])
    sums = accounts_of(found, [played], [0.005]).sums
    got = {name: float(one(sums, Judged(0.2, 252.0, 1.0))[0]) for name, one in FIGURES.items()}
    means, errors = (
        [float(each(one.r)) for one in played] for each in (np.mean, lambda r: r.std(ddof=1) / len(r) ** 0.5)
    )
    wanted = {
        "profit_factor": metrics.profit_factor(whole),
        "sharpe_per_trade": metrics.sharpe(whole),
        "win_rate": metrics.win_rate(whole),
        "expectancy": metrics.expectancy(whole),
        "trades": 0.2 * len(whole),
        "folds_earning": np.mean([mean > 0 for mean in means]),
        "fold_heterogeneity_p": heterogeneity(means, errors).p,
        "fold_profit_factor_variation": variation(np.array([metrics.profit_factor(one.r) for one in played])),
    }
    for name, value in wanted.items():
        assert got[name] == pytest.approx(value, rel=1e-9), name


def test_the_fall_of_many_accounts_is_that_of_each() -> None:
    daily = np.random.default_rng(0).normal(0.0, 1.0, (60, 3))
    found = figures.falls(daily, np.array([0.005, 0.01, 0.5]))
    for account, risk in enumerate((0.005, 0.01, 0.5)):
        assert found[account] == pytest.approx(metrics.drawdown_of_returns(daily[:, account], risk))


def test_a_model_that_knows_where_it_is_sure_is_told_to_trade_there_alone(sure) -> None:
    gates = failing(profit_factor=1.0, sharpe_per_trade=0.02)
    found = searched(sure, gates)
    best = found.proposals[0]
    assert best.tried.kind == "thresholds" and 0.55 < best.tried.setting["long"] <= 0.7
    assert set(best.turned) == {"profit_factor", "sharpe_per_trade"} and not best.lost
    assert found.now["profit_factor"] < 1.4 < 1.6 < best.figures["profit_factor"]
    told = remedies(gates, sure.training["folds"], GOOD, 0.005, found)
    assert told[0].startswith("Fix the recipe's thresholds at 0.") and "turns 2 of 2 failed benchmarks" in told[0]
    assert f"the best of {len(found.outcomes)} tries on the same folds" in told[0] and "No promise" in told[0]


def test_noise_proposes_nothing_though_the_best_of_all_tries_always_looks_better(made) -> None:
    gates = failing(profit_factor=0.9, sharpe_per_trade=-0.02, win_rate=0.44)
    y, proposed, looked_better = made[1]["y"].to_numpy(), 0, 0
    for seed in range(6):
        found = searched(world(*made, knowing(y, 0.5, 0.62, seed, often=0.5), EVEN), gates)
        proposed += len(found.proposals)
        best = max(one.figures["profit_factor"] or 0.0 for one in found.outcomes if one.trades >= 60)
        looked_better += best > (found.now["profit_factor"] or 0.0)
        assert proposed or remedies(gates, [], GOOD, 0.005, found)[0].startswith("Trading otherwise does not help")
    assert proposed == 0 and looked_better == 6


def test_less_risk_is_proposed_for_a_fall_and_for_nothing_else(made) -> None:
    given = world(*made, knowing(made[1]["y"].to_numpy(), 0.78, 0.70, seed=2), {"long": 0.6, "short": 0.4})
    fall = searched(given, failing(max_drawdown=0.01)).why
    assert "no failed benchmark fails on the folds" in fall  # the folds fall less than the benchmark allows
    tight = [
        one.model_copy(update={"wanted": 0.005, "passed": False}) if one.name == "max_drawdown" else one
        for one in failing()
    ]
    found = searched(given, tight)
    risks = [one for one in found.outcomes if one.tried.kind == "risk" and one.proposed]
    assert risks and all(
        one.figures["profit_factor"] == pytest.approx(found.now["profit_factor"], rel=0.05) for one in risks
    )
    assert all(one.figures["max_drawdown"] < found.now["max_drawdown"] for one in risks)
    assert not any(one.tried.kind == "risk" for one in searched(given, failing(profit_factor=1.0)).outcomes)


def test_where_no_fold_trades_each_view_that_is_expected_to_earn_is_tried(made) -> None:
    given = world(*made, knowing(made[1]["y"].to_numpy(), 0.78, 0.70, seed=2), "no trade")
    found = searched(given, failing(profit_factor=None, trades=0))
    assert found.trades == 0 and found.now["profit_factor"] is None
    assert found.proposals and all(one.trades > 0 for one in found.proposals)


def test_other_barriers_expect_what_they_pay_and_not_what_was_judged(sure) -> None:
    found = sure.folds()
    wide = EXITS._replace(take_profit=2.8)
    judged, other = (scored(found, exits)[0] for exits in (None, wide))
    assert np.array_equal(judged.score, other.score, equal_nan=True)
    assert np.nanmax(other.expected_r_long) > np.nanmax(judged.expected_r_long)
    played = traded(found, Change(exits=wide), scored(found, wide))
    assert max(one.r.max() for one in played) > 2.0


def shuffled_after(given: World, end: pd.Timestamp) -> World:
    """Return the world with other prices, and other labels, after `end`."""
    late = given.bars.index > end
    bars, labels = given.bars.copy(), given.labels.copy()
    order = np.random.default_rng(9).permutation(int(late.sum()))
    for name in ("open", "high", "low", "close"):
        bars.loc[late, name] = bars.loc[late, name].to_numpy()[order]
    ends = labels[["t1_long", "t1_short"]].max(axis=1) > end
    labels.loc[ends, ["r_long", "r_short"]] *= -3.0
    return given._replace(bars=bars, labels=labels)


def test_other_prices_in_the_judged_window_change_no_remedy_and_a_search_that_looks_at_it_is_caught(sure) -> None:
    gates = failing(profit_factor=1.0)
    end = pd.Timestamp(sure.training["window"]["development_end"])

    def told(given: World) -> dict:
        return remedy_search.told(searched(given, gates))

    assert told(shuffled_after(sure, end)) == told(sure)
    peeking = {"window": sure.training["window"] | {"development_end": sure.training["window"]["cut_off"]}}
    last = [*sure.training["edges"][:-1], sure.training["window"]["cut_off"]]
    twin = sure._replace(training=sure.training | peeking | {"edges": last})
    assert _results(twin) != _results(shuffled_after(twin, end))
    assert _results(sure) == _results(shuffled_after(sure, end))


def _results(given: World) -> list[list[float]]:
    """Return what each fold made, whether or not that is what it was judged on."""
    found = given.folds()
    played: list[Played] = traded(found, Change(), scored(found))
    return [one.r.tolist() for one in played]


def test_a_session_that_loses_is_proposed_to_be_blocked(made) -> None:
    bars, labels = made
    p = knowing(labels["y"].to_numpy(), 0.80, 0.66, seed=4, often=0.5)
    asian = np.asarray(pd.DatetimeIndex(labels.index).hour < 6)
    wrong = knowing(-labels["y"].to_numpy(), 0.80, 0.66, seed=5, often=0.5)
    found = searched(world(bars, labels, np.where(asian[:, None], wrong, p), EVEN), failing(profit_factor=1.0))
    sessions = [one for one in found.proposals if one.tried.kind == "session"]
    assert sessions and sessions[0].tried.setting == {"blocked_sessions": ["asia"]}
    assert VENUE.guards.blocked_sessions == () and len(found.now) > 0 and found.folds == FOLDS
