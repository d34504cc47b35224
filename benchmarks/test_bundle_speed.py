"""How fast a model that was carried here is ready, beside its bare parsing in the same run. `make bench` prints it.

Bare: the same files read, hashed and parsed by LightGBM and XGBoost themselves, and the golden rows predicted; nothing
of it is proven. Imports are done and kernels are in memory, as in a runner that takes a new champion; what the first
load of a process costs besides, fetching those kernels from their cache, is printed and not judged. Seconds are the
processor's, so that a busy machine does not judge its other programs.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import xgboost

import feature_store
from labels.sampling import bars_needed
from market import simulated
from market.timeframe import TIMEFRAMES
from registry import exported, golden, group_facts
from registry.bundle import write_bundle
from registry.champion import load_exported
from registry.record import signed
from tests.live import fitted
from tests.registry.cards import make_card
from tests.registry.models import GOLD, make_bundle

READY = 0.100  # processor seconds, after imports
FEATURES = 50
QUARTER_HOUR = TIMEFRAMES["15T"]
FIRST = """
import sys, time
from pathlib import Path
from registry.champion import load_exported
times = []
for _ in range(8):
    began = time.process_time()
    load_exported(*map(Path, sys.argv[1:]))
    times.append(time.process_time() - began)
print(times[0], min(times[1:]), "mlflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an exported champion with 50 features of all groups and 100 rounds a member."""
    folder = tmp_path_factory.mktemp("carried")
    bars = simulated.simulate("XAUUSD", "15T", "2024-01-02", "2024-06-20")
    found = fitted.bundle(GOLD, bars, FEATURES)
    features = list(found.model.features)
    lookback = max(found.lookback, bars_needed(found.sampling, QUARTER_HOUR))
    meta = make_bundle().meta | {"features": features, "lookback": lookback}
    meta["groups"] = group_facts.used(features, QUARTER_HOUR)
    rows = feature_store.compute(bars.iloc[-4000:]).dropna()
    files = found.model.to_files() | {golden.FILE: golden.evidence(found.model, rows, bars.iloc[-lookback:])}
    digest = write_bundle(folder / "bundle", files, meta)
    card = make_card(series=GOLD, bundle_sha256=digest, run_id="a" * 32)
    fields = {"version": "1", "run_id": card.run_id, "bundle_sha256": digest, "serial": 1, "simulated": False}
    record = signed(GOLD, fields | {"when": "2025-10-23T00:00:00+00:00", "previous": None})
    exported.write(folder / "out", folder / "bundle", card, record)
    return folder / "out"


def seconds(work: Callable[[], object], times: int = 15) -> float:
    """Return the least processor time of a few runs."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def bare(folder: Path) -> int:
    """Read, hash and parse the model by its libraries alone, and predict the golden rows."""
    contents = {path.name: path.read_bytes() for path in (folder / "bundle").iterdir()}
    assert all(hashlib.sha256(content).hexdigest() for content in contents.values())
    rows = np.array(json.loads(contents[golden.FILE])["rows"], dtype=np.float32)
    trees = lightgbm.Booster(model_str=contents["lightgbm.txt"].decode())
    boosted = xgboost.Booster({"nthread": 1})
    boosted.load_model(bytearray(contents["xgboost.ubj"]))
    predicted = trees.predict(rows, num_threads=1), boosted.predict(xgboost.DMatrix(rows, nthread=1))
    return sum(len(one) for one in predicted)


def test_a_carried_model_is_ready_within_a_tenth_of_a_second(benchmark, carried, tmp_path):
    load_exported(carried, tmp_path)
    bare(carried)
    ready, parsed = seconds(lambda: load_exported(carried, tmp_path)), seconds(lambda: bare(carried))
    benchmark(load_exported, carried, tmp_path)
    size = sum(path.stat().st_size for path in carried.rglob("*") if path.is_file())
    print(
        f"\n{size / 1e6:.1f} MB: ready in {1e3 * ready:.1f} ms, bare {1e3 * parsed:.1f} ms: {ready / parsed:.1f} times"
    )
    assert ready < READY
    assert ready < 4 * parsed


def test_the_first_load_of_a_process(carried, tmp_path):
    words = [sys.executable, "-c", FIRST, str(carried), str(tmp_path)]
    first, later, mlflow = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    print(f"\nfirst load {float(first):.2f} s, the kernels of {FEATURES} features fetched; then {float(later):.3f} s")
    assert mlflow == "False"
    assert float(later) < READY
