"""The loop against the backtest: the same bars and scores give the same trades, bit for bit."""

import pytest

from live import parity
from tests.live import worlds


def compared(made, where):
    decisions = list(where.journal.decisions(worlds.SERIES))
    score = made.score.iloc[made.first :].to_frame("score")
    for side in ("long", "short"):
        score[f"expected_r_{side}"] = 1.0
    score["confidence"] = score["score"].where(score["score"] > 0.5, 1.0 - score["score"])
    score.loc[score["score"].isna()] = float("nan")
    executions = where.journal.executions(worlds.SERIES)
    return parity.compare(decisions, executions, made.bars.iloc[made.first :], score, made.backtest())


@pytest.mark.parametrize("seed", range(6))
def test_the_loop_makes_the_trades_of_the_backtest(tmp_path, seed):
    made = worlds.world(seed)
    where = worlds.place(tmp_path, made)
    worlds.traded(made, where)
    found = compared(made, where)
    assert found.total > 5
    assert (found.matched, found.scores_differing, found.first_divergence) == (found.total, 0, None)
