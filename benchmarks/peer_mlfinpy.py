"""mlfinpy on given closes, run by the Python of an environment that has it: `peer_mlfinpy.py GIVEN.npz MADE.npz`.

GIVEN holds `ts` (us), `close`, `target` (the distance of both barriers as a share of the price, a value a bar), `rows`
(events, positions of bars) and `horizon` (bars). MADE gets the seconds that labelling, average uniqueness and a
sequential bootstrap take, in one process, the bars at which its labels end, their uniqueness and what was drawn.
"""

import sys
import time

import numpy as np
import pandas as pd
from mlfinpy.labeling import labeling
from mlfinpy.sampling import bootstrapping, concurrent

given = np.load(sys.argv[1])
close = pd.Series(given["close"], pd.DatetimeIndex(given["ts"].view("M8[us]").astype("M8[ns]")))
target = pd.Series(given["target"], close.index)
events, ends = close.index[given["rows"]], close.index[given["rows"] + int(given["horizon"])]


def timed(work) -> tuple[float, object]:
    """Return the seconds that `work` takes, and its result."""
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def labelled() -> pd.DataFrame:
    """Return events and classes by the triple barrier on closes."""
    barriers = pd.Series(ends, events)
    found = labeling.get_events(close, events, [1, 1], target, 0.0, 1, barriers, verbose=False)
    return found.assign(bin=labeling.get_bins(found, close)["bin"])


labels_seconds, labels = timed(labelled)
weights_seconds, weights = timed(
    lambda: concurrent.get_av_uniqueness_from_triple_barrier(labels, close, 1, verbose=False)["tW"]
)
t0, t1 = (close.index.get_indexer(stamps) for stamps in (labels.index, labels["t1"]))
few = min(len(t0), 300)
inside = np.zeros((t1[:few].max() + 1, few))
for column, (first, last) in enumerate(zip(t0[:few], t1[:few], strict=True)):
    inside[first : last + 1, column] = 1.0
inside = inside[t0[0] :]
bootstrapping.seq_bootstrap(inside, 3)
draws_seconds, drawn = timed(lambda: bootstrapping.seq_bootstrap(inside, few))
np.savez(
    sys.argv[2],
    labels_seconds=labels_seconds,
    weights_seconds=weights_seconds,
    draws_seconds=draws_seconds,
    t0=t0,
    t1=t1,
    weights=weights.to_numpy(),
    drawn=np.asarray(drawn),
)
