"""The pictures of notebook 04: on what was trained, on what judged, and what was learnt."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from pipeline.notebooks.style import DOWN, FLAT, GOLD, INK, LOOK, QUIET, UP, by_date, nothing, picture, sheet
from registry.card import Card

_MOST_CLUSTERS = 15


def folds(card: Card) -> bytes:
    """Draw what each fold was trained on and what it was judged on; last the final model and its judged window."""
    if not card.folds:
        return nothing(f"{card.series}: folds", "There are no folds.")
    window = card.window
    last = (window["history_start"], window["development_end"], window["oos_start"], window["cut_off"])
    rows = [tuple(one[name] for name in ("train_start", "train_end", "test_start", "test_end")) for one in card.folds]
    names = [f"fold {one['fold']}" for one in card.folds] + ["final model"]
    with matplotlib.rc_context(LOOK):
        figure = sheet(0.3 * len(names) + 1.5)
        axes = figure.add_subplot()
        for place, row in enumerate([*rows, last]):
            begins, ends, judged, until = (pd.Timestamp(one).tz_convert(None) for one in row)
            colour = GOLD if place == len(rows) else DOWN
            axes.barh(-place, ends - begins, left=begins, color=UP, alpha=0.75, height=0.62)
            axes.barh(-place, until - judged, left=judged, color=colour, height=0.62)
        axes.set_yticks([-place for place in range(len(names))], names)
        axes.grid(visible=False, axis="y")
        for colour, told in (
            (UP, "trained on"),
            (DOWN, "judged on, out of fold"),
            (GOLD, "judged window, looked at once"),
        ):
            axes.barh(0, pd.Timedelta(0), left=pd.Timestamp(rows[0][0]).tz_convert(None), color=colour, label=told)
        by_date(axes)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
        axes.set_title(f"{card.series}: walk-forward, each block judged by what came before it")
        return picture(figure)


def gap(card: Card) -> bytes:
    """Draw what is cut away at the border of a fold: labels that reach over it, and bars for nothing but distance."""
    purge, embargo = (card.validation[name] for name in ("purge", "embargo"))
    parts = [(-3.0 * embargo, -embargo - purge, UP, "training rows"), (0.0, 2.0 * embargo, DOWN, "judged rows")]
    left_out = (
        (-float(embargo), 0.0, FLAT, f"embargo\n{embargo} bars"),
        (-float(embargo + purge), -embargo, QUIET, ""),
    )
    with matplotlib.rc_context(LOOK):
        figure = sheet(1.9)
        axes = figure.add_subplot()
        for begins, ends, colour, told in (*parts, *left_out):
            axes.barh(0, ends - begins, left=begins, color=colour, height=0.6)
            axes.text((begins + ends) / 2, 0, told, ha="center", va="center", color="white" if colour != FLAT else INK)
        axes.annotate(
            f"purge: labels that end inside ({purge} bars at most)",
            (-embargo - purge / 2, 0.3),
            (0, 10),
            textcoords="offset points",
            ha="center",
        )
        axes.axvline(0, color=INK, linewidth=1.2)
        axes.set_ylim(-0.4, 0.75)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False)
        axes.set_xlabel("Bars from the first judged bar")
        leaks = card.validation.get("leaks")
        axes.set_title(
            f"{card.series}: the border of a fold; {card.validation.get('splits')} splits audited, {leaks} leaks"
        )
        return picture(figure)


def skill(card: Card) -> bytes:
    """Draw the skill in direction of each fold, of all together and of the judged window, each with its interval."""
    rows = [(f"{one['fold']}", one.get("skill"), one.get("skill_low"), one.get("skill_high")) for one in card.folds]
    for name, told in (("out_of_fold", "all\nfolds"), ("oos", "judged\nwindow")):
        one = card.skill.get(name) or {}
        rows.append((told, one.get("skill"), one.get("low"), one.get("high")))
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.4)
        axes = figure.add_subplot()
        for place, (_, value, low, high) in enumerate(rows):
            if value is None:
                axes.text(place, 0.0, "–", ha="center", va="center", color=QUIET)
                continue
            above = low is not None and low > 0.0
            colour = UP if above else DOWN
            if low is not None and high is not None:
                axes.plot([place, place], [low, high], color=colour, linewidth=5, alpha=0.35, solid_capstyle="butt")
            axes.scatter([place], [value], color=colour, s=42, marker="o" if above else "v", zorder=3)
        axes.axhline(0.0, color=INK, linewidth=1.0)
        axes.axvline(len(card.folds) - 0.5, color=FLAT, linewidth=1.0, linestyle="--")
        axes.set_xticks(range(len(rows)), [name for name, *_ in rows])
        axes.set_xlabel("Fold")
        axes.set_ylabel("Share of the guess's loss")
        axes.grid(visible=False, axis="x")
        axes.set_title(
            f"{card.series}: skill in direction, 90 % intervals (blue circle: above 0; orange triangle: not shown)"
        )
        return picture(figure)


def clusters(card: Card) -> bytes:
    """Draw what it costs to shuffle each cluster of features that say the same, the dearest on top."""
    found = card.selection.get("features", {})
    title = f"{card.series}: what shuffling a cluster of features costs"
    if not found:
        return nothing(title, "This card knows of no clusters.")
    table = pd.DataFrame(found).T.reset_index(names="feature")
    grouped = table.sort_values("shap", ascending=False).groupby("cluster", sort=False)
    rows = grouped.agg({"permutation": "first", "feature": list}).sort_values("permutation", ascending=False)
    rows = rows.head(_MOST_CLUSTERS)
    with matplotlib.rc_context(LOOK):
        figure = sheet(0.28 * len(rows) + 1.3)
        axes = figure.add_subplot()
        values = rows["permutation"].to_numpy(float)
        axes.barh(-np.arange(len(rows)), values, color=[UP if value > 0 else DOWN for value in values], height=0.7)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_yticks(-np.arange(len(rows)), [_named(names) for names in rows["feature"]], fontsize=8.5)
        axes.grid(visible=False, axis="y")
        stable = card.selection.get("stability")
        told = "" if stable is None else f"; choice over folds agrees to {stable:.2f} (1: always the same)"
        axes.set_xlabel(f"Log loss added, nats a row{told}")
        axes.set_title(title)
        return picture(figure)


def thresholds(card: Card) -> bytes:
    """Draw from which score each fold went long and short; a fold without a threshold answered "no trade"."""
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.0)
        axes = figure.add_subplot()
        places = [*(_fitted(one.get("thresholds")) for one in card.folds), _final(card)]
        for side, colour, marker in (("long", UP, "^"), ("short", DOWN, "v")):
            known = [(at, one[side]) for at, one in enumerate(places) if side in one]
            x, y = [at for at, _ in known], [score for _, score in known]
            axes.scatter(x, y, color=colour, marker=marker, s=52, label=side)
        silent = [at for at, one in enumerate(places) if not one]
        for at in silent:
            axes.text(at, 0.5, "no\ntrade", ha="center", va="center", color=QUIET, fontsize=8.5)
        axes.axhline(0.5, color=FLAT, linewidth=0.8, zorder=0)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlim(-0.6, len(places) - 0.4)
        axes.set_xticks(range(len(places)), [*(f"{one['fold']}" for one in card.folds), "final\nmodel"])
        axes.set(xlabel="Fold", ylabel="Score (0 short, 1 long)")
        axes.set_title(f"{card.series}: thresholds; {len(silent)} of {len(places)} answered “no trade”")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        return picture(figure)


def rates(card: Card) -> pd.DataFrame:
    """Return of each fold what it was trained and judged on, in rows, and what it found."""
    names = {"rows": "rows trained on", "purged": "purged", "embargoed": "embargoed", "test_rows": "rows judged"}
    names |= {"skill": "skill", "log_loss": "log loss", "calibration_error": "calibration error", "trades": "trades"}
    table = pd.DataFrame([{told: one.get(key) for key, told in names.items()} for one in card.folds])
    return table.set_index(pd.Index([one["fold"] for one in card.folds], name="fold")).round(4)


def _fitted(told: Any) -> dict[str, float]:
    """Return the thresholds of a fold by side; none where it answered in words."""
    known = told if isinstance(told, dict) else {}
    return {side: float(known[side]) for side in ("long", "short") if known.get(side) is not None}


def _final(card: Card) -> dict[str, float]:
    """Return the thresholds of the final model by side; none where no score can reach them."""
    ends = {side: card.policy.get(f"{side}_threshold") for side in ("long", "short")}
    return {side: value for side, value in ends.items() if value is not None and 0.0 <= value <= 1.0}


def _named(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} like it"
