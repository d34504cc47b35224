"""Whether what a run claims to earn is more than luck, and too good to be true: in one sentence each, or None."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

from backtest import metrics
from backtest.significance import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe_ratio,
    heterogeneity,
    measured,
    minimum_track_record_length,
    sharpe_standard_error,
    win_rate_test,
)
from pipeline.doctor_run import NotAskedError, Run, instant, told
from pipeline.doctor_trades import LIKELY, shared
from registry.figures import counted, share
from registry.measures import FOLD_TRADES, LEVEL, PATHS, SEED
from registry.significance import cost_in_r, standard_error_by_luck
from registry.stability import FEWEST_TRADES, fold_means

IMPLAUSIBLE = 5.0  # Sharpe ratio a year
DEFLATED = 0.95
CHEAP = 1.5  # × the costs of today that an edge should survive

_NORMAL_95 = 1.6448536269514722
_DAYS_PER_YEAR = 365.25
_ALIKE, _NOTHING = "all trades have the same result", "nothing is earned"
_FEWEST = 3  # folds


def cost_margin(run: Run) -> str | None:
    """Return evidence where costs half as large again would leave nothing."""
    trades = run.trades()
    r, cost = trades["r"].to_numpy(float), float(cost_in_r(trades).mean())
    earned = float(r.mean())
    if not 0.0 < earned < (CHEAP - 1.0) * cost:
        return None
    interval = metrics.block_bootstrap_interval(r, metrics.expectancy, LEVEL, PATHS, seed=SEED)
    spread = f" (90 % interval {interval[0]:+.3f} … {interval[1]:+.3f})" if interval else ""
    return (
        f"A trade earns {earned:+.3f} R{spread} and pays {cost:.3f} R: costs {share(earned / cost)} dearer leave "
        "nothing."
    )


def implausible(run: Run) -> str | None:
    """Return evidence where the Sharpe ratio a year is beyond belief even at the low end of its interval."""
    record = measured(run.trades()["r"].to_numpy(float))
    if record is None:
        raise NotAskedError(_ALIKE)
    span = instant(run.card.window, "cut_off") - instant(run.card.window, "oos_start")
    year = math.sqrt(record.n / (span / pd.Timedelta(days=_DAYS_PER_YEAR)))
    error = max(sharpe_standard_error(record, form=form) for form in ("2012", "2025"))
    low, high = (record.sharpe + sign * _NORMAL_95 * error for sign in (-1.0, 1.0))
    if not low * year > IMPLAUSIBLE:
        return None
    return (
        f"Sharpe ratio {record.sharpe:.2f} a trade (90 % interval {low:.2f} … {high:.2f}), {year**2:,.0f} trades a "
        f"year: {record.sharpe * year:.1f} a year, {low * year:.1f} at the low end. Above {IMPLAUSIBLE:g} nearly "
        "everything was a leak."
    )


def deflated(run: Run) -> str | None:
    """Return evidence where luck among so many trials shows a Sharpe ratio like this one too often."""
    r = run.trades()["r"].to_numpy(float)
    ratio, error = metrics.sharpe(r), standard_error_by_luck(r)
    if ratio is None or error is None:
        raise NotAskedError(_ALIKE)
    if ratio <= 0.0:
        raise NotAskedError(_NOTHING)
    worth, variance = max(run.cost.effective_trials, 1.0), error**2
    chance = deflated_sharpe_ratio(r, worth, variance, revision="cautious")
    if chance is None or chance >= DEFLATED:
        return None
    luck = expected_maximum_sharpe_ratio(worth, variance)
    needed = minimum_track_record_length(r, luck, revision="cautious")
    long = f"; {math.ceil(needed):,} trades like these would do" if needed else ""
    return (
        f"Sharpe ratio {ratio:.2f} a trade over {len(r):,}; the best of {worth:,.1f} independent trials shows "
        f"{luck:.2f} by luck. It is above that with a chance of {share(chance)}, wanted {share(DEFLATED)}{long}."
    )


def win_rate(run: Run) -> str | None:
    """Return evidence where trades that earn do not win more often than they must, beyond chance."""
    r = run.trades()["r"].to_numpy(float)
    if r.mean() <= 0.0:
        raise NotAskedError(_NOTHING)
    if metrics.break_even_win_rate(r) is None:
        raise NotAskedError("wins or losses alone have no break-even rate")
    found = win_rate_test(r)
    if found.p < LIKELY:
        return None
    return (
        f"{found.wins:,} of {counted(found.trades, 'trade')} won ({shared(found.wins, found.trades)}), "
        f"{share(found.against)} pays for losses and costs: as many or more win by luck in {share(found.p)} of cases."
    )


def few_trades(run: Run) -> str | None:
    """Return evidence where folds closed too few trades to say anything of each."""
    trades = {fold["fold"]: int(fold["trades"]) for fold in run.card.folds}
    few = [number for number, count in trades.items() if count < FOLD_TRADES]
    if not few:
        return None
    least = min(trades, key=trades.__getitem__)
    return (
        f"{len(few)} of {counted(len(trades), 'fold')} closed fewer than {FOLD_TRADES} trades, the fewest "
        f"{trades[least]} in fold {least}."
    )


def folds_differ(run: Run) -> str | None:
    """Return evidence where the mean R of the folds differs by more than their trades explain."""
    folds = [fold for fold in run.card.folds if fold["trades"] >= FEWEST_TRADES and fold.get("sharpe_per_trade")]
    if len(folds) < _FEWEST:
        raise NotAskedError(f"fewer than {_FEWEST} folds closed {FEWEST_TRADES} trades")
    means, errors = fold_means(folds)
    found = heterogeneity(means, errors)
    if found.p >= LIKELY:
        return None
    worst, best = (
        f"{means[at]:+.3f} ± {errors[at]:.3f} R (fold {folds[at]['fold']})" for at in (means.argmin(), means.argmax())
    )
    return (
        f"From {worst} to {best}: {share(found.i_squared)} of the variation is more than noise; as much by chance in "
        f"{share(found.p)} of cases (Cochran's Q)."
    )


def earns_more(run: Run) -> str | None:
    """Return evidence where the judged window earns more a trade than the folds let expect."""
    run.trades()
    folds = [fold["expectancy"] for fold in run.card.folds if fold.get("expectancy") is not None]
    return _beyond(folds, told(run.card.oos, "expectancy"), "{:+.3f} R a trade".format)


def knows_more(run: Run) -> str | None:
    """Return evidence where the skill in direction of the judged window is beyond that of the folds."""
    folds = [fold["skill"] for fold in run.card.folds if fold.get("skill") is not None]
    return _beyond(folds, told(told(run.card.skill, "oos"), "skill"), "skill {:+.4f}".format)


def _beyond(folds: Sequence[float], judged: float, show: Callable[[float], str]) -> str | None:
    """Return evidence where one more window lies above what `folds` let expect: Student's t, one-sided."""
    if len(folds) < _FEWEST or not np.ptp(folds) > 0.0:
        raise NotAskedError("fewer than three folds have different results")
    mean, spread = float(np.mean(folds)), float(np.std(folds, ddof=1)) * math.sqrt(1.0 + 1.0 / len(folds))
    p = float(student.sf((judged - mean) / spread, len(folds) - 1))
    if p >= LIKELY:
        return None
    return (
        f"Out of sample {show(judged)}, in {len(folds)} folds {show(mean)} on average, from {min(folds):+.4g} to "
        f"{max(folds):+.4g}: another fold would be as good in {share(p)} of cases."
    )
