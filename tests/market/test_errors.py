"""Errors for people: each has the exit code of the design, and names are suggested only where they are near."""

import pytest

from market import errors
from market.errors import AssayError, nearest

CODES = {"UsageError": 2, "GateError": 3, "DataError": 4, "HaltError": 5, "UnavailableError": 6}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_error_ends_with_its_code(name, code):
    error = getattr(errors, name)
    assert issubclass(error, AssayError)
    assert error.exit_code == code
    assert str(error("one line")) == "one line"


def test_an_error_without_a_class_of_its_own_is_our_bug():
    assert AssayError.exit_code == 70


def test_every_class_is_in_the_table():
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, AssayError)]
    assert {one.__name__ for one in classes} == {*CODES, "AssayError"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("XAUUDS", "XAUUSD"), ("xauusd", "XAUUSD"), ("EURSUD", "EURUSD"), ("BTC", "BTCUSD"), ("GER40", None), ("", None)],
)
def test_the_nearest_name_is_suggested(typed, meant):
    known = ["EURUSD", "XAUUSD", "BTCUSD"]
    expected = f" Did you mean {meant}?" if meant else ""
    assert nearest(typed, known) == expected


def test_nothing_is_suggested_where_nothing_is_known():
    assert nearest("x", []) == ""
