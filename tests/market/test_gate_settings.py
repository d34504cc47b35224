"""Profiles of gates: each is whole, named right, and none lets everything pass."""

import shutil
from pathlib import Path

import pytest

from market import gate_settings
from market.errors import UsageError
from market.gate_settings import PROMISED, gates, judging


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the gates of a configuration of its own."""
    shutil.copytree("config", tmp_path / "config")
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config" / "gates.toml"


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_six_decides_unless_another_profile_is_named() -> None:
    assert judging().decides == gate_settings.SIX
    assert list(judging().profiles) == list(PROMISED)


def test_the_runbook_and_the_sign_off_ask_what_they_are_known_for() -> None:
    assert gates("runbook").bounds() == {
        "profit_factor": 1.3,
        "win_rate": 0.5,
        "expectancy": 0.2,
        "max_drawdown": 0.06,
        "sharpe_per_trade": 0.2,
    }
    assert gates("sign_off").bounds() == {
        "profit_factor": 1.8,
        "win_rate": 0.52,
        "trades": 100,
        "daily_sharpe": 1.8,
        "max_drawdown": 0.2,
    }


def test_a_profile_of_ones_own_may_decide(toml: Path) -> None:
    replace(toml, 'profile = "six"', 'profile = "mine"')
    toml.write_text(toml.read_text() + "\n[mine]\ntrades = 50\n")
    assert judging().decides == "mine" and judging().profiles["mine"] == {"trades": 50}


@pytest.mark.parametrize("profile", PROMISED)
def test_a_profile_that_forgets_a_gate_is_refused_by_name(toml: Path, profile: str) -> None:
    text = toml.read_text()
    for gate in PROMISED[profile]:
        begins = text.index(f"[{profile}]")
        line = text.index(f"\n{gate} = ", begins)
        toml.write_text(text[:line] + text[text.index("\n", line + 1) :])
        with pytest.raises(UsageError, match=rf"config/gates\.toml \[{profile}\]: key '{gate}' is missing"):
            judging()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("win_rate = 0.52", "win_rat = 0.52", r"\[six\]: unknown key 'win_rat'. Did you mean win_rate\?"),
        ("looks = 3 ", "looks = 0 ", r"\[honest\]: looks = 0: "),
        ("permutation_p = 0.05 ", "permutation_p = 5 ", r"\[honest\]: permutation_p = 5: "),
        ("stress = 0 ", "stress = -1 ", r"\[honest\]: stress = -1: "),
        ('profile = "six"', 'profile = "sixx"', r"No \[sixx\].*Did you mean six\?"),
        ('profile = "six"', 'profil = "six"', r"\[verdict\]: .*unknown key 'profil'"),
        ("[verdict]", "[verdicts]", r"\[verdict\]: key 'profile' is missing"),
        ("[runbook]", "[mine]\n[runbook]", r"\[mine\] names no gate: whatever is judged by it would pass"),
        ("[honest]", "[honset]", r"No \[honest\] in config/gates\.toml: .*Did you mean honset\?"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(toml: Path, old: str, new: str, told: str) -> None:
    replace(toml, old, new)
    with pytest.raises(UsageError, match=told):
        judging()
