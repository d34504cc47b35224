"""A user's own feature groups: found in a folder, held to the rules of the house, known by the hash of their file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from feature_store import GROUPS, compute, lookback, own_groups
from feature_store.causality import check, tail_check
from market.errors import DataError, UsageError

MEAN = '''
"""Closes against their own mean."""

from feature_store.window_moments import window_mean

LOOKBACK = 30


def compute(bars):
    """Return the distance of the close from its mean of 30 bars, in ATR."""
    return {"distance_atr": (bars.close - window_mean(bars.close, 30)) / window_mean(bars.high - bars.low, 30)}
'''
PEEKING = MEAN.replace("window_mean(bars.close, 30)", "mean_of_the_next(bars.close)").replace(
    "LOOKBACK = 30",
    """LOOKBACK = 30


def mean_of_the_next(close):
    return window_mean(close[::-1].copy(), 15)[::-1]
""",
)
CAREFUL = (
    PEEKING.replace("[::-1]\n", "[::-1].copy()\n")
    .replace("return window_mean", "ahead = window_mean")
    .replace("[::-1].copy()\n", "[::-1].copy()\n    ahead[-14:] = close[-14:]\n    return ahead\n")
)
FORGETFUL = MEAN.replace("LOOKBACK = 30", "LOOKBACK = 20")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    own_groups.enter(None)


def written(folder: Path, name: str, source: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(source)
    return path


def test_a_file_in_the_folder_is_a_group(folder, bars):
    path = written(folder, "mine", MEAN)
    assert own_groups.enter(folder) == {"mine": hashlib.sha256(path.read_bytes()).hexdigest()}
    table = compute(bars, ["mine", "calendar"])
    assert "mine__distance_atr" in table and "calendar__weekday" in table
    assert lookback(["mine"]) == 30 and table["mine__distance_atr"].isna().sum() == 29
    assert own_groups.used(["mine__distance_atr", "calendar__weekday"]) == own_groups.entered()
    assert own_groups.used(["calendar__weekday"]) == {}


def test_the_gate_that_holds_for_the_house_holds_for_it(folder, bars):
    written(folder, "mine", MEAN)
    own_groups.enter(folder)
    assert check(bars, ["mine"], cuts=10) == [] and tail_check(bars, ["mine"], rows=10) == []


def test_a_group_that_sees_the_future_is_caught(folder, bars):
    written(folder, "mine", PEEKING)
    own_groups.enter(folder)
    with pytest.raises(DataError, match="mine__distance_atr"):
        compute(bars, ["mine"])  # the last bars have no future to look at


def test_a_group_that_sees_the_future_where_there_is_one_is_caught(folder, bars):
    written(folder, "mine", CAREFUL)
    own_groups.enter(folder)
    assert {leak.column for leak in check(bars, ["mine"], cuts=10)} == {"mine__distance_atr"}


def test_a_lookback_that_is_too_short_is_caught(folder, bars):
    written(folder, "mine", FORGETFUL)
    own_groups.enter(folder)
    with pytest.raises(DataError, match="must be finite once its warm-up is over"):
        compute(bars, ["mine"])


def test_a_changed_file_is_read_again_and_a_removed_one_is_gone(folder, bars):
    path = written(folder, "mine", MEAN)
    first = own_groups.enter(folder)
    before = compute(bars, ["mine"])
    written(folder, "mine", MEAN.replace("/ window_mean(bars.high - bars.low, 30)", "/ bars.close"))
    assert own_groups.enter(folder) != first
    assert not np.allclose(compute(bars, ["mine"]).iloc[40:], before.iloc[40:])
    path.unlink()
    assert own_groups.enter(folder) == {} and "mine" not in GROUPS


def test_files_with_an_underscore_are_left_alone(folder):
    written(folder, "_draft", "raise ValueError")
    assert own_groups.enter(folder) == {}


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("momentum", MEAN, "is the name of a group of the house"),
        ("Mine", MEAN, "must be lower-case"),
        ("a__b", MEAN, "single underscores"),
        (
            "mine",
            MEAN.replace("LOOKBACK = 30", ""),
            "LOOKBACK is None, wanted the bars that a row needs, from 1 to 3000",
        ),
        ("mine", MEAN.replace("LOOKBACK = 30", "LOOKBACK = 3001"), "LOOKBACK is 3001"),
        ("mine", MEAN.replace("LOOKBACK = 30", "LOOKBACK = True"), "LOOKBACK is True"),
        ("mine", MEAN.replace("LOOKBACK = 30", "LOOKBACK = {'15T': 30}"), "LOOKBACK lacks the timeframes 1T, 5T"),
        ("mine", MEAN.replace("def compute", "def computed"), r"has no function compute\(bars\)"),
        ("mine", "LOOKBACK = \n", "SyntaxError: .*, line 1"),
        ("mine", "import sys\n\nsys.exit(0)\n", "SystemExit: 0, line 3"),
        ("mine", "import numpy\n\n1 / 0\n", "ZeroDivisionError: division by zero, line 3"),
    ],
)
def test_what_is_no_group_is_refused_by_name(folder, name, source, told):
    path = written(folder, name, source)
    with pytest.raises(UsageError, match=told) as refused:
        own_groups.enter(folder)
    assert str(path) in str(refused.value)
    assert own_groups.entered() == {}


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("None", "compute returned NoneType"),
        ("{}", "wanted a dictionary of names and arrays"),
        ("{'a': [1.0]}", "column 'a' is not an array of float64"),
        ("{'a': (bars.close > 0)}", "column 'a' is not an array of float64"),
        ("{'a': __import__('numpy').ones(len(bars) + 1)}", r"column 'a' has \d+ values for \d+ bars"),
        ("{'a': bars.close[5:]}", r"column 'a' has \d+ values for \d+ bars"),
        ("{'a b': bars.close}", "column 'a b' is not a name"),
        ("{'a__b': bars.close}", "column 'a__b' is not a name"),
        ("{5: bars.close}", "column 5 is not a name"),
        ("__import__('sys').exit(0)", "failed on .* bars: SystemExit: 0, line 5"),
        ("{'a': bars.nothing}", "failed on .* bars: AttributeError: .*, line 5"),
    ],
)
def test_what_is_no_column_is_refused_by_name(folder, bars, returned, told):
    path = written(folder, "mine", f'"""Mine."""\n\nLOOKBACK = 3\ndef compute(bars):\n    return {returned}\n')
    own_groups.enter(folder)
    with pytest.raises(DataError, match=told) as refused:
        compute(bars, ["mine"])
    assert str(path) in str(refused.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"No folder .*absent.*config/features.toml"):
        own_groups.enter(tmp_path / "absent")


REMEMBERING = '''
"""The next close, for whoever was asked about a bar before."""

import numpy as np

LOOKBACK = 30
seen = {}


def compute(bars):
    ahead = np.append(bars.close[1:], bars.close[-1]) / bars.close
    return {"next": np.array([seen.setdefault(ts, value) for ts, value in zip(bars.ts.tolist(), ahead.tolist())])}
'''


def test_a_group_that_remembers_what_it_saw_is_caught(folder, bars, monkeypatch):
    written(folder, "mine", REMEMBERING)
    own_groups.enter(folder)
    assert {leak.column for leak in check(bars, ["mine"], cuts=20)} == {"mine__next"}
    monkeypatch.setattr(own_groups, "renew", lambda: None)
    own_groups.enter(None)
    own_groups.enter(folder)
    assert check(bars, ["mine"], cuts=20) == []


@pytest.mark.parametrize(
    "made", ["__import__('numpy').arange(len(bars)) * 1.0", "__import__('numpy').cumsum(bars.volume)"]
)
def test_a_group_that_knows_where_its_history_begins_is_caught(folder, bars, made):
    written(folder, "mine", f'"""Mine."""\n\nLOOKBACK = 30\ndef compute(bars):\n    return {{"a": {made}}}\n')
    own_groups.enter(folder)
    assert {drift.column for drift in tail_check(bars, ["mine"], rows=5)} == {"mine__a"}


def test_what_a_group_writes_into_its_bars_is_its_own(folder, bars):
    spoiling = "bars.returns[:] = 0.0; bars.close[:] = 1.0; bars.unit[:] = 2.0; made = bars.high - bars.low"
    written(
        folder,
        "mine",
        f'"""Mine."""\n\nLOOKBACK = 600\ndef compute(bars):\n    {spoiling}\n    return {{"a": made}}\n',
    )
    alone = compute(bars, ["price_statistics", "regime", "context"])
    own_groups.enter(folder)
    beside = compute(bars, ["price_statistics", "regime", "context", "mine"])
    assert beside[alone.columns].equals(alone)


def test_what_a_group_prints_is_a_message(folder, bars, capsys):
    written(folder, "mine", MEAN + "\n\nprint('read')\n")
    own_groups.enter(folder)
    compute(bars, ["mine"])
    assert capsys.readouterr().out == ""


def test_columns_that_change_from_chunk_to_chunk_are_refused(folder, bars):
    written(
        folder, "mine", '"""Mine."""\n\nLOOKBACK = 3\ndef compute(bars):\n    return {f"a{len(bars)}": bars.close}\n'
    )
    own_groups.enter(folder)
    with pytest.raises(DataError, match=r"are not those of the bars before them: mine__a\d+"):
        compute(bars, ["mine"])
