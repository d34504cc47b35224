"""How features are judged and chosen, in plain Python and by definition: pairs of rows, sums over rows."""

import itertools
import math


def auc(column, y, w):
    """Return how often a random up stands higher than a random down, ties half, rows drawn by weight."""
    known = [(x, label, weight) for x, label, weight in zip(column, y, w, strict=True) if not math.isnan(x)]
    ups = [(x, weight) for x, label, weight in known if label > 0]
    downs = [(x, weight) for x, label, weight in known if label < 0]
    wins = sum(a * b * (1.0 if x > z else 0.5 if x == z else 0.0) for (x, a), (z, b) in itertools.product(ups, downs))
    return wins / (sum(a for _, a in ups) * sum(b for _, b in downs))


def rank_against(column, result, w):
    """Return the weighted correlation of the weighted mid-ranks of `column` with `result`, where it is known."""
    known = [row for row in zip(column, result, w, strict=True) if not math.isnan(row[0])]
    ranks = [sum(b * (1.0 if z < x else 0.5 if z == x else 0.0) for z, _, b in known) for x, _, _ in known]
    return correlation(ranks, [value for _, value, _ in known], [weight for _, _, weight in known])


def correlation(a, b, w):
    """Return the weighted correlation of two lists."""
    total = sum(w)
    mean_a, mean_b = (sum(x * v for x, v in zip(values, w, strict=True)) / total for values in (a, b))
    cov = sum(v * (x - mean_a) * (z - mean_b) for x, z, v in zip(a, b, w, strict=True))
    var_a = sum(v * (x - mean_a) ** 2 for x, v in zip(a, w, strict=True))
    var_b = sum(v * (z - mean_b) ** 2 for z, v in zip(b, w, strict=True))
    return cov / math.sqrt(var_a * var_b)


def spearman(a, b):
    """Return the rank correlation of two lists, ties at their mean rank."""
    ranks = [[sum(1.0 if z < x else 0.5 if z == x else 0.0 for z in values) for x in values] for values in (a, b)]
    return correlation(*ranks, [1.0] * len(a))


def average_linkage(distance, cut):
    """Return sets of columns, joined from the closest pair of sets on until the mean distance exceeds `cut`."""
    sets = [frozenset([i]) for i in range(len(distance))]
    while len(sets) > 1:
        mean = {
            (a, b): sum(distance[i][j] for i in a for j in b) / (len(a) * len(b))
            for a, b in itertools.combinations(sets, 2)
        }
        a, b = min(mean, key=lambda pair: mean[pair])
        if mean[a, b] > cut:
            break
        sets = [one for one in sets if one not in (a, b)] + [a | b]
    return set(sets)


def growth(predict, X, y, w, columns, orders):
    """Return by how much the log-loss of `predict` grows, on average over `orders`, with `columns` in that order."""

    def loss(matrix):
        right = (row[int(label) + 1] for row, label in zip(predict(matrix), y, strict=True))
        return -sum(v * math.log(p) for p, v in zip(right, w, strict=True)) / sum(w)

    grown = []
    for order in orders:
        changed = X.copy()
        for column in columns:
            changed[:, column] = X[order, column]
        grown.append(loss(changed) - loss(X))
    return sum(grown) / len(grown)


def stability(chosen, names):
    """Return Nogueira, Sechidis and Brown's estimator: mean sample variance of each feature's column of 0 and 1."""
    table = [[1.0 if name in one else 0.0 for one in chosen] for name in names]
    folds = len(chosen)
    variances = [sum((z - sum(row) / folds) ** 2 for z in row) / (folds - 1) for row in table]
    mean_count = sum(map(sum, table)) / folds
    by_chance = mean_count / len(names) * (1 - mean_count / len(names))
    return 1 - sum(variances) / len(names) / by_chance
