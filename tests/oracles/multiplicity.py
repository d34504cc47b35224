"""What many trials do, from the definitions: order statistics by integration, correlations pair by pair."""

import math
from collections.abc import Sequence


def expected_maximum(trials: int, reach: float = 10.0, steps: int = 4000) -> float:
    """Return ∫ z · N φ(z) Φ(z)^(N − 1) dz by Simpson's rule: the mean of the largest of N standard normals."""

    def integrand(z: float) -> float:
        density = math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)
        below = 0.5 * math.erfc(-z / math.sqrt(2.0))
        return z * trials * density * below ** (trials - 1)

    width = 2.0 * reach / steps
    inner = sum((4.0 if at % 2 else 2.0) * integrand(-reach + at * width) for at in range(1, steps))
    return (integrand(-reach) + inner + integrand(reach)) * width / 3.0


def correlation(one: Sequence[float], other: Sequence[float], least: int = 30) -> float:
    """Return the correlation on the days that both have; 0 where they are too few or either does not vary."""
    both = [(x, y) for x, y in zip(one, other, strict=True) if not (math.isnan(x) or math.isnan(y))]
    if len(both) < least:
        return 0.0
    means = [math.fsum(values) / len(both) for values in zip(*both, strict=True)]
    cross = math.fsum((x - means[0]) * (y - means[1]) for x, y in both)
    spreads = [math.fsum((x[at] - means[at]) ** 2 for x in both) for at in (0, 1)]
    return cross / math.sqrt(spreads[0] * spreads[1]) if min(spreads) > 1e-12 else 0.0


def effective_trials(daily: Sequence[Sequence[float]]) -> float:
    """Return ρ̄ + (1 − ρ̄) M of trials, each a row of `daily`."""
    count = len(daily)
    pairs = [correlation(daily[one], daily[other]) for one in range(count) for other in range(one)]
    mean = min(max(math.fsum(pairs) / len(pairs), 0.0), 1.0)
    return mean + (1.0 - mean) * count
