"""What is tried next, and what is given up: pure functions of the trials so far.

A proposal hangs on the ranges, the trials that are finished and a seed of its own, on nothing that a process remembers.
So a search that was killed and goes on proposes what it would have proposed.
Source: Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization; Watanabe (2023), Tree-Structured Parzen
Estimator (multivariate).
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from statistics import median
from types import ModuleType
from typing import TYPE_CHECKING

from training.parameters import Range
from training.trials import Objective, Trial, loss

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

GUIDED_FROM = 10  # trials before this one are drawn at random, the first apart
JUDGED_FROM = 5  # trials that got as far before another is given up


def propose(ranges: Mapping[str, Range], trials: Sequence[Trial], objective: Objective, seed: str) -> dict[str, float]:
    """Return the parameters to try after `trials` (all of one member and part), drawn by TPE within `ranges`."""
    optuna = quiet()
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=GUIDED_FROM, multivariate=True, constant_liar=False, seed=number
        )
        study = optuna.create_study(sampler=sampler, direction=direction(objective))
        study.add_trials([frozen(one, ranges) for one in trials])
        return dict(study.ask(distributions(ranges)).params)


def hopeless(running: Sequence[float], trials: Sequence[Trial], objective: Objective) -> bool:
    """Return whether a trial is worse than the median of the `trials` that got as far, after as many inner folds.

    Optuna's `MedianPruner` differs twice. It compares the best value of any step so far; here a step is another span of
    history with its own difficulty, so that an easy first one would save every trial. And it compares with complete
    trials alone; these are ever better ones, so that soon next to nothing gets past the first inner fold, which would
    then choose by itself. Here it is half of them at each.
    """
    reached = len(running)
    others = [loss(one.running[reached - 1], objective) for one in trials if len(one.running) >= reached]
    return len(others) >= JUDGED_FROM and loss(running[-1], objective) > median(others)


def quiet() -> ModuleType:
    """Return Optuna, imported when it is needed first, that says nothing unless it fails."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def direction(objective: Objective) -> str:
    """Return what Optuna does with the objective."""
    return "minimize" if objective == "log_loss" else "maximize"


def distributions(ranges: Mapping[str, Range]) -> "dict[str, BaseDistribution]":
    """Return `ranges` as Optuna's distributions."""
    kinds = quiet().distributions
    return {
        name: kinds.IntDistribution(int(one.low), int(one.high), log=one.log)
        if one.whole
        else kinds.FloatDistribution(one.low, one.high, log=one.log)
        for name, one in ranges.items()
    }


def frozen(trial: Trial, ranges: Mapping[str, Range], **attributes: object) -> "FrozenTrial":
    """Return `trial` as Optuna keeps it, with user attributes."""
    optuna = quiet()
    states = optuna.trial.TrialState
    state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}[trial.state]
    return optuna.trial.create_trial(
        state=state,
        value=trial.value,
        params=trial.parameters,
        distributions=distributions(ranges),
        user_attrs=attributes,
        intermediate_values=dict(enumerate(trial.running, start=1)),
    )
