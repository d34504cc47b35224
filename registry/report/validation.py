"""How the model was validated: folds, calibration, which features move it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from registry.card import Card
from registry.markdown_tables import show
from registry.report import svg
from registry.report.markup import NOTHING, figure, folded, joined, note, table, tag
from registry.report.shown import Shown
from registry.shortfall import percent

TOP_FEATURES = 15
_PER = 10_000  # log-losses differ in the fourth decimal
_FOLD_COLUMNS = {
    "trades": "Trades",
    "profit_factor": "PF",
    "win_rate": "Wins",
    "expectancy": "R/trade",
    "max_drawdown": "Fall",
    "skill": "Skill",
}
_FORECASTS = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "auc": "AUC",
    "log_loss": "Log-loss",
    "brier": "Brier",
    "calibration_error": "Calib. err.",
}
_EXPLAINED = (
    "SHAP: share of what moves the scores. Gain: share of what the trees gained where they learnt. Lost: "
    "ten-thousandths of a nat a row that unseen rows lose when the feature's whole cluster is shuffled; at or below 0 "
    "it knew nothing that held. Folds: how many chose it."
)


def folds(card: Card) -> Markup:
    """Return each fold's profit factor, then its figures."""
    if not card.folds:
        return note("There are no folds.")
    count, purge, embargo = (card.validation.get(name, "–") for name in ("folds", "purge", "embargo"))
    scheme = card.validation.get("scheme", "walk-forward")
    leaks = card.validation.get("leaks")
    audit = f" {card.validation['splits']} splits were audited: {leaks} leaks." if leaks is not None else ""
    how = note(f"{count} folds, {scheme}, purge {purge} and embargo {embargo} bars.{audit}")
    drawn = tag("div", *_fold_figures(card.folds), class_="two")
    return joined([how, drawn, _fold_table(card.folds), _forecasts(card.folds)])


def calibration(shown: Shown) -> Markup:
    """Return how often what was predicted with a probability happened."""
    found = shown.calibration
    if found is None or not len(found):
        return note(f"Not drawn: {shown.why_not('calibration')}.")
    top = min(1.0, 1.1 * float(max(found["predicted"].max(), found["observed"].max())))
    x = y = svg.numbers(0.0, top, lambda value: percent(value))
    kinds = {"down": "bad", "flat": "quiet", "up": "good"}
    marks = [svg.line(x, y, [0.0, top], [0.0, top], "faint dashed")]
    for name, rows in found.groupby("label", sort=True):
        kind = kinds.get(str(name), "gold")
        xs, ys = rows["predicted"].tolist(), rows["observed"].tolist()
        marks += [svg.line(x, y, xs, ys, kind), svg.dots(x, y, xs, ys, f"{kind} large")]
    drawn = svg.plot(
        "Observed shares by predicted probability", x, y, *marks, height=300,
        x_title="Predicted probability →", y_title="↑ How often it happened",
    )  # fmt: skip
    key = [tag("span", name, class_=f"dot {kinds.get(str(name), 'gold')}") for name in sorted(found["label"].unique())]
    told = "Out of fold, in tenths of equal counts; on the dashed line a probability can be taken at its word."
    reliable = figure("Reliability of the probabilities", joined([tag("p", *key, class_="key"), drawn]), told)
    rows = [(str(name), *_off(rows)) for name, rows in found.groupby("label", sort=True)]
    far = table(("Class", "Rows", "Predicted", "Happened", "Off by, mean"), rows)
    return tag("div", reliable, tag("div", tag("h3", "On average"), far), class_="two")


def importance(card: Card, shown: Shown) -> Markup:
    """Return the features that move the scores most, with what stands behind them."""
    told = card.selection.get("features", {})
    if not told:
        weights = {name: value for name, value in shown.importance.items() if value > 0}
        total = sum(weights.values())
        if not total:
            return note("No feature has any importance.")
        ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:TOP_FEATURES]
        return bars([(name, value / total, percent(value / total, 1)) for name, value in ordered], "gold")
    known: dict[str, dict[str, Any]] = dict(sorted(told.items(), key=lambda item: (-item[1]["shap"], item[0])))
    most = list(known.items())[:TOP_FEATURES]
    drawn = bars([(name, one["shap"], percent(one["shap"], 1)) for name, one in most], "gold")
    head = ("Feature", "SHAP", "Gain", "Lost", "Folds", "Cluster")
    every = table(head, [(tag("code", name), *_why(one)) for name, one in known.items()])
    return joined(
        [
            figure(f"The {len(most)} that move the scores most (SHAP)", drawn, _agreement(card)),
            folded(f"Why each of the {len(known)} was chosen", every, note(_EXPLAINED)),
        ]
    )


def bars(rows: Sequence[tuple[str, float, str]], kind: str) -> Markup:
    """Return a bar for each of `rows`: its name, its length (the longest is all the width), its words."""
    longest = max((abs(length) for _, length, _ in rows), default=0.0) or 1.0
    made = []
    for name, length, told in rows:
        width = f"{100 * abs(length) / longest:.2f}%"
        rect = tag("rect", width=width, height="100%", class_=f"bar {kind}")
        picture = tag("svg", rect, width="100%", height="12", aria_hidden="true")
        made.append(tag("div", tag("code", name), picture, tag("span", told), class_="row"))
    return tag("div", *made, class_="rows")


def _fold_figures(every: Sequence[Mapping[str, Any]]) -> list[Markup]:
    x = svg.names([str(fold.get("fold", at)) for at, fold in enumerate(every, start=1)])
    drawn = []
    if any(fold.get("profit_factor") is not None for fold in every):
        drawn.append(figure("Profit factor of each fold, with its trades", _fold_bars(x, every)))
    if any(fold.get("skill") is not None for fold in every):
        told = "With its 90 % interval; a fold whose interval lies above 0 knows something."
        drawn.append(figure("Skill in direction of each fold", _fold_skill(x, every), told))
    return drawn


def _fold_bars(x: svg.Axis, every: Sequence[Mapping[str, Any]]) -> Markup:
    factors = [fold.get("profit_factor") for fold in every]
    y = svg.numbers(0.0, 1.22 * max([1.0, *(factor for factor in factors if factor is not None)]), "{:g}".format, 4)
    marks = []
    for at, (fold, factor) in enumerate(zip(every, factors, strict=True)):
        kind = "hollow" if factor is None else "good" if factor >= 1 else "bad"
        marks.append(svg.bar(x, y, at, 0.66, 0.0, 1.0 if factor is None else factor, kind))
        told = "–" if factor is None else f"{factor:.2f}" if factor < 10 else f"{factor:.0f}"
        marks.append(svg.words_at(x, y, at, factor or 1.0, told, "strong", -18))
        marks.append(svg.words_at(x, y, at, factor or 1.0, f"{fold.get('trades', '–')}", "small"))
    marks.append(svg.level(y, 1.0, kind="rule"))
    return svg.plot("Profit factor of each fold", x, y, *marks, height=210)


def _fold_skill(x: svg.Axis, every: Sequence[Mapping[str, Any]]) -> Markup:
    known = [(at, fold) for at, fold in enumerate(every) if fold.get("skill") is not None]
    ends = [
        fold[name] for _, fold in known for name in ("skill", "skill_low", "skill_high") if fold.get(name) is not None
    ]
    room = 0.1 * (max([*ends, 0.0]) - min([*ends, 0.0]) or 1.0)
    y = svg.numbers(min([*ends, 0.0]) - room, max([*ends, 0.0]) + room, "{:+.4g}".format, 4)
    marks = [svg.level(y, 0.0)]
    for at, fold in known:
        low, high = fold.get("skill_low"), fold.get("skill_high")
        kind = "good" if low is not None and low > 0.0 else "quiet"
        if low is not None and high is not None:
            marks.append(svg.whisker(x, y, at, low, high, kind))
        marks.append(svg.dots(x, y, [at], [fold["skill"]], f"{kind} large"))
    return svg.plot("Skill in direction of each fold", x, y, *marks, height=210)


def _fold_table(every: Sequence[Mapping[str, Any]]) -> Markup:
    known = [name for name in _FOLD_COLUMNS if any(name in fold for fold in every)]
    rows = []
    for at, fold in enumerate(every, start=1):
        begin, end = (str(fold.get(name) or "–")[:10] for name in ("test_start", "test_end"))
        chosen = fold.get("thresholds")
        long = chosen.get("long") if isinstance(chosen, Mapping) else None
        told = "none" if long is None else f"{long:.2f}"
        rows.append((fold.get("fold", at), f"{begin} … {end}", *(_cell(name, fold.get(name)) for name in known), told))
    return table(("Fold", "Judged on", *(_FOLD_COLUMNS[name] for name in known), "Long from"), rows, (0, 1))


def _cell(name: str, value: Any) -> str:
    return f"{value:+.3f}" if name == "expectancy" and value is not None else show(name, value)


def _forecasts(every: Sequence[Mapping[str, Any]]) -> Markup:
    known = [name for name in _FORECASTS if any(name in fold for fold in every)]
    if not known:
        return NOTHING
    rows = [
        (fold.get("fold", at), *(show(name, fold.get(name)) for name in known))
        for at, fold in enumerate(every, start=1)
    ]
    return folded("Forecasts of the folds", table(("Fold", *(_FORECASTS[name] for name in known)), rows))


def _off(rows: pd.DataFrame) -> tuple[str, ...]:
    counts = rows["count"].to_numpy(float)
    means = [float(np.average(rows[name], weights=counts)) for name in ("predicted", "observed")]
    off = float(np.average((rows["observed"] - rows["predicted"]).abs(), weights=counts))
    return (f"{counts.sum():,.0f}", *(percent(value, 1) for value in (*means, off)))


def _why(one: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (percent(one["shap"], 1), percent(one["gain"], 1))
    return (*shares, f"{_PER * one['permutation']:+.1f}", str(one["folds"]), str(one["cluster"]))


def _agreement(card: Card) -> str:
    stability, told = card.selection["stability"], card.selection["features"]
    agreed = "not computable" if stability is None else f"{stability:.2f} (1: all alike, 0: as by chance)"
    clusters = len({one["cluster"] for one in told.values()})
    return (
        f"{len(told)} features from {clusters} of {card.selection['clusters']} clusters. Stability of the choice over "
        f"folds: {agreed}."
    )
