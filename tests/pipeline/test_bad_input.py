"""Bad input through the real command line: the design's exit code, one clear line, no traceback, nothing half-written.

Each table below is a list of (what is wrong, exit code, what the line must say). To add a case, add a row.
"""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from pipeline import answers, causality, resampling

IMPORT = "--symbol XAUUSD --timeframe 15T --timezone UTC --stamp open"


def check_refused(ended, code: int, says: str) -> None:
    """The line is the last on standard error; progress of stages that went well may stand above it."""
    assert ended.code == code, ended
    lines = ended.err.splitlines()
    assert lines[-1].startswith("error: "), ended.err
    assert sum(line.startswith("error: ") for line in lines) == 1, ended.err
    assert re.search(says, lines[-1]), lines[-1]
    assert "Traceback" not in ended.out + ended.err
    assert lines[-1].isprintable()


def check_refused_at_once(ended, code: int, says: str) -> None:
    check_refused(ended, code, says)
    assert len(ended.err.splitlines()) == 1, ended.err
    assert ended.out == ""


def check_nothing_half_written(assay) -> None:
    assert assay.files("bars/*") == []
    assert assay.files("*.tmp") == []


TYPED = [
    ("trian XAUUSD 15T", 2, r"No verb 'trian'\. Did you mean train\?"),
    ("zzzzzz", 2, r"No verb 'zzzzzz'\. See assay --help"),
    ("train XAUUDS 15T", 2, r"Unknown symbol 'XAUUDS'.* Did you mean XAUUSD\?"),
    ("train xauusd 15T", 2, r"'xauusd' is not a symbol.* Write XAUUSD\."),
    ("train ../../x 15T", 2, r"'\.\./\.\./x' is not a symbol"),
    ("train SIM_../../x 15T", 2, r"is not a symbol"),
    ("train SIM_SIM_XAUUSD 15T", 2, r"Unknown symbol 'SIM_XAUUSD'"),
    (["train", "XAUUSD\n", "15T"], 2, r"'XAUUSD\\n' is not a symbol"),
    (["train", "", "15T"], 2, r"'' is not a symbol"),
    (["train", "XAUUSD", ""], 2, r"Unknown timeframe ''"),
    ("train XAUUSD 7T", 2, r"Unknown timeframe '7T': choose one of 1T, 5T, 15T, 30T, 1H, 4H"),
    ("train EURUSD 2M", 2, r"Unknown timeframe '2M'"),
    ("train EURUSD 1M", 6, r"assay import FILE --symbol EURUSD --timeframe 1T"),
    ("train XAUUSD", 2, r"[Mm]issing argument 'TIMEFRAME'"),
    ("train XAUUSD 15T --recpie rf", 2, r"No such option.*--recpie.*--recipe"),
    ("train XAUUSD 15T --workers 0", 2, r"--workers"),
    ("train EURUSD 15T --recipe esnemble", 2, r"No \[esnemble\].*Did you mean ensemble\?"),
    ("train XAUUSD 15T --recipe ../x", 2, r"'\.\./x' is no name of a recipe: wanted a plain one such as ensemble\."),
    ("train EURUSD 15T --cut-off yesterday", 2, r"'yesterday' is not a date: wanted YYYY-MM-DD"),
    ("train EURUSD 15T", 6, r"No bars stored for EURUSD_15T: import some with `assay import FILE --symbol EURUSD"),
    ("label EURUSD 15T", 6, r"No bars stored for EURUSD_15T"),
    ("causality EURUSD 15T", 6, r"No bars stored for EURUSD_15T"),
    ("enrich EURUSD_15T", 6, r"No bars stored for EURUSD_15T"),
    ("enrich", 6, r"No bars are imported"),
    ("enrich XAUUSD", 2, r"'XAUUSD' is not a series: wanted SYMBOL_TIMEFRAME"),
    ("resample XAUUSD --to 1H", 6, r"No finer bars of XAUUSD are stored"),
    ("card XAUUSD_15T", 6, r"No verdict for XAUUSD_15T yet: run `assay train XAUUSD 15T`"),
    ("card ../../etc_15T", 2, r"is not a symbol"),
    ("card XAUUSD_15T --markdown", 6, r"No verdict for XAUUSD_15T yet"),
    ("config", 2, r"[Mm]issing argument"),
    ("config hide XAUUSD_15T", 2, r"'hide' is not.*show"),
    ("config show XAUUSD_15X", 2, r"Unknown timeframe '15X'"),
    ("ui", 6, r"No runs yet under .*make train"),
    ("ui --port 80", 2, r"--port.*80"),
    (f"import nowhere.csv {IMPORT}", 2, r"No file at nowhere\.csv: check the name"),
    (["import", "no\x1b[2J\nwhere.csv", *IMPORT.split()], 2, r"No file at no \[2J where\.csv"),
    (f"import . {IMPORT}", 2, r"it is a folder"),
    (f"import {IMPORT}", 2, r"[Mm]issing argument 'FILES"),
    ("import a.csv --timeframe 15T", 2, r"[Mm]issing option '--symbol'"),
    ("import a.csv --symbol SIM_XAUUSD --timeframe 15T", 2, r"SIM_XAUUSD is a simulated series: .*XAUUSD"),
    (
        "import a.csv --symbol XAUUSD --timeframe 15T --stamp opne",
        2,
        r"--stamp is 'opne': choose open or close. Did you mean open",
    ),
]


@pytest.mark.parametrize(("typed", "code", "says"), TYPED, ids=[str(row[0]) for row in TYPED])
def test_what_is_typed_wrong_is_said_in_one_line(assay, typed, code, says):
    arguments = typed.split() if isinstance(typed, str) else typed
    check_refused_at_once(assay(*arguments), code, says)
    check_nothing_half_written(assay)


def csv(change):
    return lambda table, path: change(table).to_csv(path, index=False)


def text(change):
    return lambda table, path: path.write_text(change(table.to_csv(index=False)))


def truncated_parquet(table, path):
    table.to_parquet(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def corrupt_parquet(table, path):
    table.to_parquet(path)
    content = bytearray(path.read_bytes())
    content[-200:-20] = bytes(180)
    path.write_bytes(bytes(content))


def with_value(row, column, value):
    return lambda table: table.astype({column: object}).assign(
        **{column: table[column].astype(object).where(table.index != row, value)}
    )


def timesed(factor):
    return lambda table: table.assign(**{name: table[name] * factor for name in ("open", "high", "low", "close")})


CHAT = "\nSure! Here is the rest of your data:\nI hope that this helps.\n"
FILES = {
    "empty file": ("a.csv", text(lambda content: ""), r"a\.csv is empty"),
    "only a header": ("a.csv", csv(lambda t: t.iloc[:0]), r"a\.csv has no rows"),
    "blank lines only": ("a.csv", text(lambda content: "\n\n \n"), r"no format that is recognised.*--format"),
    "missing columns": ("a.csv", csv(lambda t: t[["time", "open"]]), r"missing columns: high, low, close\. Found: "),
    "a column twice": ("a.csv", text(lambda c: c.replace("high", "open", 1)), r"the column open stands twice"),
    "text in a number": ("a.csv", csv(with_value(5, "high", "n/a")), r"row 7, .*text in high: found n/a"),
    "NaN in a number": ("a.csv", csv(with_value(5, "close", "nan")), r"row 7, .*close"),
    "infinite price": ("a.csv", csv(with_value(5, "high", "1e999")), r"row 7, .*finite"),
    "zero price": ("a.csv", csv(with_value(5, "low", 0)), r"price is not positive: found low 0"),
    "high below low": ("a.csv", csv(with_value(5, "high", 1000)), r"row 7, .*high below open or close: found 1000"),
    "low above close": ("a.csv", csv(with_value(5, "low", 9000)), r"low above open or close"),
    "negative spread": ("a.csv", csv(with_value(5, "spread", -1)), r"spread is negative"),
    "duplicate stamps": ("a.csv", text(lambda c: c + c.splitlines()[-1].replace(",", ",1", 1) + "\n"), r"1 error"),
    "unsorted stamps": ("a.csv", csv(lambda t: t.sample(frac=1, random_state=1)), r"stamps are not sorted"),
    "future stamps": ("a.csv", csv(lambda t: t.assign(time=t["time"] + np.timedelta64(36500, "D"))), r"in the future"),
    "prices × 100": ("a.csv", csv(timesed(100)), r"prices look multiplied by 100: .*wanted 200 to 12000"),
    "hourly bars": ("a.csv", csv(lambda t: t.iloc[::4]), r"bars are not 15T.*1H"),
    "spread in points": ("a.csv", csv(lambda t: t.assign(spread=25.0)), r"spreads look like points"),
    "chat text at the end": ("a.csv", text(lambda c: c + CHAT), r"2 errors of 1 kind; first at row 203"),
    "prose": ("a.csv", text(lambda c: "Dear all,\nplease find attached\n"), r"--format"),
    "corrupt parquet": ("a.parquet", corrupt_parquet, r"a\.parquet is truncated or corrupt"),
    "truncated parquet": ("a.parquet", truncated_parquet, r"a\.parquet is truncated or corrupt"),
    "parquet in name only": ("a.parquet", csv(lambda t: t), r"a\.parquet is not a parquet file"),
}


@pytest.mark.parametrize("wrong", FILES)
def test_a_bad_file_is_refused_whole(assay, few, wrong):
    name, spoil, says = FILES[wrong]
    path = assay.folder / name
    spoil(few, path)
    ended = assay("import", str(path), *IMPORT.split())
    check_refused_at_once(ended, 2 if wrong in ("prose", "blank lines only") else 4, says)
    check_nothing_half_written(assay)


def test_a_report_of_every_bad_row_is_kept_beside_the_line(assay, few):
    path = assay.folder / "a.csv"
    FILES["chat text at the end"][1](few, path)
    ended = assay("import", str(path), *IMPORT.split())
    report = Path(ended.err.strip().rpartition("Full report: ")[2])
    assert report.is_relative_to(assay.home)
    assert "Sure! Here is the rest" in report.read_text()


UNDECLARED = [
    ("--symbol XAUUSD --timeframe 15T --stamp open", r"carry no time zone: declare it, --timezone UTC"),
    ("--symbol XAUUSD --timeframe 15T --timezone UTC", r"Say whether stamps mark the open or the close"),
    (f"{IMPORT.replace('UTC', 'Europe/Athen')}", r"Unknown clock 'Europe/Athen'.*Did you mean Europe/Athens\?"),
    (f"{IMPORT.replace('UTC', '../../etc/passwd')}", r"Unknown clock '\.\./\.\./etc/passwd'"),
    (f"{IMPORT} --format mt6", r"Unknown format 'mt6'.*Did you mean mt5\?"),
]


def test_dates_that_may_begin_with_the_day_or_the_month_have_to_be_declared(assay, few):
    path = assay.folder / "a.csv"
    few.assign(time=few["time"].dt.strftime("%d/%m/%Y %H:%M")).to_csv(path, index=False)
    ended = assay("import", str(path), *IMPORT.split())
    check_refused(ended, 2, r"'02/01/2024 00:00' may be day first or month first: say --dates day")
    assert assay("import", str(path), *IMPORT.split(), "--dates", "day").code == 0


@pytest.mark.parametrize(("options", "says"), UNDECLARED, ids=[row[0] for row in UNDECLARED])
def test_what_a_file_does_not_say_has_to_be_declared(assay, few, options, says):
    path = assay.folder / "a.csv"
    few.to_csv(path, index=False)
    check_refused_at_once(assay("import", str(path), *options.split()), 2, says)
    check_nothing_half_written(assay)


SETTINGS = [
    (
        "labels",
        "take_profit = ",
        "take_proft = ",
        r"labels\.toml: \[default\] unknown key 'take_proft'\. .*take_profit",
    ),
    ("labels", "[default]", "[defualt]", r"unknown table \[defualt\]\. Did you mean default\?"),
    ("labels", "", "[XAUUSD_7T]\nbars = 5", r"unknown table \[XAUUSD_7T\]"),
    ("labels", "", "[SIM_XAUUSD]\nbars = 5", r"unknown table \[SIM_XAUUSD\]. Did you mean XAUUSD\?"),
    ("labels", "", "[4H]\nbrs = 5", r"\[4H\] unknown key 'brs'\. Did you mean bars\?"),
    ("labels", "", "[EURUSD]\nbars = -5", r"\[EURUSD\] bars = -5: "),
    ("labels", "[default]", "default = 3\n[15T]", r"labels\.toml: default stands outside of a table"),
    ("labels", "bars = 50", "", r"config/labels\.toml: key 'bars' is missing"),
    ("labels", "bars = 50", "bars = 50.5", r"bars = 50\.5: .*integer"),
    ("labels", "bars = 50", "bars = true", r"bars = True: .*integer"),
    ("labels", "take_profit = 1.4", "take_profit = true", r"take_profit = True: .*number"),
    ("labels", "take_profit = 1.4", 'take_profit = "1.4"', r"take_profit = '1\.4': .*number"),
    ("labels", "take_profit = 1.4", "take_profit = nan", r"take_profit = nan: .*finite number"),
    ("labels", "take_profit = 1.4", "take_profit = inf", r"take_profit = inf: .*finite number"),
    ("labels", "stop_loss = 1.0", "stop_loss = -1.0", r"stop_loss = -1\.0: .*greater than 0"),
    ("labels", "stop_loss = 1.0", "stop_loss = = 1.0", r"labels\.toml is not valid TOML: .*line 5"),
    ("labels", "bars = 50", "bars = 50\nbars = 51", r"labels\.toml is not valid TOML: .*line 7"),
    ("research", "2025-10-22", '"2025-10-22"', r"cut_off = '2025-10-22': .*date"),
    ("research", "2025-10-22", "20251022", r"cut_off = 20251022: .*date"),
    ("research", "2025-10-22", "2025-13-22", r"research\.toml is not valid TOML: .*line 5"),
    ("research", "folds = 10 ", "folds = 1 ", r"folds = 1: .*greater than or equal to 2"),
    ("policy", "per_trade = 0.005 ", "per_trade = 5 ", r"per_trade = 5: .*less than or equal to 1"),
    ("policy", "blocked_sessions = []", 'blocked_sessions = ["sydney"]', r"blocked_sessions.0 = 'sydney': .*'asia'"),
    (
        "gates",
        "trades = 200",
        "trades = 200\nprofit_facter = 2",
        r"gates\.toml \[six\]: unknown key 'profit_facter'\. .*",
    ),
    ("gates", "[six]", "[seven]", r"No \[six\] in config/gates\.toml: there are seven"),
    ("gates", "max_drawdown = 0.06", "max_drawdown = nan", r"max_drawdown = nan: .*finite number"),
    ("research", 'recipe = "ensemble"', 'recipe = "high_cnof"', r"No \[high_cnof\].*Did you mean high_conf\?"),
    (
        "recipes",
        "\ngroups = []",
        '\ngroups = ["momentun"]',
        r"\[ensemble\]: Unknown feature group 'momentun'.* momentum\?",
    ),
    ("research", 'recipe = "ensemble"', 'recipe = "../x"', r"'\.\./x' is no name of a recipe"),
    ("recipes", "xgboost = 0.4", "xgbost = 0.4", r"members\.xgbost = 'xgbost': .*\. Did you mean xgboost\?"),
    ("recipes", "xgboost = 0.4", "xgboost = 0.5", r"member weights sum to 1\.1, wanted 1"),
    ("recipes", 's = "fitted"', 's = "fited"', r"thresholds.* 'fited'.*'fitted'"),
    ("instruments", "spread_floor = 0.25", "spread_floor = -1.0", r"\[XAUUSD\]: spread_floor = -1\.0"),
    ("instruments", 'aliases = ["SILVER", "XAG"]', 'aliases = ["GOLD"]', r"GOLD means more than one instrument"),
]


@pytest.mark.parametrize(("file", "old", "new", "says"), SETTINGS, ids=[f"{row[0]}: {row[2]}" for row in SETTINGS])
def test_a_bad_setting_is_named_before_any_work_starts(assay, file, old, new, says):
    """Gold, which falls back on the simulated market where no bars are stored, is told nothing of that before."""
    assay.replace(file, old, new)
    for symbol in ("EURUSD", "XAUUSD"):
        check_refused_at_once(assay("train", symbol, "15T"), 2, says)
    assert not assay.home.exists()


def test_a_recipe_that_is_configured_by_the_name_of_a_path_is_refused(assay):
    assay.replace(
        "recipes", "", '["../x"]\ngroups = []\nmembers = { logistic = 1.0 }\nthresholds = "fitted"\nfeatures = 5'
    )
    ended = assay("train", "XAUUSD", "15T", "--recipe", "../x")
    check_refused_at_once(ended, 2, r"'\.\./x' is no name of a recipe")


def test_all_problems_of_a_settings_file_are_named_at_once(assay):
    assay.replace("labels", "take_profit = 1.4", "take_proft = 1.4")
    assay.replace("labels", "bars = 50", "bars = 0")
    assay.replace("labels", "", "[5H]\n[XAUUSD]\nstop_loss = -1")
    ended = assay("config", "show", "XAUUSD_15T")
    check_refused_at_once(ended, 2, r"bars = 0.*take_proft.*\[5H\].*\[XAUUSD\] stop_loss = -1")


def test_a_configuration_that_is_not_there_is_named(assay):
    (assay.config / "policy.toml").unlink()
    check_refused_at_once(assay("train", "EURUSD", "15T"), 2, r"No settings file .*policy\.toml")
    missing = str(assay.folder / "nowhere")
    ended = assay("config", "show", "XAUUSD_15T", ASSAY_CONFIG=missing)
    check_refused_at_once(ended, 2, r"No configuration folder at .*nowhere: .*ASSAY_CONFIG")


def test_an_unknown_or_empty_variable_is_named(assay):
    check_refused_at_once(assay("models", ASSAY_HMOE="x"), 2, r"ASSAY_HMOE\. Did you mean ASSAY_HOME\?")
    check_refused_at_once(assay("models", ASSAY_HOME=""), 2, r"ASSAY_HOME is set but empty")


def test_a_home_that_cannot_be_written_is_no_bug(assay, few):
    file = assay.folder / "a.csv"
    few.to_csv(file, index=False)
    check_refused_at_once(assay("models", ASSAY_HOME=str(file)), 2, r"ASSAY_HOME is .*a\.csv, which is a file")
    inside = assay("import", str(file), *IMPORT.split(), ASSAY_HOME=str(file / "home"))
    check_refused_at_once(inside, 6, r"Not a directory: .*a\.csv/home.*")


def test_a_full_disk_is_no_bug_and_leaves_the_old_bars(gold, few, monkeypatch):
    file, folder = gold.folder / "a.csv", gold.home / "bars"
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    few.to_csv(file, index=False)

    def full(*_):
        raise OSError(28, "No space left on device", str(gold.home / "bars"))

    monkeypatch.setattr(os, "fsync", full)
    ended = gold("import", str(file), *IMPORT.split(), "--replace")
    check_refused_at_once(ended, 6, r"No space left on device: .*bars")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert gold.files("*.tmp") == []


def test_too_few_bars_are_refused_with_what_is_missing(gold):
    check_refused(gold("train", "XAUUSD", "15T"), 4, r"shorter than the 6 judged months.*Import more history")
    gold.replace("research", "oos_months = 6 ", "oos_months = 1 ")
    gold.replace("research", "2019-01-01", "2023-12-01")
    ended = gold("train", "XAUUSD", "15T", "--cut-off", "2024-01-31")
    check_refused(ended, 4, r"judged months|Too few bars for 10 folds")


def test_too_few_rows_in_the_first_of_ten_folds_are_counted(assay, hours):
    assay.replace("research", "oos_months = 12", "oos_months = 1")
    file = assay.folder / "hours.csv"
    hours.to_csv(file, index=False)
    assert assay("import", str(file), *IMPORT.replace("15T", "1H").split()).code == 0
    ended = assay("train", "XAUUSD", "1H", "--workers", "1")
    check_refused(ended, 4, r"Too few bars for 10 folds\. Of the first fold: it has \d+ usable training rows.*wanted 3")
    assert assay.files("*card*") == assay.files("mlflow.db") == assay.files("ledger.jsonl") == []


def test_a_recipe_that_wants_only_volume_is_refused_on_bars_without_any(assay, silent):
    file = assay.folder / "silent.csv"
    silent.to_csv(file, index=False)
    assert assay("import", str(file), *IMPORT.split()).code == 0
    assay.replace("recipes", 'groups = ["momentum", "volume"]', 'groups = ["volume"]')
    ended = assay("train", "XAUUSD", "15T", "--recipe", "cmf_macd")
    check_refused(ended, 4, r"XAUUSD_15T has no volume, and recipe cmf_macd asks for nothing else")


def test_a_cut_off_before_the_first_bar_names_the_bars_there_are_and_no_feature_is_made(gold):
    features = gold.home / "features" / "XAUUSD_15T.parquet"
    features.unlink()
    ended = gold("train", "XAUUSD", "15T", "--cut-off", "2020-01-01")
    check_refused_at_once(
        ended,
        4,
        r"No bars between 2019-01-01 and the cut-off 2020-01-01: XAUUSD_15T has 2,\d+ from 2024-01-02 to 2024-02-06\.",
    )
    assert not features.exists()


@pytest.mark.parametrize("verb", ["train XAUUSD 15T", "label XAUUSD 15T", "enrich XAUUSD_15T", "import"])
def test_a_series_that_another_process_works_on_is_locked(gold, few, verb):
    file = gold.folder / "a.csv"
    few.to_csv(file, index=False)
    typed = f"import {file} {IMPORT}" if verb == "import" else verb
    before = gold.clock()
    with FileLock(gold.home / "runs" / "XAUUSD_15T" / ".lock"):
        check_refused_at_once(gold(*typed.split()), 6, r"XAUUSD_15T is being worked on by another assay process")
    assert gold.clock() == before


def test_bars_that_were_changed_after_import_are_refused(gold):
    path = gold.home / "bars" / "XAUUSD_15T.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    for verb in ("train XAUUSD 15T", "enrich XAUUSD_15T", "label XAUUSD 15T", "causality XAUUSD 15T"):
        check_refused_at_once(gold(*verb.split()), 4, r"XAUUSD_15T\.parquet was changed after it was imported")


def test_bars_without_their_manifest_are_none(gold):
    (gold.home / "bars" / "XAUUSD_15T.manifest.json").unlink()
    check_refused_at_once(gold("enrich", "XAUUSD_15T"), 6, r"No bars stored for XAUUSD_15T")


def test_features_that_are_gone_or_changed_are_made_again(gold):
    path = gold.home / "features" / "XAUUSD_15T.parquet"
    content = path.read_bytes()
    for harm in (path.unlink, lambda: path.write_bytes(content[:-1])):
        harm()
        ended = gold("enrich", "XAUUSD_15T")
        assert (ended.code, path.read_bytes()) == (0, content)
        assert "XAUUSD_15T.parquet is missing or changed" in ended.err


def test_a_port_in_use_is_named(gold):
    (gold.home / "mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        check_refused_at_once(gold("ui", "--port", port), 6, rf"Port {port} is in use: choose another with --port")


@pytest.mark.parametrize("typed", ["trian", "train XAUUDS 15T", "card XAUUSD_15T", "models --jsn", "enrich"])
def test_for_machines_an_error_is_one_json_object(assay, typed):
    ended = assay(*typed.split(), "--json")
    told = json.loads(ended.out)
    assert told == {"error": ended.err.strip().removeprefix("error: "), "exit_code": ended.code}
    assert ended.code in (2, 6)


def test_an_answer_for_machines_is_one_json_object_even_where_a_gate_says_no(gold, monkeypatch):
    leak = {"column": "trend__x", "ts": "t", "before": 0, "after": 1, "cut": "c"}
    answer = {"series": [{"series": "XAUUSD_15T", "columns": 3, "leaks": [leak], "misdated": []}]}
    monkeypatch.setattr(causality, "causality", lambda *_: answer)
    ended = gold("causality", "XAUUSD", "15T", "--json")
    assert json.loads(ended.out) == answer
    check_refused(ended, 3, r"1 leak in XAUUSD_15T")


def broken(*_, **__):
    raise RuntimeError("first line\nsecond line")


def test_our_own_bug_is_one_line_and_a_report_in_the_logs(assay, monkeypatch):
    monkeypatch.setattr(answers, "models", broken)
    monkeypatch.setenv("BROKER_PASSWORD", "correct horse battery staple")
    ended = assay("models")
    check_refused_at_once(ended, 70, r"a bug in Assay \(RuntimeError: first line second line\).*please report")
    (log,) = (assay.home / "logs").iterdir()
    assert str(log) in ended.err
    report = log.read_text()
    assert "Traceback" in report and "in broken" in report
    assert "correct horse" not in report + ended.err + ended.out


def test_our_own_bug_is_one_line_where_even_the_log_cannot_be_written(assay, monkeypatch):
    monkeypatch.setattr(answers, "models", broken)
    for home in ("", str(assay.config / "labels.toml" / "x")):
        check_refused_at_once(assay("models", ASSAY_HOME=home), 70, r"details could not be written")


def test_a_bug_for_machines_is_one_json_object(assay, monkeypatch):
    monkeypatch.setattr(resampling, "resample", broken)
    ended = assay("resample", "XAUUSD", "--to", "1H", "--json")
    assert json.loads(ended.out)["exit_code"] == ended.code == 70


def test_an_interrupt_says_how_to_go_on(assay, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(answers, "models", interrupted)
    check_refused_at_once(assay("models"), 130, r"interrupted: run the same command again")


def process(assay, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pipeline", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return subprocess.run(command, env=environment | assay.environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        ("trian", 2, "Did you mean train"),
        ("import nowhere.csv " + IMPORT, 2, "No file at"),
        ("card X_15T", 2, "Unknown"),
    ],
)
def test_a_real_process_ends_the_same_way(assay, typed, code, says):
    ended = process(assay, *typed.split())
    assert (ended.returncode, ended.stdout) == (code, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ") and says in line
