"""Instruments: every row of the one cost table is sane, and every name that people type finds its row."""

import csv
from pathlib import Path

import pytest

from market import instruments, settings
from market.errors import UsageError
from market.instruments import instrument, series, series_named

KNOWN = instruments.instruments()
MANIFEST = Path(__file__).parents[3] / "shared" / "data" / "MANIFEST.csv"

every = pytest.mark.parametrize("one", KNOWN.values(), ids=list(KNOWN))


def is_multiple(value: float, unit: float) -> bool:
    return abs(value / unit - round(value / unit)) < 1e-6


@every
def test_prices_of_costs_stand_on_the_tick_grid(one):
    costs = one.costs
    assert 0 < costs.tick_size <= costs.pip_size
    for name in ("pip_size", "spread_floor", "minimum_stop", "slippage"):
        assert is_multiple(getattr(costs, name), costs.tick_size), name


@every
def test_costs_are_what_a_person_would_pay(one):
    costs, (lowest, highest) = one.costs, one.price_range
    middle = max((lowest * highest) ** 0.5, highest / 20)
    assert 0 < costs.spread_floor < 0.005 * middle
    assert 0 <= costs.slippage <= costs.spread_floor
    assert costs.minimum_stop < 0.005 * middle
    assert 0 <= costs.commission < 1e-4 * costs.contract_size * max(middle, 1.0)
    assert max(abs(costs.swap_long), abs(costs.swap_short)) * costs.tick_size < 0.002 * middle
    assert costs.lot_step > 0 and is_multiple(1.0, costs.lot_step)


@every
def test_the_range_of_prices_is_a_range(one):
    lowest, highest = one.price_range
    assert 0 < lowest < highest


@every
def test_money_converts_to_dollars(one):
    assert one.costs.quote_currency == "USD" or one.symbol.startswith("USD")


@every
def test_symbol_and_aliases_mean_the_instrument(one):
    for name in (one.symbol, *one.aliases):
        assert instrument(name) == one
        assert series(name, "15T").name == f"{one.symbol}_15T"
    assert one.description


def test_every_symbol_of_the_development_data_is_known():
    if not MANIFEST.exists():
        pytest.skip(f"no development data at {MANIFEST}")
    with MANIFEST.open() as stream:
        for row in csv.DictReader(stream):
            assert series(row["symbol"], row["tf"]).timeframe.name == row["tf"]


@pytest.mark.parametrize(
    "name", ["", " ", "xauusd", "XAU USD", "../XAUUSD", "XAUUSD/..", "XAUUSD\n", ".XAUUSD", "X" * 33, "XAUÜSD", "XAU\0"]
)
def test_what_is_no_symbol_is_refused_before_it_names_a_file(name):
    with pytest.raises(UsageError, match="is not a symbol"):
        instrument(name)


def test_a_lower_case_symbol_is_told_how_to_be_written():
    with pytest.raises(UsageError, match=r"Write EURUSD\.$"):
        instrument("eurusd")


def test_an_unknown_symbol_is_told_the_nearest_symbol_or_alias():
    with pytest.raises(UsageError, match="Did you mean EURUSD"):
        instrument("EURUSDD")
    with pytest.raises(UsageError, match="Did you mean NAS100"):
        instrument("NAS101")


def test_simulated_series_are_named_apart():
    made = series("SIM_GOLD", "H1")
    assert (made.name, made.symbol, made.simulated) == ("SIM_XAUUSD_1H", "XAUUSD", True)
    assert series_named(made.name) == made
    assert series_named("XAUUSD_1H") == made._replace(simulated=False)


@pytest.mark.parametrize("name", ["XAUUSD", "_15T", "", "15T"])
def test_what_is_no_series_is_told_what_one_looks_like(name):
    with pytest.raises(UsageError, match="wanted SYMBOL_TIMEFRAME as in XAUUSD_15T"):
        series_named(name)


GOOD = """
[XAUUSD]
description = "Gold"
market = "metal"
aliases = ["GOLD"]
quote_currency = "USD"
tick_size = 0.01
pip_size = 0.1
contract_size = 100
lot_step = 0.01
minimum_stop = 0.5
spread_floor = 0.25
commission = 0.0
slippage = 0.05
swap_long = -40.0
swap_short = 10.0
price_range = [200, 12000]
"""

WRONG = [
    ("[XAUUSD]", "[gold]", r"\[gold\]: wanted a symbol in capital letters"),
    ('"metal"', '"metals"', r"\[XAUUSD\]: market = 'metals': config/sessions.toml has metal, .*mean metal\?"),
    ('"USD"', '"EUR"', r"quote_currency EUR needs USD as base currency"),
    ('"USD"', '"usd"', r"quote_currency = 'usd'"),
    ("tick_size = 0.01", "tick_size = 0", r"tick_size = 0: .*greater than 0"),
    ("tick_size = 0.01", "tick_size = 1.0", r"tick_size 1 is larger than pip_size 0\.1"),
    ("tick_size = 0.01", "tick_sise = 0.01", r"key 'tick_size' is missing; unknown key 'tick_sise'\. .*tick_size\?"),
    ("spread_floor = 0.25", "spread_floor = nan", r"spread_floor = nan: .*finite"),
    ("swap_long = -40.0", "swap_long = -inf", r"swap_long = -inf: .*finite"),
    ("[200, 12000]", "[12000, 200]", r"price_range = .*the lower price comes first"),
    ("[200, 12000]", "[200]", r"price_range"),
    ('["GOLD"]', '["GOLD", "GOLD"]', r"GOLD means more than one instrument"),
    ("[XAUUSD]", "XAGUSD = 3\n[XAUUSD]", r"XAGUSD stands outside of a table"),
    ('["GOLD"]', '["GOLD"]\ncompanions = ["XAUSD"]', r"companions names 'XAUSD', which .* mean XAUUSD\?"),
    ('["GOLD"]', '["GOLD"]\ncompanions = ["GOLD"]', r"companions names 'GOLD', the instrument itself"),
]


def configured(folder, monkeypatch):
    monkeypatch.setenv("ASSAY_CONFIG", str(folder))
    (folder / "sessions.toml").write_text((Path(__file__).parents[2] / "config" / "sessions.toml").read_text())


@pytest.mark.parametrize(("old", "new", "says"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_row_is_refused_by_name(tmp_path, monkeypatch, old, new, says):
    configured(tmp_path, monkeypatch)
    (tmp_path / "instruments.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError, match=says):
        instruments.instruments()


def test_companions_are_known_by_their_symbols_and_none_twice(tmp_path, monkeypatch):
    configured(tmp_path, monkeypatch)
    for named, match in (('["GOLD"]', None), ('["GOLD", "XAUUSD"]', "companions names XAUUSD twice, once as 'GOLD'")):
        silver = GOOD.replace("[XAUUSD]", "[XAGUSD]").replace('["GOLD"]', f"[]\ncompanions = {named}")
        (tmp_path / "instruments.toml").write_text(f"{GOOD}\n{silver}")
        if match is None:
            found = {symbol: one.companions for symbol, one in instruments.instruments().items()}
            assert found == {"XAUUSD": (), "XAGUSD": ("XAUUSD",)}
        else:
            with pytest.raises(UsageError, match=match):
                instruments.instruments()


def test_gold_compares_with_the_dollar_silver_and_the_index():
    assert KNOWN["XAUUSD"].companions == ("DXY", "XAGUSD", "US500")


def test_all_wrong_rows_are_named_at_once(tmp_path, monkeypatch):
    configured(tmp_path, monkeypatch)
    rows = [GOOD.replace("tick_size = 0.01", "tick_size = -1"), GOOD.replace("XAUUSD", "EURUSD").replace("0.5", "nan")]
    (tmp_path / "instruments.toml").write_text("\n".join(rows))
    with pytest.raises(UsageError, match=r"\[XAUUSD\]: tick_size = -1.*; .*\[EURUSD\]: minimum_stop = nan"):
        instruments.instruments()


def test_every_cost_is_a_float(monkeypatch):
    """The kernels are compiled for floats: an int from TOML would compile them a second time."""
    costs = settings.read_toml("instruments")["XAUUSD"]
    assert isinstance(costs["contract_size"], int)
    assert {type(value) for value in KNOWN["XAUUSD"].costs} == {float, str}
