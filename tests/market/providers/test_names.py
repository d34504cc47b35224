"""What providers call an instrument: typed once, checked, and no part of what an instrument costs."""

import shutil
from pathlib import Path

import pytest

from market import instruments, settings
from market.errors import UsageError
from market.instruments import PointedName, VendorName, Vendors

KNOWN = instruments.instruments()


def changed(tmp_path: Path, monkeypatch, line: str) -> None:
    """Read the instruments again with one more line below gold."""
    shutil.copytree(settings.config_folder(), tmp_path / "config")
    path = tmp_path / "config" / "instruments.toml"
    text = path.read_text()
    before, gold, after = text.partition("[XAUUSD]\n")
    kept = "\n".join(one for one in after.splitlines() if not one.startswith("vendors."))
    path.write_text(f"{before}{gold}{line}\n{kept}\n")
    monkeypatch.setenv("ASSAY_CONFIG", str(path.parent))
    instruments.instruments()


@pytest.mark.parametrize("one", KNOWN.values(), ids=list(KNOWN))
def test_prices_of_all_times_fit_into_whole_points(one):
    point = one.vendors.dukascopy.point
    assert round(1 / point) * point == pytest.approx(1.0)
    assert one.price_range[0] / point > 100 or one.market == "crypto"
    assert one.price_range[1] / point < 2**32


@pytest.mark.parametrize("provider", list(Vendors.model_fields))
def test_no_two_instruments_have_one_name(provider):
    names = [getattr(one.vendors, provider) for one in KNOWN.values()]
    found = [name.symbol for name in names if name is not None]
    assert found and len(found) == len(set(found))


def test_an_instrument_stays_a_key():
    assert {KNOWN["XAUUSD"]: 1}[KNOWN["XAUUSD"]] == 1


def test_names_are_read(tmp_path, monkeypatch):
    changed(tmp_path, monkeypatch, 'vendors.dukascopy = { symbol = "XAUEUR", point = 0.01 }')
    found = instruments.instrument("XAUUSD").vendors
    assert found == Vendors(dukascopy=PointedName(symbol="XAUEUR", point=0.01))
    assert found.binance is None


def test_an_instrument_without_names_has_none(tmp_path, monkeypatch):
    changed(tmp_path, monkeypatch, "")
    assert instruments.instrument("XAUUSD").vendors == Vendors()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('vendors.dukascopy = { symbol = "XAUUSD" }', "vendors.dukascopy.point"),
        ('vendors.dukascopy = { symbol = "XAUUSD", point = 0.0 }', "vendors.dukascopy.point"),
        ('vendors.polygon = { symbol = "../x" }', "vendors.polygon.symbol"),
        ('vendors.polygon = { symbol = "a/b?c" }', "vendors.polygon.symbol"),
        ('vendors.binance = { symbol = "BTCUSDT", point = 1.0 }', "vendors.binance.point"),
        ('vendors.binanse = { symbol = "BTCUSDT" }', "vendors.binanse"),
    ],
)
def test_a_wrong_name_is_told(line, told, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=rf"config/instruments.toml \[XAUUSD\].*{told}"):
        changed(tmp_path, monkeypatch, line)


def test_a_name_is_of_plain_signs():
    assert VendorName(symbol="C:XAU-USD.x").symbol == "C:XAU-USD.x"
