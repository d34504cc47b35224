"""How the runner holds out: months of five-minute bars through the whole loop, what each bar took and what it kept.

`make soak` prints the figures of docs/runner.md. The market is simulated, the model is real: three members on features
of every group, fitted on the market's first weeks; it trades as often as it can.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pandas as pd

from live import assembly, replay
from live.feeds import Event, microseconds
from live.feeds.replay import ReplayFeed
from live.journal import Journal
from live.model import Model
from market import settings, simulated
from tests.live import fitted

SERIES = "SIM_XAUUSD_5T"
START = "2023-01-02"
LEARNT = 8_000  # bars that the model is fitted on
SAMPLED = 2_000  # bars between two looks at memory


class TimedFeed(ReplayFeed):
    """A replay that notes how long each bar kept the loop, in seconds, and the memory of the process now and then."""

    def prepare(self, total: int) -> None:
        """Make room for the figures of `total` bars, so that noting them takes no memory."""
        self.seconds = np.full(total, np.nan)
        self.resident = np.full(total // SAMPLED + 1, np.nan)

    def together(self) -> Iterator[tuple[Event, ...]]:
        """Yield every bar and note how long it took until the next one was asked for."""
        for at, event in enumerate(super().together()):
            if at % SAMPLED == 0:
                self.resident[at // SAMPLED] = resident_megabytes()
            began = time.perf_counter()
            yield event
            self.seconds[at] = time.perf_counter() - began


class Figures(NamedTuple):
    """What a soak showed; latencies are from a bar's arrival to its durable decision and its order's answer."""

    features: int
    bars: int
    trades: int
    minutes: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    megabytes_per_10k_bars: float
    resident_megabytes: float
    open_files: int
    journal_megabytes: float
    reconciled_ms: float


def soak(months: int, count: int, folder: Path) -> Figures:
    """Play `months` of five-minute bars through the loop in `folder`, and start once more on what it left."""
    end = pd.Timestamp(START, tz="UTC") + pd.DateOffset(months=months + 2)
    bars = simulated.simulate("XAUUSD", "5T", START, end)
    bundle = fitted.bundle(SERIES, bars.iloc[:LEARNT], count)
    model = assembly.judged(bundle)
    start = bars.index[LEARNT]
    feed = TimedFeed({SERIES: bars}, microseconds(start), microseconds(bars.index[-1]))
    total = len(bars) - LEARNT - 1
    feed.prepare(total)
    began = time.perf_counter()
    models, told = {SERIES: model}, lambda done, of: click.echo(f"{done:,} of {of:,} bars", err=True)
    replay.played(folder, models, feed, total, told)
    minutes = (time.perf_counter() - began) / 60.0
    kept = feed.resident[~np.isnan(feed.resident)]
    warm = len(kept) // 5
    slope = np.polyfit(np.arange(warm, len(kept)) * SAMPLED / 10_000, kept[warm:], 1)[0] if len(kept) > 4 else np.nan
    p50, p99, p999 = np.nanpercentile(feed.seconds[100:] * 1e3, [50, 99, 99.9]).round(2).tolist()
    with contextlib.closing(Journal.read(folder / "journal.db")) as journal:
        trades = sum(one.kind == "close" for one in journal.executions())
    return Figures(
        features=len(bundle.model.features),
        bars=total,
        trades=trades,
        minutes=round(minutes, 2),
        p50_ms=p50,
        p99_ms=p99,
        p999_ms=p999,
        megabytes_per_10k_bars=round(float(slope), 3),
        resident_megabytes=round(resident_megabytes(), 1),
        open_files=len(list(Path("/proc/self/fd").iterdir())),
        journal_megabytes=round((folder / "journal.db").stat().st_size / 1e6, 1),
        reconciled_ms=round(restarted(folder, model, bars) * 1e3, 1),
    )


def restarted(folder: Path, model: Model, bars: pd.DataFrame) -> float:
    """Return the seconds from opening what was left in `folder` to a runner that is reconciled."""
    models = {SERIES: model}
    began = time.perf_counter()
    with (
        contextlib.closing(Journal.open(folder / "journal.db", settings.live_account().name)) as journal,
        contextlib.closing(assembly.paper_broker(folder, models)) as broker,
    ):
        after = journal.last_decided()
        feed = ReplayFeed({SERIES: bars}, after[SERIES], after[SERIES])
        account, expected = settings.live_account(), settings.live_feed()
        desk = assembly.assembled(folder, models, journal, broker, feed, after, account, expected, click.echo)
        desk.trader.start(after[SERIES])
        return time.perf_counter() - began


def resident_megabytes() -> float:
    """Return the memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@click.command()
@click.option("--months", default=24, show_default=True, type=click.IntRange(1))
@click.option("--features", default=50, show_default=True, type=click.IntRange(0), help="0: every feature.")
def main(months: int, features: int) -> None:
    """Soak the runner and print what was seen."""
    with tempfile.TemporaryDirectory(prefix="assay-soak-") as folder:
        for name, value in soak(months, features, Path(folder) / "replay")._asdict().items():
            click.echo(f"{name.replace('_', ' '):<26} {value:,}")


if __name__ == "__main__":
    main()
