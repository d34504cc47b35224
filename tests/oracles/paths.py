"""Combinatorial paths in plain Python: which split has which group on which path, what trades come to, one by one."""

import math
import statistics
from collections.abc import Sequence
from itertools import combinations


def splits(groups: int, held_out: int) -> list[tuple[int, ...]]:
    """Return the groups that each split holds out, in the order of the splits."""
    return list(combinations(range(groups), held_out))


def holders(groups: int, held_out: int) -> list[list[int]]:
    """Return for each path the split (from 1 on) that holds each group out: the first that is free, path by path."""
    waiting = {
        group: [number for number, chosen in enumerate(splits(groups, held_out), start=1) if group in chosen]
        for group in range(groups)
    }
    return [[waiting[group][path] for group in range(groups)] for path in range(len(waiting[0]))]


def figures(results: Sequence[float], risk: float) -> dict[str, float | None]:
    """Return what trades come to, one after the other; None where there is nothing to divide by."""
    gains = sum(r for r in results if r > 0)
    losses = -sum(r for r in results if r < 0)
    equity = peak = 1.0
    fall = 0.0
    for r in results:
        equity *= 1.0 + risk * r
        peak = max(peak, equity)
        fall = max(fall, 1.0 - equity / peak)
    count = len(results)
    return {
        "trades": count,
        "profit_factor": gains / losses if losses else None,
        "win_rate": sum(r > 0 for r in results) / count if count else None,
        "expectancy": math.fsum(results) / count if count else None,
        "total_r": math.fsum(results),
        "sharpe_per_trade": statistics.mean(results) / statistics.stdev(results) if count > 1 else None,
        "max_drawdown": fall if count else None,
    }


def worst_twentieth(values: Sequence[float], high_is_bad: bool) -> float:
    """Return the value that at most one in twenty is worse than: of twenty or fewer the worst."""
    worst_first = sorted(values, reverse=high_is_bad)
    return worst_first[math.ceil(len(values) / 20) - 1]


def median(values: Sequence[float]) -> float:
    """Return the middle one, or the mean of the middle two."""
    return statistics.median(values)
