"""Plots are PNGs, the same bytes for the same numbers, and say so where there is nothing to show."""

import matplotlib
import matplotlib.figure
import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from registry.plots import draw, feature_importance
from tests.registry.cards import GOOD, a_fold, a_selection, account, gate, make_card

NAMES = {"gates", "equity", "folds", "calibration", "importance"}


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect every text on the figures that are drawn."""
    seen: list[str] = []
    real = matplotlib.figure.Figure.draw

    def draws(figure: matplotlib.figure.Figure, renderer: object) -> None:
        real(figure, renderer)
        seen.extend(text.get_text() for text in figure.findobj(matplotlib.text.Text))

    monkeypatch.setattr(matplotlib.figure.Figure, "draw", draws)
    return seen


def calibration() -> pd.DataFrame:
    return pd.DataFrame({"label": ["up", "up", "down"], "predicted": 0.4, "observed": [0.3, 0.5, 0.4], "count": 9})


def test_every_plot_is_a_png_and_drawn_again_it_is_the_same() -> None:
    _, equity = account(np.tile([1.4, -1.0], 50))
    arguments = (make_card(), equity, calibration(), {"momentum__rsi": 2.0, "trend__adx": 1.0})
    first, second = draw(*arguments), draw(*arguments)
    assert set(first) == NAMES and first == second
    assert all(png.startswith(b"\x89PNG") and 5_000 < len(png) < 400_000 for png in first.values())


def test_what_is_missing_is_said(texts: list[str]) -> None:
    assert set(draw(make_card(folds=[]))) == NAMES
    for text in (
        "No trade was closed out of sample.",
        "There are no folds.",
        "There are no out-of-fold predictions to compare with.",
        "No feature has any importance.",
    ):
        assert text in texts


def test_an_account_that_never_traded_is_not_drawn_as_a_line(texts: list[str]) -> None:
    _, equity = account(np.zeros(10))
    draw(make_card(), equity)
    assert "No trade was closed out of sample." in texts


def test_gates_are_drawn_with_number_and_mark_or_why_not(texts: list[str]) -> None:
    gates = [gate(name, got) for name, got in (GOOD | {"trades": 150}).items()]
    gates[-1] = gate("fold_profit_factor_variation", None, "no loss in fold 2")
    draw(make_card(gates=gates))
    for text in (
        "✓ 1.82",
        "✗ 150",
        "✗ not computable: no loss in fold 2",
        "Max drawdown ≤ 6.0 %",
        "XAUUSD_15T: FAILED",
    ):
        assert text in texts


def test_folds_without_a_profit_factor_are_outlined(texts: list[str]) -> None:
    draw(make_card(folds=[a_fold(1), a_fold(2) | {"profit_factor": None, "trades": 12}]))
    assert {"1.35", "not com-\nputable", "12"} <= set(texts)


def test_the_twenty_most_important_features_are_drawn_in_order(texts: list[str]) -> None:
    feature_importance(make_card(), {f"f{number}": float(number) for number in range(30)})
    named = list(dict.fromkeys(text for text in texts if text.startswith("f")))
    assert named == [f"f{number}" for number in range(29, 9, -1)]


def test_what_moves_the_scores_is_drawn_where_the_card_knows_it(texts: list[str]) -> None:
    feature_importance(make_card(selection=a_selection(3)), {"made__by_gain": 1.0})
    named = list(dict.fromkeys(text for text in texts if text.startswith("made__")))
    assert named == ["made__feature_3", "made__feature_2", "made__feature_1"]
    assert any(text.endswith("features that move it most") for text in texts)


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    draw(make_card())
    assert dict(matplotlib.rcParams) == before
