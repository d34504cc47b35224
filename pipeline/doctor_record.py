"""What would make one distrust how a run was made: its splits, its window, its bars, how often it was looked at."""

import importlib.metadata

import pandas as pd

from backtest.multiplicity import chance_of_a_pass
from pipeline.doctor_run import UNTOLD, NotAskedError, Run, instant, told
from registry.deflation import ERROR_RATE
from registry.figures import counted, share

LOOKS = 4
ON_FLOOR = 0.5  # of the judged bars
THIN = 0.9  # judged rows a day, of those a day before


def simulated(run: Run) -> str | None:
    """Return evidence where the market is made up."""
    return f"{run.card.series} was judged on bars that a program drew, 0 of them real." if run.card.simulated else None


def no_trade(run: Run) -> str | None:
    """Return evidence where nothing was traded, and why."""
    if told(run.card.oos, "trades"):
        return None
    refused = sorted(run.backtest.get("refusals", {}).items(), key=lambda item: -item[1])
    why = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in refused if count)
    nobody = "no threshold earned anything out of fold" if run.card.policy.get("long_threshold") is None else ""
    causes = "; ".join(one for one in (nobody, f"bars without an order: {why}" if why else "") if one)
    rows = run.card.window.get("oos_rows", 0)
    return f"0 trades on {rows:,} judged rows{f' ({causes})' if causes else ''}."


def leaks(run: Run) -> str | None:
    """Return evidence where rows of a split saw what it judges."""
    bad = [split for split in run.card.splits if split["leaks"]]
    count = sum(split["leaks"] for split in bad)
    if not run.card.splits:
        raise NotAskedError(UNTOLD)
    if not count:
        return None
    splits = f"{len(bad)} of {counted(len(run.card.splits), 'split')}"
    return f"{counted(count, 'row')} in {splits}, the first in {bad[0]['split']}."


def causality(run: Run) -> str | None:
    """Return evidence where no record says that features and labels know nothing of the future."""
    record = run.card.validation.get("causality")
    if record and sum(record["cuts"].values()) and sum(record["labels"].values()):
        return None
    return "The card has a record of 0 cuts: nothing shows that its features and labels know nothing of the future."


def entries_removed(run: Run) -> str | None:
    """Return evidence where the ledger holds less than it held when the run was judged."""
    then, now = (run.card.trials, run.card.looks), (run.counts.trials, run.counts.looks)
    if now[0] >= then[0] and now[1] >= then[1]:
        return None
    held = [f"{counted(one, 'trial')} and {counted(other, 'look')}" for one, other in (then, now)]
    return f"The run was judged at {held[0]}, the ledger now holds {held[1]}."


def looks(run: Run) -> str | None:
    """Return evidence where the judged window was looked at often."""
    if run.counts.looks < LOOKS:
        return None
    return (
        f"{counted(run.counts.looks, 'look')} at this window: a gate that is wrong {share(ERROR_RATE)} of the time is "
        f"passed by luck at least once with a chance of up to {share(chance_of_a_pass(run.counts.looks, ERROR_RATE))}."
    )


def free(run: Run) -> str | None:
    """Return evidence where a trade costs nothing."""
    charged = ("spread_floor", "slippage", "commission")
    if any(run.card.costs.get(name) for name in charged):
        return None
    return f"{', '.join(name.replace('_', ' ') for name in charged)}: all 0."


def spread_floor(run: Run) -> str | None:
    """Return evidence where most judged bars pay a spread that was assumed, not recorded."""
    floor = told(run.card.costs, "spread_floor")
    bars = run.table("bars")["spread"].loc[instant(run.card.window, "oos_start") : instant(run.card.window, "cut_off")]
    count = int((bars <= floor).sum())
    if not len(bars) or count < ON_FLOOR * len(bars):
        return None
    return f"{count:,} of {len(bars):,} judged bars ({share(count / len(bars))}) pay the spread floor of {floor:g}."


def short_window(run: Run) -> str | None:
    """Return evidence where the judged window holds fewer rows a day than the years before it."""
    begin, start, end = (instant(run.card.window, name) for name in ("history_start", "oos_start", "cut_off"))
    judged = told(run.card.window, "oos_rows") / ((end - start) / pd.Timedelta(days=1))
    before = told(run.card.window, "development_rows") / ((start - begin) / pd.Timedelta(days=1))
    if judged >= THIN * before:
        return None
    rows = run.card.window["oos_rows"]
    return (
        f"{rows:,} judged rows from {start:%Y-%m-%d} to {end:%Y-%m-%d}, {judged:.1f} a day; before {before:.1f} a day: "
        f"{share(judged / before)} of what the window should hold."
    )


def expired(run: Run) -> str | None:
    """Return evidence where a model that passed was judged longer ago than its judged window is long."""
    if run.card.status != "READY":
        raise NotAskedError("the run is not READY")
    start, end = instant(run.card.window, "oos_start"), instant(run.card.window, "cut_off")
    if run.today - end <= end - start:
        return None
    ago, long = (run.today - end).days, (end - start).days
    return f"Judged up to {end:%Y-%m-%d}, {ago:,} days ago, on a window of {long:,} days."


def other_bars(run: Run) -> str | None:
    """Return evidence where the bars stored today are not those of the run."""
    if run.stored == run.card.bars_sha256:
        return None
    stored = f"{run.stored[:12]}…" if run.stored else "none"
    return f"The run was judged on bars with SHA-256 {run.card.bars_sha256[:12]}…, stored today: {stored}."


def other_libraries(run: Run) -> str | None:
    """Return evidence where libraries that shape the numbers are of other versions than they were."""
    here = {name: _version(name) for name in run.card.versions}
    other = [f"{name} {then} then, {here[name]} here" for name, then in run.card.versions.items() if here[name] != then]
    return f"{', '.join(other)}." if other else None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
