"""One run a training, readable in the MLflow UI, and never a run or a database that is half there."""

import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from market.errors import DataError, UnavailableError, UsageError
from registry import address, tracking, writer
from registry.card import Card, from_json, to_markdown
from registry.run_content import description
from tests.registry.cards import GOOD, a_fold, gate, make_card

GOLD = "XAUUSD_15T"
PNG = b"\x89PNG\r\n\x1a\n"


def client(home: Path) -> MlflowClient:
    found = address.of(home).tracking
    return MlflowClient(tracking_uri=found, registry_uri=found)


def logged(home: Path, card: Card | None = None, markdown: str = "# Verdict") -> Run:
    run_id = tracking.log_run(home, card or make_card(), markdown, {"xgboost.ubj": b"123"}, {"equity": PNG})
    return client(home).get_run(run_id)


def artifacts(run: Run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


def test_a_training_is_one_finished_run_in_the_experiment_of_its_series(home: Path) -> None:
    run = logged(home)
    assert run.info.status == "FINISHED"
    assert client(home).get_experiment(run.info.experiment_id).name == GOLD
    tags = {name: run.data.tags[name] for name in ("status", "series", "simulated", "bars_sha256", "failed")}
    assert tags == {"status": "READY", "series": GOLD, "simulated": "false", "bars_sha256": "a" * 64, "failed": "none"}


def test_the_card_is_the_description_of_the_run_and_carries_its_id(home: Path) -> None:
    card = make_card()
    run = logged(home, card, to_markdown(card))
    assert run.data.tags["mlflow.note.content"] == to_markdown(card)
    assert (artifacts(run) / "card.md").read_text() == to_markdown(card)
    assert from_json((artifacts(run) / "card.json").read_text()) == card.model_copy(update={"run_id": run.info.run_id})


def test_artifacts_lie_in_the_home_with_the_bundle_and_the_plots(home: Path, tmp_path: Path) -> None:
    model = tmp_path / "lightgbm.txt"
    model.write_text("tree")
    figure = matplotlib.figure.Figure(figsize=(1, 1))
    plots = {"equity": PNG, "folds": figure}
    run_id = tracking.log_run(home, make_card(), "", {"xgboost.ubj": b"1", "lightgbm.txt": model}, plots)
    folder = artifacts(client(home).get_run(run_id))
    assert folder.is_relative_to(home / "mlartifacts" / GOLD)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    bundle = {"bundle/xgboost.ubj", "bundle/lightgbm.txt"}
    assert found == {"card.md", "card.json", "plots/equity.png", "plots/folds.png"} | bundle
    assert (folder / "bundle/lightgbm.txt").read_text() == "tree"
    assert (folder / "plots/folds.png").read_bytes().startswith(PNG)


def test_metrics_are_the_finite_ones_and_folds_are_steps(home: Path) -> None:
    folds = [a_fold(1), a_fold(2) | {"profit_factor": None}, a_fold(3)]
    run = logged(home, make_card(folds=folds))
    assert run.data.metrics["oos/win_rate"] == GOOD["win_rate"]
    assert "oos/calmar" not in run.data.metrics
    history = client(home).get_metric_history(run.info.run_id, "fold/profit_factor")
    assert {metric.step: metric.value for metric in history} == pytest.approx({1: 1.35, 3: 1.45})


def test_parameters_are_flat_text_within_the_length_that_is_allowed(home: Path) -> None:
    features = [f"group__a_feature_with_a_long_name_{number}" for number in range(400)]
    window = {"cut_off": "2025-10-22", **{f"fact_{number}": number for number in range(150)}}
    parameters = logged(home, make_card(features=features, window=window)).data.params
    assert parameters["window.cut_off"] == "2025-10-22" and parameters["window.fact_149"] == "149"
    assert parameters["members.xgboost"] == "0.4" and parameters["exits.take_profit"] == "1.4"
    assert len(parameters["features"]) == 6000


def test_a_long_card_is_cut_at_a_section_in_the_description_alone(home: Path) -> None:
    markdown = "# Verdict\n\n" + "\n\n".join(f"## Section {number}\n\n{'word ' * 100}" for number in range(40))
    run = logged(home, markdown=markdown)
    shown = run.data.tags["mlflow.note.content"]
    assert len(shown) <= 8000 and shown == description(markdown)
    assert shown.startswith("# Verdict") and shown.endswith("… the rest is in the artifacts report.html and card.md")
    assert (artifacts(run) / "card.md").read_text() == markdown


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_dies_while_it_is_logged_does_not_stay_running(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], status: str
) -> None:
    def dies(*_: object) -> None:
        raise error("out of the blue")

    monkeypatch.setattr(tracking.content, "lay_out", dies)
    with pytest.raises(error, match="out of the blue"):
        logged(home)
    (run,) = client(home).search_runs([client(home).get_experiment_by_name(GOLD).experiment_id])
    assert run.info.status == status


def test_a_run_that_a_crash_left_running_is_killed_by_the_next_one(home: Path) -> None:
    experiment = logged(home).info.experiment_id
    process = subprocess.Popen(["sleep", "60"])
    orphan = client(home).create_run(experiment, tags={"writer": writer.signature(process.pid)}).info.run_id
    logged(home, make_card(looks=2))
    assert client(home).get_run(orphan).info.status == "RUNNING", "its writer lives"
    process.kill()
    process.wait()
    logged(home, make_card(looks=3))
    assert client(home).get_run(orphan).info.status == "KILLED"


def test_an_artifact_name_that_leaves_its_folder_is_refused(home: Path) -> None:
    with pytest.raises(UsageError, match="not a plain file name"):
        tracking.log_run(home, make_card(), "", {"../evil": b""}, {})


def test_a_version_carries_its_digest_and_points_at_the_bundle_of_its_run(home: Path) -> None:
    run = logged(home)
    version = tracking.register(home, GOLD, run.info.run_id, "d" * 64)
    found = client(home).get_model_version(GOLD, version)
    assert found.tags == {"bundle_sha256": "d" * 64}
    assert found.source == f"{run.info.artifact_uri}/bundle" and found.run_id == run.info.run_id
    assert tracking.register(home, GOLD, run.info.run_id, "d" * 64) == version, "the same bundle is no new version"


def test_a_run_of_another_series_or_bundle_is_not_registered(home: Path) -> None:
    run_id = logged(home).info.run_id
    with pytest.raises(DataError, match="wanted EURUSD_1H"):
        tracking.register(home, "EURUSD_1H", run_id, "d" * 64)
    with pytest.raises(DataError, match="wanted XAUUSD_15T, bundle eeee"):
        tracking.register(home, GOLD, run_id, "e" * 64)
    with pytest.raises(UnavailableError, match="refused: "):
        tracking.register(home, GOLD, "0" * 32, "d" * 64)


def test_the_aliases_are_set_and_setting_them_again_changes_nothing(home: Path) -> None:
    assert tracking.aliases(home, GOLD) == {}
    runs = [logged(home, make_card(looks=looks)).info.run_id for looks in (1, 2)]
    first, second = (tracking.register(home, GOLD, run, "d" * 64) for run in runs)
    tracking.set_champion(home, GOLD, first)
    assert tracking.aliases(home, GOLD) == {"champion": first}
    for _ in range(2):
        tracking.set_champion(home, GOLD, second, first)
        assert tracking.aliases(home, GOLD) == {"champion": second, "previous": first}


def test_a_home_that_was_moved_is_refused_rather_than_written_to_its_old_place(home: Path) -> None:
    logged(home)
    moved = home.rename(home.with_name("moved"))
    with pytest.raises(UnavailableError, match=r"keeps artifacts of XAUUSD_15T at .*/data/mlartifacts/XAUUSD_15T"):
        logged(moved, make_card(looks=2))
    assert not home.exists()


def test_a_damaged_database_is_reported_in_one_line(home: Path) -> None:
    (home / "mlflow.db").write_bytes(b"SQLite format 3\x00" + 5000 * b"x")
    with pytest.raises(UnavailableError, match=r"mlflow\.db refused: ") as refusal:
        logged(home)
    assert "\n" not in str(refusal.value)


def test_failed_runs_say_which_benchmarks_failed(home: Path) -> None:
    gates = [gate(name, got) for name, got in (GOOD | {"trades": 150, "win_rate": 0.5}).items()]
    assert logged(home, make_card(gates=gates)).data.tags["failed"] == "win_rate, trades"


STARTER = (
    "import sys; from pathlib import Path; from registry import tracking; tracking.create_database(Path(sys.argv[1]))"
)


def test_two_processes_that_start_at_once_make_one_sound_database(tmp_path: Path) -> None:
    home = tmp_path / "data"
    (home / ".mlflow-left-by-a-kill").mkdir(parents=True)
    starters = [
        subprocess.Popen([sys.executable, "-c", STARTER, str(home)], cwd=Path.cwd(), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [starter.communicate(timeout=120)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0]
    assert said == [b"", b""], "MLflow and Alembic keep quiet"
    assert {path.name for path in home.iterdir()} <= {"mlflow.db", "mlflow.lock"}, "strays are swept"
    assert logged(home).info.status == "FINISHED"


def test_importing_the_module_does_not_import_mlflow() -> None:
    lazily = "import sys, registry.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lazily], check=False).returncode == 0
