"""The page of mistakes keeps its word: thirty of them, and every test that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "mistakes.md"
NAMED = re.compile(r"`(tests/\S+?\.py)::(\w+)`")
MANY = 30
LEAKS = (
    "`tests/backtest/test_leak_signature.py::test_a_score_that_knows_the_next_bar_is_told_as_a_leak_and_the_same_score_"
    "in_time_is_not`, `tests/backtest/test_stress.py::test_a_planted_leak_fails`"
)


def rows(page: str) -> list[list[str]]:
    """Return the cells of each row of the table of mistakes, without its head."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def written_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file; none where there is no such file."""
    path = PROJECT / file
    if not path.is_file():
        return frozenset()
    functions = (node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef))
    return frozenset(one.name for one in functions if one.name.startswith("test_"))


def complaints(page: str) -> list[str]:
    """Return what is wrong with a page of mistakes, a sentence each."""
    table = rows(page)
    found = [] if len(table) == MANY else [f"{PAGE.name} has {len(table)} rows, wanted {MANY}."]
    for at, cells in enumerate(table, start=1):
        if len(cells) != 4 or cells[0] != str(at):
            found.append(f"Row {at} is not numbered {at} with a mistake, what Assay does, and tests: {cells[:2]}.")
            continue
        named = NAMED.findall(cells[3])
        if not named:
            found.append(f"Mistake {at} ({cells[1]}) names no test: write `tests/…/test_x.py::test_y`.")
        if "twin" not in cells[3]:
            found.append(f"Mistake {at} ({cells[1]}) names no test with a broken twin.")
        found += [
            f"Mistake {at} ({cells[1]}) names {file}::{test}, which does not exist."
            for file, test in named
            if test not in written_in(file)
        ]
    return found


def test_each_of_thirty_mistakes_names_tests_that_exist():
    found = complaints(PAGE.read_text(encoding="utf-8"))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("| 7 | ", "| 70 | ", "Row 7 is not numbered 7"),
        ("::test_it_is_the_printed_number`", "::test_it_is_another_number`", "which does not exist"),
        ("`tests/backtest/test_overfitting.py::", "`tests/backtest/test_under.py::", "which does not exist"),
        (LEAKS, "a twin of none", "names no test: write"),
        (
            "twins `tests/backtest/test_leak_signature",
            "`tests/backtest/test_leak_signature",
            "no test with a broken twin",
        ),
        ("\n| 30 |", "\n30 |", "has 29 rows, wanted 30"),
    ],
)
def test_a_page_that_breaks_its_word_is_caught(old, new, told):
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(old) == 1, "the change of this test fits the page"
    (complaint,) = complaints(page.replace(old, new))
    assert told in complaint
