"""The command line as people use it: what each verb answers, what it leaves alone, and that it starts light."""

import json
import os
import subprocess
import sys

import pytest

from market import simulated, tables
from tests.pipeline.conftest import PROJECT

IMPORT = "--timeframe 15T --timezone UTC --stamp open"
SERIES = "XAUUSD_15T"


def answer(assay, *arguments: str):
    ended = assay(*arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_help_imports_nothing_heavy():
    heavy = "numpy pandas pyarrow mlflow sklearn scipy xgboost lightgbm talib ta numba matplotlib rich pydantic"
    code = f"import sys, pipeline.cli; print([name for name in {heavy.split()} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_help_names_every_verb_and_exits_0(assay):
    from pipeline import cli

    ended = assay("--help")
    assert ended.code == 0
    assert [name for name in cli.assay.commands if name not in ended.out] == []
    for verb in cli.assay.commands:
        assert assay(verb, "--help").code == 0


def test_no_verb_at_all_shows_the_help_and_exits_2(assay):
    ended = assay()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: assay")


def test_config_shows_each_effective_value_and_where_it_comes_from(assay):
    shown = answer(assay, "config", "show", SERIES)
    assert set(shown) == {"research", "labels", "policy", "live", "tuning", "combinatorial"}
    assert shown["labels"]["bars"] == {"value": 50, "origin": "config/labels.toml [default]"}
    assert "take_profit" in assay("config", "show", SERIES).out


def test_settings_inherit_from_default_to_timeframe_to_symbol_to_series(assay):
    layers = ("15T", "XAUUSD", SERIES)
    expected = {"take_profit": 1.4, "stop_loss": 2.0, "bars": 30, "atr_period": 4, "cusum": "off"}
    assay.replace("labels", "", "[XAUUSD_15T]\natr_period = 4")
    assay.replace("labels", "", "[15T]\nstop_loss = 2.0\nbars = 20\natr_period = 2")
    assay.replace("labels", "", "[XAUUSD]\nbars = 30\natr_period = 3")
    shown = answer(assay, "config", "show", SERIES)["labels"]
    assert {name: one["value"] for name, one in shown.items()} == expected
    origins = [one["origin"] for one in shown.values()]
    assert origins == [f"config/labels.toml [{layer}]" for layer in ("default", *layers, "default")]
    other = answer(assay, "config", "show", "EURUSD_15T")["labels"]
    assert {name: one["value"] for name, one in other.items()} == expected | {"bars": 20, "atr_period": 2}


def test_an_alias_and_another_spelling_of_a_timeframe_mean_the_same_series(assay):
    for typed in ("GOLD_M15", "XAU_15min", "XAUUSD_15m"):
        assert answer(assay, "config", "show", typed) == answer(assay, "config", "show", SERIES)


def test_bars_of_an_alias_are_stored_under_the_symbol(assay):
    file = assay.folder / "btc.parquet"
    simulated.simulate("BTCUSD", "15T", "2024-01-02", "2024-01-04").to_parquet(file)
    made = answer(assay, "import", str(file), "--symbol", "BTCUSDT", "--timeframe", "M15", "--stamp", "close")
    assert made["series"] == "BTCUSD_15T"
    assert assay.files("bars/*.parquet") == ["bars/BTCUSD_15T.parquet"]


def test_import_says_what_was_stored_and_what_to_know_about_it(gold):
    made = answer(gold, "import", str(gold.folder / "month.csv"), "--symbol", "XAUUSD", *IMPORT.split())
    bars = tables.read_table(gold.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    assert (made["series"], made["rows"]) == (SERIES, len(bars))
    assert (made["first"], made["last"]) == (bars.index[0].isoformat(), bars.index[-1].isoformat())
    assert made["bars_sha256"] == tables.sha256_of_file(gold.home / "bars" / f"{SERIES}.parquet")
    assert any("spread floor" in note for note in made["notes"])


def test_the_same_file_again_makes_the_same_bars(gold):
    path = gold.home / "bars" / f"{SERIES}.parquet"
    before = path.read_bytes()
    answer(gold, "import", str(gold.folder / "month.csv"), "--symbol", "XAUUSD", *IMPORT.split())
    assert path.read_bytes() == before
    assert "up to date" in gold("enrich").err


def test_quarantine_sets_bad_rows_aside_and_says_how_many(assay, few):
    file = assay.folder / "a.csv"
    few.to_csv(file, index=False)
    file.write_text(file.read_text() + "Sure! Here is the rest of your data:\n")
    typed = ["import", str(file), "--symbol", "XAUUSD", *IMPORT.split()]
    assert assay(*typed).code == 4
    made = answer(assay, *typed, "--quarantine")
    assert (made["rows"], made["facts"]["set_aside"]) == (len(few), 1)
    assert "1 rows were set aside at import." in made["notes"]
    assert "Sure! Here is" in (assay.home / "imports" / f"{SERIES}.problems.csv").read_text()


def test_enrich_again_is_up_to_date_and_touches_nothing(gold):
    before = gold.clock()
    ended = gold("enrich")
    assert ended.code == 0
    assert "up to date" in ended.err
    (one,) = answer(gold, "enrich", SERIES)["series"]
    assert (one["series"], one["why"]) == (SERIES, None)
    assert gold.clock() == before


def test_other_barriers_make_labels_again_but_no_features(gold):
    before = gold.clock()
    gold.replace("labels", "take_profit = 1.4", "take_profit = 2.0")
    assert answer(gold, "enrich", SERIES)["series"][0]["why"] is None
    assert answer(gold, "label", "XAUUSD", "15T")["why"] == "settings changed"
    changed = {name for name, when in gold.clock().items() if before.get(name) != when}
    assert changed == {
        f"labels/{SERIES}.parquet",
        f"labels/{SERIES}.manifest.json",
        f"runs/{SERIES}/label.receipt.json",
    }
    assert answer(gold, "label", "XAUUSD", "15T")["why"] is None


def test_other_bars_make_features_and_labels_again(gold, few):
    file = gold.folder / "more.csv"
    lines = (gold.folder / "month.csv").read_text().splitlines()
    file.write_text("\n".join(lines[:1_900]))
    answer(gold, "import", str(file), "--symbol", "XAUUSD", *IMPORT.split(), "--replace")
    assert answer(gold, "enrich", SERIES)["series"][0]["why"] == "bars changed"
    assert answer(gold, "label", "XAUUSD", "15T")["why"] == "bars changed"


def test_labels_say_what_is_absent_and_the_shares(gold):
    told = answer(gold, "label", "XAUUSD", "15T")
    assert sum(told["shares"].values()) == pytest.approx(1.0)
    bars = tables.read_table(gold.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    assert told["rows"] + sum(told["absent"].values()) == len(bars)
    table = tables.read_table(gold.home / "labels" / f"{SERIES}.parquet", tables.LABELS)
    assert told["effective"] == round(table["weight"].sum()) < told["rows"]
    assert f"worth {told['effective']:,} without overlap: " in gold("label", "XAUUSD", "15T").out
    assert "absent" in gold("label", "XAUUSD", "15T").out


def test_resample_makes_coarser_bars_from_the_finest_that_divide_them(gold):
    (made,) = answer(gold, "resample", "XAUUSD", "--to", "1H")
    fine = tables.read_table(gold.home / "bars" / f"{SERIES}.parquet", tables.BARS)
    hours = tables.read_table(gold.home / "bars" / "XAUUSD_1H.parquet", tables.BARS)
    assert (made["series"], made["facts"]["resampled_from"]) == ("XAUUSD_1H", SERIES)
    assert len(hours) == made["rows"] < len(fine) / 3
    assert hours["high"].max() == fine.loc[: hours.index[-1], "high"].max()
    (again,) = answer(gold, "resample", "GOLD", "--to", "4H")
    assert again["facts"]["resampled_from"] == SERIES


def test_an_empty_home_has_no_models_and_stays_empty(assay):
    assert answer(assay, "models") == []
    assert "Nothing is in production" in assay("models").out
    assert not assay.home.exists()


def test_an_empty_home_has_no_ledger_of_a_series(assay):
    ended = assay("ledger", SERIES)
    assert ended.code == 0
    assert "0 trials, 0 looks" in ended.out
    assert not assay.home.exists()


@pytest.mark.parametrize("arguments", [["config", "show", SERIES], ["config", "show", SERIES, "--json"], ["--help"]])
def test_a_reader_that_has_read_enough_is_no_error(assay, arguments):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "pipeline", *arguments]
    ended = subprocess.run(
        command, env=os.environ | assay.environment, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_resampling_never_replaces_imported_bars(gold):
    assert gold("resample", "XAUUSD", "--to", "1H").code == 0
    assert gold("resample", "XAUUSD", "--to", "1H").code == 0
    hourly = gold.home / "bars" / "XAUUSD_1H.manifest.json"
    hourly.write_text(hourly.read_text().replace("resampled_from", "made_elsewhere"))
    ended = gold("resample", "XAUUSD", "--to", "1H")
    assert ended.code == 2
    assert "imported bars, which resampling would replace" in ended.err


@pytest.mark.parametrize(("typed", "wanted"), [([], True), (["STRICT=1"], False)])
def test_make_train_accepts_a_failed_verdict_unless_it_is_strict(typed, wanted):
    ended = subprocess.run(["make", "-n", "train", *typed], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    (line,) = [line for line in ended.stdout.splitlines() if "assay train" in line]
    assert line.split()[1:4] == ["train", "XAUUSD", "15T"]
    assert ("--accept-failed" in line) is wanted and "exit" not in line, "no other code is turned into another"
