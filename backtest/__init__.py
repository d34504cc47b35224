"""Decisions → money: policy, risk, the bar loop and its metrics."""

from backtest.engine import simulate
from backtest.policy import Policy
from backtest.risk import Risk

__all__ = ["Policy", "Risk", "simulate"]
