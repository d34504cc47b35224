"""The plan of a fleet: of each series which stages must run and why, and what that will cost. Nothing is written."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from market import fleet_settings, instruments, settings, tables, timeframe
from market.errors import AssayError, UsageError, nearest
from market.instruments import Series
from pipeline import fleet_expected, job, verdict, workspace
from pipeline.fleet_expected import Cost, Known
from pipeline.job import Job
from pipeline.job_stages import Stage, stages_of

GATE = "gate"
UP_TO_DATE, STALE, MISSING, REFUSED = "up to date", "stale", "missing", "refused"

_NOTHING = Cost(0.0, 0, 0)


class Step(NamedTuple):
    """A stage of a series and why it must run, None where it is up to date; `after` are the stages that it waits for.

    `why` of a stage that may still turn out to be up to date, as what it is made from is made anew, says "after …".
    """

    stage: str
    why: str | None
    after: tuple[str, ...]


class Planned(NamedTuple):
    """A series of the plan: `state` is one of the four above, `why` the first reason, `steps` its stages in order."""

    series: Series
    state: str
    why: str
    bars: int
    steps: tuple[Step, ...]
    cost: Cost

    @property
    def stale(self) -> tuple[str, ...]:
        """Return the stages that must run, or may have to."""
        return tuple(step.stage for step in self.steps if step.why is not None)

    def told(self) -> dict[str, Any]:
        """Return the series as JSON values."""
        return {
            "series": self.series.name,
            "state": self.state,
            "why": self.why,
            "bars": self.bars,
            "stages": [step._asdict() for step in self.steps],
            **self.cost._asdict(),
        }


def plan(only: Iterable[str], begin: str | None, last: Mapping[str, Any]) -> list[Planned]:
    """Return the plan of the series that `only` names (all without one), stages from `begin` on made anew.

    `last` is what the fleet knows of each series from before. What is wrong with one series is its own state; raises
    UsageError for patterns that fit none and for an unknown stage.
    """
    chosen = selected(fleet_settings.series(), [*only])
    check_stage(begin)
    so_far = fleet_expected.known(settings.home(), last)
    return [planned(one, begin, so_far) for one in chosen]


def selected(series: list[Series], only: list[str]) -> list[Series]:
    """Return the series whose names fit one of the patterns `only`, as a shell's; all of them without one."""
    names = [one.name for one in series]
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = nearest(pattern, names)
            raise UsageError(f"--only {pattern!r} fits no series of the fleet: it has {', '.join(names)}.{near}")
    return [one for one in series if not only or any(fnmatchcase(one.name, pattern) for pattern in only)]


def check_stage(name: str | None) -> None:
    """Raise UsageError unless `name` is None or a stage."""
    known = [*(stage.name for stage in stages_of()), GATE]
    if name is not None and name not in known:
        raise UsageError(f"--from {name!r} is no stage: there are {', '.join(known)}.{nearest(name, known)}")


def planned(series: Series, begin: str | None, so_far: Known) -> Planned:
    """Return what is to be done of one series."""
    target = workspace.of(series)
    try:
        work = job.prepare(series)
        manifest = tables.read_manifest(target.bars)
        if manifest is None:
            return Planned(series, MISSING, without_bars(series, target.home), 0, (), _NOTHING)
        workspace.require_bars(target)
        steps = tuple(steps_of(work, begin))
    except UsageError:
        raise
    except AssayError as error:
        return refused(series, error)
    stale = [step.stage for step in steps if step.why is not None]
    if not stale:
        return Planned(series, UP_TO_DATE, "", manifest.rows, steps, _NOTHING)
    why = next(f"{step.stage}: {step.why}" for step in steps if step.why is not None)
    return Planned(series, STALE, why, manifest.rows, steps, fleet_expected.cost(target, stale, manifest.rows, so_far))


def refused(series: Series, why: AssayError) -> Planned:
    """Return a series of whose bars or settings nothing can be made."""
    return Planned(series, REFUSED, str(why), 0, (), _NOTHING)


def steps_of(work: Job, begin: str | None) -> list[Step]:
    """Return the stages of a series, the verdict last. Receipts are asked, which know contents and no file times."""
    steps: list[Step] = []
    forced = False
    for stage in (*stages_of(), None):
        name = stage.name if stage else GATE
        forced = forced or name == begin
        waits = [step.stage for step in steps if step.why is not None and step.stage in _AFTER[name]]
        why = "asked for by --from" if forced else f"after {waits[0]}" if waits else _why(stage, work)
        steps.append(Step(name, why, tuple(one for one in _AFTER[name] if one in [step.stage for step in steps])))
    return steps


def without_bars(series: Series, home: Path) -> str:
    """Return what to type so that there are bars of the series."""
    symbol, name = series.symbol, series.timeframe.name
    if {symbol, series.name} & fleet_settings.sources().keys():
        return f"no bars: `assay fleet import --only {series.name}`"
    finer = [one for one in timeframe.TIMEFRAMES.values() if series.timeframe.minutes % one.minutes == 0]
    stored = [one.name for one in finer if (home / "bars" / f"{symbol}_{one.name}.parquet").exists()]
    if stored:
        return f"no bars: `assay resample {symbol} --to {name}`"
    told = instruments.instrument(symbol).description
    return f"no bars of {told}: `assay import FILE --symbol {symbol} --timeframe {name} --timezone ZONE --stamp open`"


def _why(stage: Stage | None, work: Job) -> str | None:
    if stage is not None:
        return stage.why(work)
    return verdict.order_of(work).stale(work.workspace.receipt(GATE))


_AFTER = {
    "enrich": (),
    "label": (),
    "causality": (),
    "train": ("enrich", "label", "causality"),
    "backtest": ("train",),
    "paths": ("enrich", "label", "train"),
    GATE: ("train", "backtest", "paths"),
}
