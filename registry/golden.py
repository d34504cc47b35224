"""Golden evidence in a bundle: rows and bars with the answers of training, which a machine reproduces before it serves.

256 rows of the development data with their probabilities prove the members and the libraries that run them; the last
bars before the judged window, with the features of the last of them, prove the feature code, and with the events among
them the rule of sampling.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import feature_store
from feature_store.compute import seen
from feature_store.groups import COMPANIONS
from labels.sampling import EVERY_BAR, Sampling, sampled
from market.errors import DataError
from training.ensemble import PROBABILITIES, Ensemble

FILE = "golden.json"
ROWS = 256
_BAR = ("open", "high", "low", "close", "volume", "spread")
_TOLD = 5


class Golden(NamedTuple):
    """Rows (float32) with their probabilities; bars, of companions too, with the features of the last one (float32).

    `events` are those among the bars, by these bars alone.
    """

    rows: pd.DataFrame
    predictions: pd.DataFrame
    bars: pd.DataFrame
    last: pd.Series
    companions: dict[str, pd.DataFrame]
    events: pd.DatetimeIndex


def evidence(
    model: Ensemble,
    X: pd.DataFrame,
    bars: pd.DataFrame,
    companions: Mapping[str, pd.DataFrame] | None = None,
    sampling: Sampling = EVERY_BAR,
) -> bytes:
    """Return the content of `golden.json`: the same bytes for the same model, development rows and bars.

    `X` holds at least the model's features; rows that are not finite are left out. `bars` are as many as the last row
    of the features needs; `companions` are those that the features compare with, of which no more is kept than they
    see. The events by `sampling` are kept too where not every bar is one. Raises DataError where no row is finite or
    the bars are too few.
    """
    features = list(model.features)
    usable = X.loc[np.isfinite(X[features]).all(axis=1), features].astype(np.float32)
    if usable.empty:
        raise DataError(
            f"None of {len(X)} development rows has finite features: there is nothing to prove a bundle by."
        )
    chosen = np.linspace(0, len(usable) - 1, min(ROWS, len(usable))).round().astype(np.int64)
    rows = usable.iloc[chosen]
    beside = seen(companions or {}, pd.DatetimeIndex(bars.index[-feature_store.lookback([COMPANIONS]) :]))
    last = last_features(bars, features, beside)[features]
    if not np.isfinite(last).all():
        raise DataError(f"{len(bars)} bars before the judged window are too few for the features: import more history.")
    content = {
        "features": features,
        "rows": rows.to_numpy().tolist(),
        "probabilities": model.predict(rows).to_numpy().tolist(),
        "bars": _plain(bars),
        "last": last.to_numpy().tolist(),
    }
    if beside:
        content["companions"] = {symbol: _plain(frame) for symbol, frame in beside.items()}
    if sampling != EVERY_BAR:
        content["events"] = _microseconds(sampled(bars, sampling))
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse(content: bytes) -> Golden:
    """Return the evidence that `evidence` wrote; raises KeyError, TypeError or ValueError where it is not that."""
    stored: dict[str, Any] = json.loads(content)
    features, bars = list(stored["features"]), _frame(stored["bars"])
    return Golden(
        rows=pd.DataFrame(np.array(stored["rows"], dtype=np.float32), columns=features),
        predictions=pd.DataFrame(np.array(stored["probabilities"], dtype=np.float64), columns=list(PROBABILITIES)),
        bars=bars,
        last=pd.Series(np.array(stored["last"], dtype=np.float32), index=features),
        companions={symbol: _frame(table) for symbol, table in stored.get("companions", {}).items()},
        events=_stamps(stored["events"]) if "events" in stored else pd.DatetimeIndex(bars.index),
    )


def _plain(bars: pd.DataFrame) -> dict[str, list[Any]]:
    """Return bars as plain numbers, `ts` in whole microseconds since 1970 UTC."""
    return {"ts": _microseconds(pd.DatetimeIndex(bars.index))} | {
        name: bars[name].to_numpy(dtype=np.float64).tolist() for name in _BAR
    }


def _frame(stored: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return the bars that `_plain` wrote."""
    return pd.DataFrame({name: np.array(stored[name], dtype=np.float64) for name in _BAR}, index=_stamps(stored["ts"]))


def _microseconds(ts: pd.DatetimeIndex) -> list[int]:
    return ts.as_unit("us").asi8.tolist()


def _stamps(microseconds: list[int]) -> pd.DatetimeIndex:
    return pd.to_datetime(np.array(microseconds, dtype=np.int64), unit="us", utc=True).as_unit("us").rename("ts")


def last_features(
    bars: pd.DataFrame, features: Sequence[str], companions: Mapping[str, pd.DataFrame] | None = None
) -> pd.Series:
    """Return, of the last of `bars`, every feature of the groups that `features` name and that are known here."""
    groups = {name.partition("__")[0] for name in features} & feature_store.GROUPS.keys()
    if not groups:
        return pd.Series(dtype=np.float32)
    return feature_store.compute(bars, sorted(groups), companions=companions).iloc[-1]


def check_features(golden: Golden, where: str, versions: str) -> None:
    """Raise DataError unless the feature code here knows every feature and computes it from the golden bars as then.

    Equal, or one float32 step apart. `versions` is a phrase about libraries that differ, or "".
    """
    here = last_features(golden.bars, list(golden.last.index), golden.companions)
    unknown = [name for name in golden.last.index if name not in here.index]
    if unknown:
        raise DataError(
            f"{where}: {len(unknown)} features unknown: {_few(unknown)}. Train again with this feature store."
        )
    found, wanted = here[golden.last.index].to_numpy(dtype=np.float32), golden.last.to_numpy()
    apart = (found != wanted) & (np.nextafter(wanted, found) != found)
    if apart.any():
        named = [f"{golden.last.index[at]} {found[at]} here, {wanted[at]} then" for at in np.flatnonzero(apart)]
        raise DataError(
            f"{where}: {len(named)} of {len(wanted)} features of the golden bars differ: {_few(named)}{versions}. "
            "Train again with this feature store."
        )


def check_predictions(golden: Golden, model: Ensemble, where: str, versions: str) -> None:
    """Raise DataError unless `model` gives the golden rows exactly the probabilities of training.

    The message carries the count and the largest difference. `versions` is as in `check_features`.
    """
    found, wanted = model.predict(golden.rows).to_numpy(), golden.predictions.to_numpy()
    apart = (found != wanted).any(axis=1)
    if apart.any():
        largest = np.abs(found - wanted).max()
        raise DataError(
            f"{where}: {apart.sum()} of {len(wanted)} golden rows are predicted otherwise than at training, by up to "
            f"{largest:g}{versions}. Serve with the libraries of training, or train again."
        )


def check_events(golden: Golden, sampling: Sampling, where: str) -> None:
    """Raise DataError unless the golden bars have here, by `sampling`, exactly the events of training."""
    here = sampled(golden.bars, sampling)
    if apart := list(map(str, here.symmetric_difference(golden.events))):
        raise DataError(
            f"{where}: {len(apart)} of {len(golden.bars)} golden bars are events ({sampling.told}) either here or at "
            f"training, not both: {_few(apart)}. Train again with this version."
        )


def _few(names: list[str]) -> str:
    rest = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {rest} more" if rest > 0 else "")
