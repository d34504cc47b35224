"""Bars to features: `compute` for batch and live alike, `lookback` for the bars that the last row needs."""

from feature_store.compute import compute
from feature_store.groups import GROUPS, groups_for, lookback

__all__ = ["GROUPS", "compute", "groups_for", "lookback"]
