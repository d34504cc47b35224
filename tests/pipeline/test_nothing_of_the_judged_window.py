"""Prices of the judged window change the report on it and nothing else: no model, threshold or choice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import feature_store
from market import instruments, settings, tables
from market.perturbation import scrambled
from pipeline import causality_record, companions, job, stages, training_stage
from pipeline.job import Job
from pipeline.stage import quiet
from tests.pipeline.conftest import CommandLine
from training import crossval, dataset, ensemble, thresholds
from training.crossval import Trained
from training.judging import Judged

GROUPS = ["volume"]
WORLD = {"start": "2019-01-02", "end": "2019-04-05", "edge": 0.6, "seed": 1}
RECIPE = {"groups": GROUPS, "members": {"logistic": 1.0}, "thresholds": "fitted", "features": 6}
RESEARCH = {"oos_months": 1, "folds": 2, "inner_folds": 2, "purge": 20, "embargo": 20, "minimum_rows": 100}
EDGE_IS_NO_SECRET = {"max_feature_auc": 0.95, "max_feature_ic": 0.80}
REPORT = ("oos_predictions.parquet", "score.parquet", "trades.parquet", "equity.parquet")
UNTOLD = {"inputs": {}, "config_sha256": "", "code_sha256": ""}
TRAIN = crossval.train


class Left(NamedTuple):
    """What an honest training of a home left: its folds and models, and the digests of artefacts and of the report."""

    work: Job
    folds: dict[int, Judged]
    trained: Trained
    artefacts: dict[str, str]
    report: dict[str, str]


def prepared() -> Job:
    work = job.prepare(instruments.series_named("SIM_XAUUSD_15T"), workers=1)
    cut_off = pd.Timestamp(WORLD["end"]).date()
    research = work.research.model_copy(update=RESEARCH | EDGE_IS_NO_SECRET | {"cut_off": cut_off})
    return work._replace(research=research, recipe=settings.Recipe(**RECIPE))


def bars_of(work: Job) -> pd.DataFrame:
    return tables.read_table(work.workspace.bars, tables.BARS)


def home(folder: Path, change: Callable[[pd.DataFrame, pd.Timestamp], pd.DataFrame]) -> Job:
    """Return the job of a home of its own, with features and labels of bars that were changed after the split."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CommandLine(folder).environment.items():
            patch.setenv(name, value)
        work = prepared()
        stages.simulate(work, **WORLD)
        bars = bars_of(work)
        split = bars.index[-1] - pd.DateOffset(months=1)
        tables.write_table(work.workspace.bars, change(bars, split), tables.BARS, **UNTOLD, facts={})
        features = feature_store.compute(bars_of(work), GROUPS).iloc[:, ::3]
        facts = {"companions": companions.look(work).facts}
        tables.write_table(work.workspace.features, features, tables.FEATURES, **UNTOLD, facts=facts)
        stages.label(work)
        causality_record.keep(work, {}, 0.0)
    return work


def other_prices(bars: pd.DataFrame, split: pd.Timestamp) -> pd.DataFrame:
    """Return bars of which those after the split are of another market."""
    begin = int((bars.index <= split).sum())
    return scrambled(bars, slice(begin, None), np.random.default_rng(3)).clip(lower=0.01)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> list[Left]:
    """Return two markets that are one until the judged window begins, each trained and traded."""
    folder = tmp_path_factory.mktemp("judged")
    one, other = home(folder / "one", lambda bars, split: bars), home(folder / "other", other_prices)
    return [honestly(work) for work in (one, other)]


def honestly(work: Job) -> Left:
    folds: dict[int, Judged] = {}
    models: list[Trained] = []

    def noting(*given: Any) -> Trained:
        *before, keep, store = given

        def noted(one: Judged) -> None:
            folds[one.figures["fold"]] = one
            keep(one)

        models.append(TRAIN(*before, noted, store))
        return models[0]

    written(work, noting)
    return Left(work, folds, models[0], artefacts(work), report(work))


def written(work: Job, train: Callable[..., Trained]) -> None:
    """Let both stages write what `train` makes of a home."""
    for stage in ("train", "backtest"):
        work.workspace.receipt(stage).unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossval, "train", train)
        training_stage.train(work)
    stages.backtest(work)


def report(work: Job) -> dict[str, str]:
    """Return the digests of what is told of the judged window."""
    return {name: tables.sha256_of_file(work.workspace.run / name) for name in REPORT}


def artefacts(work: Job) -> dict[str, str]:
    """Return the digest of everything that is left behind but the report, without what names the bars themselves."""
    run, told = work.workspace.run, json.loads((work.workspace.run / "training.json").read_text())
    end = pd.Timestamp(told["window"]["development_end"])
    labels = tables.read_table(work.workspace.labels, tables.LABELS)
    by_name: dict[str, pd.DataFrame] = {
        "bars": bars_of(work).loc[:end],
        "features": tables.read_table(work.workspace.features, tables.FEATURES).loc[:end],
        "labels": labels[labels[["t1_long", "t1_short"]].max(axis=1) <= end],
        "predictions out of fold": tables.read_table(run / "predictions.parquet", tables.PREDICTIONS),
    }
    found: dict[str, Any] = {name: pd.util.hash_pandas_object(one).tolist() for name, one in by_name.items()}
    bundle = work.workspace.bundles / told.pop("bundle")[:16]
    found |= {path.name: path.read_bytes() for path in (run / "edges.json", *bundle.iterdir())}
    meta = json.loads(found.pop("meta.json"))
    del found["MANIFEST.json"], meta["inputs"], meta["window"]["oos_rows"], told["oos"], told["window"]["oos_rows"]
    return {name: tables.sha256_of(one) for name, one in (found | {"meta": meta, "training": told}).items()}


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    assert one.keys() == other.keys() and len(one) > 8
    return [name for name in one if one[name] != other[name]]


def test_every_artefact_but_the_report_is_the_same_whatever_the_prices_of_the_judged_window(homes):
    one, other = homes
    assert one.trained.choice.trades > 50, "thresholds were fitted"
    assert differing(one.artefacts, other.artefacts) == []
    assert differing(one.report | one.artefacts, other.report | other.artefacts) == list(REPORT)


def trained_on_the_judged_window(left: Left, *given: Any) -> Trained:
    """Fit the final model on all rows of the series."""
    bars, plan, cuts = bars_of(left.work), given[2], given[3]
    features = tables.read_table(left.work.workspace.features, tables.FEATURES)
    rows, _ = dataset.assemble(features, tables.read_table(left.work.workspace.labels, tables.LABELS))
    return TRAIN(rows, bars, plan, cuts, 1, quiet, left.folds)


def thresholds_tuned_on_the_judged_window(left: Left, *given: Any) -> Trained:
    """Take the thresholds that would have been best afterwards."""
    bars, end = bars_of(left.work), given[1].index[-1]
    features = tables.read_table(left.work.workspace.features, tables.FEATURES).loc[end:]
    model = left.trained.ensemble
    score = ensemble.score(model.predict(features), model.outcomes).dropna()
    return left.trained._replace(choice=thresholds.choose(bars, score, given[2].venue, 0.1))


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        (trained_on_the_judged_window, ["logistic.json", "ensemble.json", "training"]),
        (thresholds_tuned_on_the_judged_window, ["meta", "training"]),
    ],
    ids=["training on it", "thresholds tuned on it"],
)
def test_what_learns_from_the_judged_window_is_caught(leak, told, homes):
    found = []
    for left in homes:
        written(left.work, lambda *given, left=left: leak(left, *given))
        found.append(artefacts(left.work))
    assert set(told) <= set(differing(*found))
