"""vectorbt on given bars, run by the Python of an environment that has it: `peer_vectorbt.py GIVEN.npz MADE.npz`.

GIVEN holds `ts` (us), prices, `entries` (bool) and the distances of stop and target at each entry, as shares of its
price, at the bars that open the trades. MADE gets the seconds of the quickest of three calls, and the long trades:
bar of entry, bar of exit, both prices.
"""

import sys
import time

import numpy as np
import pandas as pd
import vectorbt

given = np.load(sys.argv[1])
index = pd.DatetimeIndex(given["ts"].view("M8[us]"), tz="UTC")
prices = {name: pd.Series(given[name], index=index) for name in ("open", "high", "low", "close")}
entries, stop, target = (pd.Series(given[name], index=index) for name in ("entries", "stop", "target"))


def traded() -> vectorbt.Portfolio:
    """Return what trading does: a market order at the open of each entry, then stop or target."""
    stops = {"sl_stop": stop, "tp_stop": target, "stop_entry_price": "fillprice"}
    return vectorbt.Portfolio.from_signals(
        **prices, entries=entries, price=prices["open"], **stops, size=1.0, init_cash=1e9
    )


def seconds() -> float:
    """Return how long a call takes that also asks for the result."""
    began = time.perf_counter()
    traded().total_return()
    return time.perf_counter() - began


seconds()
trades = traded().trades.records
np.savez(
    sys.argv[2],
    seconds=min(seconds() for _ in range(3)),
    **{name: trades[name].to_numpy() for name in ("entry_idx", "exit_idx", "entry_price", "exit_price")},
    closed=(trades["status"] == 1).to_numpy(),
)
