"""The universe: which instruments are configured. Who chooses among them once results are seen is noticed."""

from market import instruments, settings, tables


def symbols() -> list[str]:
    """Return the symbols of `config/instruments.toml` in alphabetical order."""
    return sorted(settings.read_toml("instruments"))


def sha256() -> str:
    """Return the digest of `symbols()`: other costs, aliases or another order leave it as it is."""
    return tables.sha256_of(symbols())


def symbol_of(series: str) -> str:
    """Return the symbol of a series by its name alone, which may no longer be configured.

    >>> symbol_of("XAUUSD_15T"), symbol_of("SIM_US_30_1H")
    ('XAUUSD', 'US_30')
    """
    return series.removeprefix(instruments.SIMULATED).rpartition("_")[0]
