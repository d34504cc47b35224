"""Work is spread over processes that never outlive the one that asked for it."""

import signal
import subprocess
import sys

import joblib

from tests.processes import end_within
from training.workers import spread

FAMILY = """
import os, sys, time
import joblib
from training.workers import spread

def told(number):
    print(os.getpid(), flush=True)
    time.sleep(60)

list(spread([joblib.delayed(told)(number) for number in range(2)], 2, "work", lambda *said: None, 2))
"""


def test_results_come_with_progress_that_counts_what_was_done_before():
    said = []
    tasks = [joblib.delayed(pow)(2, number) for number in (3, 4)]
    assert sorted(spread(tasks, 1, "powers", lambda *what: said.append(what), 5)) == [8, 16]
    assert said == [("powers", 3, 5), ("powers", 4, 5), ("powers", 5, 5)]


def test_a_killed_parent_takes_its_workers_with_it():
    parent = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert end_within(20, workers)
