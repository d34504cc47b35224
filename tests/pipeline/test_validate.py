"""What is planted in stored bars stands in their validation, with its dates; sound bars are called sound."""

import datetime as dt
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from market import instruments, tables
from market.errors import DataError, UnavailableError
from market.simulated import simulate
from pipeline import screen_bars, validation_report
from pipeline.validate import exit_code, validate
from tests.market.made_bars import REAL
from tests.pipeline.conftest import CommandLine, table_of

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def summer() -> pd.DataFrame:
    """Return two months of quarter-hours of gold without a holiday but one, with recorded spreads."""
    bars = simulate("XAUUSD", "15T", "2024-07-08", "2024-08-31")
    return bars.assign(spread_recorded=np.round(bars["spread"] - 0.05, 2))


def store(home: Path, bars: pd.DataFrame, name: str = "XAUUSD_15T", **facts: Any) -> None:
    said = {"timezone": "UTC", "stamp": "open"} | facts
    path = home / "bars" / f"{name}.parquet"
    tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="", facts=said)


def without(bars: pd.DataFrame, first: str, end: str) -> pd.DataFrame:
    """Return bars but for those that close after `first` and by `end`."""
    gone = (bars.index > pd.Timestamp(first, tz="UTC")) & (bars.index <= pd.Timestamp(end, tz="UTC"))
    return bars[~gone]


def still(bars: pd.DataFrame, first: str, end: str) -> pd.DataFrame:
    """Return bars whose price stands still from the close `first` to the close `end`."""
    found = bars.copy()
    prices = ["open", "high", "low", "close"]
    found.loc[first:end, prices] = found.loc[first:, "open"].iloc[0]
    return found


def problems(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["severity"], one["problem"]) for one in answer["findings"]]


def test_sound_bars_are_called_sound(home, summer):
    store(home, summer)
    answer = validate("XAUUSD", "15T")
    assert validation_report.headline(answer) == "sound"
    assert (answer["errors"], answer["warnings"], answer["findings"], answer["holes"]) == (0, 0, [], [])
    assert exit_code(answer) == 0
    assert answer["rows"] == len(summer)
    assert answer["coverage"]["share"] == 1.0
    assert {one["share"] for one in answer["coverage"]["days"]} == {1.0}
    assert answer["gaps"]["hole"] == {"count": 0, "missing_bars": 0, "longest_hours": 0.0}
    assert answer["gaps"]["weekend"]["count"] == 7
    assert answer["clock"]["verdict"] == "fits"
    assert answer["sha256"] == tables.read_manifest(home / "bars" / "XAUUSD_15T.parquet").sha256


def test_the_answer_is_json_without_nan(home, summer):
    store(home, summer.assign(spread_recorded=np.nan, volume=0.0))
    json.dumps(validate("XAUUSD", "15T"), allow_nan=False)


def test_a_hole_stands_in_the_answer_with_its_dates(home, summer):
    store(home, without(summer, "2024-07-17 10:00", "2024-07-17 16:30"))
    answer = validate("XAUUSD", "15T")
    hole = {"start": "2024-07-17 10:00", "end": "2024-07-17 16:30", "hours": 6.5, "missing_bars": 26}
    assert answer["holes"] == [hole]
    assert answer["gaps"]["hole"] == {"count": 1, "missing_bars": 26, "longest_hours": 6.5}
    thin = [one for one in answer["coverage"]["days"] if one["share"] < 1]
    assert thin == [{"day": "2024-07-17", "expected": 92, "present": 66, "share": 66 / 92, "beside": 0}]
    assert next(one for one in answer["coverage"]["months"] if one["month"] == "2024-08")["share"] == 1.0


def test_a_single_missing_bar_is_counted(home, summer):
    store(home, without(summer, "2024-07-17 10:00", "2024-07-17 10:15"))
    assert validate("XAUUSD", "15T")["gaps"]["hole"] == {"count": 1, "missing_bars": 1, "longest_hours": 0.25}


def test_the_largest_holes_come_first_and_ten_are_told(home, summer):
    bars = summer
    for day in range(1, 29):
        bars = without(bars, f"2024-08-{day:02} 03:00", f"2024-08-{day:02} 0{3 + day % 4}:30")
    store(home, bars)
    missing = [hole["missing_bars"] for hole in validate("XAUUSD", "15T")["holes"]]
    assert missing == sorted(missing, reverse=True)
    assert (len(missing), missing[0]) == (10, 14)


@pytest.mark.parametrize("days", [2, 6])
def test_missing_days_are_a_warning_told_once(home, summer, days):
    store(home, without(summer, "2024-07-17 10:00", f"2024-07-{17 + days} 10:00"))
    answer = validate("XAUUSD", "15T")
    assert ("warning", "bars are missing") in problems(answer)
    assert "2024-07-17 10:00" in next(
        one["found"] for one in answer["findings"] if one["problem"] == "bars are missing"
    )
    assert exit_code(answer) == 0


@pytest.mark.parametrize("hours", [-7, 2, 5])
def test_a_wrong_clock_is_an_error_that_names_a_better_one(home, summer, hours):
    store(home, summer.set_axis(summer.index + pd.Timedelta(hours=hours)))
    answer = validate("XAUUSD", "15T")
    assert ("error", "the clock is another") in problems(answer)
    assert answer["clock"]["verdict"].startswith("looks like")
    found = next(one for one in answer["findings"] if one["problem"] == "the clock is another")
    assert f"--timezone {answer['clock']['best']}" in found["fix"]
    assert exit_code(answer) == 4


@pytest.mark.parametrize("zone", ["Europe/Athens, UTC", "pytz.FixedOffset(60), UTC", "pytz.FixedOffset(60)"])
def test_several_clocks_and_zones_in_words_of_their_own_are_no_hindrance(home, summer, zone):
    store(home, summer, timezone=zone)
    clock = validate("XAUUSD", "15T")["clock"]
    assert (clock["declared"], clock["verdict"]) == (zone, "fits")


def test_a_clock_that_switches_is_an_error_that_names_the_week(home):
    bars = simulate("XAUUSD", "15T", "2024-04-01", "2024-09-30")
    later = bars.index >= pd.Timestamp("2024-07-06", tz="UTC")
    store(home, bars.set_axis((bars.index + pd.to_timedelta(3 * later, unit="h")).rename("ts")))
    answer = validate("XAUUSD", "15T")
    assert ("error", "the clock switches") in problems(answer)
    assert "from UTC to EET-EU in the week of 2024-07-14" in answer["clock"]["told"]


def test_a_flat_stretch_stands_in_the_answer_with_its_day(home, summer):
    store(home, still(summer, "2024-08-06 00:15", "2024-08-07 16:00"))
    answer = validate("XAUUSD", "15T")
    run = answer["flat"]["longest_runs"][0]
    assert run["ended"] == "2024-08-07"
    assert run["bars"] == answer["flat"]["bars"] == len(summer["2024-08-06 00:15":"2024-08-07 16:00"])
    assert ("warning", "price stands still") in problems(answer)


def test_a_long_wick_is_flagged_with_its_row(home, summer):
    spoilt = summer.copy()
    spoilt.iloc[1_000, 1] += 200.0
    store(home, spoilt)
    answer = validate("XAUUSD", "15T")
    assert [(one["row"], one["ts"]) for one in answer["spikes"]["rows"]] == [
        (1_001, f"{summer.index[1_000]:%Y-%m-%dT%H:%M:%S}")
    ]
    found = next(one for one in answer["findings"] if one["problem"] == "suspicious tick")
    assert (found["severity"], found["rows"], found["first"]) == ("warning", 1, answer["spikes"]["rows"][0]["ts"])


def test_a_bad_tick_is_an_error(home, summer):
    spoilt = summer.copy()
    spoilt.iloc[1_000, [1, 3]] = 9_000.0
    store(home, spoilt)
    answer = validate("XAUUSD", "15T")
    assert (answer["spikes"]["bad"], exit_code(answer)) == (1, 4)


def test_spreads_are_told_by_hour_and_year(home, summer):
    store(home, summer)
    spread = validate("XAUUSD", "15T")["spread"]
    assert [one["hour"] for one in spread["hours"]] == [hour for hour in range(24) if hour != 21]
    assert spread["years"] == [
        {"year": 2024, "bars": len(summer), **{name: spread[name] for name in ("median", "p95", "most")}}
    ]
    assert spread["on_floor"] == int((summer["spread"] <= 0.25).sum())


def test_bars_without_recorded_spread_are_charged_the_floor(home, summer):
    store(home, summer.drop(columns="spread_recorded").assign(spread=0.25))
    spread = validate("XAUUSD", "15T")["spread"]
    assert (spread["recorded"], spread["on_floor"]) == (0, len(summer))


def test_the_plot_is_a_png_of_the_same_bytes_each_time(home, summer):
    store(home, without(summer, "2024-07-17 10:00", "2024-07-18 16:30"))
    answer = validate("XAUUSD", "15T")
    path = Path(answer["plot"])
    assert path == home / "validation" / "XAUUSD_15T.png"
    content = path.read_bytes()
    assert content.startswith(PNG)
    assert struct.unpack(">II", content[16:24]) == (1400, 1000)
    validate("XAUUSD", "15T")
    assert path.read_bytes() == content


@pytest.mark.parametrize("bars", [1, 2, 40])
def test_a_few_bars_are_validated_too(home, summer, bars):
    store(home, summer.iloc[:bars])
    answer = validate("XAUUSD", "15T")
    assert (answer["rows"], answer["coverage"]["share"]) == (bars, 1.0)
    assert Path(answer["plot"]).read_bytes().startswith(PNG)


def test_the_simulated_market_is_validated_where_it_lives(home, summer):
    store(home / "demo", summer, "SIM_XAUUSD_15T")
    answer = validate("SIM_XAUUSD", "15T")
    assert answer["plot"] == str(home / "demo" / "validation" / "SIM_XAUUSD_15T.png")


def test_a_table_without_rows_is_refused(home, summer):
    store(home, summer.iloc[:0])
    with pytest.raises(DataError, match="XAUUSD_15T holds no bars: import some"):
        validate("XAUUSD", "15T")


def test_series_without_bars_and_changed_bars_are_refused(home, summer):
    with pytest.raises(UnavailableError, match="No bars stored for XAUUSD_15T"):
        validate("XAUUSD", "15T")
    store(home, summer)
    path = home / "bars" / "XAUUSD_15T.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="was changed"):
        validate("XAUUSD", "15T")


def test_bars_can_be_looked_at_as_they_were(assay: CommandLine, month, monkeypatch):
    table = table_of(month)
    for number, part in enumerate((table.iloc[:1_000], table)):
        part.to_csv(assay.folder / f"{number}.csv", index=False)
        words = f"--symbol XAUUSD --timeframe 15T --timezone UTC --stamp open {assay.folder / f'{number}.csv'}"
        assert assay("import", *words.split()).code == 0
    monkeypatch.setenv("ASSAY_HOME", str(assay.home))
    now = validate("XAUUSD", "15T")
    assert [(one["number"], one["rows"]) for one in now["versions"]] == [(1, 1_000), (2, len(month) - 1_000)]
    between = dt.datetime.fromisoformat(now["versions"][0]["ingested_at"])
    then = validate("XAUUSD", "15T", between)
    assert (then["rows"], [one["number"] for one in then["versions"]]) == (1_000, [1])
    assert then["sha256"] not in (None, now["sha256"])
    assert then["plot"] != now["plot"]
    with pytest.raises(DataError, match="No bars of XAUUSD_15T were stored by"):
        validate("XAUUSD", "15T", dt.datetime(2020, 1, 1))


def shown(answer: dict[str, Any], print_answer: Any = screen_bars.validated) -> str:
    console = Console(width=100, highlight=False)
    with console.capture() as capture:
        print_answer(console, answer)
    return capture.get()


def test_the_screen_says_first_whether_the_bars_are_sound(home, summer):
    store(home, summer)
    assert shown(validate("XAUUSD", "15T")).startswith("XAUUSD_15T sound: ")


def test_the_screen_shows_what_was_planted(home, summer):
    planted = still(without(summer, "2024-07-17 10:00", "2024-07-18 16:30"), "2024-08-06 00:15", "2024-08-07 16:00")
    planted.iloc[100, 1] += 200.0
    store(home, planted.set_axis(planted.index + pd.Timedelta(hours=2)))
    text = shown(validate("XAUUSD", "15T"))
    assert text.startswith("XAUUSD_15T 1 error, ")
    for word in ("error the clock is another", "2024-07-17 12:00", "until 2024-08-07", "suspicious tick", "Plot: "):
        assert word in text


def test_the_command_line_answers_for_people_and_for_programs(gold: CommandLine):
    ended = gold("validate", "XAUUSD", "15T", "--json")
    assert (ended.code, json.loads(ended.out)["errors"]) == (0, 0)
    assert gold("validate", "XAUUSD", "15T").out.startswith("XAUUSD_15T sound")


@pytest.mark.skipif(not REAL.exists(), reason="real bars are not on this machine")
@pytest.mark.parametrize(
    ("file", "symbol", "zone", "holes"),
    [
        ("mt5_a/XAUUSD/XAUUSD_15T", "XAUUSD", "Europe/Athens", "2025-07-03 00:15"),
        ("binance_spot/BTCUSDT/BTCUSDT_15T", "BTCUSD", "UTC", "2023-12-31 00:00"),
    ],
)
def test_real_bars_have_no_errors_and_known_holes(home, file, symbol, zone, holes):
    bars = pd.read_parquet(REAL / "bars" / f"{file}.parquet").set_index("timestamp")
    bars.index = (pd.DatetimeIndex(bars.index).as_unit("us") + pd.Timedelta(minutes=15)).rename("ts")
    floor = instruments.instrument(symbol).costs.spread_floor
    recorded = bars["spread"] if "spread" in bars else pd.Series(np.nan, index=bars.index)
    store(home, bars.assign(spread=np.fmax(recorded, floor), spread_recorded=recorded), f"{symbol}_15T", timezone=zone)
    answer = validate(symbol, "15T")
    assert answer["errors"] == 0
    assert answer["holes"][0]["start"] == holes
    assert answer["coverage"]["share"] > 0.995
