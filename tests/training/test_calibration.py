"""Calibration: probabilities come to mean what they say, by four numbers unless left-out folds want more."""

import json

import numpy as np
import pytest

from training import calibration, isotonic, platt
from training.calibration import calibrated, choose
from training.isotonic import Isotonic
from training.platt import Platt
from training.reliability import reliability

COUNT = 12_000


def told_by(p: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return labels drawn by the probabilities `p`."""
    return (random.random(len(p))[:, None] > p.cumsum(axis=1)).sum(axis=1) - 1


def knowing(random: np.random.Generator, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that are right, and labels drawn by them."""
    logits = random.normal(size=(count, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return p, told_by(p, random)


def thirds(count: int = COUNT, gap: int = 50) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return three folds of neighbouring rows, each trained on what is more than a gap away."""
    rows = np.arange(count)
    cuts = [(count * k // 3, count * (k + 1) // 3) for k in range(3)]
    return [(rows[(rows < a - gap) | (rows >= b + gap)], rows[a:b]) for a, b in cuts]


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.log(p[np.arange(len(y)), y + 1]).mean())


def in_steps(p: np.ndarray) -> np.ndarray:
    """Return what a member says whose right opinion `p` on the side is squeezed together in its middle half."""
    moves, up = 1.0 - p[:, 1], isotonic.up_share(p)
    said = np.where(up < 0.3, 0.02 * up, np.where(up > 0.7, 0.98 + 0.02 * up, 0.45 + 0.1 * up))
    return np.column_stack([moves * (1.0 - said), p[:, 1], moves * said])


def test_calibration_finds_the_slope_and_never_turns_a_member_around():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=row) for row in p]) - 1
    over_confident = p**2 / (p**2).sum(axis=1, keepdims=True)
    found = platt.fit(over_confident, y, np.ones(len(y)))
    assert found.flat_slope == pytest.approx(0.5, abs=0.03)
    assert found.direction_slope == pytest.approx(0.5, abs=0.03)
    upside_down = platt.fit(over_confident[:, ::-1], y, np.ones(len(y)))
    assert upside_down.direction_slope == pytest.approx(0.0, abs=0.05)
    after = reliability(y, calibrated(over_confident, found))
    assert (after["predicted"] - after["observed"]).abs().max() < 0.04


def test_a_member_that_knows_only_when_it_is_quiet_keeps_that_and_loses_its_opinion_on_direction():
    rng = np.random.default_rng(4)
    quiet = rng.random(20_000)
    y = np.where(rng.random(20_000) < quiet, 0, rng.choice([-1, 1], 20_000))
    opinion = rng.random(20_000)
    p = np.column_stack([(1 - quiet) * opinion, quiet, (1 - quiet) * (1 - opinion)])
    found = platt.fit(p, y, np.ones(len(y)))
    assert found.direction_slope == pytest.approx(0.0, abs=0.03)
    assert found.flat_slope > 0.5


def test_squared_probabilities_are_repaired_by_platt():
    random = np.random.default_rng(5)
    p, y = knowing(random)
    distorted = p**2 / (p**2).sum(axis=1, keepdims=True)
    found = choose(distorted, y, np.ones(COUNT), thirds())
    assert isinstance(found, Platt)
    np.testing.assert_allclose(calibrated(distorted, found), p, atol=0.03)


def test_a_member_that_speaks_in_steps_is_repaired_by_isotonic():
    random = np.random.default_rng(6)
    p, y = knowing(random)
    found = choose(in_steps(p), y, np.ones(COUNT), thirds())
    assert isinstance(found, Isotonic)
    unseen, outcome = knowing(random)
    assert log_loss(calibrated(in_steps(unseen), found), outcome) < log_loss(
        calibrated(in_steps(unseen), platt.fit(in_steps(p), y, np.ones(COUNT))), outcome
    )


def test_noise_is_left_to_platt_in_nearly_every_seed():
    kinds = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        p = random.dirichlet([2.0, 1.0, 2.0], 3000)
        kinds.append(type(choose(p, random.integers(-1, 2, 3000), np.ones(3000), thirds(3000))))
    assert kinds.count(Platt) >= 39


def test_an_opinion_on_direction_is_kept_where_it_is_known_and_dropped_where_it_is_noise():
    """Of forty noises a sixth may be kept by chance, at one standard error; of forty that know a little, nearly all."""
    slopes = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        p = random.dirichlet([2.0, 1.0, 2.0], 3000)
        up = isotonic.up_share(p)
        for known in (0.0, 0.2):
            side = np.where(random.random(3000) < 0.5 + known * (up - 0.5), 1, -1)
            y = np.where(random.random(3000) < 0.2, 0, side)
            slopes.append(choose(p, y, np.ones(3000), thirds(3000)).direction_slope)  # type: ignore[union-attr]
    noise, knowing_a_little = np.array(slopes[::2]), np.array(slopes[1::2])
    assert (noise == 0.0).sum() >= 30
    assert (knowing_a_little > 0.0).sum() >= 34


def test_without_skill_either_is_flattened_to_about_the_base_rate():
    random = np.random.default_rng(8)
    p, y = random.dirichlet([2.0, 1.0, 2.0], COUNT), random.choice([-1, 0, 1], COUNT, p=[0.3, 0.2, 0.5])
    for method, within in ((platt, 0.02), (isotonic, 0.05)):
        q = method.fit(p, y, np.ones(COUNT)).calibrated(p)
        assert np.abs(q - [0.3, 0.2, 0.5]).mean() < within


def test_better_on_when_it_is_quiet_but_worse_on_the_side_is_not_taken(monkeypatch):
    """A step in the share of flat is for isotonic; the side rises smoothly, and there it can only invent steps."""
    random = np.random.default_rng(9)
    flat = random.choice([0.05, 0.4, 0.45, 0.95], COUNT, p=[0.3, 0.2, 0.2, 0.3])
    real = np.where(flat < 0.42, 0.38, 0.62)
    up = random.random(COUNT)
    side = np.where(random.random(COUNT) < up**0.3 / (up**0.3 + (1 - up) ** 0.3), 1, -1)
    y = np.where(random.random(COUNT) < real, 0, side)
    p = np.column_stack([(1 - flat) * (1 - up), flat, (1 - flat) * up])
    assert isinstance(choose(p, y, np.ones(COUNT), thirds()), Platt)
    losses = calibration._losses

    def deaf(q, y):  # broken: it does not look at the side
        return losses(q, y) * [1.0, 0.0]

    monkeypatch.setattr(calibration, "_losses", deaf)
    assert isinstance(choose(p, y, np.ones(COUNT), thirds()), Isotonic)


def test_without_folds_it_is_platt_and_what_has_no_weight_decides_nothing():
    random = np.random.default_rng(10)
    p, y = knowing(random)
    assert isinstance(choose(in_steps(p), y, np.ones(COUNT), []), Platt)
    heard = np.arange(COUNT) % 2 == 0
    changed = np.where(heard, y, random.integers(-1, 2, COUNT))
    weight, folds = heard.astype(float), thirds()
    assert calibration.told(choose(p, y, weight, folds)) == calibration.told(choose(p, changed, weight, folds))


def test_weights_are_repetitions_and_the_order_of_rows_does_not_matter():
    random = np.random.default_rng(11)
    p, y = knowing(random, 1000)
    w = random.integers(1, 4, 1000)
    each = random.permutation(np.repeat(np.arange(1000), w))
    for method in (platt, isotonic):
        once, again = method.fit(p, y, w.astype(float)), method.fit(p[each], y[each], np.ones(len(each)))
        np.testing.assert_allclose(once.calibrated(p), again.calibrated(p), rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("method", [platt, isotonic])
def test_it_is_stored_as_json_and_a_row_alone_has_the_bits_of_the_batch(method):
    p, y = knowing(np.random.default_rng(12), 1000)
    found = method.fit(p, y, np.ones(1000))
    again = calibration.read(json.loads(json.dumps(calibration.told(found))))
    batch = calibrated(p, found)
    np.testing.assert_array_equal(calibrated(p, again), batch)
    np.testing.assert_array_equal(np.vstack([calibrated(p[i : i + 1], found) for i in range(1000)]), batch)


def test_a_row_without_a_prediction_stays_without_one():
    assert np.isnan(calibrated(np.full((2, 3), np.nan), Platt(0.9, 0.1, 0.8, 0.0))).all()
