"""What it costs one writer to log and register many small trainings, one after another.

python -m benchmarks.registry_bookkeeping [--trainings 48]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from registry import address, tracking
from tests.registry.cards import a_fold, make_card

SERIES = "XAUUSD_15T"
BUNDLE = {"xgboost.ubj": bytes(800_000), "lightgbm.txt": bytes(900_000), "meta.json": bytes(20_000)}
PLOTS = {f"plot_{number}": bytes(40_000) for number in range(12)}


def main() -> None:
    """Print seconds a training, for the home's own registry or the one that config/registry.toml names."""
    words = argparse.ArgumentParser(description="Bookkeeping of many trainings by one writer.")
    words.add_argument("--trainings", type=int, default=48)
    count = words.parse_args().trainings
    with tempfile.TemporaryDirectory(prefix="assay-bookkeeping-") as folder:
        home = Path(folder) / "home"
        began = time.perf_counter()
        tracking.aliases(home, SERIES)
        print(f"{address.of(home).shown.replace(folder, '…')}: opened for the first time in {_since(began):.1f} s")
        folds = [a_fold(number) | {f"figure_{one}": one / 7 for one in range(40)} for number in range(1, 11)]
        seconds = []
        for number in range(count):
            began = time.perf_counter()
            card = make_card(folds=folds, looks=number + 1)
            run_id = tracking.log_run(home, card, "# Card\n" * 500, BUNDLE, PLOTS)
            tracking.register(home, SERIES, run_id, card.bundle_sha256)
            seconds.append(_since(began))
    ordered = sorted(seconds)
    print(
        f"{count} trainings logged and registered without an error in {sum(seconds):.1f} s: "
        f"median {ordered[count // 2]:.3f} s, "
        f"longest {ordered[-1]:.3f} s, first {seconds[0]:.3f} s; load {os.getloadavg()[0]:.1f}"
    )


def _since(began: float) -> float:
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
