"""Features that rise and fall together are one cluster, whatever their scale, their order or their gaps."""

import numpy as np

from tests.oracles import choice as oracle
from training import clusters


def families(seed: int = 0, rows: int = 400) -> np.ndarray:
    """Return nine columns: three families of three around a hidden cause, one member of each turned and bent."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(rows, 3))
    columns = [cause + 0.3 * rng.normal(size=rows) for cause in causes.T for _ in range(3)]
    columns[1], columns[4] = -np.exp(2.0 * columns[1]), columns[4] ** 3
    return np.column_stack(columns).astype(np.float32)


def sets_of(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def test_a_family_is_a_cluster_though_a_member_is_turned_or_bent():
    assert clusters.cluster(families()).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_correlation_of_values_would_miss_the_bent_member():
    X = families()
    values, ranks = np.corrcoef(X.T)[0, 1], clusters.correlation(X)[0, 1]
    assert abs(values) < clusters.SAME < abs(ranks)


def test_correlations_are_spearmans_by_definition_with_ties():
    X = np.round(families(rows=120), 1)
    found = clusters.correlation(X)
    for i, j in ((0, 1), (0, 3), (3, 5), (4, 8)):
        assert found[i, j] == round(oracle.spearman(X[:, i].tolist(), X[:, j].tolist()), 6)


def test_clusters_are_those_of_average_linkage_by_definition():
    rng = np.random.default_rng(3)
    X = (rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12)) ** 3).astype(np.float32)
    distance = 1.0 - np.abs(clusters.correlation(X))
    wanted = oracle.average_linkage(distance.tolist(), 1.0 - clusters.SAME)
    assert 1 < len(wanted) < 12
    assert sets_of(clusters.cluster(X)) == wanted


def test_the_order_of_the_columns_says_nothing_even_with_copies_among_them():
    rng = np.random.default_rng(1)
    X = np.column_stack([families(), families()[:, [0, 3, 8]], -families()[:, [2]], np.ones(400, np.float32)])
    first = sets_of(clusters.cluster(X))
    for _ in range(20):
        order = rng.permutation(X.shape[1])
        assert {frozenset(order[list(one)].tolist()) for one in sets_of(clusters.cluster(X[:, order]))} == first


def test_gaps_and_columns_that_never_change_join_nothing():
    X = families()
    X[:200, 8] = np.nan
    X = np.column_stack([X, np.full(400, 7.0), np.full(400, np.nan), np.full(400, 7.0)]).astype(np.float32)
    found = clusters.cluster(X)
    assert len({*found[-3:].tolist(), *found[:9].tolist()}) == 3 + len(set(found[:9].tolist()))
    assert not clusters.correlation(X)[9:, :9].any()
    assert np.isfinite(clusters.correlation(X)).all()


def test_one_column_and_none_are_no_trouble():
    assert clusters.cluster(families()[:, :1]).tolist() == [0]
    assert clusters.cluster(families()[:, :0]).tolist() == []
