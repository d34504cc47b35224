"""Kill -9 at random instants leaves a registry that works, and no training done twice; `make soak` kills 240 times."""

from pathlib import Path

from benchmarks.registry_kills import Counted, doubled, half, kill_creations, kill_trainings, trained, unsound
from registry import tracking

SEED = 20190102


def test_a_kill_between_log_and_promotion_leaves_nothing_half_there(home: Path) -> None:
    found = kill_trainings(home, kills=8, seed=SEED)
    assert found.wrong == []
    assert found.at_work >= 2, "it did kill while there was work to do"


def test_a_kill_while_the_database_is_made_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    found = kill_creations(tmp_path, kills=2, seed=SEED)
    assert found == Counted(2, found.at_work, 0, 0, [])


def test_the_search_finds_what_is_half_there(home: Path) -> None:
    trained(home, 0)
    with tracking.opened(home) as client:
        experiment = client.get_experiment_by_name("XAUUSD_15T").experiment_id
        run_id = client.create_run(experiment).info.run_id
        bare = client.create_model_version("XAUUSD_15T", "file:///nowhere", run_id).version
        client.set_terminated(run_id)
        client.set_registered_model_alias("XAUUSD_15T", "champion", bare)
    assert doubled(home, 1) == ["2 finished runs of 1 trainings", "2 versions of 1 trainings"]
    assert unsound(home) == ["the alias points at Pointed(version='2', exists=True, bundle_sha256=None)"]
    assert half(home)[0] == "versions ['2'] are half there"
