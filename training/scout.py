"""A small boosted model that looks what matters: gain where it learns, permutation importance where it does not."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import lightgbm
import numpy as np

from training.members import Sample, shares

_ROUNDS = 40
_LEARNT_ROWS, _WATCHED_ROWS = 30_000, 6_000
_PERMUTATIONS = 2
_PARAMETERS: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": 3,
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.3,  # every feature is drawn often, also beside its twins
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class Scout(NamedTuple):
    """What a scout found, a value a feature (float64).

    `gain` is its share of the gain where the scout learnt. `permutation` is its cluster's: by how many nats a row the
    log-loss on the watched rows grows without the cluster; at or below 0 where it knew nothing that held.
    """

    gain: np.ndarray
    permutation: np.ndarray


class _Tree(NamedTuple):
    """A tree: the root as nested nodes, and of every split its feature and whether each watched row goes left."""

    root: Mapping[str, Any]
    features: np.ndarray
    left: np.ndarray


def scout(learn: Sample, watch: Sample, clusters: np.ndarray, seed: int) -> Scout:
    """Return what a small boosted model that learns from `learn` finds important, `clusters` being its columns'.

    `watch` are rows that the scout has not learnt from and the choice may know all the same; what the choice is later
    judged by is not among them. There the columns of a cluster are permuted together, so that a twin cannot stand in
    (López de Prado 2020, §6.5), twice, and the mean growth of the weighted log-loss is the cluster's. Rows are
    permuted one by one although labels overlap: the growth is a mean over pairs of a row and a stranger's value, which
    overlap makes noisier but not larger, and blocks would only have fewer strangers. Clusters that no tree asks for are
    exactly 0.

    It learns from at most 30,000 evenly spaced rows and is watched on 6,000: neighbouring labels overlap. The same
    arguments give the same bits.
    """
    model = _fitted(_thinned(learn, _LEARNT_ROWS), seed)
    gain = shares(model.feature_importance(importance_type="gain"))
    return Scout(gain, permuted(model, _thinned(watch, _WATCHED_ROWS), clusters, seed))


def permuted(model: lightgbm.Booster, watch: Sample, clusters: np.ndarray, seed: int) -> np.ndarray:
    """Return by how much the weighted log-loss of `model` on `watch` grows with each feature's cluster permuted.

    Nothing is predicted anew: a permuted column turns left in the permuted rows, so that every split is asked once, and
    only the trees that ask for the cluster are followed again.
    """
    trees = [_tree(told["tree_structure"], watch.X) for told in model.dump_model()["tree_info"]]
    outputs = [_output(tree.root, tree.left) for tree in trees]
    raw = np.stack([sum(outputs[label::3], np.zeros(len(watch.y))) for label in range(3)])
    before = _log_loss(raw, watch)
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(watch.y)) for _ in range(_PERMUTATIONS)]
    growth = np.zeros(len(clusters))
    for cluster in np.unique(clusters[np.concatenate([tree.features for tree in trees])]):
        asked = [(at, clusters[tree.features] == cluster) for at, tree in enumerate(trees)]
        asked = [(at, splits) for at, splits in asked if splits.any()]
        losses = []
        for order in orders:
            changed = raw.copy()
            for at, splits in asked:
                left = trees[at].left.copy()
                left[splits] = left[splits][:, order]
                changed[at % 3] += _output(trees[at].root, left) - outputs[at]
            losses.append(_log_loss(changed, watch))
        growth[clusters == cluster] = np.mean(losses) - before
    return growth


def _fitted(sample: Sample, seed: int) -> lightgbm.Booster:
    smallest = min(_PARAMETERS["min_data_in_leaf"], max(len(sample.y) // 20, 1))  # a small sample must still split
    data = lightgbm.Dataset(sample.X, sample.y + 1, weight=sample.w)
    parameters = _PARAMETERS | {"seed": seed, "min_data_in_leaf": smallest}
    return lightgbm.train(parameters, data, num_boost_round=_ROUNDS)


def _thinned(sample: Sample, rows: int) -> Sample:
    """Return at most so many rows of `sample`, evenly spaced."""
    kept = np.linspace(0, len(sample.y) - 1, min(len(sample.y), rows)).astype(np.int64)
    return Sample(np.ascontiguousarray(sample.X[kept]), sample.y[kept], sample.w[kept])


def _tree(root: Mapping[str, Any], X: np.ndarray) -> _Tree:
    splits = sorted(_splits(root), key=lambda node: node["split_index"])
    left = np.array([_goes_left(node, X[:, node["split_feature"]]) for node in splits])
    return _Tree(root, np.array([node["split_feature"] for node in splits], dtype=np.int64), left)


def _splits(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [node, *_splits(node["left_child"]), *_splits(node["right_child"])] if "split_index" in node else []


def _goes_left(node: Mapping[str, Any], column: np.ndarray) -> np.ndarray:
    """Return which values go left as LightGBM says, in doubles: where it saw none missing, a missing one is 0."""
    missing = np.isnan(column)
    default = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0.0
    return np.where(missing, default, column.astype(np.float64) <= node["threshold"])


def _output(node: Mapping[str, Any], left: np.ndarray) -> Any:
    """Return what the tree under `node` adds to each row's score."""
    if "split_index" not in node:
        return node["leaf_value"]
    return np.where(left[node["split_index"]], _output(node["left_child"], left), _output(node["right_child"], left))


def _log_loss(raw: np.ndarray, sample: Sample) -> float:
    """Return the weighted log-loss of raw scores (3 × rows) that a few shallow trees keep small."""
    right = np.take_along_axis(raw, sample.y[None].astype(np.int64) + 1, axis=0)[0]
    return float(np.average(np.log(np.exp(raw).sum(axis=0)) - right, weights=sample.w))
