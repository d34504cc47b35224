"""Bars to features: `compute` for all rows, `chunks` for the same a piece at a time, `latest` for the last row.

`lookback` says how many bars a row needs.
"""

from feature_store.chunks import chunks
from feature_store.compute import compute, latest
from feature_store.groups import GROUPS, groups_for, lookback

__all__ = ["GROUPS", "chunks", "compute", "groups_for", "latest", "lookback"]
