"""Fetching as people do it: from a provider's server into a series, in one go or over many kills."""

import json
import lzma
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from market import simulated, tables
from market.tables import BARS
from tests.market.providers.stage import Answer, Asked, as_json, polygon_page, staged
from tests.pipeline.conftest import PROJECT, CommandLine

FIRST, END = "2024-01-08", "2024-01-12"
CANARY = "canary-4f1d"


@pytest.fixture(scope="module")
def minutes() -> pd.DataFrame:
    """Return a week of minutes of gold, by their opens."""
    bars = simulated.simulate("XAUUSD", "1T", FIRST, "2024-01-13")
    return bars.set_axis(pd.DatetimeIndex(bars.index) - pd.Timedelta("1min"))


def dukascopy(minutes: pd.DataFrame, spread: int = 300) -> object:
    """Play Dukascopy: the candles of the day that is asked for, asks a spread above."""

    def play(asked: Asked) -> Answer:
        *_, year, month, day, file = asked.path.split("/")
        midnight = pd.Timestamp(date(int(year), int(month) + 1, int(day)), tz="UTC")
        rows = minutes[midnight : midnight + pd.Timedelta("1D") - pd.Timedelta("1us")]
        above = spread if file.startswith("ASK") else 0
        points = (rows[["open", "close", "low", "high"]] * 1_000).round().astype(int) + above
        seconds = ((rows.index - midnight) // pd.Timedelta("1s")).tolist()
        cells = zip(seconds, points.to_numpy().tolist(), rows["volume"].tolist(), strict=True)
        packed = b"".join(struct.pack(">5If", second, *prices, volume) for second, prices, volume in cells)
        return Answer(body=lzma.compress(packed, format=lzma.FORMAT_ALONE) if packed else b"")

    return play


def polygon(minutes: pd.DataFrame) -> object:
    """Play Polygon: the minutes of the range that is asked for."""

    def play(asked: Asked) -> Answer:
        first, last = (int(one) for one in asked.path.split("/range/")[1].split("/")[2:4])
        opens = minutes.index.as_unit("ms").asi8
        rows = minutes[(opens >= first) & (opens <= last)]
        columns = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
        table = rows[list(columns.values())].set_axis(list(columns), axis=1).assign(t=rows.index.as_unit("ms").asi8)
        return polygon_page(asked, table.to_dict("records"))

    return play


def pointed(assay: CommandLine, url: str) -> CommandLine:
    """Return the command line with all providers at `url`."""
    path = assay.config / "fetch.toml"
    text = re.sub(r'url = ".*?"', f'url = "{url}"', path.read_text())
    path.write_text(re.sub(r"requests_per_minute = \d+", "requests_per_minute = 1000000", text))
    return assay


def fetched(assay: CommandLine, *words: str) -> dict:
    ended = assay("fetch", *words, "--from", FIRST, "--to", END, "--json", POLYGON_API_KEY=CANARY)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def held(assay: CommandLine) -> pd.DataFrame:
    return tables.read_table(assay.home / "bars" / "XAUUSD_1T.parquet", BARS)


def test_dukascopys_bids_become_bars_and_its_asks_their_spread(assay, minutes):
    with staged(dukascopy(minutes)) as stage:
        answer = fetched(pointed(assay, stage.url), "dukascopy", "XAUUSD", "1T")
    found = held(assay)
    wanted = minutes[minutes.index < pd.Timestamp(END, tz="UTC")]
    assert (found.index == wanted.index + pd.Timedelta("1min")).all()
    assert_frame_equal(found[["open", "high", "low", "close", "volume"]].reset_index(drop=True),
                       wanted[["open", "high", "low", "close", "volume"]].reset_index(drop=True))  # fmt: skip
    assert (found["spread_recorded"] == 0.3).all()
    assert answer["fetched"]["downloaded"] == 8
    assert answer["facts"]["timezone"] == "UTC"


def test_what_was_fetched_is_not_asked_for_again_and_a_longer_range_only_adds(assay, minutes):
    with staged(dukascopy(minutes)) as stage:
        fetched(pointed(assay, stage.url), "dukascopy", "XAUUSD", "1T")
        asked, before = len(stage.asked), held(assay)
        again = fetched(assay, "dukascopy", "XAUUSD", "1T")
        assert (len(stage.asked), again["merging"]["added"]) == (asked, 0)
        longer = assay("fetch", "dukascopy", "XAUUSD", "1T", "--from", FIRST, "--to", "2024-01-13", "--json")
        assert longer.code == 0, longer.err
        assert len(stage.asked) == asked + 2
    assert_frame_equal(held(assay)[: len(before)], before)


def test_a_key_is_sent_as_a_header_and_stands_nowhere_else(assay, minutes):
    with staged(polygon(minutes)) as stage:
        fetched(pointed(assay, stage.url), "polygon", "XAUUSD", "1T")
        assert {one.headers["Authorization"] for one in stage.asked} == {f"Bearer {CANARY}"}
        assert all(CANARY not in one.target for one in stage.asked)
    for file in assay.folder.rglob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes(), file
    without = assay("fetch", "polygon", "XAUUSD", "1T", "--from", FIRST, POLYGON_API_KEY="")
    assert without.code == 6
    assert "POLYGON_API_KEY is not set" in without.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("yahoo XAUUSD 1T --from 2024-01-08", 2, "Unknown provider 'yahoo': choose dukascopy, binance, polygon"),
        ("dukascopy XAUUSD 15T --from 2024-01-08", 2, "dukascopy is not asked for 15T bars"),
        ("binance XAUUSD 1T --from 2024-01-08", 2, "XAUUSD has no name at binance"),
        ("dukascopy XAUUSD 1T --from 2024-01-08 --to 2024-01-08", 2, "Nothing to fetch"),
        ("dukascopy XAUUSD 1T --from 08/01/2024", 2, "is not a date"),
    ],
)
def test_what_is_typed_wrong_is_said_and_nothing_is_asked(assay, words, code, told):
    with staged(lambda _: Answer(500)) as stage:
        ended = pointed(assay, stage.url)("fetch", *words.split())
        assert stage.asked == []
    assert (ended.code, told in ended.err) == (code, True), ended.err


def test_a_provider_that_is_down_is_said_and_leaves_the_bars(assay, minutes):
    with staged(lambda _: as_json({}, 403)) as stage:
        ended = pointed(assay, stage.url)("fetch", "dukascopy", "XAUUSD", "1T", "--from", FIRST, "--to", END)
    assert ended.code == 6
    assert ended.err.count("error:") == 1 and "Traceback" not in ended.err
    assert not assay.files("bars/*")


def killed_at_random(assay: CommandLine, command: list[str], kills: int) -> Iterator[int]:
    """Run the command again and again, each time killed a random moment after it began, until it ends by itself."""
    rng = random.Random(7)
    while True:
        child = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *command],
            cwd=PROJECT, env=os.environ | assay.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        if kills > 0:
            time.sleep(rng.uniform(0.3, 2.5))
            child.send_signal(signal.SIGKILL)
        child.communicate(timeout=120)
        kills -= 1
        yield child.returncode
        if child.returncode == 0:
            return


def test_a_fetch_that_is_killed_at_random_ends_with_the_same_bars(tmp_path, minutes):
    homes = [CommandLine(tmp_path / name) for name in ("calm", "stormy") if not (tmp_path / name).mkdir()]
    with staged(dukascopy(minutes)) as stage:
        calm, stormy = (pointed(assay, stage.url) for assay in homes)
        wanted = fetched(calm, "dukascopy", "XAUUSD", "1T")["bars_sha256"]
        command = ["fetch", "dukascopy", "XAUUSD", "1T", "--from", FIRST, "--to", END]
        ends = list(killed_at_random(stormy, command, kills=6))
        assert ends[-1] == 0
        assert fetched(stormy, "dukascopy", "XAUUSD", "1T")["bars_sha256"] == wanted
    for name in calm.files("fetched/**/*.bi5"):
        assert (stormy.home / name).read_bytes() == (calm.home / name).read_bytes()
    assert calm.files("fetched/**/*.bi5") == stormy.files("fetched/**/*.bi5")
