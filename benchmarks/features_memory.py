"""The memory of enriching: a million one-minute bars and all features, `assay enrich` in a process of its own.

`python -m benchmarks.features_memory [BARS]` prints the cells a second, and the peaks of resident memory: of the
process, of the largest of its workers and of all together (a sample every 50 ms).
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.import_memory import ROW, written

BARS = 1_000_000
SERIES = ("BTCUSD", "1T")


def resident(process: int) -> int:
    """Return the bytes that a process has in memory, 0 where it is gone."""
    try:
        fields = Path(f"/proc/{process}/statm").read_text().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def family(parent: int) -> list[int]:
    """Return a process and all that come from it."""
    found = [parent]
    for process in found:
        try:
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            continue
        found += [int(child) for child in children]
    return found


def assay(home: Path, *words: str) -> tuple[str, list[int]]:
    """Run a command and return what it printed, and the peaks in bytes: its own, the largest worker's, of all."""
    peaks = [0, 0, 0]
    command = [sys.executable, "-m", "pipeline", *words, "--json"]
    run = subprocess.Popen(command, env=os.environ | {"ASSAY_HOME": str(home)}, stdout=subprocess.PIPE, text=True)

    def watch() -> None:
        while run.poll() is None:
            own, *others = [resident(process) for process in family(run.pid)]
            for i, seen in enumerate((own, max(others, default=0), own + sum(others))):
                peaks[i] = max(peaks[i], seen)
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = run.communicate()
    watcher.join()
    if run.returncode:
        raise SystemExit(run.returncode)
    return printed, peaks


def main(bars: int) -> None:
    """Import that many bars, enrich them and print the figures."""
    with tempfile.TemporaryDirectory() as name:
        home, path = Path(name) / "home", Path(name) / "bars.csv"
        written(path, bars * ROW // 1_000_000)
        assay(home, "import", str(path), "--symbol", SERIES[0], "--timeframe", SERIES[1], "--timezone", "UTC",
              "--stamp", "open")  # fmt: skip
        printed, peaks = assay(home, "enrich", "_".join(SERIES))
        answer = json.loads(printed)["series"][0]
        rows, columns, seconds = answer["rows"], answer["columns"], answer["seconds"]
        own, worker, together = (peak / 2**20 for peak in peaks)
        print(
            f"{rows:,} bars × {columns} features  {seconds:.1f} s with the start of workers  "
            f"{rows * columns / seconds / 1e6:.1f} M cells/s  peak {own:.0f} MiB, worker {worker:.0f} MiB, "
            f"together {together:.0f} MiB"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else BARS)
