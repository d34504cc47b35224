"""What a card tells of combinatorial paths: each path, the median, the bad end, and that it is no forecast."""

from typing import Any

import pandas as pd

from registry.card import from_json, headline, to_json, to_markdown
from registry.markdown_paths import lines
from registry.paths_plot import cumulative, draw
from tests.registry.cards import make_card

NONE = dict.fromkeys(("profit_factor", "win_rate", "expectancy", "sharpe_per_trade", "max_drawdown"))


def a_path(number: int) -> dict[str, Any]:
    return {
        "splits": [number, number + 1, 5],
        "trades": 1000 + number,
        "profit_factor": 1.0 + 0.1 * number,
        "win_rate": 0.45 + 0.01 * number,
        "expectancy": 0.02 * number,
        "total_r": 20.0 * number,
        "sharpe_per_trade": 0.02 * number,
        "max_drawdown": 0.20 - 0.01 * number,
        "skill": 0.001 * number,
        "skill_low": -0.001,
        "skill_high": 0.005,
    }


def some_paths(**changes: Any) -> dict[str, Any]:
    paths = [a_path(number) for number in range(1, 6)]
    return {
        "groups": 6,
        "held_out": 2,
        "splits": 15,
        "silent": 0,
        "audits": 120,
        "leaks": 0,
        "tuned": False,
        "paths": paths,
        "median": paths[2],
        "bad_end": paths[0],
        "drawn_anew": NONE | {"expectancy": -0.013, "profit_factor": 0.97},
        "histories": 2000,
    } | changes


def test_a_card_without_paths_says_nothing_of_them():
    page = to_markdown(make_card())
    assert "Combinatorial" not in page and "plots/paths.png" not in page
    assert not any("path" in line for line in headline(make_card()))


def test_a_card_tells_each_path_the_median_and_the_worst_and_survives_its_file():
    card = make_card(paths=some_paths())
    page = to_markdown(card)
    assert from_json(to_json(card)).paths == card.paths
    for row in (
        "| 1 | 1,001 | 1.10 | +0.020 | 0.02 | 46.0 % | 19.0 % | +0.0010 |",
        "| median | 1,003 | 1.30 | +0.060 | 0.06 | 48.0 % | 17.0 % | +0.0030 |",
        "| 5 % (worst path) | 1,001 | 1.10 | +0.020 | 0.02 | 46.0 % | 19.0 % | +0.0010 |",
        "| 5 %, trades drawn anew | – | 0.97 | -0.013 | – | – | – | – |",
        "15 splits, each fitted anew as a fold is, 0 leaks in 120 audited splits.",
        "no forecast. Of 5 paths the 5 % is the worst, figure by figure.",
        "plots/paths.png",
    ):
        assert row in page
    assert "5 combinatorial paths: median +0.060 R a trade, profit factor 1.30; 5 % (worst path) +0.020 R, 1.10" in (
        headline(card)
    )
    assert "no threshold earned" not in page and "tuned" not in page


def test_silent_splits_and_a_tuned_model_are_said():
    page = to_markdown(make_card(paths=some_paths(silent=9, tuned=True, drawn_anew={})))
    assert "In 9 of 15 no threshold earned anything on enough trades, so that their groups hold none." in page
    assert "those of the model were tuned, those of the paths not" in page
    assert "drawn anew" not in page
    silent = some_paths(median=NONE | {"trades": 0.0}, bad_end=NONE | {"trades": 0.0}, drawn_anew={})
    assert lines({"paths": silent}) == ["5 combinatorial paths: no trade on any of them"]
    assert "| median | 0 | – | – | – | – | – | – |" in to_markdown(make_card(paths=silent))


def test_of_more_than_twenty_paths_the_bad_end_is_not_the_worst():
    page = to_markdown(make_card(paths=some_paths(paths=[a_path(1)] * 36)))
    assert "| 5 % | 1,001 |" in page and "worst" not in page.partition("## Combinatorial")[2].partition("##")[0]


def trades(*closed: tuple[str, float]) -> pd.DataFrame:
    table = pd.DataFrame(closed, columns=["t_exit", "r"]).astype({"r": float})
    return table.assign(t_exit=pd.to_datetime(table["t_exit"], utc=True))


def test_the_picture_shows_what_each_path_has_earned_by_each_exit():
    first = trades(("2024-01-02", 1.0), ("2024-01-05", -1.0))
    second = trades(("2024-01-03", 0.5))
    earned = cumulative([first, second, trades()])
    assert earned.index.strftime("%d").tolist() == ["02", "03", "05"]
    assert earned.to_numpy().tolist() == [[1.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
    assert draw("XAUUSD_15T", [first, second]) == draw("XAUUSD_15T", [first, second])
    assert draw("XAUUSD_15T", [first, second]) != draw("XAUUSD_15T", [second, first])
    assert draw("XAUUSD_15T", [trades(), trades()])[:4] == b"\x89PNG"
