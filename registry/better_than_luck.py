"""Whether a change of how the folds are traded does more than the best of all that were tried does by luck.

Days are drawn again in blocks, inside each fold and the same for every account, so that what accounts share is
shared in each history too. The largest of all studentised deviations of a history is what the best of them shows by
luck: White (2000), A reality check for data snooping, Econometrica 68(5); Romano and Wolf (2005), Stepwise multiple
testing as formalized data snooping, Econometrica 73(4), its first step.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from registry import development_figures as figures
from registry.development import Development, Played
from registry.development_figures import SUMS, TESTED, Judged

HISTORIES = 500
DAYS_OF_BLOCK = 5
FEWEST = 60  # trades of an account over all folds, below which its spread is not known
_BARELY = 0.05  # share of histories in which a figure may not be computable

FALL = "max_drawdown"


class Accounts(NamedTuple):
    """The days of each fold: sums (days × accounts × SUMS), and which share of equity each account risks a trade."""

    folds: tuple[np.ndarray, ...]
    risk: np.ndarray

    @property
    def sums(self) -> np.ndarray:
        """Return the sums over each fold's days (folds × accounts × SUMS)."""
        return np.stack([fold.sum(axis=0) for fold in self.folds])


class Tested(NamedTuple):
    """P-values by account: that it earns by luck alone, and by gate that it is better than account 0 by luck alone.

    1 where nothing can be told: too few trades, or a figure that is not computable. `luck` is by gate and account what
    the best of all shows by luck at the level of 5 %, in units of the gate's figure.
    """

    earns: np.ndarray
    better: dict[str, np.ndarray]
    luck: dict[str, np.ndarray]


def accounts_of(found: Development, played: Sequence[Sequence[Played]], risk: Sequence[float]) -> Accounts:
    """Return the daily sums of accounts, each a list of what it made in each fold."""
    folds = []
    for number, block in enumerate(found.blocks):
        days = np.unique(found.tape.day[block.begin : block.stop])
        folds.append(np.stack([_daily(account[number], days) for account in played], axis=1))
    return Accounts(tuple(folds), np.asarray(risk, dtype=np.float64))


def tested(given: Accounts, directions: Mapping[str, str], judged: Judged, seed: int, level: float = 0.05) -> Tested:
    """Return how often luck alone does as well, for the gates in `directions` (">=" or "<=" by gate)."""
    asked = {name: (TESTED[name], sign) for name, direction in directions.items() if (sign := _sign(name, direction))}
    drawn_sums, drawn_falls = _drawn(given, seed, FALL in directions)
    enough = given.sums[..., figures.COUNT].sum(axis=0) >= FEWEST
    with np.errstate(invalid="ignore", divide="ignore"):
        earns = _chances(figures.earned(given.sums, judged), figures.earned(drawn_sums, judged), enough)
        now = {name: sign * one(given.sums, judged) for name, (one, sign) in asked.items()}
        then = {name: sign * one(drawn_sums, judged) for name, (one, sign) in asked.items()}
    if FALL in directions:
        now[FALL] = -np.median([figures.falls(fold[..., figures.TOTAL], given.risk) for fold in given.folds], axis=0)
        then[FALL] = -drawn_falls
    z, deviations, error = {}, [], {}
    for name in now:
        z[name], spread, error[name] = _studentised(now[name] - now[name][:1], then[name] - then[name][:, :1], enough)
        deviations.append(spread)
    best = np.max(deviations, axis=(0, 2)) if deviations else np.full(HISTORIES, -np.inf)
    reach = float(np.quantile(best, 1.0 - level)) if np.isfinite(best).all() else np.nan
    better = {name: _as_often(best, values) for name, values in z.items()}
    return Tested(earns, better, {name: reach * values for name, values in error.items()})


def _sign(name: str, direction: str) -> int:
    return 0 if name not in TESTED else 1 if direction == ">=" else -1


def _daily(account: Played, days: np.ndarray) -> np.ndarray:
    """Return the sums (days × SUMS) of a fold's trades by the day of their exit."""
    at, count, r = np.searchsorted(days, account.day), len(days), account.r
    columns = np.zeros((count, SUMS))
    weights = {
        figures.GAINS: np.maximum(r, 0.0),
        figures.LOSSES: -np.minimum(r, 0.0),
        figures.COUNT: np.ones(len(r)),
        figures.WINS: (r > 0.0).astype(np.float64),
        figures.TOTAL: r,
        figures.SQUARES: r**2,
    }
    for column, weight in weights.items():
        columns[:, column] = np.bincount(at, weight, minlength=count)
    columns[:, figures.DAYS] = 1.0
    columns[:, figures.DAY_SQUARES] = columns[:, figures.TOTAL] ** 2
    return columns


def _drawn(given: Accounts, seed: int, with_falls: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return sums (histories × folds × accounts × SUMS) and, where wanted, the median fall (histories × accounts)."""
    random = np.random.default_rng(seed)
    sums, fallen = [], []
    for fold in given.folds:
        days, accounts = fold.shape[:2]
        starts = random.integers(0, days, (HISTORIES, -(-days // DAYS_OF_BLOCK)))
        rows = ((starts[:, :, None] + np.arange(DAYS_OF_BLOCK)) % days).reshape(HISTORIES, -1)[:, :days]
        often = np.stack([np.bincount(row, minlength=days) for row in rows]).astype(np.float64)
        sums.append((often @ fold.reshape(days, -1)).reshape(HISTORIES, accounts, SUMS))
        if with_falls:
            fallen.append(_falls(fold[..., figures.TOTAL], rows, given.risk))
    return np.stack(sums, axis=1), np.median(fallen, axis=0) if fallen else np.empty(0)


def _falls(daily: np.ndarray, rows: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return the largest falls (histories × accounts) over the days `rows`, one account at a time to spare memory."""
    each = [figures.falls(daily[rows, account][..., None], risk[[account]]) for account in range(daily.shape[1])]
    return np.concatenate(each, axis=1)


def _studentised(now: np.ndarray, then: np.ndarray, enough: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values (accounts), deviations of histories (histories × accounts), in standard errors, and the errors."""
    known = enough & np.isfinite(now) & (np.isfinite(then).mean(axis=0) >= 1.0 - _BARELY)
    filled = np.where(np.isfinite(then), then, now)
    error = np.where(known, filled.std(axis=0, ddof=1), 0.0)
    moves = known & (error > 1e-12)
    scale = np.where(moves, error, 1.0)
    z = np.where(moves, now / scale, -np.inf)
    return z, np.where(moves, (filled - now) / scale, -np.inf), error


def _chances(now: np.ndarray, then: np.ndarray, enough: np.ndarray) -> np.ndarray:
    z, deviations, _ = _studentised(now, then, enough)
    return _as_often(deviations.max(axis=1), z)


def _as_often(best: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how often the best of a history is as good as each of `values`, which is never 0."""
    return (1.0 + (best[:, None] >= values).sum(axis=0)) / (1.0 + len(best))
