"""What a training may spend on tuning."""

import math
from typing import NamedTuple

from market.tuning_settings import Tuning


class Search(NamedTuple):
    """The settings of tuning, and how many processes its minutes are shared by."""

    settings: Tuning
    workers: int = 1

    @property
    def on(self) -> bool:
        """Return whether anything is tuned."""
        return self.settings.on

    @property
    def trials(self) -> float:
        """Return how many trials a member has in a fold; infinity where only minutes bound them."""
        return self.settings.trials or math.inf

    def seconds(self, folds: int, blocks: float) -> float:
        """Return how long a training part of `blocks` block lengths may be tuned; infinity without minutes.

        The folds of an expanding walk-forward train on 1, 2 … `folds` blocks, by `workers` processes at a time; the
        final model trains on one more, alone. A part gets its share by its length.
        """
        if self.settings.minutes == 0:
            return math.inf
        beside = folds * (folds + 1) / 2 / min(self.workers, folds)
        return 60.0 * self.settings.minutes * blocks / (beside + folds + 1)


OFF = Search(Tuning(trials=0, minutes=0.0, objective="log_loss", rows=100_000))
