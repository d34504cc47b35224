"""The calibration error is what a plain reading of its definition gives, and finds forecasts that promise too much."""

import numpy as np
import pytest

from training.reliability import expected_calibration_error, reliability


def drawn(rows: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return labels drawn from their own probabilities, and those probabilities."""
    random = np.random.default_rng(seed)
    p = random.dirichlet([2.0, 1.0, 2.0], size=rows)
    return (random.random(rows)[:, None] > p.cumsum(axis=1)).sum(axis=1) - 1, p


def plainly(y: np.ndarray, p: np.ndarray, bins: int) -> float:
    """Return the calibration error, row by row: sort by what was promised, cut into bins, compare with what came."""
    total, rows = 0.0, len(y)
    for column, label in enumerate((-1, 0, 1)):
        order = sorted(range(rows), key=lambda row: p[row][column])
        sizes = [rows // bins + (at < rows % bins) for at in range(bins)]
        for size in sizes:
            part, order = order[:size], order[size:]
            promised = sum(p[row][column] for row in part)
            came = sum(y[row] == label for row in part)
            total += abs(promised - came)
    return total / (3 * rows)


@pytest.mark.parametrize("rows", [10, 97, 1003])
def test_the_calibration_error_is_its_definition(rows: int) -> None:
    y, p = drawn(rows)
    assert expected_calibration_error(y, p) == pytest.approx(plainly(y, p, 10), rel=1e-12)


def test_honest_forecasts_are_off_by_chance_alone_and_boasting_ones_by_much() -> None:
    y, p = drawn(40_000)
    boasting = p**2 / (p**2).sum(axis=1, keepdims=True)
    honest, off = expected_calibration_error(y, p), expected_calibration_error(y, boasting)
    assert honest is not None and off is not None
    assert honest < 0.4 / np.sqrt(4_000) * 1.5
    assert off > 0.05


def test_always_promising_the_shares_is_calibrated_and_no_rows_are_no_number() -> None:
    y, _ = drawn(5_000)
    shares = np.array([(y == label).mean() for label in (-1, 0, 1)])
    assert expected_calibration_error(y, np.tile(shares, (len(y), 1)), bins=1) == pytest.approx(0.0, abs=1e-12)
    told = np.tile(shares, (len(y), 1))
    drifting = np.sort(y)  # the mix changes with time, and equal forecasts are not to be cut by time
    assert expected_calibration_error(drifting, told) == pytest.approx(0.0, abs=1e-12)
    assert expected_calibration_error(y[:0], np.empty((0, 3))) is None
    assert reliability(y[:0], np.empty((0, 3))).empty
