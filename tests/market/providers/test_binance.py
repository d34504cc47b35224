"""Binance: a thousand candles at a time, on the grid, and nothing else ever becomes a part."""

import json

import pytest

from market.errors import DataError, UnavailableError
from market.vendors.providers import binance
from market.vendors.providers.parts import DAY, MINUTE
from tests.market.providers.stage import MINUTE_MS, Answer, Asked, as_json, asking, in_turn, kline, play_binance, staged

FIRST = 19_727 * DAY  # 2024-01-05
LATER = FIRST + 3000 * DAY
GRID = {"1T": ("1m", 1), "5T": ("5m", 5), "15T": ("15m", 15), "30T": ("30m", 30), "1H": ("1h", 60), "4H": ("4h", 240)}


def first_part(timeframe: str = "15T", now: int = LATER):
    return binance.plan("BTCUSDT", timeframe, FIRST, FIRST + DAY, now)[0]


def downloaded(answer: Answer) -> bytes:
    with staged(in_turn(answer)) as stage:
        return binance.download(first_part(), asking(stage, name="Binance"))


def rows(n: int = 3) -> list:
    start = first_part().start // 1000
    return [kline(start + i * 15 * MINUTE_MS, 15) for i in range(n)]


@pytest.mark.parametrize("timeframe", binance.TIMEFRAMES)
def test_a_part_is_a_thousand_bars_on_the_grid_of_the_epoch(timeframe):
    interval, minutes = GRID[timeframe]
    planned = binance.plan("BTCUSDT", timeframe, FIRST, FIRST + 2500 * minutes * MINUTE, LATER)
    length = 1000 * minutes * MINUTE
    assert all(one.start % length == 0 and one.end == one.start + length == one.until for one in planned)
    assert [one.start for one in planned[1:]] == [one.end for one in planned[:-1]]
    assert planned[0].start <= FIRST < planned[0].end and planned[-1].end >= FIRST + 2500 * minutes * MINUTE
    with staged(play_binance) as stage:
        content = binance.download(planned[1], asking(stage))
        asked = stage.asked[0]
    assert asked.path == "/api/v3/klines" and "Authorization" not in asked.headers
    assert asked.query == {
        "symbol": "BTCUSDT",
        "interval": interval,
        "startTime": str(planned[1].start // 1000),
        "endTime": str(planned[1].end // 1000 - 1),
        "limit": "1000",
    }
    found = binance.klines(content, "x")
    assert len(found) == 1000 and found["open_time"][0] * 1000 == planned[1].start


def test_names_of_parts_are_unique():
    planned = [one.name for name in binance.TIMEFRAMES for one in binance.plan("BTCUSDT", name, FIRST, LATER, LATER)]
    assert len(planned) == len(set(planned))


def test_texts_become_numbers():
    found = binance.klines(
        json.dumps([[1_704_412_800_000, "1.5", "2.25", "1", "2", "0.001", 1, "", 0, "", "", ""]]), "x"
    )
    assert found.tolist() == [(1_704_412_800_000, 1.5, 2.25, 1.0, 2.0, 0.001)]


def test_a_part_is_the_answer_as_it_came():
    answer = Answer(body=json.dumps(rows(), indent=3).encode())
    assert downloaded(answer) == answer.body


def test_a_range_before_the_listing_is_empty():
    assert downloaded(as_json([])) == b""


def test_a_candle_that_is_not_closed_is_not_asked_for():
    part = first_part("1H", now=FIRST + 90 * MINUTE)
    with staged(play_binance) as stage:
        found = binance.klines(binance.download(part, asking(stage)), "x")
    assert found["open_time"][-1] * 1000 == FIRST
    assert part.until == FIRST + 60 * MINUTE


def changed(**cells) -> Answer:
    """Return three candles with cells of the middle one changed: `o0` is its first, and so on."""
    table = rows()
    for name, value in cells.items():
        table[1][int(name[1:])] = value
    return as_json(table)


GARBAGE = {
    "nothing": Answer(),
    "HTML": Answer(body=b"<html>We are busy</html>"),
    "an error with 200": as_json({"code": -1121, "msg": "Invalid symbol."}),
    "cut JSON": Answer(body=b'[[1704412800000,"1'),
    "deep JSON": Answer(body=b"[" * 100_000),
    "not UTF-8": Answer(body=b"\xff\xfe["),
    "a short row": as_json([rows()[0][:6]]),
    "a row of another kind": as_json([{"openTime": 1}]),
    "a time as text": changed(o0=str(rows()[1][0])),
    "a time as a fraction": changed(o0=rows()[1][0] + 0.5),
    "a huge time": changed(o0=10**30),
    "a price as a number": changed(o1=1.0),
    "a price of letters": changed(o2="1.0x"),
    "a price without end": changed(o3="inf"),
    "no price": changed(o4=None),
    "back in time": as_json(rows()[::-1]),
    "twice": as_json([*rows(2), rows(2)[1]]),
    "before the part": as_json([kline(first_part().start // 1000 - 15 * MINUTE_MS, 15)]),
    "after the part": as_json([kline(first_part().end // 1000, 15)]),
    "microseconds": as_json([kline(first_part().start, 15)]),
    "off the grid": as_json([kline(first_part().start // 1000 + MINUTE_MS, 15)]),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=list(GARBAGE))
def test_garbage_never_becomes_a_part(answer):
    with pytest.raises(DataError, match="Binance's answer for BTCUSDT_15m") as caught:
        downloaded(answer)
    assert "\n" not in str(caught.value)


def test_an_unknown_symbol_says_where_to_mend_it():
    with pytest.raises(UnavailableError, match=r"Binance .*HTTP 400.*config/instruments\.toml"):
        downloaded(as_json({"code": -1121, "msg": "Invalid symbol."}, 400))


def test_a_ban_is_respected():
    def banned(asked: Asked) -> Answer:
        return Answer(418, b'{"code":-1003}', {"Retry-After": "7200"})

    with staged(banned) as stage, pytest.raises(UnavailableError, match="7200 s"):
        binance.download(first_part(), asking(stage))
    assert len(stage.asked) == 1
