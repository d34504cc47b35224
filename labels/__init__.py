"""Bars → outcomes: what a trade from each bar would have come to, settled by the backtest's own rules."""

from labels.barriers import absent, triple_barrier
from labels.epochs import epoch_labels
from labels.events import cusum, daily_cusum, every_bar
from labels.meta import meta_labels
from labels.sampling import EVERY_BAR, Sampling, sampled
from labels.weights import (
    average_uniqueness,
    concurrency,
    draw_probabilities,
    effective_size,
    return_attribution,
    sequential_bootstrap,
    time_decay,
)

__all__ = [
    "EVERY_BAR",
    "Sampling",
    "absent",
    "average_uniqueness",
    "concurrency",
    "cusum",
    "daily_cusum",
    "draw_probabilities",
    "effective_size",
    "epoch_labels",
    "every_bar",
    "meta_labels",
    "return_attribution",
    "sampled",
    "sequential_bootstrap",
    "time_decay",
    "triple_barrier",
]
