"""Who writes a run is told by its tag, so that a crash can be told from work."""

import os
import subprocess

from registry import writer


def test_this_process_lives_and_one_that_ended_does_not() -> None:
    process = subprocess.Popen(["sleep", "60"])
    signed = writer.signature(process.pid)
    assert writer.lives(writer.signature()) is True and writer.lives(signed) is True
    process.kill()
    while writer.lives(signed):
        pass
    assert writer.lives(signed) is False, "ended, though nobody has collected it"
    process.wait()
    assert writer.lives(signed) is False


def test_another_process_with_the_same_number_is_not_the_writer() -> None:
    host, pid, started, boot = writer.signature().split(" ")
    assert pid == str(os.getpid())
    assert writer.lives(f"{host} {pid} {int(started) + 1} {boot}") is False, "the number was given again"
    assert writer.lives(f"{host} {pid} {started} another-boot") is False, "the machine was started again"


def test_of_another_machine_nothing_is_known() -> None:
    _, pid, started, boot = writer.signature().split(" ")
    assert writer.lives(f"far-away {pid} {started} {boot}") is None
    assert writer.lives("") is None and writer.lives("a b c") is None and writer.lives("a b c d e") is None
