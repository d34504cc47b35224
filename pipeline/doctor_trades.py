"""Where the result of a run comes from, and what would make one distrust it: in one sentence each, or None.

Results are net R in exit order. A mean comes with its standard error, `±`; a share with Wilson's interval.
"""

import math

import numpy as np
import pandas as pd

from backtest import metrics
from backtest.breakdowns import breakdown
from backtest.dealings import stamps
from backtest.significance import heterogeneity, wilson
from pipeline.doctor_run import Run
from registry.figures import counted, share
from registry.measures import PATHS, SEED

LIKELY = 0.05  # what happens by luck more often than this is luck
CROWDED = {"session": 0.8, "hour": 0.3}  # of all trades
ONE_SIDED = 0.95
UNDER_WATER = 0.25  # of the judged window

_NEAR = 1e-9  # of a price


def best_month(run: Run) -> str | None:
    """Return evidence where nothing is earned without the best month."""
    trades = run.trades()
    r, month = trades["r"].to_numpy(float), pd.factorize(stamps(trades, "t_exit").strftime("%Y-%m"))
    total, rest = float(r.sum()), _without_best(r, month[0])
    if total <= 0.0 or rest > 0.0:
        return None
    random = np.random.default_rng(SEED)
    drawn = [_without_best(random.permutation(r), month[0]) for _ in range(PATHS)]
    best = month[1][int(np.argmax(np.bincount(month[0], weights=r)))]
    luck = float(np.mean(np.asarray(drawn) <= rest))
    return (
        f"{best} brought {total - rest:+.1f} R of {total:+.1f} R; the other {counted(len(month[1]) - 1, 'month')} "
        f"{rest:+.1f} R. In random order the same trades leave as little in {share(luck)} of cases."
    )


def sides(run: Run) -> str | None:
    """Return evidence where one side loses while the other earns, by more than chance."""
    trades = run.trades()
    r = {name: trades["r"].to_numpy(float)[trades["side"] == side] for name, side in (("long", 1), ("short", -1))}
    means = {name: _mean(values) for name, values in r.items() if len(values) > 1}
    if len(means) < 2 or min(error for _, error in means.values()) <= 0.0:
        return None
    found = heterogeneity(*zip(*means.values(), strict=True))
    if found.p >= LIKELY or (means["long"][0] > 0.0) == (means["short"][0] > 0.0):
        return None
    each = ", ".join(f"{name} {_told(*means[name])} ({counted(len(r[name]), 'trade')})" for name in means)
    return f"{each}: they differ by chance in {share(found.p)} of cases."


def one_sided(run: Run) -> str | None:
    """Return evidence where nearly all trades are on one side."""
    trades = run.trades()
    longs = int((trades["side"] > 0).sum())
    most, name = max((longs, "long"), (len(trades) - longs, "short"))
    if most < ONE_SIDED * len(trades):
        return None
    return f"{most:,} of {counted(len(trades), 'trade')} are {name} ({shared(most, len(trades))})."


def ties(run: Run) -> str | None:
    """Return evidence where trades that touched stop and target in one bar decide what is earned."""
    trades, bars = run.trades(), run.table("bars")
    tied = touched_both(trades, bars)
    r, target = trades["r"].to_numpy(float), trades["target"].to_numpy(float)
    risked = np.abs(trades["entry"] - trades["stop"]).to_numpy(float)
    missed = trades["side"].to_numpy(float) * (target - trades["exit"].to_numpy(float)) / risked
    other = np.where(tied, r + missed, r)
    bound = next((gate.wanted for gate in run.card.gates if gate.name == "profit_factor"), 0.0)
    verdicts = [(values.mean() > 0.0, (metrics.profit_factor(values) or 0.0) >= bound) for values in (r, other)]
    if verdicts[0] == verdicts[1]:
        return None
    return (
        f"{counted(int(tied.sum()), 'trade')} of {len(trades):,} touched stop and target in one bar and count as "
        f"stops: {_told(*_mean(r))} a trade. As targets: {_told(*_mean(other))}, profit factor "
        f"{metrics.profit_factor(r) or 0.0:.2f} against {metrics.profit_factor(other) or 0.0:.2f}."
    )


def touched_both(trades: pd.DataFrame, bars: pd.DataFrame) -> np.ndarray:
    """Return which trades were stopped by a bar that opened between stop and target and touched both.

    A short is closed at the ask, bid and spread. Bars hold each exit.
    """
    bar, long = bars.reindex(stamps(trades, "t_exit")), trades["side"].to_numpy() > 0
    ask = np.where(long, 0.0, bar["spread"].to_numpy(float))
    opened, high, low = (bar[name].to_numpy(float) + ask for name in ("open", "high", "low"))
    stop, target = trades["stop"].to_numpy(float), trades["target"].to_numpy(float)
    below, above = np.minimum(stop, target), np.maximum(stop, target)
    near = _NEAR * above
    between = (opened > below + near) & (opened < above - near)
    touched = (low <= below + near) & (high >= above - near)
    return np.asarray(between & touched & (trades["reason"] == "stop").to_numpy())


def crowded(run: Run) -> str | None:
    """Return evidence where most trades are of one session, or of one hour."""
    trades = run.trades()
    said = []
    for by, bound in CROWDED.items():
        count = breakdown(trades, by)["trades"].astype(int)
        most, name = int(count.max()), count.idxmax()
        if wilson(most, len(trades))[0] > bound:
            hour = f"the hour to {int(name) + 1:02d}:00 UTC" if by == "hour" else f"session {name}"
            said.append(f"{most:,} of {len(trades):,} trades are of {hour} ({shared(most, len(trades))})")
    return "; ".join(said) + "." if said else None


def under_water(run: Run) -> str | None:
    """Return evidence where the account ends below its peak, and has been for a quarter of the judged window."""
    run.trades()
    equity = run.table("equity")["equity"]
    peak = equity.index[equity.to_numpy() >= np.maximum.accumulate(equity.to_numpy())][-1]
    below, whole = equity.index[-1] - peak, equity.index[-1] - equity.index[0]
    if below <= UNDER_WATER * whole:
        return None
    fall = 1.0 - float(equity.iloc[-1] / equity.loc[peak])
    return (
        f"Equity ends {share(fall)} below its peak of {peak:%Y-%m-%d}: {below.days} of {whole.days} days under water."
    )


def shared(count: int, of: int) -> str:
    """Return a share of trades with its interval."""
    low, high = wilson(count, of)
    return f"{share(count / of)}, 95 % interval {share(low)} … {share(high)}"


def _without_best(r: np.ndarray, month: np.ndarray) -> float:
    return float(r.sum() - np.bincount(month, weights=r).max())


def _mean(r: np.ndarray) -> tuple[float, float]:
    return float(r.mean()), float(r.std(ddof=1) / math.sqrt(len(r))) if len(r) > 1 else math.inf


def _told(mean: float, error: float) -> str:
    return f"{mean:+.3f} ± {error:.3f} R"
