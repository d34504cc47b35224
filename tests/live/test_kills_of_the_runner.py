"""Real kill -9 of the whole loop, on a journal and a venue on disk: nothing lost, nothing doubled, the same trades."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import live
from tests.live import kills
from tests.live.kills import Count
from tests.live.planted import PLANTED

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

SHORT, LONG = 500, 10_000
EACH = 30
LABELS = (
    "after_see",
    "after_execution",
    "before_intent",
    "in_intent",
    "after_intent",
    "before_send",
    "after_send",
    "after_acknowledgement",
    "in_reconcile",
    "in_migration",
)


def clean(count: Count) -> bool:
    return (count.lost, count.doubled, count.wrong) == (0, 0, ())


def killed(total: int) -> Iterator[Count]:
    """Yield worlds until `total` kills are done in them."""
    done, seed = 0, 0
    while done < total:
        count = kills.traded(seed)
        yield count
        done, seed = done + count.kills, seed + 1


def test_every_place_in_the_source_is_killed_at():
    sources = Path(live.__file__).parent.rglob("*.py")
    assert {label for path in sources for label in re.findall(r'failpoint\("(\w+)"\)', path.read_text())} == set(LABELS)


def test_random_kills_lose_nothing_and_double_nothing():
    counts = list(killed(SHORT))
    assert all(map(clean, counts)), counts
    assert sum(count.orders for count in counts) > 20


@pytest.mark.parametrize("label", LABELS)
def test_kills_at_every_place_lose_nothing_and_double_nothing(label):
    done = seed = 0
    while done < EACH:
        new = label == "in_migration"  # which a world passes only while its files are new
        count = kills.traded(seed, label=label, most=min(EACH - done, 3 if new else EACH), bars=30 if new else 90)
        assert clean(count), count
        done, seed = done + count.kills, seed + 1


@pytest.mark.parametrize(
    "name",
    [
        "sends again without asking",
        "makes up a new id for every attempt",
        "commits the intent after the order has left",
        "takes no answer for a rejection",
        "begins a new account at every start",
    ],
)
def test_the_same_kills_find_a_runner_that_is_wrong(name):
    assert not clean(kills.traded(1, PLANTED[name], "before_intent", most=10, bars=90))
    assert clean(kills.traded(1, label="before_intent", most=10, bars=90))


@pytest.mark.long
def test_many_random_kills_lose_nothing_and_double_nothing():
    assert [count for count in killed(LONG) if not clean(count)] == []
