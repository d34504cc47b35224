"""Made-up bars, and the files that vendors would make of them."""

from pathlib import Path

import numpy as np
import pandas as pd

from market import sessions
from market.instruments import Instrument, instrument

GOLD: Instrument = instrument("XAUUSD")
NOW = pd.Timestamp("2026-01-01", tz="UTC")
REAL = Path("../shared/data")


def made(n: int = 200, seed: int = 0, start: str = "2024-01-08", minutes: int = 15) -> pd.DataFrame:
    """Return `n` gold bars as Assay keeps them, in trading hours from `start` on, walking on the tick grid."""
    rng = np.random.default_rng(seed)
    length = pd.Timedelta(minutes=minutes)
    opens = pd.date_range(pd.Timestamp(start, tz="UTC"), periods=3 * n + 400, freq=length, unit="us")
    opens = opens[sessions.is_open(opens, "metal")][:n]
    close = 200_000 + np.cumsum(rng.integers(-300, 301, n))
    open_ = np.r_[200_000, close[:-1]]
    high = np.maximum(open_, close) + rng.integers(0, 200, n)
    low = np.minimum(open_, close) - rng.integers(0, 200, n)
    recorded = rng.integers(0, 60, n) / 100
    columns = {name: values / 100 for name, values in (("open", open_), ("high", high), ("low", low), ("close", close))}
    columns |= {"volume": rng.integers(1, 5_000, n).astype(float), "spread": np.fmax(recorded, 0.25)}
    return pd.DataFrame(columns | {"spread_recorded": recorded}, index=pd.DatetimeIndex(opens + length, name="ts"))


def written_mt5(bars: pd.DataFrame, path: Path, *, zone: str = "Europe/Athens", **how: str) -> Path:
    """Write the export that MetaTrader makes: broker time, bar opens, spread in points."""
    opens = (bars.index - bars.index.to_series().diff().min()).tz_convert(zone)
    table = pd.DataFrame({"<DATE>": opens.strftime("%Y.%m.%d"), "<TIME>": opens.strftime("%H:%M:%S")})
    for name in ("open", "high", "low", "close"):
        table[f"<{name.upper()}>"] = [f"{price:.2f}" for price in bars[name]]
    table["<TICKVOL>"], table["<VOL>"] = bars["volume"].astype(int).to_numpy(), 0
    table["<SPREAD>"] = (bars["spread_recorded"] * 100).round().astype(int).to_numpy()
    text = table.to_csv(sep=how.get("sep", "\t"), index=False, lineterminator=how.get("newline", "\r\n"))
    path.write_bytes(text.encode(how.get("encoding", "utf-8")))
    return path


def as_table(bars: pd.DataFrame, minutes: int = 15) -> pd.DataFrame:
    """Return bars as most others keep them: a column `timestamp` of naive UTC opens."""
    table = bars.drop(columns="spread").rename(columns={"spread_recorded": "spread"}).reset_index(drop=True)
    table.insert(0, "timestamp", (bars.index - pd.Timedelta(minutes=minutes)).tz_localize(None))
    return table
