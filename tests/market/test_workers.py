"""Results in order from processes that end with whoever asked for them, killed or interrupted."""

import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest

from market import workers
from tests.processes import end_within

FAMILY = """
import os, time
from market import workers
from tests.processes import end_within

def told(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

workers._until_started = lambda *_: iter(())
list(workers.in_order(told, range(2), 2))
"""


def slow_then_quick(number: int) -> tuple[int, int]:
    time.sleep(0.2 if number == 1 else 0.0)
    return number, os.getpid()


def refuses(number: int) -> int:
    raise ValueError(f"no {number}")


def test_results_come_in_order_from_this_process_first_and_from_others_once_they_have_started():
    taken = []
    for result in workers.in_order(slow_then_quick, iter(range(200)), 2):
        taken.append(result)
        time.sleep(0.05)
        if result[1] != os.getpid() and len(taken) > 12:
            break
    assert [number for number, _ in taken] == list(range(len(taken)))
    assert taken[0][1] == os.getpid()
    assert taken[-1][1] != os.getpid()


def made_of(number: int) -> tuple[int, np.ndarray, np.ndarray, int]:
    drawn = np.random.default_rng(number).random((3, 5))
    return number, drawn.T, np.array([]), os.getpid()


def test_arrays_come_as_they_were_and_leave_no_file(monkeypatch):
    monkeypatch.setattr(workers, "_until_started", lambda *_: iter(()))
    results = list(workers.in_order(made_of, range(8), 2))
    assert os.getpid() not in {process for *_, process in results}
    for number, drawn, nothing, _ in results:
        np.testing.assert_array_equal(drawn, made_of(number)[1])
        assert nothing.shape == (0,) and drawn.flags.writeable
    assert list(workers._folder(os.getpid()).iterdir()) == []


def test_joblib_works_beside_workers_that_stay():
    """Features leave their workers to the next series, and training asks joblib for its own."""
    assert len([*workers.in_order(slow_then_quick, range(40), 2)]) == 40
    assert joblib.Parallel(n_jobs=2)(joblib.delayed(slow_then_quick)(number) for number in range(4))
    assert len([*workers.in_order(slow_then_quick, range(40), 2)]) == 40


def test_one_process_is_this_one():
    assert {process for _, process in workers.in_order(slow_then_quick, range(3), 1)} == {os.getpid()}


@pytest.mark.parametrize("processes", [1, 2])
def test_what_fails_fails_here(processes):
    with pytest.raises(ValueError, match="no 0"):
        list(workers.in_order(refuses, range(3), processes))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_parent_that_is_killed_or_interrupted_takes_its_workers_with_it(how):
    parent = subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    family = [int(parent.stdout.readline()) for _ in range(2)]
    parent.send_signal(how)
    parent.wait()
    assert end_within(20, family)
