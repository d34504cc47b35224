"""What a row says of a companion, in plain Python: one row, one companion, loops over lists of (stamp, close)."""

import itertools
import math

WINDOW = 100
LONGEST = 5 * 24 * 3600
Bars = list[tuple[float, float]]


def columns(own: Bars, other: Bars, row: int) -> dict[str, float]:
    """Return the columns of `row` of `own` by bare name, stamps in seconds."""
    stamps = [own[at][0] for at in range(row - WINDOW, row + 1)]
    known = [newest(other, ts) for ts in stamps]
    told = {"age_bars": 20.0}
    if known[-1] is not None:
        told["age_bars"] = float(min(sum(known[-1][0] <= ts < stamps[-1] for ts in stamps), 20))
    if None in known:
        names = ("return_1", "return_5", "return_20", "correlation_100", "beta_100", "residual_score_100", "lead_1")
        return dict.fromkeys(names, 0.0) | told
    x, y = [math.log(close) for _, close in known], [math.log(own[at][1]) for at in range(row - WINDOW, row + 1)]
    moves_x, moves_y = steps(x), steps(y)
    sd_x, sd_y = deviation(moves_x), deviation(moves_y)
    covariance = sum(a * b for a, b in zip(centred(moves_x), centred(moves_y), strict=True)) / (WINDOW - 1)
    beta = covariance / sd_x**2 if sd_x else 0.0
    spread = [b - beta * a for a, b in zip(x[1:], y[1:], strict=True)]
    return told | {
        **{f"return_{n}": (x[-1] - x[-1 - n]) / sd_x / math.sqrt(n) if sd_x else 0.0 for n in (1, 5, 20)},
        "correlation_100": covariance / sd_x / sd_y if sd_x and sd_y else 0.0,
        "beta_100": beta,
        "residual_score_100": centred(spread)[-1] / deviation(spread) if deviation(spread) > 1e-7 else 0.0,
        "lead_1": (beta * moves_x[-1] - moves_y[-1]) / sd_y if sd_y else 0.0,
    }


def newest(other: Bars, ts: float) -> tuple[float, float] | None:
    """Return the last bar that has closed by `ts` and is not too old."""
    before = [bar for bar in other if ts - LONGEST <= bar[0] <= ts]
    return before[-1] if before else None


def steps(values: list[float]) -> list[float]:
    """Return each value minus the one before."""
    return [after - before for before, after in itertools.pairwise(values)]


def centred(values: list[float]) -> list[float]:
    """Return each value minus their mean."""
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def deviation(values: list[float]) -> float:
    """Return the standard deviation, ddof 1."""
    return math.sqrt(math.fsum(value**2 for value in centred(values)) / (len(values) - 1))
