"""What one sees of a fleet while it runs: one live table that fits a terminal, and plain lines where there is none."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from pipeline.screen_fleet_live import Watched, picture

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SPENT = {"enrich": 12.5, "label": 0.4, "causality": 7.0}


def waiting(expected: float | None = 60.0) -> dict[str, Any]:
    return {"state": "waiting", "why": "enrich: not run yet", "expected": expected}


def working(stage: str = "train") -> dict[str, Any]:
    return waiting() | {"state": "working", "stage": stage, "seconds": SPENT, "at": "2026-01-01T10:00:00+00:00"}


def judged(verdict: str = "FAILED", minute: int = 0, **more: Any) -> dict[str, Any]:
    told = {"state": "judged", "verdict": verdict, "trades": 312, "why": "Only READY is promoted.", "promoted": False}
    return waiting() | told | {"seconds": SPENT | {"train": 40.1}, "at": f"2026-01-01T10:{minute:02}:00+00:00"} | more


def failed(minute: int = 0) -> dict[str, Any]:
    return waiting() | {"state": "failed", "why": "train: [bold]no memory", "at": f"2026-01-01T10:{minute:02}:00+00:00"}


def fleet(at_work: int, ended: int, left: int) -> dict[str, dict[str, Any]]:
    """Return a board of so many series, the later of those that ended the newer."""
    every = [working() for _ in range(at_work)] + [judged(minute=at) for at in range(ended)] + [waiting()] * left
    return {f"SYM{at:02}_15T": one for at, one in enumerate(every)}


def drawn(series: dict[str, dict[str, Any]], spent: float = 600.0, height: int = 24, width: int = 100) -> list[str]:
    """Return the lines that a terminal shows."""
    out = io.StringIO()
    console = Console(force_terminal=True, file=out, width=width, height=height, highlight=False)
    console.print(picture(series, spent, height))
    return [line.rstrip() for line in CONTROL.sub("", out.getvalue()).splitlines()]


@pytest.mark.parametrize("height", [6, 12, 24, 60])
@pytest.mark.parametrize(("at_work", "ended", "left"), [(2, 20, 26), (0, 48, 0), (40, 8, 0), (0, 0, 48), (1, 1, 0)])
def test_however_many_series_there_are_they_fit_the_terminal(at_work, ended, left, height):
    lines = drawn(fleet(at_work, ended, left), height=height, width=60)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= 60
    assert lines[1].startswith(f"{ended} of {at_work + ended + left}")


def test_states_are_counted_and_verdicts_apart_from_failures():
    series = fleet(2, 3, 4) | {
        "A_1H": judged("READY"),
        "B_1H": failed(),
        "C_1H": {"state": "missing", "why": "no bars"},
    }
    assert drawn(series)[0] == "2 working, 4 waiting, 1 READY, 3 FAILED, 1 failed, 1 missing"


def test_pace_and_what_is_left_follow_from_what_was_judged():
    assert drawn(fleet(1, 2, 3), spent=600.0)[1] == "2 of 6, 12 an hour, 20 min left"
    assert drawn(fleet(1, 0, 3), spent=600.0)[1] == "0 of 4"
    assert drawn(fleet(0, 4, 0), spent=600.0)[1] == "4 of 4, 24 an hour"


def test_long_series_that_are_left_take_longer_than_short_ones():
    series = {"A_1H": judged(), "B_1T": waiting(expected=600.0)}
    assert drawn(series, spent=60.0)[1] == "1 of 2, 60 an hour, 10 min left"
    unknown = {"A_1H": judged(), "B_1T": waiting(expected=None)}
    assert drawn(unknown, spent=60.0)[1] == "1 of 2, 60 an hour, 1 min left"


def test_who_is_at_work_is_shown_with_its_stage_and_the_seconds_of_those_behind():
    lines = drawn({"XAUUSD_15T": working("train")} | fleet(0, 1, 0))
    heading, row = next(
        (lines[at].split(), lines[at + 1].split()) for at, line in enumerate(lines) if "at work" in line
    )
    assert heading == ["at", "work", "enrich", "label", "causality", "train", "backtest", "gate"]
    assert row == ["XAUUSD_15T", "working", "12.5", "0.4", "7.0", "…"]


def test_what_has_no_room_is_counted_and_verdicts_keep_some():
    lines = drawn(fleet(40, 8, 0), height=24)
    assert "… and 26 more at work" in lines
    last = lines[next(at for at, line in enumerate(lines) if line.startswith("came last")) + 1 :]
    assert [line.split()[0] for line in last] == [f"SYM{at}_15T" for at in (47, 46, 45, 44, 43)]


def test_the_last_verdicts_are_the_newest_with_trades_seconds_and_what_came_of_them():
    series = {
        "A_1H": judged("READY", 1, promoted=True),
        "B_1H": failed(3),
        "C_1H": judged("READY", 2, why="The champion stays."),
        "E_1H": judged("FAILED", 0),
        "D_1H": {"state": "up to date", "verdict": "FAILED", "at": "2026-01-01T10:09:00+00:00"},
    }
    lines = drawn(series)
    assert [line.split(None, 4) for line in lines[3:]] == [
        ["B_1H", "failed", "train:", "[bold]no", "memory"],
        ["C_1H", "READY", "312", "60", "The champion stays."],
        ["A_1H", "READY", "312", "60", "in production"],
        ["E_1H", "FAILED", "312", "60"],
    ]


def test_on_a_terminal_the_table_is_live_and_gone_at_the_end():
    out = io.StringIO()
    watched = Watched(Console(force_terminal=True, file=out, width=100, height=24, highlight=False))
    series = fleet(1, 1, 46)
    with watched.shown(series):
        series["SYM00_15T"] = judged("READY", 30)
        watched.changed("SYM00_15T", series)
        watched.tick()
        live = CONTROL.sub("", out.getvalue())
    assert "1 working, 46 waiting, 1 FAILED" in live
    assert "46 waiting, 1 READY, 1 FAILED" in live
    assert "SYM00_15T  READY" in live
    assert out.getvalue().endswith("\x1b[2K"), "the table is wiped"
    before = out.getvalue()
    watched.tick()
    assert out.getvalue() == before


def test_elsewhere_a_line_is_said_of_what_is_worth_one():
    out = io.StringIO()
    watched = Watched(Console(file=out, width=60))
    series = fleet(1, 0, 1)
    with watched.shown(series):
        watched.changed("SYM00_15T", series)
        watched.tick()
        for one in (judged("READY") | {"expected": None}, failed(), waiting(), {"state": "missing", "why": "no bars"}):
            series["SYM00_15T"] = one
            watched.changed("SYM00_15T", series)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert lines[0] == "SYM00_15T: train (0 of 2)"
    assert re.fullmatch(r"SYM00_15T: READY, 312 trades, 60 s of work \(1 of 2, \d+ an hour, \d+ s left\)", lines[1])
    assert lines[2:] == [
        "SYM00_15T: failed: train: [bold]no memory (1 of 2)",
        "SYM00_15T: missing: no bars (1 of 2)",
    ]
