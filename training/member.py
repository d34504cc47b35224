"""What a member of an ensemble is: what it learns from, what it can do, and what it is once it has learnt."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from training.parameters import Range

CLASSES = (-1, 0, 1)


class Sample(NamedTuple):
    """Rows to learn from: X (rows × features, float32), y (−1 0 1), w (non-negative weights)."""

    X: np.ndarray
    y: np.ndarray
    w: np.ndarray


class Member(Protocol):
    """What a member can do.

    `file` is its native file's name, `parameters` what it is fitted with unless told otherwise, and `ranges` which of
    them may be tuned or set by a recipe, within which bounds.
    """

    file: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters in use where none are given."""
        ...

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Return the bounds of the parameters that may be set."""
        ...

    def fit(
        self,
        sample: Sample,
        *,
        held_out: Sample | None,
        rounds: int | None,
        seed: int,
        parameters: Mapping[str, float] | None = None,
        threads: int = 1,
    ) -> "Fitted":
        """Learn from `sample`; with `rounds=None` until `held_out` gets no better. The bytes know no `threads`.

        `parameters` override the member's own; raises UsageError that names each that is unknown or out of its range.
        """
        ...

    def load(self, content: bytes) -> "Fitted":
        """Return the fitted member that wrote `content`."""
        ...


class Fitted(Protocol):
    """A fitted member: `rounds` it took (0: it has none), probabilities, native bytes, importance, contributions."""

    rounds: int

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities (rows × 3) of down, flat, up; a row alone has the bits that it has in a batch."""
        ...

    def to_bytes(self) -> bytes:
        """Return the native file's content."""
        ...

    def importance(self) -> np.ndarray:
        """Return how much each feature mattered (non-negative, sums to 1 unless all are 0)."""
        ...

    def contributions(self, X: np.ndarray) -> np.ndarray:
        """Return what each feature adds to each row's scores before the softmax: rows × 3 × features and the base."""
        ...


def contiguous(sample: Sample) -> Sample:
    """Return `sample` with its rows one after the other in memory, however they lay."""
    return sample._replace(X=np.ascontiguousarray(sample.X))


def shares(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return `values` divided by their sum, or zeros where the sum is 0.

    >>> shares([1.0, 3.0]).tolist()
    [0.25, 0.75]
    """
    array = np.asarray(values, dtype=np.float64)
    total = array.sum()
    return array / total if total > 0 else np.zeros_like(array)
