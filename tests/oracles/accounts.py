"""Sharpe ratio per trade and largest fall of an account in plain Python, for tests."""

from collections.abc import Sequence


def sharpe(r: Sequence[float]) -> float:
    mean = sum(r) / len(r)
    return mean / (sum((one - mean) ** 2 for one in r) / (len(r) - 1)) ** 0.5


def largest_fall(equity: Sequence[float]) -> float:
    highest, worst = equity[0], 0.0
    for value in equity:
        highest = max(highest, value)
        worst = max(worst, 1 - value / highest)
    return worst
