"""The champion of a series for other programs: verified bytes, parsed natively, with the rules it was judged by."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from backtest.policy import Policy
from backtest.risk import Risk
from market import settings
from market.errors import UnavailableError
from market.execution import Costs, Exits
from registry.bundle import read_bundle
from registry.promotion import production
from training import ensemble
from training.ensemble import Ensemble


class Bundle(NamedTuple):
    """A promoted model with everything that was judged: its policy, risk, exits, costs, hours and the bars it needs."""

    series: str
    run_id: str
    sha256: str
    model: Ensemble
    policy: Policy
    risk: Risk
    exits: Exits
    costs: Costs
    market: str
    lookback: int
    meta: dict[str, Any]

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return `p_down p_flat p_up` for each row of `features`; NaN where a feature is not finite."""
        return self.model.predict(features)

    def score(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the score table on which `policy` decides."""
        return ensemble.score(self.predict(features), self.model.outcomes)


def load_champion(series: str, home: Path | None = None) -> Bundle:
    """Return the champion of `series` from `production.json` of `home` (default: the configured one).

    The bytes are verified against the record before anything parses them; MLflow is not asked. Raises UnavailableError
    where nothing of the series is in production, DataError where a byte differs from what was promoted.
    """
    root = settings.home() if home is None else home
    record = production(root).get(series)
    if record is None:
        raise UnavailableError(f"No champion of {series} in {root}: no model of it has passed every benchmark.")
    files, meta = read_bundle(root / record["bundle"], record["bundle_sha256"])
    policy = dict(meta["policy"])
    policy["blocked_sessions"] = tuple(policy["blocked_sessions"])
    return Bundle(
        series=series,
        run_id=record["run_id"],
        sha256=record["bundle_sha256"],
        model=ensemble.from_files(files),
        policy=Policy(**policy),
        risk=Risk(**meta["risk"]),
        exits=Exits(**meta["exits"]),
        costs=Costs(**meta["costs"]),
        market=meta["market"],
        lookback=meta["lookback"],
        meta=meta,
    )
