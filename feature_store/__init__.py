"""Bars to features: `compute` for all rows, `latest` for the last one, `lookback` for the bars that it needs."""

from feature_store.compute import compute, latest
from feature_store.groups import GROUPS, groups_for, lookback

__all__ = ["GROUPS", "compute", "groups_for", "latest", "lookback"]
