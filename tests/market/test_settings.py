"""Settings: each file is checked whole, values inherit, and every wrong one is named with what was meant."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from market import gate_settings, instruments, settings
from market.errors import UsageError
from market.settings import Setting
from market.timeframe import TIMEFRAMES


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    """Return a copy of the settings, to change."""
    folder = tmp_path / "config"
    shutil.copytree(Path(__file__).parents[2] / "config", folder)
    monkeypatch.setenv("ASSAY_CONFIG", str(folder))
    return folder


def write_below(config: Path, file: str, text: str) -> None:
    with (config / f"{file}.toml").open("a") as stream:
        stream.write(f"\n{text}\n")


@pytest.mark.parametrize("symbol", instruments.instruments())
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_every_series_has_settings(symbol, timeframe):
    research, labels = settings.research(symbol, timeframe), settings.labels(symbol, timeframe)
    assert research.history_start < research.cut_off
    assert research.purge >= labels.bars
    policy = settings.policy(symbol, timeframe)
    assert policy.per_trade <= policy.open_risk
    assert settings.recipe(research.recipe).members


@pytest.mark.parametrize("name", settings.read_toml("recipes"))
def test_every_recipe_is_sound(name):
    recipe = settings.recipe(name)
    assert sum(recipe.members.values()) == pytest.approx(1.0)


def test_the_six_gates_are_those_of_the_go_live_benchmarks():
    assert gate_settings.gates().model_dump() == {
        "profit_factor": 1.6,
        "max_drawdown": 0.06,
        "sharpe_per_trade": 0.25,
        "win_rate": 0.52,
        "trades": 200,
        "fold_profit_factor_variation": 0.35,
    }


def test_the_nearest_layer_holds(config):
    write_below(config, "labels", "[15T]\nbars = 20")
    assert settings.labels("XAUUSD", "15T").bars == 20
    write_below(config, "labels", "[XAUUSD]\nbars = 30")
    assert settings.labels("XAUUSD", "15T").bars == 30
    assert settings.labels("EURUSD", "15T").bars == 20
    assert settings.labels("XAUUSD", "1H").bars == 30
    write_below(config, "labels", "[XAUUSD_15T]\nbars = 40")
    assert settings.labels("XAUUSD", "15T").bars == 40
    assert settings.labels("XAUUSD", "1H").bars == 30
    assert settings.labels("EURUSD", "1H").bars == 50


def test_an_effective_value_knows_where_it_comes_from(config):
    write_below(config, "research", "[XAUUSD]\noos_months = 3")
    found = settings.effective("XAUUSD", "1H")["research"]
    assert found["oos_months"] == Setting(3, "config/research.toml [XAUUSD]")
    assert found["cut_off"] == Setting(dt.date(2025, 10, 22), "config/research.toml [default]")
    assert settings.effective("EURUSD", "1H")["research"]["oos_months"].origin == "config/research.toml [1H]"
    assert set(found) == set(settings.Research.model_fields)


def test_a_layer_may_not_hold_a_value_that_no_series_may_have(config):
    write_below(config, "policy", "[EURUSD_4H]\nopen_risk = 2.0")
    with pytest.raises(UsageError, match=r"config/policy\.toml: \[EURUSD_4H\] open_risk = 2\.0: .*less than or equal"):
        settings.policy("XAUUSD", "15T")


def test_volatility_is_not_clamped_unless_it_is_asked_for(config):
    found = settings.policy("XAUUSD", "15T")
    assert (found.max_volatility, found.min_volatility) == ("off", 0.0)
    write_below(config, "policy", "[XAUUSD]\nmax_volatility = 2.5\nmin_volatility = 0.5")
    found = settings.policy("XAUUSD", "15T")
    assert (found.max_volatility, found.min_volatility) == (2.5, 0.5)
    assert settings.policy("EURUSD", "15T").max_volatility == "off"


@pytest.mark.parametrize("text", ["max_volatility = 0.0", "max_volatility = inf", "max_volatility = 'none'"])
def test_a_bound_of_volatility_is_a_number_above_0_or_off(config, text):
    write_below(config, "policy", f"[XAUUSD]\n{text}")
    with pytest.raises(UsageError, match=r"config/policy\.toml: \[XAUUSD\] max_volatility.*'off'"):
        settings.policy("XAUUSD", "15T")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("'of'", "max_volatility = 'of': wanted a finite number above 0, or 'off'. Did you mean off?"),
        ("'OFF'", "max_volatility = 'OFF': wanted a finite number above 0, or 'off'. Did you mean off?"),
        ("'2.5'", "max_volatility = '2.5': wanted a finite number above 0, or 'off'."),
        ("-1", "max_volatility = -1: wanted a finite number above 0, or 'off'."),
        ("true", "max_volatility = True: wanted a finite number above 0, or 'off'."),
        ("nan", "max_volatility = nan: wanted a finite number above 0, or 'off'."),
    ],
)
def test_a_misspelt_bound_of_volatility_is_told_once_and_in_words(config, typed, told):
    write_below(config, "policy", f"[XAUUSD]\nmax_volatility = {typed}")
    with pytest.raises(UsageError) as raised:
        settings.policy("XAUUSD", "15T")
    assert str(raised.value) == f"config/policy.toml: [XAUUSD] {told}"


def test_a_whole_number_bounds_volatility_too(config):
    write_below(config, "policy", "[XAUUSD]\nmax_volatility = 2")
    assert settings.policy("XAUUSD", "15T").max_volatility == 2.0


def test_bounds_of_volatility_between_which_nothing_lies_are_refused(config):
    write_below(config, "policy", "[15T]\nmax_volatility = 1.5\n[XAUUSD]\nmin_volatility = 1.6")
    with pytest.raises(UsageError, match=r"min_volatility 1\.6 is above max_volatility 1\.5"):
        settings.policy("XAUUSD", "15T")


def test_all_problems_of_a_file_are_named_at_once(config):
    write_below(config, "policy", "[7T]\n[1H]\ncoldown = 3\n[GOLD]\n[EURUSD]\nequity = -1\nper_trade = nan")
    wanted = (
        r"table \[7T\].*\[1H\] unknown key 'coldown'\. Did you mean cooldown\?.*\[GOLD\].*equity = -1.*per_trade = nan"
    )
    with pytest.raises(UsageError, match=wanted):
        settings.policy("XAUUSD", "15T")


def test_a_message_is_one_line_that_ends_as_a_sentence(config):
    write_below(config, "policy", "[1H]\ncoldown = 3")
    with pytest.raises(UsageError) as raised:
        settings.policy("XAUUSD", "15T")
    assert str(raised.value).endswith("Did you mean cooldown?")
    assert "\n" not in str(raised.value)


def test_settings_cannot_be_changed_once_they_are_read():
    with pytest.raises(ValueError, match="frozen"):
        settings.labels("XAUUSD", "15T").bars = 3


def test_unknown_recipes_and_gate_profiles_are_told_the_nearest():
    with pytest.raises(UsageError, match=r"No \[high_conv\].*there are ensemble, .*Did you mean high_conf\?"):
        settings.recipe("high_conv")
    with pytest.raises(UsageError, match=r"No \[sixx\].*Did you mean six\?"):
        gate_settings.gates("sixx")


def test_thresholds_are_fitted_or_numbers_on_their_own_side(config):
    assert settings.recipe("ensemble").thresholds == "fitted"
    assert settings.recipe("high_conf").thresholds.long == 0.65
    path = config / "recipes.toml"
    path.write_text(path.read_text().replace("{ long = 0.65, short = 0.35 }", "{ long = 0.35, short = 0.65 }"))
    with pytest.raises(UsageError, match=r"long = 0\.35: .*short = 0\.65: "):
        settings.recipe("high_conf")


def test_folders_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("ASSAY_HOME", raising=False)
    monkeypatch.delenv("ASSAY_CONFIG", raising=False)
    monkeypatch.chdir(Path(__file__).parents[2])
    assert settings.home() == Path("data").resolve()
    assert settings.config_folder() == Path("config").resolve()
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "not yet there"))
    assert settings.home() == tmp_path / "not yet there"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="run from the project or set ASSAY_CONFIG"):
        settings.config_folder()


def test_a_home_that_is_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_HOME", __file__)
    with pytest.raises(UsageError, match=r"test_settings\.py, which is a file"):
        settings.home()
