"""What settles ties in a backtest on request: the finest bars of the symbol that are stored, or nothing.

The finest tell most: what a bar of five minutes leaves open, one of a minute may know. Bars that do not add up to the
coarse one settle nothing, so bars of another feed do no harm.
"""

from typing import Any, NamedTuple

import pandas as pd

from backtest.engine import PESSIMISTIC, Result
from market import instruments, tables
from market.errors import UnavailableError
from pipeline import workspace
from pipeline.workspace import Workspace


class Settling(NamedTuple):
    """How ties are settled: `by` the bars of a series, with the digest of their table; or not, then each is a stop."""

    how: str = PESSIMISTIC
    by: str | None = None
    sha256: str | None = None
    bars: pd.DataFrame | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """Return what was read for it, by name."""
        return {} if self.sha256 is None else {"finer_bars": self.sha256}

    def sha256_with(self, rules_sha256: str) -> str:
        """Return the digest of the rules with what settles their ties; that of the rules where nothing does."""
        return tables.sha256_of([rules_sha256, self.sha256]) if self.sha256 else rules_sha256


AS_STOPS = Settling()


def settling(target: Workspace, how: str) -> Settling:
    """Return what settles ties of the series as `how` wishes, one of `backtest.engine.TIES`.

    Raises UnavailableError where finer bars are wished and none of the symbol are stored.
    """
    if how == PESSIMISTIC:
        return AS_STOPS
    mine = target.series
    prefix = mine.name.removesuffix(mine.timeframe.name)
    names = [name for name in workspace.stored(target.home) if name.rpartition("_")[0] + "_" == prefix]
    lengths = {name: instruments.series_named(name).timeframe.minutes for name in names}
    finer = [name for name in names if lengths[name] < mine.timeframe.minutes]
    if not finer:
        raise UnavailableError(
            f"No bars of {mine.symbol} are stored that are finer than {mine.timeframe.name}: import some with `assay "
            "import`, or let each tie be a stop with --ties pessimistic."
        )
    finest = workspace.of(instruments.series_named(min(finer, key=lengths.__getitem__)))
    workspace.require_bars(finest)
    bars = tables.read_table(finest.bars, tables.BARS)
    return Settling(how, finest.series.name, tables.verified(finest.bars, tables.BARS).sha256, bars)


def told(result: Result, by: Settling) -> dict[str, Any]:
    """Return trades that ended in a tie, their share of all trades, and how many were settled by which series."""
    trades = len(result.trades)
    share = result.ties / trades if trades else None
    return {"how": by.how, "count": result.ties, "share": share, "settled": result.ties_settled} | {
        "by": by.by,
        "bars_sha256": by.sha256,
    }
