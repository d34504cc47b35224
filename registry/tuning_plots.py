"""The pictures of tuning as PNG bytes: what the trials came to, and which parameters mattered.

Trials of different folds are comparable by how much better they are than the first of their own fold, the recipe's own
parameters; so that is what is drawn. Uses matplotlib's object interface alone; import this module where it is used.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from registry.plots import BAD, GOLD, GOOD, INK, PAPER, QUIET, STYLE, png
from training import proposals
from training.members import MEMBERS
from training.trials import Trial, loss

_ENOUGH = 10  # complete trials from which importance is told
_UNITS = {"log_loss": "nats a row", "expectancy": "R a trade"}

Told = Mapping[str, Any]


def draw(trials: Sequence[Told]) -> dict[str, bytes]:
    """Return the plots of `trials` (`Trial.told()` of each) by name, each a PNG; none where nothing was tuned."""
    if not trials:
        return {}
    with matplotlib.rc_context(STYLE):
        return {"tuning_history": history(trials), "tuning_importance": importance(trials)}


def history(trials: Sequence[Told]) -> bytes:
    """Draw by member how much better than the recipe's own parameters each trial was, and the best so far of a fold.

    Pruned trials are told by what they were after as many inner folds, failed ones lie at the bottom.
    """
    members = _by_member(trials)
    figure = Figure(figsize=(9, 2.7 * len(members) + 0.4), layout="constrained")
    for axes, (member, mine) in zip(figure.subplots(len(members), 1, squeeze=False).flat, members.items(), strict=True):
        _history(axes, member, mine)
    return png(figure)


def importance(trials: Sequence[Told]) -> bytes:
    """Draw by member how much each parameter decided whether a complete trial was among the best (PED-ANOVA).

    Source: Watanabe, Bansal and Hutter (2023), PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
    Arbitrary Subspaces.
    """
    members = _by_member(trials)
    figure = Figure(figsize=(9, 0.4 * sum(len(mine[0]["parameters"]) + 2.2 for mine in members.values())))
    figure.set_layout_engine("constrained")
    heights = [len(mine[0]["parameters"]) + 1 for mine in members.values()]
    grid = figure.subplots(len(members), 1, squeeze=False, height_ratios=heights)
    for axes, (member, mine) in zip(grid.flat, members.items(), strict=True):
        _importance(axes, member, mine)
    return png(figure)


def gained(trials: Sequence[Told]) -> list[float]:
    """Return by how much each trial was better than the first of its part after as many inner folds; NaN if not known.

    >>> first = {"part": "fold 1", "number": 0, "state": "complete", "objective": "log_loss", "running": [1.0, 0.9]}
    >>> pruned = {"part": "fold 1", "number": 1, "state": "pruned", "objective": "log_loss", "running": [1.25]}
    >>> gained([first, pruned])
    [0.0, -0.25]
    """
    firsts = {one["part"]: one["running"] for one in trials if one["number"] == 0 and one["state"] == "complete"}
    return [_gained(one, firsts.get(one["part"], [])) for one in trials]


def weights(member: str, trials: Sequence[Told]) -> dict[str, float]:
    """Return the importance of each parameter of `member`, as shares; empty where too few trials are complete."""
    optuna = proposals.quiet()
    gains = gained(trials)
    rated = zip(trials, gains, strict=True)
    known = [(one, gain) for one, gain in rated if one["state"] == "complete" and np.isfinite(gain)]
    if len(known) < _ENOUGH:
        return {}
    study = optuna.create_study(direction="maximize")
    for one, gain in known:
        study.add_trial(proposals.frozen(_complete(one, gain), MEMBERS[member].ranges))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total > 0 else {}


def _complete(told: Told, gain: float) -> Trial:
    return Trial(told["part"], told["member"], told["number"], told["parameters"], "complete", "expectancy", (gain,))


def _gained(told: Told, first: Sequence[float]) -> float:
    reached = len(told["running"])
    if told["state"] == "failed" or reached == 0 or reached > len(first):
        return float("nan")
    return loss(first[reached - 1], told["objective"]) - loss(told["running"][-1], told["objective"])


def _by_member(trials: Sequence[Told]) -> dict[str, list[Told]]:
    names = dict.fromkeys(one["member"] for one in trials)
    return {name: [one for one in trials if one["member"] == name] for name in names}


def _history(axes: Axes, member: str, trials: list[Told]) -> None:
    gains = np.array(gained(trials))
    numbers, states = np.array([one["number"] for one in trials]), np.array([one["state"] for one in trials])
    for state, colour, marker in (("complete", GOLD, "o"), ("pruned", QUIET, "v")):
        mine = states == state
        face = PAPER if state == "pruned" else colour
        label = f"{state} ({mine.sum()})"
        axes.scatter(numbers[mine], gains[mine], s=18, facecolor=face, edgecolor=colour, marker=marker, label=label)
    if (failed := states == "failed").any():
        bottom = np.nanmin(gains) if np.isfinite(gains).any() else 0.0
        at = np.full(failed.sum(), bottom)
        axes.scatter(numbers[failed], at, s=30, color=BAD, marker="x", label=f"failed ({failed.sum()})")
    for part in dict.fromkeys(one["part"] for one in trials):
        rows = np.array([one["part"] == part for one in trials]) & (states == "complete") & np.isfinite(gains)
        if rows.any():
            so_far = np.maximum.accumulate(gains[rows])
            axes.step(numbers[rows], so_far, where="post", color=GOOD, linewidth=0.9, alpha=0.6)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set_xlabel("Trial")
    axes.set_ylabel(f"Better by, {_UNITS[trials[0]['objective']]}")
    axes.set_title(f"{member}: trials against the recipe's own parameters, and each fold's best so far")
    axes.legend(loc="lower right", fontsize=8)


def _importance(axes: Axes, member: str, trials: list[Told]) -> None:
    axes.set_title(f"{member}: what decided")
    found = weights(member, trials)
    if not found:
        axes.set_axis_off()
        said = f"Fewer than {_ENOUGH} complete trials, or all alike: nothing to tell."
        axes.text(0.5, 0.5, said, ha="center", va="center", color=QUIET, transform=axes.transAxes)
        return
    ordered = sorted(found.items(), key=lambda item: (item[1], item[0]))
    axes.barh([name for name, _ in ordered], [value for _, value in ordered], color=GOLD, height=0.7)
    axes.set_xlim(0.0, 1.0)
    axes.grid(visible=False, axis="y")
