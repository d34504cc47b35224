"""Real HTTP servers on loopback that play a provider and its faults, and clients with clocks of their own."""

import json
import lzma
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from market.vendors.providers.http import Client
from market.vendors.providers.limits import Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000


class Asked(NamedTuple):
    """A request as the server saw it."""

    target: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    number: int


class Answer(NamedTuple):
    """What the server says: `cut` bytes are promised and not sent, `drip` seconds pass between bytes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    cut: int = 0
    drip: float = 0.0


Play = Callable[[Asked], Answer]


class Stage:
    """A server that answers as its play says, and remembers what it was asked."""

    def __init__(self, play: Play) -> None:
        self.play, self.asked = play, []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # a client that hangs up is no news
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def hear(self, target: str, headers: dict[str, str]) -> Asked:
        parts = urlsplit(target)
        with self._lock:
            asked = Asked(target, unquote(parts.path), dict(parse_qsl(parts.query)), headers, len(self.asked) + 1)
            self.asked.append(asked)
        return asked

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                answer = stage.play(stage.hear(self.path, dict(self.headers)))
                length = (
                    {} if "Transfer-Encoding" in answer.headers else {"Content-Length": len(answer.body) + answer.cut}
                )
                self.send_response(answer.status)
                for name, value in {**length, **answer.headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                say(self.wfile, answer)
                self.close_connection = self.close_connection or bool(answer.cut)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def say(stream: Any, answer: Answer) -> None:
    try:
        if not answer.drip:
            stream.write(answer.body)
            return
        for i in range(len(answer.body)):
            stream.write(answer.body[i : i + 1])
            time.sleep(answer.drip)
    except OSError:
        return


@contextmanager
def staged(play: Play) -> Iterator[Stage]:
    stage = Stage(play)
    try:
        yield stage
    finally:
        stage.close()


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time, self.slept = 0.0, []

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def limited(url: str, **over: Any) -> Limits:
    values = {"requests_per_minute": 1e9, "deadline_seconds": 100.0, "max_mebibytes": 16.0, "attempts": 4}
    return Limits(url=url, **(values | over))


def asking(
    stage: Stage, clock: Clock | None = None, *, name: str = "Stage", key: str | None = None, **over: Any
) -> Client:
    """Return a client of the stage on a clock of its own, whose jitter is always the largest."""
    clock = clock or Clock()
    return Client(
        name,
        limited(stage.url, **over),
        key=key,
        sleep=clock.sleep,
        clock=clock,
        now=lambda: NOW,
        uniform=lambda _, most: most,
    )


def in_turn(*answers: Answer) -> Play:
    """Return a play that gives the answers one after another and then the last one for ever."""
    return lambda asked: answers[min(asked.number, len(answers)) - 1]


def bi5(minutes: range = range(0, 1440), price: int = 2_040_000) -> bytes:
    """Return a day of candles as Dukascopy packs it."""
    rows = [struct.pack(">5If", 60 * m, price, price + 5, price - 10, price + 20, 1.5) for m in minutes]
    return lzma.compress(b"".join(rows), format=lzma.FORMAT_ALONE)


def kline(opened: int, minutes: int) -> list[Any]:
    """Return a candle as Binance lists it."""
    price = f"{40_000 + opened // MINUTE_MS % 1000}.00000000"
    closed = opened + minutes * MINUTE_MS - 1
    return [opened, price, price, price, price, "12.50000000", closed, "500000.0", 321, "6.0", "250000.0", "0"]


def play_binance(asked: Asked) -> Answer:
    """Play Binance: candles that open in `[startTime, endTime]`, on the grid, at most `limit`."""
    minutes = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240}[asked.query["interval"]]
    length, first, last = minutes * MINUTE_MS, int(asked.query["startTime"]), int(asked.query["endTime"])
    opens = range(-(-first // length) * length, last + 1, length)[: int(asked.query["limit"])]
    return as_json([kline(opened, minutes) for opened in opens])


def play_dukascopy(asked: Asked) -> Answer:
    """Play Dukascopy: a full day from Monday to Friday, an empty file on Saturday, none on Sunday."""
    *_, year, month, day, file = asked.path.split("/")
    weekday = datetime(int(year), int(month) + 1, int(day)).weekday()
    if weekday == 6:
        return Answer(404, b"not here")
    return Answer(body=b"" if weekday == 5 else bi5(price=2_040_000 + 100 * int(day) + file.startswith("ASK")))


def aggregate(opened: int) -> dict[str, Any]:
    """Return a bar as Polygon sends it."""
    return {"v": 120, "vw": 2040.55, "o": 2040.5, "c": 2040.75, "h": 2041.25, "l": 2040.125, "t": opened, "n": 57}


def polygon_page(asked: Asked, rows: list[dict[str, Any]], **more: Any) -> Answer:
    ticker = asked.path.split("/ticker/")[1].split("/")[0]
    page = {"ticker": ticker, "queryCount": len(rows), "resultsCount": len(rows), "adjusted": True, "status": "OK"}
    return as_json(
        page | ({"results": rows} if rows else {}) | {"request_id": "6a7e466379af0a71039d60cc78e72282"} | more
    )


def polygon_rows(asked: Asked) -> list[dict[str, Any]]:
    multiplier, span, first, last = asked.path.split("/range/")[1].split("/")
    length = int(multiplier) * (60 if span == "hour" else 1) * MINUTE_MS
    return [aggregate(opened) for opened in range(-(-int(first) // length) * length, int(last) + 1, length)]


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json;charset=UTF-8"})


def files(folder: Path) -> dict[str, bytes]:
    """Return the parts in a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
