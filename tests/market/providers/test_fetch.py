"""A fetch: parts whole or not at all, each asked for once, whatever is killed and whenever."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from market import durable, settings
from market.errors import DataError, UnavailableError, UsageError
from market.instruments import Vendors, instrument
from market.timeframe import TIMEFRAMES
from market.vendors import providers
from market.vendors.formats import VENDORS
from market.vendors.providers import PROVIDERS, dukascopy, fetch
from market.vendors.source import Asked as About
from market.vendors.source import Source
from tests.market.providers.stage import (
    Answer,
    Asked,
    Stage,
    as_json,
    asking,
    bi5,
    files,
    play_binance,
    play_dukascopy,
    polygon_page,
    polygon_rows,
    staged,
)

GOLD, BITCOIN = instrument("XAUUSD"), instrument("BTCUSD")
KEY = "canary-key-7f3a"
FRIDAY, LATER = "2024-01-05", "2024-03-01"


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def days(folder: Path, stage: Stage, first: str = FRIDAY, end: str = "2024-01-09", now: str = LATER):
    """Fetch days of gold from a Dukascopy on the stage; Saturday the 6th is an empty file and Sunday is none."""
    client = asking(stage, name="Dukascopy")
    return fetch("dukascopy", GOLD, TIMEFRAMES["1T"], at(first), at(end), folder=folder, now=at(now), client=client)


def hours(folder: Path, stage: Stage, first: str = "2024-01-01", end: str = "2025-01-01", now: str = "2025-06-01"):
    client = asking(stage, name="Binance")
    return fetch("binance", BITCOIN, TIMEFRAMES["1H"], at(first), at(end), folder=folder, now=at(now), client=client)


def names(found: providers.Fetched) -> list[str]:
    return [path.name.replace("_candles_min_1", "").removeprefix("XAUUSD_2024-01-") for path in found.paths]


def test_files_come_in_time_order_with_both_sides(tmp_path):
    with staged(play_dukascopy) as stage:
        found = days(tmp_path, stage)
    assert names(found) == ["05_BID.bi5", "05_ASK.bi5", "08_BID.bi5", "08_ASK.bi5"]
    assert (found.new, found.empty, found.sides) == (4, 4, ("ask", "bid"))
    assert [file.side for file in found.files] == ["bid", "ask"] * 2
    assert found.size == sum(path.stat().st_size for path in found.paths)
    assert [len(dukascopy.candles(path.read_bytes(), "x")) for path in found.paths] == [1440] * 4


def test_nothing_is_asked_twice_not_even_a_weekend(tmp_path):
    with staged(play_dukascopy) as stage:
        first = days(tmp_path, stage)
        asked = len(stage.asked)
        again = days(tmp_path, stage)
        assert len(stage.asked) == asked == 8
    assert again == first._replace(new=0, size=0)


def test_more_days_ask_only_for_themselves(tmp_path):
    with staged(play_dukascopy) as stage:
        days(tmp_path, stage)
        more = days(tmp_path, stage, "2024-01-04", "2024-01-10")
        assert [one.path.rsplit("/", 2)[1] for one in stage.asked[8:]] == ["04", "04", "09", "09"]
    assert more.new == 4 and len(more.paths) == 8


def test_a_part_that_is_not_over_is_asked_for_again_and_says_so(tmp_path):
    with staged(play_dukascopy) as stage:
        opened = days(tmp_path, stage, end=LATER, now=f"{FRIDAY} 12:00")
        again = days(tmp_path, stage, end=LATER, now=f"{FRIDAY} 13:00")
        assert len(stage.asked) == 4
        assert names(opened) == names(again) == ["05_BID.open.bi5", "05_ASK.open.bi5"] and again.new == 2
        closed = days(tmp_path, stage, end="2024-01-06")
        assert len(stage.asked) == 6
    assert names(closed) == ["05_BID.bi5", "05_ASK.bi5"]
    assert not list(tmp_path.glob("*.open.*"))


def test_a_part_is_not_closed_in_the_minute_of_its_end(tmp_path):
    with staged(play_dukascopy) as stage:
        assert names(days(tmp_path, stage, end="2024-01-06", now="2024-01-06 00:30"))[0] == "05_BID.open.bi5"
        assert names(days(tmp_path, stage, end="2024-01-06", now="2024-01-06 01:00"))[0] == "05_BID.bi5"


def test_an_open_file_that_a_kill_left_beside_the_closed_one_is_removed(tmp_path):
    with staged(play_dukascopy) as stage:
        found = days(tmp_path, stage, end="2024-01-06")
        stale = found.paths[0].with_name(f"{found.paths[0].stem}.open.bi5")
        stale.write_bytes(bi5(range(10)))
        assert days(tmp_path, stage, end="2024-01-06").paths == found.paths
    assert not stale.exists()


def test_an_empty_day_is_remembered_only_when_it_is_a_day_old(tmp_path):
    with staged(play_dukascopy) as stage:
        early = days(tmp_path, stage, end="2024-01-07", now="2024-01-07 12:00")
        assert early.empty == 2 and not list(tmp_path.glob("*.none"))
        days(tmp_path, stage, end="2024-01-07", now="2024-01-08 00:00")
        asked = len(stage.asked)
        late = days(tmp_path, stage, end="2024-01-07", now="2024-01-08 00:00")
        assert len(stage.asked) == asked
    assert late == early._replace(new=0, size=0)
    assert [path.stat().st_size for path in tmp_path.glob("*.none")] == [0, 0]


def test_an_empty_answer_takes_no_bars_away(tmp_path):
    with staged(play_dukascopy) as stage:
        before = days(tmp_path, stage, end="2024-01-06", now=f"{FRIDAY} 12:00")
        stage.play = lambda asked: Answer(404)
        after = days(tmp_path, stage, end="2024-01-06")
    assert after.paths == before.paths and not list(tmp_path.glob("*.none"))


def test_a_candle_that_is_open_now_is_in_no_file(tmp_path):
    with staged(play_binance) as stage:
        hours(tmp_path, stage, now="2024-01-01 09:30", end="2024-01-01 09:30")
        assert int(stage.asked[0].query["endTime"]) == at("2024-01-01 09:00").value // 1_000_000 - 1


def test_a_part_without_a_closed_bar_is_not_asked_for(tmp_path):
    with staged(play_dukascopy) as stage:
        days(tmp_path, stage, "2024-01-04", FRIDAY + " 00:00:30", now=FRIDAY + " 00:00:30")
        assert {one.path.rsplit("/", 2)[1] for one in stage.asked} == {"04"}


def test_progress_counts_the_parts(tmp_path):
    told = []
    with staged(play_dukascopy) as stage:
        client = asking(stage)
        first, end = at(FRIDAY), at("2024-01-06")
        fetch("dukascopy", GOLD, TIMEFRAMES["1T"], first, end, folder=tmp_path, now=at(LATER), client=client,
              progress=lambda *step: told.append(step))  # fmt: skip
    assert told == [
        ("XAUUSD_2024-01-05_BID_candles_min_1", 1, 2),
        ("XAUUSD_2024-01-05_ASK_candles_min_1", 2, 2),
    ]


def test_garbage_in_the_middle_keeps_what_came_before_and_writes_nothing_else(tmp_path):
    def broken(asked: Asked) -> Answer:
        return play_dukascopy(asked) if asked.number < 3 else Answer(body=b"<html>busy</html>")

    with staged(broken) as stage:
        with pytest.raises(DataError, match="Dukascopy"):
            days(tmp_path, stage)
        assert len(files(tmp_path)) == 2
        stage.play = play_dukascopy
        found = days(tmp_path, stage)
    assert len(stage.asked) == 3 + 6 and found.new == 2


def test_a_symbol_that_has_no_bars_at_all_is_an_error(tmp_path):
    with (
        staged(lambda asked: Answer(404)) as stage,
        pytest.raises(UnavailableError, match=r"no 1T bars of XAUUSD.*instr"),
    ):
        days(tmp_path, stage)


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_an_instrument_without_a_name_says_what_to_write_where(provider, tmp_path):
    nameless = GOLD._replace(vendors=Vendors())
    with pytest.raises(UsageError, match=rf"\[XAUUSD\] in config/instruments.toml write vendors.{provider} = "):
        fetch(provider, nameless, TIMEFRAMES["1T"], at(FRIDAY), at(LATER), folder=tmp_path, now=at(LATER))


@pytest.mark.parametrize(
    ("provider", "name", "timeframe", "first", "told"),
    [
        ("binanse", "BTCUSD", "1T", FRIDAY, "Did you mean binance"),
        ("dukascopy", "XAUUSD", "15T", FRIDAY, "fetch 1T"),
        ("polygon", "XAUUSD", "4H", FRIDAY, "fetch 1T, 5T, 15T, 30T, 1H"),
        ("dukascopy", "XAUUSD", "1T", "2024-04-01", "Nothing to fetch"),
    ],
)
def test_a_wrong_wish_is_a_usage_error(provider, name, timeframe, first, told, tmp_path):
    with pytest.raises(UsageError, match=told):
        wish = (provider, instrument(name), TIMEFRAMES[timeframe], at(first), at(LATER))
        fetch(*wish, folder=tmp_path / "none", now=at(LATER))
    assert not (tmp_path / "none").exists()


def test_a_stamp_without_a_zone_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="time zone"):
        wish = ("dukascopy", GOLD, TIMEFRAMES["1T"], pd.Timestamp(FRIDAY), at(LATER))
        fetch(*wish, folder=tmp_path, now=at(LATER))


def test_two_fetches_do_not_share_a_folder(tmp_path):
    with staged(play_dukascopy) as stage, FileLock(tmp_path / ".fetch.lock"):
        with pytest.raises(UnavailableError, match="Another fetch"):
            days(tmp_path, stage)
        assert stage.asked == []


def test_what_a_killed_fetch_was_about_to_write_is_removed_and_nothing_else(tmp_path):
    litter = tmp_path / ".XAUUSD_2024-01-05_BID_candles_min_1.bi5.4711.tmp"
    mine = tmp_path / ".notes.tmp"
    litter.write_bytes(b"half")
    mine.write_bytes(b"mine")
    with staged(play_dukascopy) as stage:
        days(tmp_path, stage)
    assert not litter.exists() and mine.exists()


# what is fetched can be read


WISHES = {"dukascopy": ("XAUUSD", "1T"), "binance": ("BTCUSD", "1T"), "polygon": ("XAUUSD", "1H")}
PLAYS = {
    "dukascopy": play_dukascopy,
    "binance": play_binance,
    "polygon": lambda asked: polygon_page(asked, polygon_rows(asked)),
}


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_the_reader_of_its_format_knows_and_reads_every_part(provider, tmp_path):
    symbol, timeframe = WISHES[provider]
    one = instrument(symbol)
    with staged(PLAYS[provider]) as stage:
        wish = (provider, one, TIMEFRAMES[timeframe], at("2024-01-02"), at("2024-01-03 12:00"))
        found = fetch(*wish, folder=tmp_path, now=at("2024-01-03 12:00"), client=asking(stage))
    reader = VENDORS[PROVIDERS[provider].FORMAT]
    for path in found.paths:
        source = Source(path)
        rows = pd.concat([chunk.rows for chunk in reader.read(source, About(one))])
        assert reader.recognises(source.head()) and len(rows) > 24 and (rows["high"] >= rows["low"]).all()


# kills


def quarter(folder: Path, stage: Stage) -> providers.Fetched:
    """Fetch 180 parts of gold."""
    return days(folder, stage, "2023-10-02", "2023-12-31")


def minutes(folder: Path, stage: Stage) -> providers.Fetched:
    """Fetch 175 parts of bitcoin."""
    client, wish = asking(stage), ("binance", BITCOIN, TIMEFRAMES["1T"], at("2023-01-01"), at("2023-05-01"))
    return fetch(*wish, folder=folder, now=at(LATER), client=client)


def killed(folder: Path, stage: Stage, work, request: int, delay: float) -> bool:
    """Return whether a fetch in another process was killed a moment after its `request`-th question."""
    play, reached = stage.play, threading.Event()
    goal = len(stage.asked) + request

    def watched(asked: Asked) -> Answer:
        if asked.number >= goal:
            reached.set()
        return play(asked)

    stage.play = watched
    child = multiprocessing.get_context("fork").Process(target=quietly, args=(work, folder, stage), daemon=True)
    child.start()
    while not reached.wait(0.005) and child.is_alive():
        pass
    time.sleep(delay)
    child.kill()
    child.join()
    stage.play = play
    return child.exitcode == -signal.SIGKILL


def quietly(work, folder: Path, stage: Stage) -> None:
    try:
        work(folder, stage)
    finally:
        os._exit(0)


@pytest.mark.parametrize(("work", "play"), [(quarter, play_dukascopy), (minutes, play_binance)])
def test_twenty_kills_change_nothing(work, play, tmp_path):
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    rng, kills = random.Random(7), 0
    with staged(play) as stage:
        undisturbed = work(calm, stage)
        asked = len(stage.asked)
        for _ in range(20):
            kills += killed(stormy, stage, work, rng.randint(1, 4), rng.uniform(0, 0.01))
            assert all(content == (calm / name).read_bytes() for name, content in files(stormy).items())
        found = work(stormy, stage)
        assert len(stage.asked) <= 2 * asked + kills
    assert kills >= 15 and files(stormy) == files(calm)
    assert [path.name for path in found.paths] == [path.name for path in undisturbed.paths]
    assert not list(stormy.glob(".*.tmp"))


def test_kills_that_leave_half_a_part_would_be_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "write_bytes", lambda path, content: path.write_bytes(content[: len(content) // 2]))
    with staged(play_dukascopy) as stage:
        days(tmp_path / "torn", stage)
        monkeypatch.undo()
        days(tmp_path / "calm", stage)
    assert files(tmp_path / "torn") != files(tmp_path / "calm")


# keys


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """Return a function that writes `config/fetch.toml` for a stage and points the settings there."""

    def write(stage: Stage) -> None:
        folder = shutil.copytree(settings.config_folder(), tmp_path / "config")
        text = (folder / "fetch.toml").read_text()
        text = text.replace("https://api.polygon.io", stage.url).replace(
            "requests_per_minute = 5", "requests_per_minute = 1e9"
        )
        (folder / "fetch.toml").write_text(text.replace("attempts = 5", "attempts = 1"))
        monkeypatch.setenv("ASSAY_CONFIG", str(folder))

    return write


def january(folder: Path) -> providers.Fetched:
    return fetch("polygon", GOLD, TIMEFRAMES["1H"], at("2024-01-01"), at("2024-02-01"), folder=folder, now=at(LATER))


def echoing(asked: Asked) -> Answer:
    """Play a Polygon that repeats the key wherever it can."""
    secret = asked.headers["Authorization"]
    rows = [row | {"note": secret} for row in polygon_rows(asked)]
    return polygon_page(asked, rows, request_id=secret)


def test_the_key_stays_in_the_header(tmp_path, monkeypatch, configured, capfd, caplog):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    with staged(echoing) as stage:
        configured(stage)
        assert january(tmp_path / "raw").new == 1
        stage.play = lambda asked: as_json({"error": asked.headers["Authorization"]}, 401)
        with pytest.raises(UnavailableError) as caught:
            january(tmp_path / "again")
    assert [one.headers["Authorization"] for one in stage.asked] == [f"Bearer {KEY}"] * 2
    assert KEY not in repr([(one.target, one.headers | {"Authorization": ""}) for one in stage.asked])
    assert KEY not in repr(caught.value) and caught.value.__cause__ is None
    assert KEY not in "".join(capfd.readouterr()) and KEY not in caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2 and not [path for path in written if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "value", [None, "", "   ", "changeme", "ChangeMe", "two words", "tail\n", "clé-7f3a", "a\r\nX: b"]
)
def test_without_a_real_key_nothing_is_asked(value, tmp_path, monkeypatch, configured):
    monkeypatch.delenv("POLYGON_API_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("POLYGON_API_KEY", value)
    with staged(echoing) as stage:
        configured(stage)
        with pytest.raises(UnavailableError, match="POLYGON_API_KEY") as caught:
            january(tmp_path / "raw")
    assert (
        stage.asked == []
        and "\n" not in str(caught.value)
        and (not (value or "").strip() or value not in str(caught.value))
    )


def test_reading_files_does_not_load_the_network():
    code = "import sys, market.vendors.providers; sys.exit('urllib3' in sys.modules or 'tenacity' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
