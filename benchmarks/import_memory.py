"""The memory of an import: files of 10 MB, 100 MB and 1 GB through `assay import`, each in a process of its own.

`python -m benchmarks.import_memory [MEGABYTES …]` prints the peak of resident memory and the seconds for each size.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SIZES = (10, 100, 1000)
ROW = 78  # bytes, about
START = pd.Timestamp("2000-01-03")
MEASURED = """
import resource, sys
from pipeline import cli
try:
    cli.main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def written(path: Path, megabytes: int) -> int:
    """Write a CSV of one-minute bars round the clock, about so large, and return how many rows it has."""
    rows, block, close = megabytes * 1_000_000 // ROW, 500_000, 30_000.0
    rng = np.random.default_rng(0)
    with path.open("w") as stream:
        stream.write("timestamp,open,high,low,close,volume\n")
        for at in range(0, rows, block):
            n = min(block, rows - at)
            step = rng.standard_t(4, n) * 8.0
            walk = 30_000.0 + (np.cumsum(step) + close - 30_000.0) * 0.9999
            opens = np.r_[close, walk[:-1]]
            close = float(walk[-1])
            table = pd.DataFrame({"timestamp": pd.date_range(START, periods=n, freq="min") + pd.Timedelta(minutes=at)})
            table["open"], table["high"] = opens, np.maximum(opens, walk) + rng.random(n)
            table["low"], table["close"] = np.minimum(opens, walk) - rng.random(n), walk
            table["volume"] = rng.integers(1, 10_000, n)
            table.to_csv(stream, index=False, header=False, float_format="%.4f")
    return rows


def imported(path: Path, home: Path) -> tuple[float, float, int]:
    """Import the file and return peak resident MiB, seconds and bars stored."""
    words = ["import", str(path), "--symbol", "BTCUSD", "--timeframe", "1T", "--timezone", "UTC", "--stamp", "open"]
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, *words, "--json"],
        env=os.environ | {"ASSAY_HOME": str(home)}, capture_output=True, text=True,
    )  # fmt: skip
    if ended.returncode:
        raise SystemExit(ended.stderr)
    peak = int(ended.stderr.strip().rpartition("\n")[2]) / (1 if sys.platform == "darwin" else 1024)
    return (
        peak / (1024 if sys.platform == "darwin" else 1),
        time.perf_counter() - began,
        json.loads(ended.stdout)["rows"],
    )


def main(sizes: tuple[int, ...]) -> None:
    """Print a line for each size."""
    with tempfile.TemporaryDirectory() as name:
        for megabytes in sizes:
            path = Path(name) / f"{megabytes}.csv"
            written(path, megabytes)
            size = path.stat().st_size / 1e6
            peak, seconds, rows = imported(path, Path(name) / f"home{megabytes}")
            print(f"{size:8,.0f} MB  {rows:11,} bars  peak {peak:5.0f} MiB  {seconds:6.1f} s", flush=True)
            path.unlink()


if __name__ == "__main__":
    main(tuple(int(one) for one in sys.argv[1:]) or SIZES)
