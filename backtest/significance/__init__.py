"""How a trading result is judged against luck; what each number says and does not say is in docs/significance.md."""

from backtest.significance.deflated import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe_ratio,
    minimum_backtest_length,
    observed_false_discovery_rate,
    planned_false_discovery_rate,
    type_two_error,
)
from backtest.significance.gate_chances import Bet, Judged, gate_chance, simulated_gate_chance
from backtest.significance.heterogeneity import (
    Heterogeneity,
    fold_heterogeneity,
    heterogeneity,
    log_profit_factor,
)
from backtest.significance.overfitting import (
    Overfitting,
    cross_validated,
    probability_of_backtest_overfitting,
)
from backtest.significance.permutations import Permuted, circular_shifts, random_signs
from backtest.significance.sharpe import (
    Record,
    Revision,
    measured,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_standard_error,
)
from backtest.significance.shrinkage import GivenPass, Prior, Shrunken, given_pass, shrunken_mean
from backtest.significance.superiority import Superiority, block_length, superior_predictive_ability
from backtest.significance.win_rates import (
    WinRateTest,
    break_even,
    clopper_pearson,
    trades_needed,
    wilson,
    win_rate_of_counts,
    win_rate_test,
)

__all__ = [
    "Bet",
    "GivenPass",
    "Heterogeneity",
    "Judged",
    "Overfitting",
    "Permuted",
    "Prior",
    "Record",
    "Revision",
    "Shrunken",
    "Superiority",
    "WinRateTest",
    "block_length",
    "break_even",
    "circular_shifts",
    "clopper_pearson",
    "cross_validated",
    "deflated_sharpe_ratio",
    "expected_maximum_sharpe_ratio",
    "fold_heterogeneity",
    "gate_chance",
    "given_pass",
    "heterogeneity",
    "log_profit_factor",
    "measured",
    "minimum_backtest_length",
    "minimum_track_record_length",
    "observed_false_discovery_rate",
    "planned_false_discovery_rate",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "random_signs",
    "sharpe_standard_error",
    "shrunken_mean",
    "simulated_gate_chance",
    "superior_predictive_ability",
    "trades_needed",
    "type_two_error",
    "wilson",
    "win_rate_of_counts",
    "win_rate_test",
]
