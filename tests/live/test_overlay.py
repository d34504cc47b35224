"""The overlay: whatever the files say, nothing is looser than what was judged; each value knows where it comes from."""

import math
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.policy import Policy
from backtest.risk import Risk
from live import overlay
from live.overlay import Limit
from market import settings
from market.errors import UsageError
from market.settings import LiveAccount, LiveSeries, Setting, Tightening

JUDGED = Policy(0.6, 0.4), Risk()
LOWER = ("max_spread_atr", "per_trade", "open_risk", "daily_loss", "max_trades_per_day", "max_consecutive_losses")
LOWER += ("max_drawdown", "max_positions", "max_notional", "max_volatility")
HIGHER = ("cooldown", "min_confidence", "min_volatility")


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    """Return a copy of the settings, to change."""
    folder = tmp_path / "config"
    shutil.copytree(Path(__file__).parents[2] / "config", folder)
    monkeypatch.setenv("ASSAY_CONFIG", str(folder))
    return folder


def write_below(config: Path, text: str, file: str = "live") -> None:
    with (config / f"{file}.toml").open("a") as stream:
        stream.write(f"\n{text}\n")


def replace(config: Path, old: str, new: str, file: str = "live") -> None:
    path = config / f"{file}.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


# ---- what the files say ----


def test_the_account_has_the_limits_that_were_asked_for():
    account = settings.live_account()
    assert account.model_dump() == {
        "name": "paper",
        "per_trade": 0.0025,
        "open_risk": 0.01,
        "daily_loss": 0.02,
        "max_trades_per_day": 20,
        "max_consecutive_losses": 5,
        "max_drawdown": 0.06,
        "max_positions": 3,
        "max_margin": 0.20,
        "leverage": 100.0,
        "orders_per_minute": 10,
        "order_validity": 60.0,
    }
    assert account.max_positions * account.per_trade <= account.open_risk


def test_a_bar_may_be_five_minutes_old():
    assert settings.live_feed().maximum_age == 300.0
    assert settings.live_feed().maximum_silence == 1800.0


def test_a_series_is_traded_as_judged_unless_told_otherwise(config):
    assert settings.live_series("XAUUSD", "15T") == LiveSeries(enabled=True, role="champion", preset="judged")
    write_below(config, '[XAUUSD_15T]\nenabled = false\nrole = "shadow"\npreset = "moderate"\ncooldown = 8')
    found = settings.live_series("XAUUSD", "15T")
    assert (found.enabled, found.role, found.preset, found.cooldown) == (False, "shadow", "moderate", 8)
    assert settings.live_series("XAUUSD", "1H").enabled


def test_a_simulated_series_is_traded_as_its_instrument(config):
    write_below(config, "[XAUUSD_15T]\ncooldown = 8")
    assert overlay.read("SIM_XAUUSD_15T").series.cooldown == 8


def test_every_problem_of_the_file_is_named_at_once(config):
    replace(config, "max_positions = 3", "max_position = 3")
    replace(config, 'clock = "bar"', 'clock = "sun"')
    write_below(
        config, '[XAUUSD_15X]\n[XAUUSD_15T]\npreset = "modrate"\ncoldown = 1\nenabled = 1\n[1H]\nper_trade = nan'
    )
    with pytest.raises(UsageError) as raised:
        settings.live_series("EURUSD", "1H")
    told = str(raised.value)
    for wanted in (
        "config/live.toml: ",
        "[account] key 'max_positions' is missing",
        "[account] unknown key 'max_position'. Did you mean max_positions?",
        "[feed] clock = 'sun'",
        "unknown table [XAUUSD_15X]. Did you mean XAUUSD_15T?",
        "[XAUUSD_15T] enabled = 1",
        "[XAUUSD_15T] preset = 'modrate'",
        "unknown key 'coldown'. Did you mean cooldown?",
        "[1H] per_trade = nan",
    ):
        assert wanted in told
    for read in (settings.live_account, settings.live_feed):
        with pytest.raises(UsageError, match="unknown table"):
            read()


@pytest.mark.parametrize(("file", "table"), [("live", "feed"), ("live", "account"), ("presets", "aggressive")])
def test_a_table_that_is_missing_is_named(config, file, table):
    replace(config, f"[{table}]", "[conservativ]", file)
    with pytest.raises(UsageError, match=rf"table \[{table}\] is missing.*unknown table \[conservativ\]"):
        overlay.read("XAUUSD_15T")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("per_trade = 0.0025", "per_trade = 0.0"),
        ("per_trade = 0.0025", "per_trade = 1.5"),
        ("max_drawdown = 0.06", "max_drawdown = inf"),
        ("max_positions = 3", "max_positions = 2.5"),
        ("max_margin = 0.20", "max_margin = 0"),
        ("leverage = 100.0", "leverage = 0.5"),
        ("orders_per_minute = 10", "orders_per_minute = 0"),
        ("order_validity = 60.0", "order_validity = 0.0"),
        ('name = "paper"', 'name = "my paper"'),
        ("maximum_age = 300.0", "maximum_age = -1.0"),
        ("enabled = true", 'enabled = "yes"'),
        ('role = "champion"', 'role = "boss"'),
        ('preset = "judged"', 'max_volatility = 0.0\npreset = "judged"'),
        ('preset = "judged"', 'min_volatility = -0.1\npreset = "judged"'),
    ],
)
def test_a_value_that_no_account_may_have_is_refused(config, old, new):
    replace(config, old, new)
    with pytest.raises(UsageError, match=rf"config/live\.toml: .*{new.split(' ')[0]}"):
        overlay.read("XAUUSD_15T")


# ---- presets ----


def under(preset: str) -> dict:
    values = settings.preset(preset).model_dump(exclude_none=True, exclude_unset=True)
    limits = tuple(Limit(name, value, "preset") for name, value in values.items())
    return {name: one.value for name, one in overlay.effective(*JUDGED, limits).items()}


def test_judged_changes_nothing():
    assert settings.preset("judged") == Tightening()
    assert under("judged") == JUDGED[0]._asdict() | JUDGED[1]._asdict()


def test_moderate_is_what_the_documents_name():
    found = under("moderate")
    assert (found["max_spread_atr"], found["blocked_sessions"], found["min_confidence"]) == (0.15, ("asia",), 0.55)
    assert (found["max_volatility"], found["min_volatility"]) == (2.5, 0.0)


def test_each_preset_is_as_strict_as_the_one_before_or_stricter():
    presets = [under(name) for name in ("judged", "aggressive", "moderate", "conservative")]
    for looser, stricter in pairwise(presets):
        assert no_looser(stricter, looser) == []
        assert stricter != looser


# ---- tightening ----


def no_looser(found: dict, judged: dict) -> list[str]:
    """Return the names of values of `found` that allow what `judged` does not."""
    loose = [name for name in LOWER if not found[name] <= judged[name]]
    loose += [name for name in HIGHER if not found[name] >= judged[name]]
    loose += [] if set(found["blocked_sessions"]) >= set(judged["blocked_sessions"]) else ["blocked_sessions"]
    untouched = ("long_threshold", "short_threshold", "equity")
    return loose + [name for name in untouched if found[name] != judged[name]]


SHARE = st.floats(1e-6, 1.0)
COUNT = st.integers(1, 1000)
POSITIVE = st.floats(1e-6, 1e6)
SESSIONS = st.lists(st.sampled_from(["asia", "london", "new_york"]), unique=True)
VALUES = {
    "max_spread_atr": POSITIVE,
    "blocked_sessions": SESSIONS,
    "min_confidence": st.floats(0.0, 1.0),
    "cooldown": st.integers(0, 1000),
    "per_trade": SHARE,
    "open_risk": SHARE,
    "daily_loss": SHARE,
    "max_trades_per_day": COUNT,
    "max_consecutive_losses": COUNT,
    "max_drawdown": SHARE,
    "max_positions": COUNT,
    "max_notional": POSITIVE,
    "max_volatility": POSITIVE,
    "min_volatility": st.floats(0.0, 10.0),
}
TIGHTENINGS = st.fixed_dictionaries({}, optional=VALUES)
ACCOUNTS = st.builds(
    LiveAccount,
    name=st.just("paper"),
    leverage=st.floats(1.0, 1000.0),
    max_margin=SHARE,
    orders_per_minute=COUNT,
    order_validity=POSITIVE,
    **{name: VALUES[name] for name in (*LOWER[1:7], "max_positions")},
)
POLICIES = st.builds(
    Policy,
    st.floats(0.5, 1.0),
    st.floats(0.0, 0.5),
    VALUES["cooldown"],
    POSITIVE,
    SESSIONS.map(tuple),
    VALUES["min_confidence"],
    st.just(math.inf) | POSITIVE,
    VALUES["min_volatility"],
)
RISKS = st.builds(Risk, POSITIVE, SHARE, SHARE, SHARE, COUNT, COUNT, SHARE, COUNT, POSITIVE)


def laid(account: LiveAccount, *tables: dict) -> tuple[Limit, ...]:
    given = [Limit(name, value, f"table {i}") for i, table in enumerate(tables) for name, value in table.items()]
    return (*overlay.limits_of(account, "account"), *given)


@given(POLICIES, RISKS, ACCOUNTS, TIGHTENINGS, TIGHTENINGS)
def test_whatever_the_files_say_nothing_is_looser(policy, risk, account, preset, series):
    assert Tightening.model_validate(preset)
    limits = laid(account, preset, series)
    found = overlay.tightened(policy, risk, limits)
    values = found[0]._asdict() | found[1]._asdict()
    assert no_looser(values, policy._asdict() | risk._asdict()) == []
    for limit in limits:
        assert no_looser(values, values | {limit.name: limit.value}) == []
    assert overlay.tightened(*found, limits) == found
    assert overlay.tightened(policy, risk, limits[::-1])[1] == found[1]


@given(POLICIES, RISKS, ACCOUNTS, TIGHTENINGS)
def test_each_value_comes_from_where_it_is_said_to(policy, risk, account, series):
    limits = laid(account, series)
    judged = policy._asdict() | risk._asdict()
    for name, found in overlay.effective(policy, risk, limits).items():
        if found.origin == "judged":
            assert found.value == judged[name]
        elif name != "blocked_sessions":
            assert Limit(name, *found) in limits


def test_the_search_finds_an_overlay_that_takes_the_nearest_value():
    policy, risk = JUDGED
    nearest = policy._asdict() | risk._asdict() | {"per_trade": 0.01, "cooldown": 0, "blocked_sessions": ()}
    nearest |= {"max_volatility": 3.0, "min_volatility": 0.1}
    judged = policy._replace(blocked_sessions=("asia",), max_volatility=2.0, min_volatility=0.5)
    loose = ["per_trade", "max_volatility", "cooldown", "min_volatility", "blocked_sessions"]
    assert no_looser(nearest, judged._asdict() | risk._asdict()) == loose


def test_what_was_judged_as_nan_stays_so_and_refuses_every_trade():
    _, risk = overlay.tightened(JUDGED[0], Risk(per_trade=math.nan), laid(settings.live_account()))
    assert math.isnan(risk.per_trade)


def test_a_series_may_clamp_what_was_judged_without(config):
    write_below(config, "[XAUUSD_15T]\nmax_volatility = 1.8\nmin_volatility = 0.4")
    policy, _ = overlay.tightened(*JUDGED, overlay.read("XAUUSD_15T").limits)
    assert (policy.max_volatility, policy.min_volatility) == (1.8, 0.4)


def test_margin_and_leverage_limit_the_notional_of_a_position():
    _, risk = overlay.tightened(*JUDGED, overlay.read("XAUUSD_15T").limits)
    assert risk.max_notional == pytest.approx(20.0)
    assert (risk.max_drawdown, risk.max_positions, risk.per_trade) == (0.06, 3, 0.0025)


def test_the_stricter_of_judged_account_preset_and_series_holds_and_is_named(config):
    write_below(
        config, '[XAUUSD]\npreset = "moderate"\ncooldown = 3\n[XAUUSD_15T]\nper_trade = 0.002\ndaily_loss = 0.5'
    )
    write_below(config, '[15T]\nblocked_sessions = ["new_york"]')
    policy = Policy(0.6, 0.4, blocked_sessions=("london",), min_volatility=0.7)
    found = overlay.effective(policy, Risk(daily_loss=0.01), overlay.read("XAUUSD_15T").limits)
    assert found["per_trade"] == Setting(0.002, "config/live.toml [XAUUSD_15T]")
    assert found["daily_loss"] == Setting(0.01, "judged")
    assert found["cooldown"] == Setting(5, "judged")
    assert found["open_risk"] == Setting(0.01, "config/live.toml [account]")
    assert found["min_confidence"] == Setting(0.55, "config/presets.toml [moderate]")
    assert found["max_volatility"] == Setting(2.5, "config/presets.toml [moderate]")
    assert found["min_volatility"] == Setting(0.7, "judged")
    assert found["blocked_sessions"].value == ("london", "asia", "new_york")
    assert found["blocked_sessions"].origin == "config/presets.toml [moderate], config/live.toml [15T]"
