"""A recipe of one's own: its groups, members, weights, thresholds and parameters train, and a wrong one says why."""

import json
import re

import pytest

import feature_store
import labels
from market import instruments
from market.errors import UsageError
from pipeline import job
from tests.training.worlds import small_bars
from training import crossval, dataset, edges
from training.plan import Plan

MINE = """
[mine]
groups = ["momentum", "candlestick"]
members = { lightgbm = 0.7, logistic = 0.3 }
thresholds = { long = 0.6, short = 0.4 }
features = 8

[mine.parameters.lightgbm]
learning_rate = 0.2
num_leaves = 7

[mine.parameters.logistic]
l1_ratio = 1.0
"""


@pytest.fixture
def prepared(assay, monkeypatch):
    """Return what prepares the job of a recipe that is `MINE` with something replaced."""

    def prepare(old: str = "", new: str = "") -> job.Job:
        assert old in MINE
        assay.replace("recipes", "", MINE.replace(old, new, 1) if old else MINE)
        for name, value in assay.environment.items():
            monkeypatch.setenv(name, value)
        return job.prepare(instruments.series("XAUUSD", "15T"), recipe="mine")

    return prepare


def trained(plan: Plan) -> crossval.Trained:
    """Return what `plan` trains on four months with a planted edge, in two folds."""
    bars, venue = small_bars(), plan.venue
    small = {"folds": 2, "purge": 50, "embargo": 20, "minimum_rows": 300}
    plan = plan._replace(research=plan.research.model_copy(update=small))
    outcome = labels.triple_barrier(bars, venue.exits, venue.costs, market=venue.market)
    rows, _ = dataset.assemble(feature_store.compute(bars, plan.recipe.groups), outcome)
    cuts = edges.draw(rows.X.index[0], rows.X.index[-1], 2)
    return crossval.train(rows, bars, plan, cuts, 1, lambda *said: None)


def test_a_recipe_of_ones_own_trains_as_it_says(prepared):
    done = trained(prepared().plan)
    model, files = done.ensemble, done.ensemble.to_files()
    assert model.weights == {"lightgbm": 0.7, "logistic": 0.3}
    assert set(files) == {"lightgbm.txt", "logistic.json", "ensemble.json"}
    assert {name.partition("__")[0] for name in model.features} <= {"momentum", "candlestick"}
    assert 0 < len(model.features) <= 8
    text = files["lightgbm.txt"].decode()
    assert "[learning_rate: 0.2]" in text
    assert "[num_leaves: 7]" in text
    assert max(len(re.findall(r"\S+", tree)) for tree in re.findall(r"leaf_value=(.*)", text)) <= 7
    assert 0.0 in json.loads(files["logistic.json"])["coefficients"][0]  # the lasso leaves something out
    assert (done.choice.long, done.choice.short) == (0.6, 0.4)


WRONG = [
    ("lightgbm = 0.7", "lightgmb = 0.7", r"\[mine\]: members\.lightgmb = 'lightgmb': input should be 'xgboost', 'ligh"),
    ("lightgbm = 0.7", "lightgbm = 0.8", r"\[mine\]: member weights sum to 1\.1, wanted 1\."),
    (
        "{ long = 0.6, short = 0.4 }",
        "0.6",
        r"\[mine\]: thresholds = 0\.6: wanted 'fitted', or a table such as \{ long =",
    ),
    (
        "long = 0.6",
        "long = 0.4",
        r"\[mine\]: thresholds = .*: long = 0\.4: input should be greater than or equal to 0\.5\.",
    ),
    (
        "short = 0.4",
        "shrot = 0.4",
        r"thresholds = .*: key 'short' is missing; unknown key 'shrot'\. Did you mean short\?$",
    ),
    ('"momentum"', '"momentun"', r"\[mine\]: Unknown feature group 'momentun'.* momentum\?"),
    (
        "parameters.lightgbm",
        "parameters.xgboost",
        r"\[mine\]: parameters of xgboost, which is no member of the recipe\.",
    ),
    ("parameters.lightgbm", "parameters.lgbm", r"\[mine\]: parameters\.lgbm = 'lgbm': input should be 'xgboost'"),
    (
        "num_leaves = 7",
        'num_leaves = "7"',
        r"\[mine\]: parameters\.lightgbm\.num_leaves = '7': input should be a valid",
    ),
    (
        "learning_rate = 0.2",
        "learnin_rate = 0.2",
        r": \[mine\.parameters\.lightgbm\] unknown 'learnin_rate'.*ing_rate\?",
    ),
    ("num_leaves = 7", "num_leaves = 7.5", r"num_leaves = 7\.5: wanted a whole number from 4 to 127\."),
]


@pytest.mark.parametrize(("old", "new", "says"), WRONG, ids=[row[1] for row in WRONG])
def test_what_is_wrong_with_a_recipe_is_said_with_its_table(prepared, old, new, says):
    with pytest.raises(UsageError, match=r"^config/recipes\.toml.*" + says) as said:
        prepared(old, new)
    assert "literal" not in str(said.value)
    assert "\n" not in str(said.value)


def test_everything_wrong_with_parameters_is_named_at_once(prepared):
    given = MINE.partition("[mine.parameters.lightgbm]")[2]
    wrong = "\neta = 0.2\nnum_leaves = 1\n[mine.parameters.logistic]\nl1_ratio = 2.0\n"
    with pytest.raises(UsageError) as said:
        prepared(given, wrong)
    assert str(said.value) == (
        "config/recipes.toml: [mine.parameters.lightgbm] unknown 'eta'. There are learning_rate, num_leaves, "
        "min_data_in_leaf, lambda_l2, bagging_fraction, feature_fraction; [mine.parameters.lightgbm] num_leaves = 1.0: "
        "wanted a whole number from 4 to 127; [mine.parameters.logistic] l1_ratio = 2.0: wanted a number from 0 to 1."
    )
