"""Isotonic calibration of down, flat, up: any rise that the outcomes show, for each of the two questions that Platt's
scaling asks.

How often it stays flat is fitted on the member's share of flat over all rows, how often it goes up on its share of up
over the rows that moved; each is the monotone function nearest to the outcomes in weighted squares, found by pooling
adjacent violators, linear between its steps. A block of rows is as likely as it came out, and that is too sure of
itself at both ends: so a counter-example of weight 1, one label that overlaps no other, stands at the lowest score and
another at the highest, and no probability is exactly 0 or 1.
Source: Ayer et al. (1955), An Empirical Distribution Function for Sampling with Incomplete Information (pooling);
Zadrozny and Elkan (2002), Transforming Classifier Scores into Accurate Multiclass Probability Estimates, §3.
"""

from typing import NamedTuple

import numpy as np

from market.compiled import compiled


class Knots(NamedTuple):
    """A rising function: `share` at the scores `at` (strictly rising), linear between them and constant outside."""

    at: np.ndarray
    share: np.ndarray


class Isotonic(NamedTuple):
    """How often it stays flat by the share of flat, and how often it goes up, once it moves, by the share of up."""

    flat: Knots
    up: Knots

    def calibrated(self, p: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities of `p` (rows × 3); NaN stays NaN."""
        flat = np.interp(p[:, 1], *self.flat)
        up = np.interp(up_share(p), *self.up)
        return np.column_stack([(1.0 - flat) * (1.0 - up), flat, (1.0 - flat) * up])


def fit(p: np.ndarray, y: np.ndarray, w: np.ndarray) -> Isotonic:
    """Return the isotonic calibration of `p` (rows × 3) on `y` (−1 0 1); `w` counts independent labels.

    Rows without weight are not heard. What nothing was seen of comes out even: where no row moved, up is one half.
    """
    moved = y != 0
    return Isotonic(rising(p[:, 1], y == 0, w), rising(up_share(p[moved]), y[moved] > 0, w[moved]))


def rising(score: np.ndarray, hit: np.ndarray, w: np.ndarray) -> Knots:
    """Return how often `hit` (bool) holds as a rising function of `score`; one half where no row has weight.

    Equal scores are one block from the start, so that no order of rows decides.
    """
    heard = w > 0.0
    at, place = np.unique(score[heard], return_inverse=True)
    if len(at) == 0:
        return Knots(np.array([0.5]), np.array([0.5]))
    weight = np.bincount(place, weights=w[heard])
    hits = np.bincount(place, weights=w[heard] * hit[heard])
    hits[0] += 1.0
    weight[0] += 1.0
    weight[-1] += 1.0
    share = _pooled(hits, weight)
    edge = np.concatenate([[True], share[1:] != share[:-1]]) | np.concatenate([share[1:] != share[:-1], [True]])
    return Knots(at[edge], share[edge])


def up_share(p: np.ndarray) -> np.ndarray:
    """Return P(up) ÷ (P(up) + P(down)) of `p` (rows × 3), one half where both are 0; NaN stays NaN.

    >>> up_share(np.array([[0.125, 0.5, 0.375], [0.0, 1.0, 0.0]])).tolist()
    [0.75, 0.5]
    """
    moves = p[:, 0] + p[:, 2]
    return np.divide(p[:, 2], moves, out=np.full(len(p), 0.5), where=moves != 0.0)


@compiled
def _pooled(hits, weight):  # type: ignore[no-untyped-def]
    """Return each block's share after pooling neighbours until shares rise strictly from block to block."""
    size = len(hits)
    top, end = -1, np.empty(size, np.int64)
    pooled_hits, pooled_weight = np.empty(size), np.empty(size)
    for i in range(size):
        top += 1
        end[top], pooled_hits[top], pooled_weight[top] = i + 1, hits[i], weight[i]
        while top > 0 and pooled_hits[top - 1] * pooled_weight[top] >= pooled_hits[top] * pooled_weight[top - 1]:
            pooled_hits[top - 1] += pooled_hits[top]
            pooled_weight[top - 1] += pooled_weight[top]
            end[top - 1] = end[top]
            top -= 1
    share, first = np.empty(size), 0
    for block in range(top + 1):
        share[first : end[block]] = pooled_hits[block] / pooled_weight[block]
        first = end[block]
    return share
