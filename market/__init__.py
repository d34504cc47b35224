"""The floor: bars, time, instruments, costs, the one physics of a fill, and tables on disk."""
