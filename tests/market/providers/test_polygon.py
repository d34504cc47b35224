"""Polygon: a month of pages joined to one object; whatever leads elsewhere or repeats itself is refused."""

import json

import pytest

from market.errors import DataError, UnavailableError
from market.vendors.providers import polygon
from market.vendors.providers.parts import DAY, MINUTE
from tests.market.providers.stage import (
    Answer,
    Asked,
    Stage,
    aggregate,
    as_json,
    asking,
    in_turn,
    polygon_page,
    polygon_rows,
    staged,
)

JANUARY, FEBRUARY, MARCH = 19_723 * DAY, 19_754 * DAY, 19_783 * DAY
LATER = MARCH + 300 * DAY
KEY = "canary-key-7f3a"


def month(timeframe: str = "1H", now: int = LATER):
    return polygon.plan("C:XAUUSD", timeframe, JANUARY, FEBRUARY, now)[0]


def downloaded(play, timeframe: str = "1H", now: int = LATER) -> tuple[bytes, list[Asked]]:
    with staged(play) as stage:
        return polygon.download(month(timeframe, now), asking(stage, name="Polygon", key=KEY)), stage.asked


def paged(stage_url, size: int = 300):
    """Return a play that sends `size` bars a page and the address of the next one, as Polygon does."""

    def play(asked: Asked) -> Answer:
        rows = polygon_rows(asked)
        at = int(asked.query.get("cursor", "0"))
        more = {}
        if at + size < len(rows):
            more["next_url"] = f"{stage_url()}{asked.target.partition('?')[0]}?cursor={at + size}"
        return polygon_page(asked, rows[at : at + size], **more)

    return play


def in_pages(size: int = 300) -> tuple[bytes, list[Asked]]:
    stage: Stage
    with staged(lambda asked: paged(lambda: stage.url, size)(asked)) as stage:
        return polygon.download(month(), asking(stage, name="Polygon", key=KEY)), stage.asked


def one_page(asked: Asked) -> Answer:
    return polygon_page(asked, polygon_rows(asked))


@pytest.mark.parametrize(
    ("timeframe", "span"),
    [("1T", "1/minute"), ("5T", "5/minute"), ("15T", "15/minute"), ("30T", "30/minute"), ("1H", "1/hour")],
)
def test_the_request_is_the_documented_one(timeframe, span):
    content, asked = downloaded(one_page, timeframe)
    first, last = JANUARY // 1000, FEBRUARY // 1000 - 1
    assert asked[0].target == (
        f"/v2/aggs/ticker/C:XAUUSD/range/{span}/{first}/{last}?adjusted=true&sort=asc&limit=50000"
    )
    assert asked[0].headers["Authorization"] == f"Bearer {KEY}"
    ticker, bars = polygon.aggregates(content, "x")
    assert ticker == "C:XAUUSD" and bars["t"][0] * 1000 == JANUARY


def test_a_part_is_one_object_of_the_documented_shape():
    content, _ = downloaded(one_page)
    saved = json.loads(content)
    assert list(saved) == ["ticker", "results"] and len(saved["results"]) == 31 * 24
    assert saved["results"][0] == aggregate(JANUARY // 1000)


def test_pages_are_joined():
    content, asked = in_pages()
    assert content == downloaded(one_page)[0]
    assert [one.query.get("cursor") for one in asked] == [None, "300", "600"]
    assert all(one.headers["Authorization"] == f"Bearer {KEY}" for one in asked)


def test_months_are_planned_in_time_order():
    planned = polygon.plan("C:XAUUSD", "1T", JANUARY + DAY, MARCH + 1, LATER)
    assert [one.name for one in planned] == [f"C_XAUUSD_1T_2024-{m}" for m in ("01", "02", "03")]
    assert [(one.start, one.end) for one in planned[:2]] == [(JANUARY, FEBRUARY), (FEBRUARY, MARCH)]


def test_a_month_without_bars_is_empty():
    assert downloaded(lambda asked: polygon_page(asked, []))[0] == b""


def test_delayed_data_are_data():
    assert downloaded(lambda asked: polygon_page(asked, polygon_rows(asked), status="DELAYED"))[0]


def test_a_bar_that_is_not_closed_is_not_asked_for():
    content, asked = downloaded(one_page, now=JANUARY + 90 * MINUTE)
    assert polygon.aggregates(content, "x")[1]["t"].tolist() == [JANUARY // 1000]
    assert asked[0].path.endswith(f"/{(JANUARY + 60 * MINUTE) // 1000 - 1}")


def leading_to(url: str):
    return lambda asked: polygon_page(
        asked, polygon_rows(asked)[:5], next_url=url.replace("HERE", asked.headers["Host"])
    )


ASTRAY = {
    "another host": "http://127.0.0.2:9/v2/aggs/ticker/C:XAUUSD/range/1/hour/1/2?cursor=x",
    "another port": "http://127.0.0.1:9/v2/aggs/ticker/C:XAUUSD/range/1/hour/1/2?cursor=x",
    "another scheme": "https://HERE/v2/aggs/ticker/C:XAUUSD/range/1/hour/1/2?cursor=x",
    "a user in front": "http://HERE@127.0.0.2/v2/aggs/ticker/C:XAUUSD/range/1/hour/1/2?cursor=x",
    "another path": "http://HERE/v3/reference/tickers?cursor=x",
    "another ticker": "http://HERE/v2/aggs/ticker/C:EURUSD/range/1/hour/1/2?cursor=x",
    "another span": "http://HERE/v2/aggs/ticker/C:XAUUSD/range/1/day/1/2?cursor=x",
    "up and away": "http://HERE/v2/aggs/ticker/C:XAUUSD/range/1/hour/../../../../x?cursor=x",
    "a file": "file:///etc/passwd",
    "no address": "http://[",
    "the key in the address": f"http://HERE/v2/aggs/ticker/C:XAUUSD/range/1/hour/1/2?cursor=x&apiKey={KEY}",
}


@pytest.mark.parametrize("url", ASTRAY.values(), ids=list(ASTRAY))
def test_a_next_page_elsewhere_is_not_followed(url):
    with staged(leading_to(url)) as stage, pytest.raises(DataError) as caught:
        polygon.download(month(), asking(stage, name="Polygon", key=KEY))
    assert len(stage.asked) == 1 and "Polygon" in str(caught.value) and KEY not in str(caught.value)


def test_a_next_page_that_is_no_text_is_not_followed():
    with pytest.raises(DataError):
        downloaded(lambda asked: polygon_page(asked, polygon_rows(asked)[:5], next_url=["x"]))


def test_an_encoded_ticker_in_the_next_address_is_the_same_ticker():
    def play(asked: Asked) -> Answer:
        rows = polygon_rows(asked._replace(path=asked.path.replace("%3A", ":")))
        if asked.number == 1:
            url = f"http://{asked.headers['Host']}{asked.target.partition('?')[0].replace(':', '%3A')}?cursor=5"
            return polygon_page(asked, rows[:5], next_url=url)
        return polygon_page(asked, rows[5:])

    assert downloaded(play)[0] == downloaded(one_page)[0]


def test_a_page_that_repeats_itself_is_refused():
    def loop(asked: Asked) -> Answer:
        url = f"http://{asked.headers['Host']}{asked.target.partition('?')[0]}?cursor=same"
        return polygon_page(asked, polygon_rows(asked)[:5], next_url=url)

    with pytest.raises(DataError, match="twice or out of their order"):
        downloaded(loop)


def test_pages_without_bars_do_not_lead_on_for_ever():
    def loop(asked: Asked) -> Answer:
        return polygon_page(asked, [], next_url=f"http://{asked.headers['Host']}{asked.target}")

    with pytest.raises(DataError, match="without bars"):
        downloaded(loop)


def sent(*rows: dict, **more):
    return lambda asked: polygon_page(asked, list(rows), **more)


START = JANUARY // 1000
GARBAGE = {
    "nothing": lambda asked: Answer(),
    "HTML": lambda asked: Answer(body=b"<html>"),
    "a list": lambda asked: as_json([1]),
    "no ticker": lambda asked: as_json({"status": "OK", "results": []}),
    "results of another kind": lambda asked: as_json({"status": "OK", "ticker": "C:XAUUSD", "results": [1]}),
    "another ticker": sent(aggregate(START), ticker="C:EURUSD"),
    "an error with 200": sent(aggregate(START), status="ERROR"),
    "no status": sent(aggregate(START), status=None),
    "before the month": sent(aggregate(START - 3_600_000)),
    "after the month": sent(aggregate(FEBRUARY // 1000)),
    "off the grid": sent(aggregate(START + 60_000)),
    "back in time": sent(aggregate(START + 3_600_000), aggregate(START)),
    "twice": sent(aggregate(START), aggregate(START)),
    "no time": sent({**aggregate(START), "t": None}),
    "a time as a fraction": sent({**aggregate(START), "t": START + 0.5}),
    "a huge time": sent({**aggregate(START), "t": 10**30}),
    "a price as text": sent({**aggregate(START), "o": "2040"}),
    "a price that is true": sent({**aggregate(START), "o": True}),
    "a price that is not finite": sent({**aggregate(START), "h": float("nan")}),
    "no price": sent({name: value for name, value in aggregate(START).items() if name != "c"}),
    "a volume as text": sent({**aggregate(START), "v": KEY}),
}


@pytest.mark.parametrize("play", GARBAGE.values(), ids=list(GARBAGE))
def test_garbage_never_becomes_a_part(play):
    with pytest.raises(DataError, match="Polygon's answer for C_XAUUSD_1H_2024-01") as caught:
        downloaded(play)
    assert "\n" not in str(caught.value) and KEY not in str(caught.value)


def test_only_numbers_are_kept():
    content, _ = downloaded(sent({**aggregate(START), "note": KEY, "otc": True}, secret=KEY))
    assert KEY.encode() not in content
    assert set(json.loads(content)["results"][0]) == {"t", "o", "h", "l", "c", "v", "vw", "n"}


@pytest.mark.parametrize(("status", "told"), [(401, "key"), (403, "plan"), (404, "instruments.toml")])
def test_a_refusal_says_what_to_do(status, told):
    with pytest.raises(UnavailableError, match=told):
        downloaded(in_turn(as_json({"status": "ERROR", "error": "Unknown API Key"}, status)))
