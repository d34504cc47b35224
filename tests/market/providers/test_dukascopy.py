"""Dukascopy: a day of candles as its server packs it, and nothing else ever becomes a part."""

import lzma
import struct
import tracemalloc
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from market.errors import DataError
from market.vendors.providers import dukascopy
from market.vendors.providers.parts import DAY, MINUTE
from tests.market.providers.stage import Answer, asking, bi5, in_turn, play_dukascopy, staged

FRIDAY = 19_727 * DAY  # 2024-01-05
LATER = FRIDAY + 30 * DAY


def packed(*records: tuple) -> bytes:
    return lzma.compress(b"".join(struct.pack(">5If", *one) for one in records), format=lzma.FORMAT_ALONE)


def parts(first: int = FRIDAY, days: int = 1, now: int = LATER) -> list:
    return dukascopy.plan("XAUUSD", "1T", first, first + days * DAY, now)


def downloaded(answer: Answer) -> bytes:
    with staged(in_turn(answer)) as stage:
        return dukascopy.download(parts()[0], asking(stage, name="Dukascopy"))


def test_a_record_is_time_open_close_low_high_volume():
    found = dukascopy.candles(packed((60, 2_040_100, 2_040_300, 2_039_900, 2_040_500, 0.125)), "x")
    cells = {"second": 60, "open": 2_040_100, "close": 2_040_300, "low": 2_039_900, "high": 2_040_500, "volume": 0.125}
    assert {name: found[name].item() for name in found.dtype.names} == cells
    assert found.dtype == dukascopy.CANDLE and found.dtype.isnative


def test_a_day_is_1440_candles():
    found = dukascopy.candles(bi5(), "x")
    assert np.array_equal(found["second"], np.arange(1440) * 60)


def test_an_empty_file_has_no_candles():
    assert len(dukascopy.candles(b"", "x")) == 0


def test_the_address_counts_months_from_zero():
    with staged(in_turn(Answer(body=bi5()))) as stage:
        for part in parts():
            dukascopy.download(part, asking(stage))
        assert [one.target for one in stage.asked] == [
            "/XAUUSD/2024/00/05/BID_candles_min_1.bi5",
            "/XAUUSD/2024/00/05/ASK_candles_min_1.bi5",
        ]


def test_a_part_is_the_file_as_it_came():
    assert downloaded(Answer(body=bi5())) == bi5()


@pytest.mark.parametrize("answer", [Answer(404, b"<html>"), Answer(body=b""), Answer(body=packed())])
def test_a_day_without_candles_is_empty(answer):
    assert downloaded(answer) == b""


def test_both_sides_of_every_day_are_planned_in_time_order():
    planned = parts(FRIDAY + 5 * MINUTE, days=2)
    assert [one.name.removesuffix("_candles_min_1") for one in planned] == [
        f"XAUUSD_2024-01-{day}_{side}" for day in ("05", "06", "07") for side in ("BID", "ASK")
    ]
    assert [(one.start, one.end, one.side) for one in planned[:2]] == [
        (FRIDAY, FRIDAY + DAY, "bid"),
        (FRIDAY, FRIDAY + DAY, "ask"),
    ]


def test_a_leap_day_and_the_end_of_a_year_have_their_addresses():
    leap, sylvester = 19_782 * DAY, 20_088 * DAY
    with staged(play_dukascopy) as stage:
        for start in (leap, sylvester):
            dukascopy.download(parts(start, now=start + 30 * DAY)[0], asking(stage))
        assert [one.target[:18] for one in stage.asked] == ["/XAUUSD/2024/01/29", "/XAUUSD/2024/11/31"]


GARBAGE = {
    "HTML": b"<html>We are busy</html>",
    "noise": bytes(range(256)) * 8,
    "cut": bi5()[:-9],
    "a tail": bi5() + b"more",
    "half a record": lzma.compress(bytes(25), format=lzma.FORMAT_ALONE),
    "another container": lzma.compress(bytes(24)),
    "two days": bi5(range(0, 1441)),
    "off the minute": packed((61, 1, 1, 1, 1, 1.0)),
    "beyond the day": packed((86_400, 1, 1, 1, 1, 1.0)),
    "twice": packed((60, 1, 1, 1, 1, 1.0), (60, 1, 1, 1, 1, 1.0)),
    "back": packed((120, 1, 1, 1, 1, 1.0), (60, 1, 1, 1, 1, 1.0)),
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=list(GARBAGE))
def test_garbage_never_becomes_a_part(content):
    with pytest.raises(DataError, match="Dukascopy's answer for XAUUSD_2024-01-05_BID") as caught:
        downloaded(Answer(body=content))
    assert "\n" not in str(caught.value)


def test_a_file_cut_anywhere_is_an_error():
    whole = bi5(range(20))
    for length in range(1, len(whole)):
        with pytest.raises(DataError):
            dukascopy.candles(whole[:length], "x")


def test_an_lzma_bomb_is_an_error_in_bounded_memory():
    bomb = lzma.compress(bytes(64 * 2**20), format=lzma.FORMAT_ALONE)
    tracemalloc.start()
    with pytest.raises(DataError, match="more candles than a day has minutes"):
        dukascopy.candles(bomb, "x")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 16 * 2**20  # 8 of which are the dictionary that the file asks for


def test_a_file_that_asks_for_four_gibibytes_of_memory_is_an_error():
    greedy = bytearray(bi5())
    greedy[1:5] = struct.pack("<I", 2**32 - 1)
    with pytest.raises(DataError, match="no LZMA file"):
        dukascopy.candles(bytes(greedy), "x")


@pytest.mark.parametrize("suffix", ["", ".open"])
def test_a_name_says_symbol_day_and_side(suffix):
    name = dukascopy.file_name("USA500IDXUSD", date(2024, 2, 29), "ASK")
    assert dukascopy.named(Path(f"{name}{suffix}.bi5")) == ("USA500IDXUSD", date(2024, 2, 29), "ASK")


@pytest.mark.parametrize("name", ["BID_candles_min_1.bi5", "XAUUSD_2024-02-30_BID_candles_min_1.bi5", "bars.csv"])
def test_another_name_says_nothing(name):
    assert dukascopy.named(Path(name)) is None
