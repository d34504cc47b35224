"""Bars → outcomes: what a trade from each bar would have come to, settled by the backtest's own rules."""

from labels.barriers import absent, triple_barrier
from labels.weights import average_uniqueness

__all__ = ["absent", "average_uniqueness", "triple_barrier"]
