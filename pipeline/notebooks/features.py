"""The tables and pictures of notebook 02: what the features are like, and that none sees the future."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

import feature_store
from pipeline.notebooks.style import DOWN, FLAT, GOLD, INK, LOOK, QUIET, UP, by_date, dated, nothing, picture, sheet
from registry.report.shown import Drift
from training import clusters

_AGREES = LinearSegmentedColormap.from_list("agrees", [DOWN, "#ffffff", UP], N=11)  # few colours: a small picture
_SHOWN = 160  # bars of a demonstration
_CENTRED = 15  # bars
_MOST_DRIFTS = 25
_MOST_NAMES = 60  # features whose names can be read beside a matrix


def families(features: pd.DataFrame) -> pd.DataFrame:
    """Return by family its columns, the bars until the last of them is known, and the share that is missing later."""
    unknown = features.isna().to_numpy()
    warm_up = np.where(unknown.all(axis=0), len(features), np.argmin(unknown, axis=0))
    family = pd.Index([str(column).partition("__")[0] for column in features], name="family")
    later = [float(unknown[begins:, at].mean()) if begins < len(features) else 1.0 for at, begins in enumerate(warm_up)]
    by = pd.DataFrame({"warm_up": warm_up, "missing": later}, index=family).groupby("family", sort=False)
    return pd.DataFrame(
        {"columns": by.size(), "warm-up, bars": by["warm_up"].max(), "missing after it": by["missing"].max()}
    )


def warm_up(name: str, told: pd.DataFrame) -> bytes:
    """Draw the table that `families` returns: how many columns, and how many bars until all of them are known."""
    places = -np.arange(len(told))
    with matplotlib.rc_context(LOOK):
        figure = sheet(0.26 * len(told) + 1.3)
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, column, colour in ((left, "columns", UP), (right, "warm-up, bars", GOLD)):
            values = told[column].to_numpy()
            axes.barh(places, values, color=colour, height=0.7)
            for place, value in zip(places, values, strict=True):
                axes.annotate(
                    f"{value:,}", (value, place), (4, 0), textcoords="offset points", va="center", color=QUIET
                )
            axes.set_xlim(0.0, 1.15 * max(float(values.max()), 1.0))
            axes.grid(visible=False, axis="y")
        left.set_yticks(places, told.index)
        left.set_title(f"{name}: {told['columns'].sum()} features by family")
        right.set_title("Bars until the last of them is known")
        return picture(figure)


def alike(name: str, features: pd.DataFrame) -> bytes:
    """Draw the rank correlation of all features, those that say the same beside each other.

    Clusters are those by which training chooses and permutes features (`training.clusters`).
    """
    known = features.dropna()
    if not len(known):
        return nothing(f"{name}: features that say the same", "No row has all features: there are too few bars.")
    correlated = clusters.correlation(known.to_numpy(np.float64))
    of = clusters.grouped(correlated)
    sizes = np.bincount(of)
    order = np.lexsort((of, -sizes[of]))
    with matplotlib.rc_context(LOOK):
        figure = sheet(7.4)
        axes = figure.add_subplot()
        shown = axes.imshow(
            correlated[np.ix_(order, order)], cmap=_AGREES, vmin=-1.0, vmax=1.0, interpolation="nearest"
        )
        axes.grid(visible=False)
        names = [str(features.columns[at]) for at in order] if len(order) <= _MOST_NAMES else []
        axes.set_yticks(range(len(names)), names, fontsize=6.5)
        axes.set_xticks([])
        told = f"{len(order)} features in {len(sizes)} clusters, the largest first (|ρ| of {clusters.SAME} and more)"
        axes.set_title(f"{name}: {told}")
        scale = figure.colorbar(shown, ax=axes, pad=0.01, shrink=0.6, label="Rank correlation")
        scale.outline.set_visible(False)
        return picture(figure)


def drift(name: str, drifts: Mapping[str, Drift], why_not: str) -> bytes:
    """Draw how far the judged window lies from all before, by feature of the model, and how far others strayed."""
    title = f"{name}: is the judged window unlike the windows before it?"
    if not drifts:
        return nothing(title, f"Not drawn: {why_not}.")
    rows = sorted(drifts.items(), key=lambda item: -item[1].judged)[:_MOST_DRIFTS]
    with matplotlib.rc_context(LOOK):
        figure = sheet(0.24 * len(rows) + 1.5)
        axes = figure.add_subplot()
        for place, (_, one) in enumerate(rows):
            axes.plot([one.least, one.largest], [-place] * 2, color=FLAT, linewidth=6, solid_capstyle="butt")
            further = one.judged > one.largest
            axes.scatter(
                [one.judged], [-place], s=34, color=DOWN if further else UP, marker="D" if further else "o", zorder=3
            )
        axes.set_yticks([-place for place in range(len(rows))], [column for column, _ in rows], fontsize=8)
        axes.set_xlim(left=0.0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(
            "Population stability index (grey: windows of before; orange diamond: further off than any of them)"
        )
        axes.set_title(title)
        return picture(figure)


def proof(receipt: Mapping[str, Any]) -> pd.DataFrame:
    """Return what the stored proof of causality compared; empty where none was made."""
    facts = receipt.get("facts", {})
    rows = {"cuts": facts.get("cuts", {}), "cuts of labels": facts.get("labels", {})}
    told = {f"{what}: {kind}": str(count) for what, kinds in rows.items() for kind, count in kinds.items()}
    plain = {"columns compared": "columns", "lookbacks tried on their tail alone": "tails", "seed": "seed"}
    told |= {words: str(facts[key]) for words, key in plain.items() if key in facts}
    return pd.DataFrame({"found": told})


def prefix(bars: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return `column` by all of the last bars and by those up to a cut alone, and so a mean that sees the future.

    Indexed by the last 160 stamps; `known` and `centred_known` end at the cut in the middle. `centred` is the mean
    close of the 7 bars before, the bar itself and the 7 after it: what a feature must not be.
    """
    group = column.partition("__")[0]
    window = bars.iloc[-min(len(bars), feature_store.lookback([group]) + _SHOWN) :]
    cut = len(window) - _SHOWN // 2
    whole, known = (feature_store.compute(part, [group])[column] for part in (window, window.iloc[:cut]))
    close = window["close"]
    centred, centred_known = (
        part.rolling(_CENTRED, center=True, min_periods=1).mean() for part in (close, close.iloc[:cut])
    )
    table = {"whole": whole, "known": known, "centred": centred, "centred_known": centred_known}
    return pd.DataFrame(table).iloc[-_SHOWN:]


def on_prefix(column: str, told: pd.DataFrame) -> bytes:
    """Draw what `prefix` returns: a feature that lies on itself up to the cut, and a mean that parts from itself."""
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.6)
        left, right = figure.subplots(1, 2)
        _on_itself(left, told["whole"], told["known"], column)
        _on_itself(right, told["centred"], told["centred_known"], f"a centred mean of {_CENTRED} closes")
        return picture(figure)


def _on_itself(axes: Axes, whole: pd.Series, known: pd.Series, title: str) -> None:
    upto = known.notna() & whole.notna()
    apart = int((whole[upto] != known[upto]).sum())
    axes.plot(dated(whole.index), whole, color=FLAT, linewidth=4.5, label="from all bars")
    axes.plot(
        dated(known.index), known, color=DOWN if apart else UP, linewidth=1.4, label="from the bars up to the cut"
    )
    if upto.any():
        axes.axvline(dated(known[upto].index[-1:])[0], color=INK, linewidth=1.0, linestyle="--")
    axes.set_title(f"{title}: {'sees the future' if apart else 'the same'}")
    axes.set_xlabel(f"{apart} of {int(upto.sum())} values before the cut differ")
    axes.legend(loc="best")
    by_date(axes)
