"""What trades a series: a scorer with the rules that were judged, and the same rules as this account tightens them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from backtest import policy as policies
from backtest import risk as risks
from backtest.policy import Policy, Rules
from backtest.risk import Risk
from labels.sampling import EVERY_BAR, Sampling, bars_needed, is_event
from live.feeds import microseconds
from live.scoring import BundleScorer, Scorer
from market import instruments
from market.atr import ATR_BARS, NORMAL_BARS
from market.execution import Costs, Exits, as_floats
from market.timeframe import Timeframe
from registry.champion import Bundle


class Model(NamedTuple):
    """A model as the runner trades it. `judged_…` is what was judged, `policy` and `risk` are what binds.

    `known_until` is the last close (microseconds since 1970 UTC) that training or judging has seen. `companions` are
    the series that its features compare with, by symbol. `sampling` says at which bars the scorer is asked.
    """

    series: str
    role: str
    bundle_sha256: str
    timeframe: Timeframe
    market: str
    exits: Exits
    costs: Costs
    judged_policy: Policy
    judged_risk: Risk
    policy: Policy
    risk: Risk
    scorer: Scorer
    known_until: int
    companions: Mapping[str, str] = MappingProxyType({})
    sampling: Sampling = EVERY_BAR

    def asks(self, bars: pd.DataFrame) -> bool:
        """Return whether the last of `bars`, of which `bars_needed` suffice, is an event: no other close is scored."""
        return is_event(bars, self.sampling)

    @property
    def bars_needed(self) -> int:
        """Return how many bars that end with a close suffice for a decision at it."""
        return self._suffice(self.policy)

    @property
    def judged_bars_needed(self) -> int:
        """Return how many of them suffice for what was judged, whatever this account clamps beside it."""
        return self._suffice(self.judged_policy)

    def _suffice(self, policy: Policy) -> int:
        """Return the bars that score, event, ATR and, where `policy` clamps it, volatility want: a mean of 500 ATRs."""
        ranges = ATR_BARS * self.exits.atr_period
        asked = max(self.scorer.bars_needed, bars_needed(self.sampling, self.timeframe))
        return max(asked, ranges + NORMAL_BARS - 1 if policy.clamped else ranges)

    @property
    def rules(self) -> Rules:
        """Return the policy that binds, as kernels read it."""
        return policies.rules(self.policy)

    @property
    def judged_rules(self) -> Rules:
        """Return the judged policy, as kernels read it."""
        return policies.rules(self.judged_policy)


def of_bundle(bundle: Bundle, role: str, policy: Policy, risk: Risk) -> Model:
    """Return the model of a verified bundle in `role`, bound by `policy` and `risk`."""
    timeframe = instruments.series_named(bundle.series).timeframe
    return Model(
        series=bundle.series,
        role=role,
        bundle_sha256=bundle.sha256,
        timeframe=timeframe,
        market=bundle.market,
        exits=Exits(
            float(bundle.exits.take_profit),
            float(bundle.exits.stop_loss),
            int(bundle.exits.bars),
            int(bundle.exits.atr_period),
        ),
        costs=as_floats(bundle.costs),
        judged_policy=bundle.policy,
        judged_risk=risks.typed(bundle.risk),
        policy=policy,
        risk=risks.typed(risk),
        scorer=BundleScorer(bundle, timeframe),
        known_until=microseconds(pd.Timestamp(bundle.meta["window"]["cut_off"])),
        companions={symbol: f"{symbol}_{timeframe.name}" for symbol in sorted(bundle.meta.get("companions", {}))},
        sampling=bundle.sampling,
    )
