"""What a backtest knows at a close: the score table as arrays, and the observation that the policy decides on."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from backtest.checked import EXPECTED, OPTIONAL
from backtest.policy import Observation
from market.compiled import compiled
from market.errors import DataError
from market.tape import Tape, read_only

_COLUMNS = ("score", *OPTIONAL)


class Scores(NamedTuple):
    """A score table as arrays, a value a bar; NaN where there is no score, which is no view.

    `event` (bool) is where the table has a row: at other bars nobody was asked.
    """

    score: np.ndarray
    expected_r_long: np.ndarray
    expected_r_short: np.ndarray
    confidence: np.ndarray
    event: np.ndarray


@compiled
def observed(tape: Tape, scores: Scores, i: int, bars_since_exit: int) -> Observation:
    """Return what is known at the close of bar `i`."""
    return Observation(
        scores.score[i],
        scores.expected_r_long[i],
        scores.expected_r_short[i],
        scores.confidence[i],
        tape.spread[i],
        tape.atr[i],
        tape.session[i],
        tape.shut[i],
        bars_since_exit,
        tape.volatility[i],
    )


def aligned(score: pd.DataFrame | pd.Series, ts: pd.DatetimeIndex) -> tuple[Scores, int]:
    """Return `score` as arrays over the bars `ts`, and the position of its first row.

    Raises DataError where a score stands at no bar.
    """
    if len(score) == 0:
        raise DataError("There is no score to trade: the score table is empty.")
    rows, start = _rows(pd.DatetimeIndex(score.index), ts)
    whole = len(score) == len(ts) and isinstance(rows, slice)
    columns = list(_columns(score).values())
    if not whole:
        columns = list(_spread_out(columns, rows, len(ts)))
    event = np.zeros(len(ts), np.bool_)
    event[rows] = True
    return Scores(*(read_only(np.ascontiguousarray(values)) for values in (*columns, event))), start


def _columns(score: pd.DataFrame | pd.Series) -> dict[str, np.ndarray]:
    """Return the columns of scores as arrays, a value a row; what a table leaves out is taken as for a Series."""
    table = score if isinstance(score, pd.DataFrame) else score.to_frame("score")
    given = {name: table[name].to_numpy(dtype=np.float64) for name in _COLUMNS if name in table}
    if len(given) == len(_COLUMNS):
        return given
    directional = given["score"]
    expected, confidence = np.empty((2, len(score)))
    expected.fill(1.0)
    np.subtract(1.0, directional, out=confidence)
    np.maximum(directional, confidence, out=confidence)
    known = dict.fromkeys(EXPECTED, expected) | {"confidence": confidence} | given
    return {name: known[name] for name in _COLUMNS}


def _rows(stamps: pd.DatetimeIndex, ts: pd.DatetimeIndex) -> tuple[slice | np.ndarray, int]:
    """Return where the rows with these stamps stand among the bars `ts`, and the first of these places."""
    if stamps.dtype == ts.dtype:
        first = int(ts.searchsorted(stamps[0]))
        if np.array_equal(ts.asi8[first : first + len(stamps)], stamps.asi8):
            return slice(first, first + len(stamps)), first
    positions = ts.get_indexer(stamps)
    if (positions < 0).any():
        raise DataError(f"Score at {stamps[int(np.argmin(positions))]} stands at no bar.")
    return positions, int(positions.min())


def _spread_out(columns: list[np.ndarray], rows: slice | np.ndarray, count: int) -> np.ndarray:
    """Return `columns` over `count` bars: NaN but at `rows`."""
    arrays = np.full((len(columns), count), np.nan)
    for values, given in zip(arrays, columns, strict=True):
        values[rows] = given
    return arrays
