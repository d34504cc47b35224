"""The tables and pictures of notebook 03: labels as the trades they are."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from backtest.engine import run_tape
from backtest.policy import Policy
from backtest.risk import Risk
from market.execution import Exits
from market.tape import Tape, tape
from pipeline.job import Job
from pipeline.notebooks.style import DOWN, FLAT, INK, LOOK, QUIET, UP, nothing, picture, sheet

CLASSES = {-1: "down", 0: "flat", 1: "up"}

_COLOURS = {-1: DOWN, 0: FLAT, 1: UP}
_BEFORE, _AFTER = 12, 4  # bars around a drawn label
_ALWAYS = Policy(1.0, 0.0, cooldown=0, max_spread_atr=np.inf)
_RICH = Risk(equity=1e9)
_BINS = 60
_TRADED = 250  # labels that are traded again


def examples(labels: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the stamps of three labels, one of each class, from the middle of the table; fewer where a class lacks."""
    middle = labels.iloc[len(labels) // 2 :]
    return pd.DatetimeIndex([rows.index[0] for _, rows in middle.groupby("y")]).sort_values()


def settled(bars: pd.DataFrame, labels: pd.DataFrame, exits: Exits, stamps: pd.DatetimeIndex) -> bytes:
    """Draw the labels at `stamps` as the trades they are: entry, target above or below it, stop, and where it ended.

    The side drawn is the one that its class names, the long where it names none. Prices of bars are bid.
    """
    if not len(stamps):
        return nothing("Labels as trades", "There are no labels.")
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.7)
        for axes, stamp in zip(figure.subplots(1, len(stamps), squeeze=False)[0], stamps, strict=True):
            _trade(axes, bars, labels.loc[stamp], stamp, exits)
        return picture(figure)


def over_time(name: str, labels: pd.DataFrame) -> bytes:
    """Draw the share of each class by month."""
    month = pd.DatetimeIndex(labels.index).tz_convert(None).to_period("M")
    shares = pd.crosstab(month, labels["y"].to_numpy(), normalize="index").reindex(
        columns=list(CLASSES), fill_value=0.0
    )
    stamps = shares.index.to_timestamp().to_numpy()
    every = labels["y"].value_counts(normalize=True)
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.2)
        axes = figure.add_subplot()
        told = [f"{word} ({every.get(y, 0.0):.0%})" for y, word in CLASSES.items()]
        axes.stackplot(stamps, shares.to_numpy().T, colors=[_COLOURS[y] for y in CLASSES], labels=told, alpha=0.9)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlim(stamps[0], stamps[-1] if len(stamps) > 1 else None)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_title(f"{name}: share of each class by month, of {len(labels):,} labels")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
        return picture(figure)


def results(name: str, labels: pd.DataFrame) -> bytes:
    """Draw the net R of every long and of every short: what a side earns that is taken everywhere."""
    low, high = np.quantile(labels[["r_long", "r_short"]].to_numpy(), [0.001, 0.999])
    edges = np.linspace(low, high, _BINS + 1)
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.2)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, side, colour in zip(panels, ("long", "short"), (UP, DOWN), strict=True):
            r = labels[f"r_{side}"].to_numpy()
            axes.hist(np.clip(r, low, high), bins=edges, color=colour)
            axes.axvline(r.mean(), color=INK, linewidth=1.3, linestyle="--", label=f"mean {r.mean():+.3f} R")
            axes.set_xlabel("R, net of all costs")
            axes.set_title(f"{name}: every {side}")
            axes.legend(loc="upper right")
        panels[0].set_ylabel("Labels")
        return picture(figure)


def overlap(name: str, bars: pd.DataFrame, labels: pd.DataFrame) -> bytes:
    """Draw how many bars labels live, until both sides have ended, and how much of each is its own (uniqueness)."""
    until = pd.DatetimeIndex(labels[["t1_long", "t1_short"]].max(axis=1))
    lived = pd.Series(bars.index.get_indexer(until) - bars.index.get_indexer(labels.index))
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.2)
        left, right = figure.subplots(1, 2)
        left.hist(lived, bins=np.arange(lived.max() + 1) + 0.5, color=UP)
        left.axvline(lived.median(), color=INK, linewidth=1.3, linestyle="--", label=f"median {lived.median():.0f}")
        left.set(xlabel="Bars until both sides have ended", ylabel="Labels")
        left.set_title(f"{name}: how long a label lives", fontsize=10)
        left.legend(loc="upper right")
        weight = labels["weight"].to_numpy()
        right.hist(weight, bins=_BINS, color=FLAT)
        right.axvline(weight.mean(), color=INK, linewidth=1.3, linestyle="--", label=f"mean {weight.mean():.2f}")
        right.set_xlabel("Share of a label that no other shares")
        right.set_title(f"{len(labels):,} labels are worth {weight.sum():,.0f}", fontsize=10)
        right.legend(loc="upper right")
        return picture(figure)


def traded_alone(bars: pd.DataFrame, labels: pd.DataFrame, work: Job) -> pd.DataFrame:
    """Return `label` and `trade`, both net R, of evenly spaced labels: each is traded alone by the backtest's own loop.

    The refusal to enter before a break is left out: a label asks what would have come of it.
    """
    costs, exits = work.instrument.costs, work.exits
    arrays = tape(bars, costs, exits.atr_period, work.instrument.market, clamped=False)
    arrays = arrays._replace(shut=np.zeros_like(arrays.shut))
    ts = pd.DatetimeIndex(bars.index)
    chosen = labels.iloc[:: max(len(labels) // _TRADED, 1)]
    rows = []
    for at, (stamp, one) in enumerate(chosen.iterrows()):
        begins = int(ts.get_loc(stamp))
        span = slice(begins, begins + exits.bars + 1)
        long = at % 2 == 0
        score = pd.Series([float(long)], ts[begins : begins + 1])
        part = Tape(*(values[span] for values in arrays))
        trades = run_tape(part, ts[span], score, _ALWAYS, exits, costs, _RICH).trades
        rows.append((stamp, one["r_long" if long else "r_short"], float(trades["r"].iloc[0])))
    return pd.DataFrame(rows, columns=["ts", "label", "trade"]).set_index("ts")


def agreement(name: str, told: pd.DataFrame) -> bytes:
    """Draw what `traded_alone` returns: on the diagonal a label is a trade."""
    apart = int((told["label"] != told["trade"]).sum())
    with matplotlib.rc_context(LOOK):
        figure = sheet(3.6)
        axes = figure.add_subplot()
        reach = [float(told.to_numpy().min()), float(told.to_numpy().max())]
        axes.plot(reach, reach, color=FLAT, linewidth=4)
        axes.scatter(told["trade"], told["label"], s=16, color=DOWN if apart else UP, alpha=0.6, linewidths=0, zorder=3)
        axes.set(xlabel="R of the trade, by the backtest's loop", ylabel="R of the label")
        axes.set_title(f"{name}: {len(told) - apart} of {len(told)} labels are their lone trade to the last bit")
        return picture(figure)


def _trade(axes: Axes, bars: pd.DataFrame, label: pd.Series, stamp: pd.Timestamp, exits: Exits) -> None:
    side = -1 if label["y"] < 0 else 1
    name = "long" if side > 0 else "short"
    decided = int(bars.index.get_loc(stamp))
    left = int(bars.index.get_loc(label[f"t1_{name}"]))
    window = bars.iloc[max(decided - _BEFORE, 0) : left + _AFTER]
    places = np.arange(len(window)) - (decided - max(decided - _BEFORE, 0))
    axes.vlines(places, window["low"], window["high"], color=QUIET, linewidth=1.1)
    axes.plot(places, window["close"], color=INK, linewidth=0.9)
    first = bars.iloc[decided + 1]
    entry = first["open"] + (first["spread"] if side > 0 else 0.0)
    for distance, colour in ((side * exits.take_profit, UP), (-side * exits.stop_loss, DOWN)):
        height = distance * label["atr"]
        axes.add_patch(Rectangle((0.5, entry), left - decided, height, color=colour, alpha=0.16, linewidth=0))
        axes.plot([0.5, left - decided + 0.5], [entry + height] * 2, color=colour, linewidth=1.4)
    axes.plot([0.5, left - decided + 0.5], [entry] * 2, color=INK, linewidth=1.0, linestyle=":")
    axes.axvline(0, color=QUIET, linewidth=0.8, linestyle="--")
    axes.set_xlabel("Bars since the decision")
    axes.set_title(
        f"{CLASSES[int(label['y'])]}: a {name} ends by {label[f'reason_{name}']},\n{label[f'r_{name}']:+.2f} R net",
        fontsize=10,
    )
    axes.margins(x=0.02)
    axes.tick_params(axis="y", labelsize=7.5)
