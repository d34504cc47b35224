"""The files that vendors would make of bars, in every dress that is read."""

import json
import lzma
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from tests.market.made_bars import as_table, written_mt5

PRICES = ["open", "high", "low", "close"]
NEW_YORK_IN_WINTER = "Etc/GMT+5"


class Dress(NamedTuple):
    """A way to write bars: the format that reads it, the clock to declare, and what it cannot keep.

    `of_one_day` files hold minutes of one UTC day.
    """

    format: str
    write: Callable[[pd.DataFrame, Path], Path]
    zone: str | None = None
    lost: tuple[str, ...] = ("spread_recorded",)
    of_one_day: bool = False


def opens(bars: pd.DataFrame) -> pd.DatetimeIndex:
    """Return when bars open, in UTC."""
    return pd.DatetimeIndex(bars.index - bars.index.to_series().diff().min())


def counted(bars: pd.DataFrame, per_second: int) -> list[int]:
    return (opens(bars).as_unit("us").asi8 // (1_000_000 // per_second)).tolist()


def day_of(bars: pd.DataFrame) -> pd.Timestamp:
    return opens(bars)[0].normalize()


def lines(bars: pd.DataFrame, stamps: pd.Index, sep: str = ",", ending: str = "", volume: bool = True) -> str:
    """Return a line for each bar: its stamp, its prices, its volume if that is wanted, and an ending."""
    columns = [*PRICES, "volume"] if volume else PRICES
    numbers = bars[columns].itertuples(index=False)
    return "".join(f"{sep.join([str(s), *map(repr, row)])}{ending}\n" for s, row in zip(stamps, numbers, strict=True))


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def histdata(bars: pd.DataFrame, folder: Path) -> Path:
    stamps = opens(bars).tz_convert(NEW_YORK_IN_WINTER).strftime("%Y%m%d %H%M%S")
    text = lines(bars, stamps, ";", ";0", volume=False)
    report = {"DAT_ASCII_XAUUSD_M1.txt": "HistData.com status report\nGap of 61s found"}
    return zipped(folder / "HISTDATA_COM_ASCII_XAUUSD_M1.zip", **{"DAT_ASCII_XAUUSD_M1.csv": text}, **report)


def metatrader_by_histdata(bars: pd.DataFrame, folder: Path) -> Path:
    stamps = opens(bars).tz_convert(NEW_YORK_IN_WINTER).strftime("%Y.%m.%d,%H:%M")
    return written(folder / "DAT_MT_XAUUSD_M1.csv", lines(bars, stamps, ending=",0", volume=False))


def metatrader_4(bars: pd.DataFrame, folder: Path) -> Path:
    stamps = opens(bars).tz_convert("Europe/Athens").strftime("%Y.%m.%d,%H:%M")
    return written(folder / "XAUUSD15.csv", lines(bars, stamps))


def jforex(bars: pd.DataFrame, folder: Path, stamp: str, zone: str, layout: str) -> Path:
    local = opens(bars).tz_convert(zone)
    stamps = [f"{ts:{layout}}" for ts in local]
    header = f"{stamp},Open,High,Low,Close,Volume \n"
    return written(folder / "XAUUSD_Candlestick_15_m_BID.csv", header + lines(bars, pd.Index(stamps)))


def bi5(bars: pd.DataFrame, folder: Path) -> Path:
    since = (opens(bars) - day_of(bars)) // pd.Timedelta(seconds=1)
    points = (bars[["open", "close", "low", "high"]] * 1000).round().astype(int)
    rows = zip(since, points.itertuples(index=False), bars["volume"], strict=True)
    content = b"".join(struct.pack(">5If", second, *prices, volume) for second, prices, volume in rows)
    return written(folder / f"XAUUSD_{day_of(bars):%Y-%m-%d}_BID_candles_min_1.bi5", packed(content))


def bi5_in_folders(bars: pd.DataFrame, folder: Path) -> Path:
    flat, day = bi5(bars, folder), day_of(bars)
    path = folder / f"XAUUSD/{day.year}/{day.month - 1:02d}/{day.day:02d}/BID_candles_min_1.bi5"
    return written(path, flat.read_bytes())


def packed(content: bytes) -> bytes:
    return lzma.compress(content, format=lzma.FORMAT_ALONE)


BINANCE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def binance(bars: pd.DataFrame, folder: Path, header: str = "", per_second: int = 1_000) -> Path:
    at = counted(bars, per_second)
    rows = zip(lines(bars, pd.Index(at)).splitlines(), at, strict=True)
    text = "".join(f"{row},{at + 900 * per_second - 1},1000.5,12,300.25,400.125,0\n" for row, at in rows)
    return written(folder / "BTCUSDT-15m-2024-01.csv", header + text)


def binance_of_both_units(bars: pd.DataFrame, folder: Path) -> Path:
    half = len(bars) // 2
    parts = [(bars.iloc[:half], 1_000), (bars.iloc[half:], 1_000_000)]
    texts = [binance(part, folder, per_second=unit).read_text() for part, unit in parts]
    return written(folder / "BTCUSDT-15m.csv", "".join(texts))


def binance_rows(bars: pd.DataFrame) -> list[list[object]]:
    rows = zip(counted(bars, 1_000), bars[[*PRICES, "volume"]].itertuples(index=False), strict=True)
    return [[at, *map(repr, row), at + 899_999, "1000.5", 12, "300.25", "400.125", "0"] for at, row in rows]


def binance_answers(bars: pd.DataFrame, folder: Path) -> Path:
    rows = binance_rows(bars)
    return written(folder / "klines.json", "\n".join(json.dumps(page) for page in (rows[:20], rows[20:])))


def binance_answer(bars: pd.DataFrame, folder: Path) -> Path:
    return written(folder / "klines.json", json.dumps(binance_rows(bars), indent=1))


def results(bars: pd.DataFrame) -> list[dict[str, object]]:
    rows = zip(counted(bars, 1_000), bars[[*PRICES, "volume"]].itertuples(index=False), strict=True)
    return [dict(zip("vtohlc", (row[4], at, *row[:4]), strict=True)) | {"vw": 1.5, "n": 7} for at, row in rows]


def polygon(bars: pd.DataFrame, folder: Path) -> Path:
    answer = {"ticker": "C:XAUUSD", "adjusted": True, "results": results(bars), "status": "OK"}
    return written(folder / "aggregates.json", json.dumps(answer))


def polygon_pages(bars: pd.DataFrame, folder: Path) -> Path:
    every = results(bars)
    pages = [{"ticker": "C:XAUUSD", "results": some} for some in (every[:25], every[25:])] + [{"resultsCount": 0}]
    return written(folder / "pages.json", "\n".join(json.dumps(page) for page in pages))


def polygon_list(bars: pd.DataFrame, folder: Path) -> Path:
    return written(folder / "list.json", json.dumps(results(bars), indent=2))


def polygon_lines(bars: pd.DataFrame, folder: Path) -> Path:
    return written(folder / "lines.json", "\n".join(json.dumps(result) for result in results(bars)))


def lean_quotes(bars: pd.DataFrame, stamps: pd.Index) -> str:
    ask = (bars[PRICES] + bars[["spread_recorded"]].to_numpy()).round(2)
    bids = lines(bars, stamps, volume=False).splitlines()
    asks = lines(ask, stamps, volume=False).splitlines()
    return "".join(f"{bid},10,{ask.partition(',')[2]},20\n" for bid, ask in zip(bids, asks, strict=True))


def lean_hours(bars: pd.DataFrame, folder: Path) -> Path:
    return zipped(folder / "xauusd.zip", **{"xauusd.csv": lean_quotes(bars, opens(bars).strftime("%Y%m%d %H:%M"))})


def since_midnight(bars: pd.DataFrame) -> pd.Index:
    return (opens(bars) - day_of(bars)) // pd.Timedelta(milliseconds=1)


def lean_minutes(bars: pd.DataFrame, folder: Path) -> Path:
    day = f"{day_of(bars):%Y%m%d}"
    text = lean_quotes(bars, since_midnight(bars))
    return zipped(folder / f"{day}_quote.zip", **{f"{day}_xauusd_minute_quote.csv": text})


def lean_trades(bars: pd.DataFrame, folder: Path) -> Path:
    name = f"{day_of(bars):%Y%m%d}_btcusd_minute_trade.csv"
    return written(folder / name, lines(bars, since_midnight(bars)))


def freqtrade(bars: pd.DataFrame, folder: Path) -> Path:
    dates = pa.array(counted(bars, 1_000), pa.timestamp("ms", tz="UTC"))
    table = pa.table({"date": dates} | {name: bars[name].to_numpy() for name in (*PRICES, "volume")})
    path = folder / "XAU_USD-15m.feather"
    with pa.ipc.new_file(str(path), table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
        file.write_table(table, max_chunksize=50)
    return path


def plain(bars: pd.DataFrame, folder: Path) -> Path:
    return written(folder / "plain.csv", as_table(bars).to_csv(index=False))


def parquet(bars: pd.DataFrame, folder: Path) -> Path:
    as_table(bars).to_parquet(folder / "bars.parquet", row_group_size=64)
    return folder / "bars.parquet"


NONE, SPREAD = (), ("spread_recorded",)
BOTH = ("volume", "spread_recorded")
ATHENS = "Europe/Athens"

DRESSES = {
    "mt5": Dress("mt5", lambda bars, folder: written_mt5(bars, folder / "mt5.csv"), ATHENS, NONE),
    "mt4": Dress("mt4", metatrader_4, ATHENS),
    "histdata": Dress("histdata", histdata, NEW_YORK_IN_WINTER, BOTH),
    "histdata for metatrader": Dress("mt4", metatrader_by_histdata, NEW_YORK_IN_WINTER, BOTH),
    "dukascopy gmt": Dress("dukascopy", lambda bars, to: jforex(bars, to, "Gmt time", "UTC", "%d.%m.%Y %H:%M:%S.000")),
    "dukascopy utc": Dress("dukascopy", lambda bars, to: jforex(bars, to, "Time (UTC)", "UTC", "%Y.%m.%d %H:%M:%S")),
    "dukascopy eet": Dress(
        "dukascopy", lambda bars, to: jforex(bars, to, "Time (EET)", ATHENS, "%Y.%m.%d %H:%M:%S"), ATHENS
    ),
    "dukascopy local": Dress(
        "dukascopy", lambda bars, to: jforex(bars, to, "Local time", "Europe/Zurich", "%d.%m.%Y %H:%M:%S.000 GMT%z")
    ),
    "dukascopy bi5": Dress("dukascopy", bi5, of_one_day=True),
    "dukascopy bi5 in folders": Dress("dukascopy", bi5_in_folders, of_one_day=True),
    "binance": Dress("binance", binance),
    "binance futures": Dress("binance", lambda bars, folder: binance(bars, folder, BINANCE_HEADER)),
    "binance of both units": Dress("binance", binance_of_both_units),
    "binance answer": Dress("binance", binance_answer),
    "binance answers": Dress("binance", binance_answers),
    "polygon": Dress("polygon", polygon),
    "polygon pages": Dress("polygon", polygon_pages),
    "polygon list": Dress("polygon", polygon_list),
    "polygon lines": Dress("polygon", polygon_lines),
    "lean hours": Dress("lean", lean_hours, "UTC", ("volume",)),
    "lean minutes": Dress("lean", lean_minutes, "UTC", ("volume",), of_one_day=True),
    "lean trades": Dress("lean", lean_trades, "UTC", of_one_day=True),
    "freqtrade": Dress("freqtrade", freqtrade),
    "csv": Dress("csv", plain, "UTC", NONE),
    "parquet": Dress("parquet", parquet, "UTC", NONE),
}


def worn(dress: Dress, bars: Callable[[int], pd.DataFrame], folder: Path) -> tuple[pd.DataFrame, Path]:
    """Return bars that fit the dress, from a function that makes them of so many minutes, and the file of them."""
    made = bars(1 if dress.of_one_day else 15)
    if dress.of_one_day:
        made = made[opens(made).normalize() == day_of(made)]
    return made, dress.write(made, folder)
