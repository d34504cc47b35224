"""Trying again on the same window: the whole loop counts every try as a trial and a look, and nothing is promoted."""

from collections.abc import Callable

import pytest

from market import placebo_settings
from market.gate_settings import HONEST
from pipeline import placebo_judging, placebo_tasks
from pipeline.placebo_judging import Judged
from pipeline.placebo_tasks import Task, done
from tests.pipeline.conftest import CommandLine
from tests.pipeline.test_placebo import BUILT_IN, CHEAP

TWICE = Task("null", "N1 random walk", 1000, attempts=2)


@pytest.fixture(autouse=True)
def tiny_worlds(tmp_path, monkeypatch):
    command = CommandLine(tmp_path)
    for old, new in CHEAP.items():
        command.replace("placebo", old, new)
    for name, value in command.environment.items():
        monkeypatch.setenv(name, value)


def every_try_counts(judge: Callable[..., Judged], monkeypatch: pytest.MonkeyPatch) -> None:
    """Go through the loop of an impatient user in a world without an edge, judged by `judge`."""
    tries: list[Judged] = []

    def noting(*given: object) -> Judged:
        tries.append(judge(*given))
        return tries[-1]

    monkeypatch.setattr(placebo_tasks, "judge", noting)
    row = done(TWICE, BUILT_IN, placebo_settings.worlds())
    assert (row["error"], row["refused"]) == (None, None)
    assert (row["attempt"], row["promoted"]) == (2, False)
    first, second = (one.trained.ensemble.to_files() for one in tries)
    assert first != second, "the next try is another model"
    looks = [gate.got for one in tries for gate in one.verdicts[HONEST] if gate.name == "looks"]
    assert looks == [1.0, 2.0], "and one look more at the same window"


def test_a_window_that_is_tried_again_has_been_looked_at_once_more(monkeypatch):
    every_try_counts(placebo_judging.judge, monkeypatch)


def test_a_loop_that_forgets_what_was_tried_is_caught(monkeypatch):
    with pytest.raises(AssertionError, match="one look more"):
        every_try_counts(lambda ready, work, *steps_and_earlier: placebo_judging.judge(ready, work), monkeypatch)
