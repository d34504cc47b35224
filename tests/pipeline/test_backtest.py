"""`assay backtest`: a rule or a run on stored bars, with the trades that the engine makes and nothing left unsaid."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from backtest import policy as policies
from backtest.engine import run
from backtest.policy import Policy
from backtest.risk import Risk
from market import tables
from market.execution import Exits
from market.instruments import instrument
from pipeline import tear_sheet
from registry import ledger, promotion, runs, tracking
from registry.bundle import write_bundle
from registry.champion import load_bundle
from tests.pipeline.conftest import CommandLine
from tests.registry.cards import make_card
from tests.registry.models import make_bundle

SERIES = "XAUUSD_15T"
RUN = "0123456789abcdef" * 2
WINDOW = {
    "history_start": "2024-01-02T00:00:00+00:00",
    "development_end": "2024-01-25T00:00:00+00:00",
    "oos_start": "2024-01-25T00:00:00+00:00",
}


def stored_bars(assay: CommandLine) -> pd.DataFrame:
    return tables.read_table(assay.home / "bars" / f"{SERIES}.parquet", tables.BARS)


def crossover(bars: pd.DataFrame, fast: int = 10, slow: int = 40) -> pd.DataFrame:
    """Return the scores of a crossover of moving averages: long above, short below, no view before both are known."""
    means = [bars["close"].rolling(length).mean() for length in (fast, slow)]
    score = (0.5 + 0.5 * np.sign(means[0] - means[1]))[slow:]
    return score.rename("score").reset_index()


def answer(assay: CommandLine, *arguments: str) -> dict[str, Any]:
    ended = assay("backtest", SERIES, *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def trades_of(told: dict[str, Any]) -> pd.DataFrame:
    return tables.read_table(Path(told["folder"]) / "trades.parquet", tables.TRADES)


def looks(assay: CommandLine) -> list[ledger.Entry]:
    return [entry for entry in ledger.read(assay.home).entries if entry.kind == "look"]


def trials(assay: CommandLine) -> list[ledger.Entry]:
    return [entry for entry in ledger.read(assay.home).entries if entry.kind == "trial"]


@pytest.fixture
def ruled(gold: CommandLine) -> CommandLine:
    """Return a home with bars, and beside it the scores of a crossover."""
    crossover(stored_bars(gold)).to_parquet(gold.folder / "crossover.parquet")
    return gold


def rule(assay: CommandLine) -> str:
    return str(assay.folder / "crossover.parquet")


def test_a_crossover_is_traded_by_the_settings_of_the_series_without_any_model(ruled):
    told = answer(ruled, "--rule", rule(ruled))
    bars, gold = stored_bars(ruled), instrument("XAUUSD")
    score = crossover(bars).set_index("ts")["score"]
    expected = run(bars, score, Policy(0.6, 0.4), Exits(1.4, 1.0, 50), gold.costs, Risk(), gold.market)
    assert trades_of(told).equals(expected.trades)
    assert len(expected.trades) > 50
    assert told["figures"]["trades"] == len(expected.trades)
    assert told["refusals"] == expected.refusals
    assert told["figures"]["pnl"] == pytest.approx(expected.equity["equity"].iloc[-1] - 100_000)
    assert told["kind"] == "rule" and told["run_id"] is None and told["recorded"] is None


def test_a_csv_of_the_same_scores_makes_the_same_files(ruled):
    first = answer(ruled, "--rule", rule(ruled))
    before = {name: (Path(first["folder"]) / name).read_bytes() for name in tear_sheet.FILES if "sheet" not in name}
    table = pd.read_parquet(rule(ruled))
    table.assign(ts=table["ts"].dt.tz_localize(None)).to_csv(ruled.folder / "rule.csv", index=False)
    second = answer(ruled, "--rule", str(ruled.folder / "rule.csv"))
    assert second["folder"] == first["folder"]
    assert {name: (Path(second["folder"]) / name).read_bytes() for name in before} == before


def test_the_same_backtest_again_writes_the_same_bytes(ruled):
    ruled.replace("research", "cut_off = 2025-10-22", "cut_off = 2024-07-20")
    folder = Path(answer(ruled, "--rule", rule(ruled))["folder"])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) >= set(tear_sheet.FILES)
    answer(ruled, "--rule", rule(ruled))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_screen_and_the_page_say_what_was_charged_refused_and_tied(ruled):
    ended = ruled("backtest", SERIES, "--rule", rule(ruled))
    assert ended.code == 0, ended.err
    folder = next((ruled.home / "backtests" / SERIES).iterdir())
    page = (folder / "tear_sheet.md").read_text()
    for text in (ended.out, page):
        assert "were paid" in text and "stop and target" in text and "spread floor" in text
        assert "cooldown" in text and "Expectancy" in text and "90 % interval" in text
    assert "By weekday" in page and "By regime" in page and "| 2024 |" in page
    assert (folder / "tear_sheet.png").read_bytes().startswith(b"\x89PNG")
    assert str(folder / "tear_sheet.md") in ended.out.replace("\n", "")


def test_every_breakdown_adds_up_and_nothing_is_nan(ruled):
    told = answer(ruled, "--rule", rule(ruled))
    for rows in told["breakdown"].values():
        assert sum(row["trades"] for row in rows) == told["figures"]["trades"]
    assert set(told["breakdown"]) == {"side", "session", "hour", "weekday", "month", "regime"}
    assert all(value is None or math.isfinite(value) for value in told["figures"].values())
    low, high = told["intervals"]["expectancy"]
    assert low < told["figures"]["expectancy"] < high
    assert sum(told["exits_by_reason"].values()) == told["figures"]["trades"]


def test_days_cut_the_rule_and_thresholds_are_heeded(ruled):
    told = answer(ruled, "--rule", rule(ruled), "--from", "2024-01-10", "--to", "2024-01-20")
    assert told["first"] > "2024-01-10" and told["last"][:16] <= "2024-01-20T00:00"
    trades = trades_of(told)
    assert trades.index[0] > pd.Timestamp("2024-01-10", tz="UTC")
    assert trades["t_exit"].iloc[-1] <= pd.Timestamp("2024-01-20", tz="UTC")
    scores = pd.read_parquet(rule(ruled))
    scores["score"] = scores["score"].map({0.0: 0.35, 0.5: 0.5, 1.0: 0.65})
    scores.to_parquet(rule(ruled))
    assert answer(ruled, "--rule", rule(ruled), "--long", "0.7", "--short", "0.3")["figures"]["trades"] == 0
    sides = trades_of(answer(ruled, "--rule", rule(ruled), "--long", "0.65", "--short", "0.3"))["side"]
    assert set(sides) == {1}


def test_the_last_of_a_few_scores_is_traded_until_its_time_is_up(ruled):
    stored = stored_bars(ruled)
    few = pd.DataFrame({"ts": stored.index[[1000, 1200]], "score": 0.9})
    few.to_csv(ruled.folder / "few.csv", index=False)
    told = answer(ruled, "--rule", str(ruled.folder / "few.csv"))
    assert list(trades_of(told).index) == list(stored.index[[1001, 1201]])
    assert "end_of_data" not in told["refusals"] and "end" not in told["exits_by_reason"]


def test_bars_before_the_first_score_are_not_judged(ruled):
    whole = answer(ruled, "--rule", rule(ruled))
    earlier = answer(ruled, "--rule", rule(ruled), "--from", "2024-01-01")
    assert (earlier["first"], earlier["bars"], earlier["folder"]) == (whole["first"], whole["bars"], whole["folder"])


def test_what_a_rule_expects_and_how_sure_it_is_are_heeded(ruled):
    table = pd.read_parquet(rule(ruled)).assign(expected_r_long=-0.1, expected_r_short=0.1)
    table.to_parquet(rule(ruled))
    told = answer(ruled, "--rule", rule(ruled))
    assert set(trades_of(told)["side"]) == {-1} and told["refusals"]["negative_expectation"] > 100
    ruled.replace("policy", "min_confidence = 0.0", "min_confidence = 0.9")
    table.assign(confidence=0.8).to_parquet(rule(ruled))
    told = answer(ruled, "--rule", rule(ruled))
    assert told["figures"]["trades"] == 0 and told["refusals"]["confidence"] > 100


def test_volatility_is_clamped_where_the_settings_say_so(ruled):
    free = answer(ruled, "--rule", rule(ruled))
    assert free["policy"]["max_volatility"] is None and "volatility" not in free["refusals"]
    ruled.replace("policy", 'max_volatility = "off"', "max_volatility = 1.1")
    ruled.replace("policy", "min_volatility = 0.0", "min_volatility = 0.9")
    told = answer(ruled, "--rule", rule(ruled))
    assert (told["policy"]["max_volatility"], told["policy"]["min_volatility"]) == (1.1, 0.9)
    assert told["refusals"]["volatility"] > 100 and told["folder"] != free["folder"]


def test_an_account_that_is_too_small_to_trade_is_told(ruled):
    ruled.replace("policy", "equity = 100000.0", "equity = 200.0")
    told = answer(ruled, "--rule", rule(ruled))
    assert any("too small for one lot step" in line for line in told["warnings"])


def test_single_precision_scores_on_a_threshold_are_on_it(ruled):
    table = pd.read_parquet(rule(ruled))
    score = table["score"].map({0.0: 0.4, 0.5: 0.5, 1.0: 0.6})
    table.assign(score=score.astype(np.float32)).to_parquet(rule(ruled))
    assert set(trades_of(answer(ruled, "--rule", rule(ruled)))["side"]) == {-1, 1}


def test_stamps_of_another_zone_are_the_same_instants(ruled):
    first = answer(ruled, "--rule", rule(ruled))
    table = pd.read_parquet(rule(ruled))
    table.assign(ts=table["ts"].dt.tz_convert("America/New_York")).set_index("ts").to_parquet(rule(ruled))
    assert answer(ruled, "--rule", rule(ruled))["folder"] == first["folder"]
    table.assign(ts=table["ts"].dt.tz_convert("Asia/Tokyo").map(lambda ts: ts.isoformat())).to_parquet(rule(ruled))
    assert answer(ruled, "--rule", rule(ruled))["folder"] == first["folder"]


def test_without_a_trade_figures_are_absent_and_the_sheet_is_drawn(ruled):
    pd.read_parquet(rule(ruled)).assign(score=0.5).to_parquet(rule(ruled))
    told = answer(ruled, "--rule", rule(ruled))
    assert told["figures"]["expectancy"] is None and told["intervals"]["expectancy"] is None
    assert told["excursions"] == {"winners": None, "losers": None}
    page = (Path(told["folder"]) / "tear_sheet.md").read_text()
    assert "| Costs ÷ result before costs | not enough trades |" in page
    assert "0 trades are too few" in page and "0 trades ended on a bar" in page
    assert told["refusals"]["undecided"] == told["bars"]


def test_a_figure_that_trades_alone_cannot_give_says_what_it_wants(ruled):
    gold = instrument("XAUUSD").costs
    ruled.replace("instruments", f"slippage = {gold.slippage:g}", "slippage = 5.0")
    told = answer(ruled, "--rule", rule(ruled))
    page = (Path(told["folder"]) / "tear_sheet.md").read_text()
    assert told["figures"]["cost_share"] is None and told["figures"]["trades"] > 20
    assert "| Costs ÷ result before costs | no gain before costs |" in page


def test_one_trade_is_told_as_one_and_makes_no_year(ruled):
    score = pd.read_parquet(rule(ruled))
    score["score"] = np.where(np.arange(len(score)) == 300, 1.0, 0.5)
    score.to_parquet(rule(ruled))
    told = answer(ruled, "--rule", rule(ruled))
    page = (Path(told["folder"]) / "tear_sheet.md").read_text()
    assert told["figures"]["trades"] == 1 and "1 trade is too few" in page and "1 trades" not in page
    assert [told["figures"][name] for name in ("daily_sharpe", "daily_sortino", "calmar")] == [None] * 3
    for title in ("Daily Sharpe, a year", "Daily Sortino, a year", "Calmar"):
        assert f"| {title} | not enough trades |" in page


def test_a_limit_that_binds_nothing_is_no_number_on_the_page(ruled):
    told = answer(ruled, "--rule", rule(ruled))
    page = (Path(told["folder"]) / "tear_sheet.md").read_text()
    for title in ("Fall of equity at most", "Positions at once at most", "Notional of a position at most"):
        assert f"{title}: no limit" in page
    assert "Volatility at most: off," in page and "Loss of a day at most: 0.02 of its first equity" in page
    strict = told | {"risk": told["risk"] | {"max_drawdown": 0.06, "max_positions": 3, "max_notional": 20.0}}
    for said in ("Fall of equity at most: 0.06", "Positions at once at most: 3", "a position at most: 20 × equity"):
        assert said in tear_sheet.page(strict)


def test_the_bars_on_the_spread_floor_are_those_that_were_judged(ruled):
    whole, part = (answer(ruled, "--rule", rule(ruled), *days) for days in ([], ["--to", "2024-01-15"]))
    floor, bars = instrument("XAUUSD").costs.spread_floor, stored_bars(ruled)
    for told in (whole, part):
        judged_bars = bars.loc[told["first"] : told["last"]]
        count = int((judged_bars["spread"] <= floor).sum())
        assert len(judged_bars) == told["bars"] and count > 0
        (said,) = (line for line in told["warnings"] if "spread floor" in line)
        assert said.startswith(f"{count:,} of {told['bars']:,} bars that were judged (")
    assert part["bars"] < whole["bars"] < len(bars)


def test_a_rule_on_bars_before_every_judged_window_is_no_look_and_one_in_it_is_one_look(ruled):
    told = answer(ruled, "--rule", rule(ruled))
    assert (told["look"]["counted"], looks(ruled)) == (False, [])
    ruled.replace("research", "cut_off = 2025-10-22", "cut_off = 2024-07-20")
    for counted in (True, False):
        told = answer(ruled, "--rule", rule(ruled))
        assert (told["look"]["counted"], told["look"]["looks"]) == (counted, 1)
        assert any("this is a look and counts" in line for line in told["warnings"])
    assert answer(ruled, "--rule", rule(ruled), "--long", "0.7")["look"]["looks"] == 2
    assert answer(ruled, "--rule", rule(ruled), "--to", "2024-01-15")["look"]["counted"] is False
    assert [(one.command, one.series) for one in looks(ruled)] == [("backtest", SERIES)] * 2


def spoiled(**columns: Any) -> Any:
    return lambda table: table.assign(**columns)


def at(row: int, column: str, value: Any) -> Any:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object}) if isinstance(value, str) else table.copy()
        table.loc[table.index[row], column] = value
        return table

    return spoil


def shifted(minutes: int) -> Any:
    return lambda table: table.assign(ts=table["ts"] + pd.Timedelta(minutes=minutes))


SPOILED = {
    "no score": (lambda table: table.drop(columns="score"), "lacks score"),
    "misspelt": (lambda table: table.rename(columns={"score": "scores"}), "Did you mean score"),
    "no stamp": (lambda table: table.drop(columns="ts"), "lacks ts"),
    "another column": (spoiled(volume=1.0), "has volume too"),
    "one expectation alone": (spoiled(expected_r_long=1.0), "lacks expected_r_short"),
    "NaN": (at(5, "score", np.nan), "row 6: score .* is not a finite number"),
    "infinite": (at(5, "score", np.inf), "row 6: score .* is not a finite number"),
    "above one": (at(3, "score", 1.01), r"row 4: score '1.01' is outside of 0 … 1"),
    "below zero": (at(3, "score", -0.01), "row 4: .* outside"),
    "confidence above one": (spoiled(confidence=1.5), "row 1: confidence '1.5' is outside"),
    "expectation NaN": (spoiled(expected_r_long=np.nan, expected_r_short=1.0), "expected_r_long .* not a finite"),
    "truth values": (spoiled(score=True), "score"),
    "twice": (lambda table: pd.concat([table.iloc[:5], table.iloc[4:]]), "row 6: ts .* does not come after"),
    "backwards": (lambda table: table.iloc[::-1], "row 2: ts .* does not come after"),
    "no rows": (lambda table: table.iloc[:0], "no rows"),
    "off the bars": (shifted(7), "stand at no bar of XAUUSD_15T"),
    "opens": (shifted(-15), "which is the open of one: wanted its close"),
    "another clock": (shifted(120), "stand at no bar"),
    "a number as stamp": (lambda table: table.assign(ts=table["ts"].astype("int64")), "ts"),
}


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_rule_is_refused_with_the_row_and_nothing_is_written(ruled, name, suffix):
    spoil, told = SPOILED[name]
    table, path = spoil(pd.read_parquet(rule(ruled))), ruled.folder / f"spoiled.{suffix}"
    table.to_parquet(path, index=False) if suffix == "parquet" else table.to_csv(path, index=False)
    ended = ruled("backtest", SERIES, "--rule", str(path))
    assert ended.code == 4, ended.err
    assert len(ended.err.splitlines()) == 1 and ended.err.startswith("error: ")
    assert re.search(told, ended.err), ended.err
    assert not (ruled.home / "backtests").exists() and looks(ruled) == []


@pytest.mark.parametrize("content", [b"", b"PAR1junk", b"\xff\xfe\x00", b"ts;score\n1;2\n", b"ts,score\na,b,c\n"])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_that_is_none_is_refused_without_a_traceback(ruled, content, suffix):
    path = ruled.folder / f"junk.{suffix}"
    path.write_bytes(content)
    ended = ruled("backtest", SERIES, "--rule", str(path))
    assert ended.code == 4 and ended.err.startswith("error: ") and "bug" not in ended.err


REFUSED = {
    "--rule nothing.csv": (2, "No file"),
    "--rule .": (2, "No file is named"),
    "--rule ..": (2, "it is a folder"),
    "--rule RULE --from 2024-01-20 --to 2024-01-20": (2, "end on 2024-01-20, where it starts: a day of --from or --to"),
    "--run abcdef123": (2, "No run 'abcdef123'"),
    "--run abc": (2, "too short"),
    "--model @champion": (6, "No champion of XAUUSD_15T"),
    "--model best": (2, "only @champion has a name"),
    "--model @champion --run abcdef123": (2, "--run and --model"),
    "": (6, "No model of XAUUSD_15T yet"),
    "--long 0.7": (2, "thresholds of a --rule"),
    "--rule RULE --long 0.5": (2, "no view"),
    "--rule RULE --long nan": (2, "wanted more than 0.5"),
    "--rule RULE --short 0.6": (2, "wanted less than 0.5"),
    "--rule RULE --from 2024-01-20 --to 2024-01-10": (2, "before it starts"),
    "--rule RULE --from 2030-01-01 --to 2030-02-01": (2, "No bars of XAUUSD_15T"),
    "--rule RULE --to 2024-01-02": (2, "end on 2024-01-02, where it starts"),
    "--rule RULE --from yesterday": (2, "not a date"),
    "--rule SHORT --from 2024-01-20 --to 2024-02-01": (2, "No score lies"),
}


@pytest.mark.parametrize("typed", REFUSED)
def test_what_cannot_be_judged_is_refused_with_the_code_of_its_kind(ruled, typed):
    code, told = REFUSED[typed]
    pd.read_parquet(rule(ruled)).iloc[:200].to_parquet(ruled.folder / "short.parquet")
    ruled.replace("research", "cut_off = 2025-10-22", "cut_off = 2024-07-20")
    typed = typed.replace("RULE", rule(ruled)).replace("SHORT", str(ruled.folder / "short.parquet"))
    ended = ruled("backtest", SERIES, *typed.split())
    assert (ended.code, told in ended.err) == (code, True), ended.err
    assert not (ruled.home / "backtests").exists() and looks(ruled) == []


def test_a_series_without_bars_or_of_another_name_is_refused(ruled):
    assert ruled("backtest", "EURUSD_15T", "--rule", rule(ruled)).code == 6
    assert ruled("backtest", "GOLDEN_15T", "--rule", rule(ruled)).code == 2


class Trained(NamedTuple):
    """A home with a run that was judged on the end of its bars, and what was recorded of it."""

    assay: CommandLine
    score: pd.DataFrame
    trades: pd.DataFrame


@pytest.fixture(scope="module")
def judged(tmp_path_factory, stored: CommandLine) -> Trained:
    """Return a home with a run whose trades were recorded as the main job records them: by the stored features."""
    folder = tmp_path_factory.mktemp("judged") / "gold"
    shutil.copytree(stored.folder, folder)
    assay = CommandLine(folder)
    assay.replace("research", "cut_off = 2025-10-22", "cut_off = 2024-07-30")
    made, bars = make_bundle(), stored_bars(assay)
    cut_off = bars.index[bars.index <= pd.Timestamp("2024-02-03", tz="UTC")][-1].isoformat()
    window = WINDOW | {"cut_off": cut_off}
    policy = policies.stored(Policy(0.52, 0.48))
    meta = made.meta | {"window": window, "policy": policy, "costs": instrument("XAUUSD").costs._asdict()}
    aside = assay.home / "bundles" / SERIES / "new"
    digest = write_bundle(aside, made.files, meta)
    kept = aside.rename(aside.with_name(digest[:16]))
    bundle = load_bundle(kept, digest, RUN)
    features = tables.read_table(assay.home / "features" / f"{SERIES}.parquet", tables.FEATURES)
    score = bundle.score(features.loc[features.index > pd.Timestamp(window["oos_start"])].loc[:cut_off])
    rules = (bundle.policy, bundle.exits, bundle.costs, bundle.risk, bundle.market)
    trades = run(bars.loc[: score.index[-1]], score, *rules).trades
    card = make_card(run_id=RUN, bundle_sha256=digest, window=window)
    runs.keep_card(assay.home, card)
    (assay.home / "runs" / SERIES / "card.json").write_text(card.model_dump_json())
    nothing = {"inputs": {}, "config_sha256": "", "code_sha256": ""}
    tables.write_table(assay.home / "runs" / SERIES / "trades.parquet", trades, tables.TRADES, **nothing)
    return Trained(assay, score, trades)


def test_a_run_on_its_own_window_makes_its_recorded_trades_bit_for_bit_and_is_no_look(judged):
    for typed in (["--run", RUN[:8]], []):
        told = answer(judged.assay, *typed)
        assert trades_of(told).equals(judged.trades) and len(judged.trades) > 10
        assert (told["recorded"], told["kind"], told["run_id"]) == ("the same", "run", RUN)
        assert (told["look"]["counted"], looks(judged.assay)) == (False, [])
    assert "bit for bit" in judged.assay("backtest", SERIES).out


def test_the_champion_is_judged_first_where_there_is_one(judged, tmp_path):
    shutil.copytree(judged.assay.folder, tmp_path / "copy")
    assay = CommandLine(tmp_path / "copy")
    bundle = next((assay.home / "bundles" / SERIES).iterdir())
    digest = runs.find_run(assay.home, RUN).bundle_sha256
    card = make_card(bundle_sha256=digest)
    logged = card.model_copy(update={"run_id": tracking.log_run(assay.home, card, "# Card", {}, {})})
    promotion.promote(assay.home, logged, bundle)
    for typed in ([], ["--model", "@champion"]):
        told = answer(assay, *typed)
        assert (told["kind"], told["run_id"]) == ("champion", logged.run_id)
        assert trades_of(told).equals(judged.trades)
    assert answer(assay, "--run", RUN)["kind"] == "run"


def test_a_part_of_its_own_window_is_no_look_either(judged):
    told = answer(judged.assay, "--from", "2024-01-28", "--to", "2024-02-01")
    assert (told["look"]["counted"], told["recorded"]) == (False, None)
    assert not any("seen in training" in line for line in told["warnings"])


def test_bars_of_the_training_are_no_evidence(judged):
    told = answer(judged.assay, "--from", "2024-01-10", "--to", "2024-01-20")
    assert told["warnings"][0] == f"All {told['bars']:,} bars were seen in training: this is no evidence."
    told = answer(judged.assay, "--from", "2024-01-20", "--to", "2024-01-30")
    assert f" of {told['bars']:,} bars were seen in training" in told["warnings"][0]
    assert looks(judged.assay) == []


def test_bars_beyond_the_own_window_are_a_look_that_counts_once(judged, tmp_path):
    shutil.copytree(judged.assay.folder, tmp_path / "copy")
    assay = CommandLine(tmp_path / "copy")
    for counted in (True, False):
        told = answer(assay, "--from", "2024-01-30", "--to", "2024-02-06")
        assert (told["look"]["counted"], len(looks(assay))) == (counted, 1)
    (entry,) = looks(assay)
    assert (entry.command, entry.run_id) == ("backtest", RUN)


def test_recorded_trades_that_differ_are_told(judged, tmp_path):
    shutil.copytree(judged.assay.folder, tmp_path / "copy")
    assay = CommandLine(tmp_path / "copy")
    path = assay.home / "runs" / SERIES / "trades.parquet"
    other = judged.trades.copy()
    other.iloc[3, other.columns.get_loc("r")] = np.nextafter(other["r"].iloc[3], 9.0)
    tables.write_table(path, other, tables.TRADES, inputs={}, config_sha256="", code_sha256="")
    told = answer(assay)
    assert told["recorded"] == "differs"
    assert any("differ from those recorded" in line for line in told["warnings"])


def test_other_costs_in_the_settings_than_those_of_the_run_are_told(judged, tmp_path):
    shutil.copytree(judged.assay.folder, tmp_path / "copy")
    assay = CommandLine(tmp_path / "copy")
    line = next(
        one for one in (assay.config / "instruments.toml").read_text().splitlines() if one.startswith("commission")
    )
    assay.replace("instruments", line, "commission = 9.0")
    told = answer(assay)
    assert told["recorded"] == "the same"
    assert any("has others now" in line for line in told["warnings"])


def test_a_run_of_another_series_is_refused(judged):
    bars = judged.assay.home / "bars"
    for suffix in ("parquet", "manifest.json"):
        shutil.copy(bars / f"{SERIES}.{suffix}", bars / f"XAUUSD_30T.{suffix}")
    ended = judged.assay("backtest", "XAUUSD_30T", "--run", RUN)
    assert (ended.code, "is of XAUUSD_15T" in ended.err) == (2, True)
    for suffix in ("parquet", "manifest.json"):
        (bars / f"XAUUSD_30T.{suffix}").unlink()


def test_an_altered_bundle_is_refused(judged, tmp_path):
    shutil.copytree(judged.assay.folder, tmp_path / "copy")
    assay = CommandLine(tmp_path / "copy")
    altered = next((assay.home / "bundles").rglob("lightgbm.txt"))
    altered.write_bytes(altered.read_bytes().replace(b"7", b"8", 1))
    ended = assay("backtest", SERIES)
    assert (ended.code, "altered" in ended.err) == (4, True)


def test_a_run_is_a_trial_again_on_bars_outside_of_its_own_window(judged, tmp_path):
    shutil.copytree(judged.assay.folder, tmp_path / "copy")
    assay = CommandLine(tmp_path / "copy")
    ledger.ledger_path(assay.home).unlink(missing_ok=True)
    for days in ([], ["--from", "2024-01-28", "--to", "2024-02-01"]):
        answer(assay, *days)
        assert trials(assay) == []
    for counts, first, end in ((1, "01-10", "01-20"), (1, "01-10", "01-20"), (2, "01-30", "02-06")):
        told = answer(assay, "--from", f"2024-{first}", "--to", f"2024-{end}")
        assert len(trials(assay)) == counts
    last = trials(assay)[-1]
    assert (last.part, last.run_id, last.value) == ("run", RUN, told["figures"]["sharpe_per_trade"])
