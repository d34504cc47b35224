"""A feature that knows alone what none honestly can is a leak until shown otherwise: found before anything is fitted.

Every feature is asked by itself, so that a leak stands out however many honest ones stand beside it. What is seen is
what rises or falls with the future: a leak that only a combination of features gives away passes here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from market.errors import GateError

_ROWS = 40_000
_STANDARD_ERRORS = 5.0  # one in a million for a feature by chance
_TAIL = 0.005
_NAMED = 5


class Suspect(NamedTuple):
    """A feature that is too good alone, with the limits for its `rows`, the number of labels without overlap.

    `auc` is the probability that it is higher before an up than before a down (0.5 knows nothing, below 0.5 it is
    lower), `ic` its correlation with what a long earned over a short. `auc_limit` is for the distance on either side of
    0.5, `ic_limit` for the size.
    """

    feature: str
    auc: float
    ic: float
    rows: int
    auc_limit: float
    ic_limit: float

    @property
    def excess(self) -> float:
        """Return the larger of AUC and correlation as a multiple of its limit; above 1 is suspicious."""
        return max(abs(self.auc - 0.5) / (self.auc_limit - 0.5), abs(self.ic) / self.ic_limit)


def suspects(
    X: pd.DataFrame, y: np.ndarray, r: np.ndarray, w: np.ndarray, max_auc: float, max_ic: float
) -> list[Suspect]:
    """Return the features of `X` that alone tell the future better than a feature honestly can, the worst first.

    Rows are labelled ones of development: `y` −1 0 1, `r` net R of a long and a short, `w` average uniqueness. Both
    figures are weighted by uniqueness: the area under the curve of up against down, flat rows left out; and the
    correlation of the feature's rank with (r_long − r_short) ÷ 2, whose outermost half per cents are cut. The result is
    not ranked: results heap at the barriers, and their ranks would be those of their costs, which the hour tells.

    Suspicious is what is beyond `max_auc` (or as far below 0.5) or `max_ic`, and five standard errors beyond chance for
    the labels without overlap among the rows where the feature is known. Rows are thinned to about 40,000; labels
    without overlap are then as many as in all rows, at most as the weights of those left are worth (Kish 1965).
    """
    rows = np.flatnonzero(w > 0.0)
    if len(rows) == 0:
        return []
    labels = w[rows].sum()
    rows = rows[:: max(len(rows) // _ROWS, 1)]
    unique = w[rows] * min(labels, w[rows].sum() ** 2 / (w[rows] ** 2).sum()) / w[rows].sum()
    result = (r[rows, 0] - r[rows, 1]) / 2.0
    result = np.clip(result, *np.quantile(result, [_TAIL, 1.0 - _TAIL]))
    known = np.column_stack([unique * (y[rows] > 0), unique * (y[rows] < 0), unique, unique * result])
    columns = np.ascontiguousarray(X.iloc[rows].to_numpy(dtype=np.float32).T)
    asked = (_asked(str(name), column, known, result, max_auc, max_ic) for name, column in zip(X, columns, strict=True))
    found = [one for one in asked if one is not None and one.excess > 1.0]
    return sorted(found, key=lambda one: (-one.excess, one.feature))


def refuse(suspected: Sequence[Suspect]) -> None:
    """Raise GateError where there is a suspect: what it knows, what is plausible, and what to do."""
    if not suspected:
        return
    told = "; ".join(_told(one) for one in suspected[:_NAMED])
    others = f"; and {len(suspected) - _NAMED} more" if len(suspected) > _NAMED else ""
    what = "1 feature tells" if len(suspected) == 1 else f"{len(suspected)} features tell"
    groups = ", ".join(sorted({one.feature.partition("__")[0] for one in suspected}))
    raise GateError(
        f"{what} alone what no feature honestly can, so that the future is likely in it: {told}{others}. "
        f"Look at the code of {groups} for what is not known at the bar's close, run `assay causality`, or leave the "
        "group out of the recipe (groups in config/recipes.toml). Where the market really is that easy, raise "
        "max_feature_auc and max_feature_ic in config/research.toml."
    )


def _told(one: Suspect) -> str:
    return (
        f"{one.feature} (AUC {one.auc:.3f} of up against down, plausible {1.0 - one.auc_limit:.3f} to "
        f"{one.auc_limit:.3f}; correlation with the result {one.ic:+.3f}, plausible up to ±{one.ic_limit:.3f}; on "
        f"{one.rows:,} labels without overlap)"
    )


def _asked(
    name: str, column: np.ndarray, sums: np.ndarray, result: np.ndarray, max_auc: float, max_ic: float
) -> Suspect | None:
    """Return what `column` tells, None where it is known on no up or on no down.

    `sums` (rows × 4) are the weights of ups, of downs and of all, and weighted results.
    """
    order = np.argsort(column)[: int(np.isfinite(column).sum())]  # NaN stand last
    values, sums = column.take(order), sums.take(order, axis=0)
    square = np.sum(sums[:, 3] * result.take(order))
    ups, downs, labels, earned = sums.sum(axis=0)
    if ups <= 0.0 or downs <= 0.0:
        return None
    sums = np.add.reduceat(sums, np.flatnonzero(np.r_[True, values[1:] != values[:-1]]), axis=0)
    up, down, weight, together = np.ascontiguousarray(sums.T)
    auc = float(np.sum(up * (np.cumsum(down) - down / 2.0)) / (ups * downs))
    rank = np.cumsum(weight) - weight / 2.0 - labels / 2.0
    spread = np.sum(weight * rank**2) * (square - earned**2 / labels)
    ic = float(np.sum(rank * (together - weight * earned / labels)) / np.sqrt(spread)) if spread > 0.0 else 0.0
    chance_auc = 0.5 + _STANDARD_ERRORS * np.sqrt((ups + downs + 1.0) / (12.0 * ups * downs))
    chance_ic = _STANDARD_ERRORS / np.sqrt(labels)
    return Suspect(name, auc, ic, round(labels), float(max(max_auc, chance_auc)), float(max(max_ic, chance_ic)))
