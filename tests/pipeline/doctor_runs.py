"""A made run that nothing is wrong with, and one fault for each question of the doctor."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.doctor_run import Run
from pipeline.receipts import versions
from registry import deflation
from registry.ledger import Counts
from registry.trials import Kept
from tests.registry.cards import GOOD, a_fold, a_selection, gate, make_card

START, SPLIT, END = (pd.Timestamp(day, tz="UTC") for day in ("2019-01-02", "2025-04-22", "2025-10-22"))
FEATURES = [f"made__feature_{number}" for number in range(1, 5)]
RISK = 500.0  # of a trade, in money
GAIN, LOSS, COST = 1.35, -1.05, 0.08  # R


def made_trades(r: np.ndarray) -> pd.DataFrame:
    """Return trades of net `r`, one every 18 hours from the start of the judged window, long and short in turn."""
    entry = pd.date_range(SPLIT + pd.Timedelta(hours=1), periods=len(r), freq="18h", unit="us", name="t_entry")
    side = np.where(np.arange(len(r)) % 2, 1, -1).astype(np.int8)
    stop, target = 2000.0 - 10.0 * side, 2000.0 + 14.0 * side
    columns = {"t_exit": entry + pd.Timedelta(hours=4), "side": side, "size": 0.5, "entry": 2000.0}
    columns |= {"exit": np.where(r > 0, target, stop), "stop": stop, "target": target, "cost": COST * RISK}
    reason = np.where(r > 0, "target", "stop")
    return pd.DataFrame(columns | {"r": r, "pnl": r * RISK, "reason": reason, "score": 0.6}, index=entry)


def made_equity(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the account of these trades, marked at their exits."""
    money = 100_000.0 + np.concatenate([[0.0], np.cumsum(trades["pnl"])])
    ts = pd.DatetimeIndex([SPLIT, *trades["t_exit"]], name="ts")
    return pd.DataFrame({"equity": money, "open_risk": 0.0}, index=ts)


def made_forecasts(ts: pd.DatetimeIndex, fold: np.ndarray, seed: int) -> pd.DataFrame:
    """Return probabilities that sum to 1."""
    p = np.random.default_rng(seed).dirichlet((30.0, 20.0, 30.0), len(ts))
    return pd.DataFrame(p, columns=["p_down", "p_flat", "p_up"], index=ts).assign(fold=fold, recipe="ensemble")


def outcomes(forecasts: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """Return labels that happen as often as the forecasts say."""
    upto = forecasts[["p_down", "p_flat"]].cumsum(axis=1).to_numpy()
    drawn = np.random.default_rng(seed).random((len(forecasts), 1))
    return pd.DataFrame({"y": (drawn > upto).sum(axis=1).astype(np.int8) - 1}, index=forecasts.index)


def healthy() -> Run:
    """Return a READY run with every table, of which no check says anything."""
    ts = pd.date_range(START, END, freq="4h", inclusive="right", unit="us", name="ts")
    judged = ts > SPLIT
    folds = np.minimum(1 + np.arange((~judged).sum()) * 10 // (~judged).sum(), 10)
    before, after = made_forecasts(ts[~judged], folds, 1), made_forecasts(ts[judged], np.zeros(judged.sum(), int), 2)
    trades = made_trades(np.tile(np.where(np.arange(12) * 7 % 12 < 5, LOSS, GAIN), 20))
    hours = pd.date_range(SPLIT, END, freq="h", inclusive="right", unit="us", name="ts")
    prices = {"open": 2000.0, "high": 2005.0, "low": 1995.0, "close": 2000.0, "spread": 0.4}
    found = {
        "trades": trades,
        "equity": made_equity(trades),
        "predictions": before,
        "oos_predictions": after,
        "bars": pd.DataFrame(prices, index=hours),
        "labels": outcomes(pd.concat([before, after])),
        "features": pd.DataFrame(np.random.default_rng(3).normal(size=(len(ts), 4)), columns=FEATURES, index=ts),
    }
    cost = deflation.measure([], Kept(pd.DataFrame(), []))._replace(trials=3, effective_trials=3.0, looks=1)
    today, backtest = END + pd.Timedelta(days=12), {"refusals": {"undecided": 900}}
    training = {"importance": dict.fromkeys(FEATURES, 0.25)}
    return Run(healthy_card(judged), cost, Counts(3, 1), today, "a" * 64, training, backtest, found, {})


def healthy_card(judged: np.ndarray, **changes: Any) -> Any:
    window = {"history_start": START, "oos_start": SPLIT, "cut_off": END}
    rows = {"oos_rows": int(judged.sum()), "development_rows": int((~judged).sum())}
    cuts = {"cuts": {"anywhere": 50}, "labels": {"anywhere": 50}}
    fields = {
        "window": {name: value.isoformat() for name, value in window.items()} | rows,
        "validation": {"folds": 10, "causality": cuts},
        "oos": GOOD | {"expectancy": 0.35, "trades": 240},
        "folds": [healthy_fold(number) for number in range(1, 11)],
        "features": FEATURES,
        "labels": {"rows": 1000, "effective": 900, "shares": {"down": 0.38, "flat": 0.24, "up": 0.38}},
        "policy": {"long_threshold": 0.62, "short_threshold": 0.38},
        "selection": a_selection(4),
        "versions": versions(),
    }
    return make_card(**fields | changes)


def healthy_fold(number: int) -> dict[str, Any]:
    wave = (number * 3 % 5 - 2) / 2.0
    figures = {"expectancy": 0.34 + 0.04 * wave, "sharpe_per_trade": 0.29, "skill": 0.005 + 0.002 * wave}
    return a_fold(number) | figures


def carded(**changes: Any) -> Callable[[Run], Run]:
    """Return what puts other fields on the card."""
    return lambda run: run._replace(card=run.card.model_copy(update=changes))


def told(part: str, **changes: Any) -> Callable[[Run], Run]:
    """Return what changes entries of a part of the card."""
    return lambda run: run._replace(card=run.card.model_copy(update={part: getattr(run.card, part) | changes}))


def folded(**changes: Callable[[dict[str, Any]], Any]) -> Callable[[Run], Run]:
    """Return what changes entries of every fold, each by a function of the fold."""

    def change(run: Run) -> Run:
        folds = [fold | {name: made(fold) for name, made in changes.items()} for fold in run.card.folds]
        return run._replace(card=run.card.model_copy(update={"folds": folds}))

    return change


def with_table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Run], Run]:
    """Return what changes one table."""
    return lambda run: run._replace(found={**run.found, name: change(run.found[name].copy())})


def with_results(change: Callable[[pd.DataFrame], Any]) -> Callable[[Run], Run]:
    """Return what gives the trades other results, in R, with the account that follows."""

    def changed(run: Run) -> Run:
        r = np.asarray(change(run.found["trades"]), dtype=np.float64)
        trades = run.found["trades"].assign(r=r, pnl=r * RISK)
        return run._replace(found={**run.found, "trades": trades, "equity": made_equity(trades)})

    return changed


def in_turn(*results: float) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return what gives the trades these results over and over."""
    return lambda trades: np.resize(np.array(results), len(trades))


def touching_both(run: Run) -> Run:
    """Let every second loss be of a bar that touched the target too, among trades that lose on the whole."""
    run = with_results(in_turn(GAIN, LOSS, LOSS, LOSS))(run)
    trades = run.found["trades"]
    trades = trades.assign(reason=np.where(trades["r"] > 0, "target", "stop"), exit=trades["stop"])
    tied = pd.DatetimeIndex(trades["t_exit"][trades["r"] < 0][::2])
    bars = run.found["bars"].copy()
    bars.loc[tied, "high"], bars.loc[tied, "low"] = 2030.0, 1970.0
    return run._replace(found={**run.found, "trades": trades, "bars": bars})


def later(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Run], Run]:
    """Return what changes a table's rows in the judged window alone."""

    def changed(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index > SPLIT] = change(table.loc[table.index > SPLIT])
        return table

    return with_table(name, changed)


def sharpened(table: pd.DataFrame) -> pd.DataFrame:
    """Return forecasts that are far surer than they should be."""
    p = table[["p_down", "p_flat", "p_up"]] ** 4
    return table.assign(**p.div(p.sum(axis=1), axis=0))


def tilted(table: pd.DataFrame) -> pd.DataFrame:
    """Return forecasts that all lean to one side."""
    p = table[["p_down", "p_flat", "p_up"]] * np.array([1.0, 1.0, 1.4])
    return table.assign(**p.div(p.sum(axis=1), axis=0))


def in_june(trades: pd.DataFrame) -> np.ndarray:
    june = pd.DatetimeIndex(trades["t_exit"]).month == 6
    return np.where(june, GAIN, np.where(np.arange(len(trades)) % 9 < 3, GAIN, LOSS))


def opposed(trades: pd.DataFrame) -> np.ndarray:
    """Return results of which longs earn 1 R on average and shorts lose 0.4 R."""
    return np.where(trades["side"] > 0, 1.0, -0.4) + in_turn(0.5, 0.0, -0.5)(trades)


def late(early: float, later: float) -> Callable[[dict[str, Any]], float]:
    """Return one figure for the first five folds and another for the rest."""
    return lambda fold: later if fold["fold"] > 5 else early


def none_traded(run: Run) -> Run:
    run = run._replace(found={**run.found, "trades": run.found["trades"].iloc[:0]})
    failed = [gate(name, None, "no trade was closed") for name in GOOD]
    oos = run.card.oos | {"trades": 0, "expectancy": None}
    return carded(oos=oos, gates=failed, status="FAILED", policy={"long_threshold": None})(run)


FAULTS: Mapping[str, Callable[[Run], Run]] = {
    "leaks": lambda run: carded(splits=[one | {"leaks": 3} for one in run.card.splits])(run),
    "causality": told("validation", causality=None),
    "entries_removed": lambda run: run._replace(counts=Counts(2, 1)),
    "no_costs": told("costs", spread_floor=0.0, slippage=0.0),
    "no_trade": none_traded,
    "skill": told("skill", oos={"skill": 0.002, "low": -0.001, "high": 0.005}),
    "deflated_sharpe": lambda run: run._replace(cost=run.cost._replace(effective_trials=400.0)),
    "implausible_sharpe": with_results(in_turn(GAIN, GAIN, GAIN, LOSS)),
    "best_month": with_results(in_june),
    "ties": touching_both,
    "cost_margin": with_results(in_turn(GAIN, LOSS, GAIN, LOSS, LOSS, LOSS, GAIN, LOSS, GAIN)),
    "win_rate": with_results(in_turn(GAIN, LOSS, GAIN, LOSS, LOSS, LOSS, GAIN, LOSS, GAIN)),
    "sides_disagree": with_results(opposed),
    "one_sided": with_table("trades", lambda trades: trades.assign(side=np.int8(1))),
    "crowded": with_table("trades", lambda trades: trades.set_index(trades.index.normalize() + pd.Timedelta(hours=9))),
    "under_water": with_results(lambda trades: np.where(np.arange(len(trades)) < 160, GAIN, -0.4)),
    "trades_a_fold": folded(trades=lambda fold: 12 if fold["fold"] == 7 else fold["trades"]),
    "folds_differ": folded(expectancy=late(-0.2, 0.9), sharpe_per_trade=late(-0.29, 0.29)),
    "earns_more_out_of_sample": told("oos", expectancy=0.6),
    "knows_more_out_of_sample": told("skill", oos={"skill": 0.02, "low": 0.01, "high": 0.03}),
    "folds_without_skill": folded(skill_low=lambda fold: -0.001 if fold["fold"] > 2 else 0.001),
    "calibration": with_table("oos_predictions", sharpened),
    "score_drift": with_table("oos_predictions", tilted),
    "feature_drift": later("features", lambda X: X + 1.0),
    "class_drift": later("labels", lambda y: y.where(y["y"] < 1, 0)),
    "class_balance": told("labels", shares={"down": 0.47, "flat": 0.06, "up": 0.47}),
    "feature_choice": told("selection", stability=0.2),
    "threshold_edge": told("policy", long_threshold=0.5),
    "looks": lambda run: run._replace(counts=Counts(9, 4)),
    "spread_floor": with_table("bars", lambda bars: bars.assign(spread=0.25)),
    "short_window": told("window", oos_rows=300),
    "expired": lambda run: run._replace(today=END + pd.Timedelta(days=300)),
    "other_bars": lambda run: run._replace(stored="b" * 64),
    "other_libraries": told("versions", numpy="1.0.0"),
    "simulated": carded(simulated=True, series="SIM_XAUUSD_15T"),
}
