"""Data → model: splits, selection, members, the walk-forward and the final ensemble."""
