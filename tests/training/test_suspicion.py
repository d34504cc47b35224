"""A feature that knows the future alone is named; honest ones never are, whatever they are worth."""

import numpy as np
import pandas as pd
import pytest

from labels import triple_barrier
from labels.weights import average_uniqueness
from market.errors import GateError
from market.execution import Exits
from market.instruments import instrument
from market.settings import research
from tests.oracles import choice as oracle
from tests.real_bars import gold
from training import suspicion

AUC, IC = 0.6, 0.16


def rows_of(count: int = 6000, bars: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    """Return labels of a random walk: which way it went over the next `bars` bars, overlapping as labels do."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.normal(size=count + bars))
    ahead = path[bars:] - path[:-bars]
    y = np.where(ahead > 1.0, 1, np.where(ahead < -1.0, -1, 0)).astype(np.int8)
    w = average_uniqueness(np.arange(count) + 1, np.arange(count) + bars)
    return {"y": y, "r": np.column_stack([ahead - 0.1, -ahead - 0.1]), "w": w}


def frame(**columns: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({f"made__{name}": values for name, values in columns.items()}).astype(np.float32)


def found(X: pd.DataFrame, rows: dict[str, np.ndarray], auc: float = AUC, ic: float = IC) -> list[suspicion.Suspect]:
    return suspicion.suspects(X, rows["y"], rows["r"], rows["w"], auc, ic)


def test_the_future_with_noise_is_caught_as_it_is_ranked_or_as_one_bit_and_turned():
    rows, rng = rows_of(), np.random.default_rng(1)
    ahead = rows["r"][:, 0] + rng.normal(scale=2.0 * rows["r"][:, 0].std(), size=6000)
    X = frame(
        honest=rng.normal(size=6000),
        noisy=ahead,
        ranked=pd.Series(ahead).rank(pct=True).to_numpy(),
        bit=(ahead > 0).astype(float),
        turned=-ahead,
        slow=np.cumsum(rng.normal(size=6000)),
    )
    suspects = found(X, rows)
    assert {one.feature for one in suspects} == {"made__noisy", "made__ranked", "made__bit", "made__turned"}
    assert suspects[-1].feature == "made__bit"  # the worst come first
    turned = next(one for one in suspects if one.feature == "made__turned")
    assert turned.auc < 0.3 and turned.ic < -0.3


def test_a_leak_that_is_known_on_a_few_rows_alone_is_caught_and_one_on_too_few_is_chance():
    rows = rows_of()
    ahead = rows["r"][:, 0].copy()
    seldom, almost_never = ahead.copy(), ahead.copy()
    seldom[1000:], almost_never[20:] = np.nan, np.nan
    suspects = found(frame(seldom=seldom, almost_never=almost_never, never=np.full(6000, np.nan)), rows)
    assert [one.feature for one in suspects] == ["made__seldom"]
    assert suspects[0].rows == pytest.approx(200, abs=5)


def test_figures_are_those_by_definition_with_ties_gaps_and_weights():
    rng = np.random.default_rng(2)
    rows = rows_of(250)
    rows["w"] = rng.uniform(0.1, 1.0, 250)
    column = np.round(rows["r"][:, 0] + rng.normal(scale=2.0, size=250), 0)
    column[::7] = np.nan
    (one,) = found(frame(rounded=column), rows, 0.5001, 1e-4)
    result = (rows["r"][:, 0] - rows["r"][:, 1]) / 2.0
    result = np.clip(result, *np.quantile(result, [0.005, 0.995]))
    assert one.auc == pytest.approx(oracle.auc(column.tolist(), rows["y"].tolist(), rows["w"].tolist()), abs=1e-12)
    assert one.ic == pytest.approx(oracle.rank_against(column.tolist(), result.tolist(), rows["w"].tolist()), abs=1e-12)


def test_without_heed_of_overlap_chance_would_look_like_a_leak():
    """Slow features on labels of 400 bars: hundreds are beyond the bounds by chance, none says anything."""
    rows, rng = rows_of(8000, bars=400), np.random.default_rng(3)
    X = frame(**{f"slow_{number}": np.cumsum(rng.normal(size=8000)) for number in range(100)})
    assert found(X, rows) == []
    assert len(found(X, rows | {"w": np.ones(8000)})) > 30


def test_rows_without_a_label_say_nothing():
    rows = rows_of()
    leak = frame(leak=rows["r"][:, 0])
    unlabelled = {"y": np.zeros_like(rows["y"]), "r": np.full_like(rows["r"], np.nan), "w": np.zeros_like(rows["w"])}
    assert found(leak, unlabelled) == []
    both = {name: np.concatenate([rows[name], unlabelled[name]]) for name in rows}
    assert found(pd.concat([leak, -leak]), both) == found(leak, rows)


def test_a_suspect_is_refused_with_what_it_knows_what_is_plausible_and_what_to_do():
    rows = rows_of()
    X = frame(**{f"leak_{number}": rows["r"][:, 0] * (number + 1) for number in range(7)})
    with pytest.raises(GateError) as refused:
        suspicion.refuse(found(X, rows, 0.65, 0.2))
    told = str(refused.value)
    assert told.startswith("7 features tell alone")
    for words in ("made__leak_0 (AUC 1.000", "plausible 0.350 to 0.650", "±0.200", "and 2 more", "assay causality"):
        assert words in told
    suspicion.refuse([])


def test_on_real_gold_the_next_close_is_caught_and_what_is_known_is_not():
    bars = gold("1H")
    at = research("XAUUSD", "1H")
    venue = instrument("XAUUSD")
    labels = triple_barrier(bars, Exits(1.4, 1.0, 50), venue.costs, market=venue.market)
    close = bars["close"]
    X = pd.DataFrame({f"made__change_{n}": close.pct_change(n) for n in (1, 2, 5, 20, 100)}, bars.index)
    X["made__centred_mean"] = close.rolling(3, center=True, min_periods=1).mean() / close - 1.0
    X, r = X.loc[labels.index].astype(np.float32), labels[["r_long", "r_short"]].to_numpy()
    y, w = labels["y"].to_numpy(), labels["weight"].to_numpy()
    suspects = suspicion.suspects(X, y, r, w, at.max_feature_auc, at.max_feature_ic)
    assert [one.feature for one in suspects] == ["made__centred_mean"]
