"""What luck and worse fills make of a judged result, from its tables: what the gates on both are asked of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from backtest.policy import Policy
from backtest.stress import Stress
from market.stress_settings import StressBounds
from registry.evidence import Proof
from registry.measures import NO_TRADE
from registry.plain_values import plain
from registry.significance import Decisions, Tried, significance

_KNOWN = ["t1_long", "t1_short", "r_long", "r_short"]


def proof(
    trades: pd.DataFrame,
    decided: Decisions,
    folds: Sequence[Mapping[str, Any]],
    tried: Tried,
    looks: int,
    stressed: Stress | None,
    bounds: StressBounds,
) -> Proof:
    """Return what the gates are asked of; without a trade nothing can be asked, and that is what is found."""
    luck = significance(trades, decided, folds, tried)
    return Proof(plain(luck), {"why": NO_TRADE} if stressed is None else robustness(stressed, bounds), looks)


def robustness(found: Stress, bounds: StressBounds) -> dict[str, Any]:
    """Return a stress test as a card keeps it: everything but its draws, and the bounds that it was held against."""
    kept = {name: value for name, value in found._asdict().items() if name != "jittered"}
    return plain(kept | {"bounds": bounds.model_dump()})


def decisions(score: pd.Series, labels: pd.DataFrame, cut_off: pd.Timestamp, policy: Policy, horizon: int) -> Decisions:
    """Return what `score` wanted at each row whose `labels` end by `cut_off`, by the thresholds of `policy` alone.

    `horizon` is the most bars that a label takes.
    """
    outcomes = labels[_KNOWN].reindex(score.index)
    ends = outcomes[["t1_long", "t1_short"]].max(axis=1)
    known = outcomes.notna().all(axis=1) & (ends <= cut_off)
    wanted = score[known].to_numpy()
    side = np.where(wanted >= policy.long_threshold, 1, np.where(wanted <= policy.short_threshold, -1, 0))
    r_long, r_short = (outcomes.loc[known, name].to_numpy(np.float64) for name in ("r_long", "r_short"))
    return Decisions(side.astype(np.int64), r_long, r_short, horizon)
