"""A run takes the champion's place only where it is better on bars that neither was trained on, as one types it."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import feature_store
from backtest import simulate
from backtest.policy import Policy, stored
from backtest.risk import Risk
from live import runner
from market import instruments, tables
from market.durable import write_json
from market.errors import GateError, UsageError
from market.execution import Exits
from pipeline import promoting, workspace
from registry import history, ledger, runs, tracking
from registry.card import Card, to_json
from registry.champion import Bundle, load_bundle
from registry.incumbent import Comparison, figures
from registry.record import production, production_path, signed
from tests.markets import COSTS, random_bars
from tests.pipeline.conftest import CommandLine
from tests.registry.models import GOLD, Made, bundled, logged

LATE, EARLY, END, AFTER = 2099, 1599, 3599, 200  # bars up to which the models were trained, that are judged, and beyond
RISK = Risk(100_000.0, 0.005, 0.02, 0.03, 20, 50)
EXITS = Exits(1.4, 1.0, 10)


class World(NamedTuple):
    """A home with stored bars, and models of one ensemble with other rules that are logged but not promoted."""

    assay: CommandLine
    made: Made
    bars: pd.DataFrame

    @property
    def home(self) -> Path:
        return self.assay.home

    def judged(self, threshold: float, end: int, cut_off: int = END, risk: Risk = RISK, **meta: Any) -> Card:
        """Return the card of a run with these thresholds whose model was trained on the bars up to `end`.

        It is in the registry where the home has one.
        """
        ts = self.bars.index
        window = {name: ts[end].isoformat() for name in ("development_end", "oos_start")}
        window |= {"history_start": ts[0].isoformat(), "cut_off": ts[cut_off].isoformat()}
        rules = {"policy": stored(Policy(threshold, 1 - threshold, cooldown=0)), "risk": risk._asdict()}
        changed = self.made.meta | rules | {"exits": EXITS._asdict(), "window": window} | meta
        if (self.home / "mlflow.db").exists():
            card, _ = logged(self.home, self.made.files, changed, window=window)
        else:
            card = bundled(self.home, self.made.files, changed, window=window)
            card = card.model_copy(update={"run_id": card.bundle_sha256[:32]})
        runs.keep_card(self.home, card)
        (self.home / "runs" / GOLD / "card.json").write_text(to_json(card))
        return card

    def promote(self, card: Card, *more: str) -> dict[str, Any]:
        """Promote a run as one would type it; raises where that does not end well."""
        ended = self.assay("promote", GOLD, "--run", card.run_id, *more, "--json")
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    def compared(self, card: Card) -> Comparison:
        """Return how a run compares with the champion."""
        return promoting.compared(target(self), card, production(self.home)[GOLD])

    def looks(self) -> list[tuple[str, str]]:
        return [(one.command, one.model) for one in ledger.of(self.home, GOLD) if one.kind == "look"]

    def bundle(self, card: Card) -> Bundle:
        return load_bundle(runs.bundle_folder(self.home, card), card.bundle_sha256)


def target(world: World) -> workspace.Workspace:
    return workspace.of(instruments.series_named(GOLD), world.home)


def longer(bars: pd.DataFrame, seed: int, count: int) -> pd.DataFrame:
    """Return `bars` and `count` more after them."""
    start = (bars.index[-1] + pd.Timedelta(minutes=15)).strftime("%Y-%m-%d %H:%M")
    more, prices = random_bars(seed, count, start), ["open", "high", "low", "close"]
    more[prices] = (more[prices] + bars["close"].iloc[-1] - more["open"].iloc[0]).round(2)
    return pd.concat([bars, more])


def store(home: Path, bars: pd.DataFrame) -> None:
    path = home / "bars" / f"{GOLD}.parquet"
    tables.write_table(path, bars, tables.BARS, inputs={}, config_sha256="", code_sha256="")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, made: Made) -> World:
    assay = CommandLine(tmp_path_factory.mktemp("world") / "gold")
    bars = longer(longer(made.bars, 9, END + 1 - len(made.bars)), 10, AFTER)
    store(assay.home, bars)
    return World(assay, made, bars)


@pytest.fixture
def offline(template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the world without a registry."""
    shutil.copytree(template.assay.folder, tmp_path / "gold")
    found = template._replace(assay=CommandLine(tmp_path / "gold"))
    for name, value in found.assay.environment.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def held(offline: World) -> World:
    """Return the world without a registry in which a model that was trained later than the others is champion."""
    champion(offline, offline.judged(0.55, LATE))
    return offline


@pytest.fixture
def world(offline: World, database: Path) -> World:
    """Return the world with a registry and that champion in it."""
    shutil.copyfile(database, offline.home / "mlflow.db")
    offline.promote(offline.judged(0.55, LATE))
    return offline


def champion(world: World, card: Card) -> None:
    """Put a run into production as only the owner of the key can."""
    folder = runs.bundle_folder(world.home, card).relative_to(world.home)
    fields = {"version": "1", "run_id": card.run_id, "bundle_sha256": card.bundle_sha256, "bundle": str(folder)}
    told = {"metrics": card.oos, "when": card.made_at, "expires": "2999-01-01T00:00:00+00:00", "previous": None}
    with history.held(world.home):
        history.enter(world.home, GOLD, fields | told)


def own_window(ts: pd.DatetimeIndex, candidate: Bundle, rival: Bundle) -> pd.DatetimeIndex:
    """Return the bars that the candidate alone does not know: the mistake."""
    return ts[ts > pd.Timestamp(candidate.meta["window"]["oos_start"])]


def known_to_one(found: Comparison, *models: Bundle) -> bool:
    """Return whether the first judged bar was among those that one of the models was trained on."""
    assert found.on is not None
    return any(pd.Timestamp(found.on.first) <= pd.Timestamp(one.meta["window"]["development_end"]) for one in models)


def test_both_are_traded_on_the_bars_after_the_later_training_up_to_the_runs_cut_off(held: World) -> None:
    card = held.judged(0.6, EARLY)
    found = held.compared(card)
    inside = held.bars.iloc[LATE + 1 : END + 1]
    assert found.on is not None
    assert (found.on.first, found.on.last) == (inside.index[0].isoformat(), inside.index[-1].isoformat())
    assert (found.on.bars, found.serial) == (len(inside), 1)
    model = held.bundle(card)
    features = feature_store.compute(held.bars, ["candlestick", "momentum"]).loc[
        inside.index, list(model.model.features)
    ]
    for threshold, got in ((0.6, found.candidate), (0.55, found.incumbent)):
        policy = Policy(threshold, 1 - threshold, cooldown=0)
        score = model.score(features)
        assert got == figures(*simulate(held.bars.iloc[: END + 1], score, policy, EXITS, COSTS, RISK, "metal"))
        assert got.trades > 150


def test_a_worse_run_is_refused_by_name_with_numbers_and_the_champion_stays(held: World) -> None:
    card, before = held.judged(0.5001, EARLY), production(held.home)
    ended = held.assay("promote", GOLD, "--why", "I like it")
    assert ended.code == 3
    found = held.compared(card)
    assert f"run {card.run_id} is not better than version 1 (run {before[GOLD]['run_id']})" in ended.err
    assert f"Sharpe per trade {found.candidate.sharpe_per_trade:.3f} over {found.candidate.trades} trades" in ended.err
    assert f"(the champion's {found.incumbent.sharpe_per_trade:.3f} over {found.incumbent.trades}" in ended.err
    assert production(held.home) == before


def test_judging_on_the_candidates_own_window_would_have_promoted_it_and_is_caught(
    held: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = held.judged(0.5001, EARLY)
    models = (
        held.bundle(card),
        load_bundle(held.home / production(held.home)[GOLD]["bundle"], production(held.home)[GOLD]["bundle_sha256"]),
    )
    found = held.compared(card)
    assert found.verdict == "worse" and not known_to_one(found, *models)
    monkeypatch.setattr(promoting, "common", own_window)
    mistaken = held.compared(card)
    assert mistaken.verdict == "better" and known_to_one(mistaken, *models)


def test_a_better_run_takes_its_place_and_every_number_is_signed(world: World) -> None:
    card = world.judged(0.6, EARLY, risk=RISK._replace(per_trade=0.004))
    record = world.promote(card, "--why", "reviewed by two")
    told = record["comparison"]
    assert (record["version"], record["serial"], record["why"]) == ("2", 2, "reviewed by two")
    assert told["verdict"] == "better" and told["bounds"] == {"improvement": 0.05, "trades": 60}
    assert told["candidate"]["sharpe_per_trade"] >= 0.95 * told["incumbent"]["sharpe_per_trade"]
    assert told["candidate"]["max_drawdown"] <= told["incumbent"]["max_drawdown"]
    assert told["on"]["bars"] == END - LATE and len(told["on"]["bars_sha256"]) == 64
    assert world.promote(card) == record, "typed again nothing changes"
    shown = world.assay("promote", GOLD, "--run", card.run_id[:8]).out
    assert "is the champion" in shown and "that neither was trained on: better, Sharpe per trade" in shown


def test_other_costs_are_not_compared_and_only_a_person_decides(held: World) -> None:
    card = held.judged(0.6, EARLY, costs=COSTS._replace(commission=COSTS.commission + 1)._asdict())
    ended = held.assay("promote", GOLD)
    assert ended.code == 3 and "judged with other costs than the champion (commission" in ended.err
    assert ended.err.rstrip().endswith("The champion stays, unless a person says --why.")
    found = held.compared(card)
    assert (found.verdict, found.candidate, found.incumbent) == ("not comparable", None, None)


def test_bars_that_were_revised_since_a_training_are_not_compared_on(held: World) -> None:
    card = held.judged(0.6, EARLY)
    revised = held.bars.copy()
    revised.iloc[len(held.made.bars) - 5, 3] -= 0.01
    store(held.home, revised)
    found = held.compared(card)
    assert found.verdict == "not comparable" and "was trained on other bars than are stored now" in found.told


def test_a_champion_that_is_gone_cannot_be_compared_with(held: World) -> None:
    card = held.judged(0.6, EARLY)
    shutil.rmtree(held.home / production(held.home)[GOLD]["bundle"])
    assert "the champion cannot be judged (Bundle" in held.compared(card).told


def test_a_run_that_was_judged_before_the_champion_was_trained_has_nothing_in_common(held: World) -> None:
    found = held.compared(held.judged(0.6, EARLY, cut_off=LATE))
    assert (found.verdict, found.serial) == ("not comparable", 1)
    assert found.told.startswith("no stored bar lies after both trainings")


def test_too_few_trades_are_told(held: World) -> None:
    found = held.compared(held.judged(0.6, END - 60))
    assert found.verdict == "too few trades" and found.told.endswith("wanted 60 of each")


def test_judging_the_champion_beyond_its_own_window_is_a_look_that_counts_once(offline: World) -> None:
    first = offline.judged(0.55, EARLY, cut_off=LATE)
    champion(offline, first)
    for _ in range(2):
        offline.compared(offline.judged(0.5001, LATE))
    assert offline.looks() == [("promote", first.bundle_sha256)]
    offline.compared(offline.judged(0.6, EARLY))
    assert len(offline.looks()) == 2, "other bars, another look"


def test_within_its_own_window_it_is_none(held: World) -> None:
    held.compared(held.judged(0.6, EARLY))
    assert held.looks() == []


def test_a_run_of_other_gates_than_those_of_today_is_refused(offline: World) -> None:
    card = offline.judged(0.55, EARLY)
    offline.assay.replace("gates", "trades = 200", "trades = 300")
    ended = offline.assay("promote", GOLD, "--run", card.run_id)
    assert ended.code == 3 and "was judged by profile six as it was then" in ended.err
    assert production(offline.home) == {}


def test_training_says_why_what_is_ready_was_not_promoted(held: World) -> None:
    worse = held.judged(0.5001, EARLY)
    told = promoting.settled(target(held), worse)
    assert (told["promoted"], told["version"]) == (False, None) and "is not better than version 1" in told["why"]
    failed = worse.model_copy(update={"status": "FAILED"})
    assert promoting.settled(target(held), failed)["why"] == "Only READY is promoted."


def test_what_cannot_be_promoted_is_told_in_a_line(held: World) -> None:
    assert held.assay("promote", "XAUUSD_1H").code == 6
    assert held.assay("promote", GOLD, "--run", "abcdef123").code == UsageError.exit_code
    card = production(held.home)[GOLD]["run_id"]
    ended = held.assay("promote", "XAUUSD_1H", "--run", card)
    assert ended.code == UsageError.exit_code and "is of XAUUSD_15T, not of XAUUSD_1H" in ended.err


# What is in production, and back.


def test_training_promotes_what_is_better_and_models_shows_whom_a_rollback_would_bring_back(world: World) -> None:
    assert promoting.settled(target(world), world.judged(0.6, EARLY)) == {
        "promoted": True,
        "version": "2",
        "why": "READY: passed every benchmark of profile six; better than the champion",
    }
    rows = json.loads(world.assay("models", "--json").out)
    assert [(one["series"], one["version"], one["alias"], one["status"]) for one in rows] == [
        (GOLD, "2", "champion", "READY"),
        (GOLD, "1", "previous", "READY"),
    ]
    assert all(one["metrics"]["trades"] and one["expires"] and not one["expired"] for one in rows)
    assert {"run_id", "when", "bundle_sha256", "who", "why"} <= set(rows[0]) & set(rows[1])
    shown = world.assay("models").out
    assert "champion: version 2" in shown and "previous: version 1" in shown and "expires" in shown


def test_a_rollback_as_one_types_it_and_what_history_tells_of_it(world: World) -> None:
    world.promote(world.judged(0.6, EARLY))
    assert world.assay("rollback", GOLD).code == UsageError.exit_code
    ended = world.assay("rollback", GOLD, "--why", "it lost")
    assert ended.code == 0 and f"{GOLD}: version 1 (run " in ended.out and ": it lost" in ended.out
    told = json.loads(world.assay("rollback", GOLD, "--why", "it did not", "--json").out)
    assert (told["version"], told["serial"], told["new"], told["left"]) == ("2", 4, True, "")
    assert world.assay("rollback", "../../etc/passwd", "--why", "x").code == 6
    found = history.of(world.home, GOLD)
    known = [(one["serial"], one["action"], one["version"]) for one in found]
    assert known == [(1, "promote", "1"), (2, "promote", "2"), (3, "rollback", "1"), (4, "rollback", "2")]
    assert all(one["who"] and one["why"] and one["when"] for one in found)
    assert len(list((world.home / "promotions").iterdir())) == 4


def resign(home: Path, **changes: Any) -> None:
    record = {name: value for name, value in production(home)[GOLD].items() if name != "signature"}
    write_json(production_path(home), {GOLD: signed(GOLD, record | changes)})


def expired(world: World) -> None:
    resign(world.home, expires="2020-01-01T00:00:00+00:00")


def refused_by_the_runner(capsys: pytest.CaptureFixture[str]) -> str:
    """Return why the runner does not start."""
    with pytest.raises(SystemExit) as ended:
        runner.main(["--mode", "paper", "--once"])
    assert ended.value.code == GateError.exit_code
    return capsys.readouterr().err


def test_the_runner_refuses_an_alias_that_was_moved_by_hand(world: World, capsys) -> None:
    refused = world.judged(0.5001, EARLY)
    moved = tracking.register(world.home, GOLD, refused.run_id, refused.bundle_sha256)
    tracking.set_champion(world.home, GOLD, moved)
    assert "alias champion points at version 2, the signed record is of version 1" in refused_by_the_runner(capsys)


def test_the_runner_refuses_a_champion_that_has_expired(held: World, capsys) -> None:
    expired(held)
    assert "version 1 expired on 2020-01-01" in refused_by_the_runner(capsys)


def test_an_expired_champion_is_marked(held: World) -> None:
    expired(held)
    (row,) = json.loads(held.assay("models", "--json").out)
    assert (row["status"], row["expired"]) == ("EXPIRED", True)
    assert "EXPIRED on 2020-01-01" in held.assay("models").out
