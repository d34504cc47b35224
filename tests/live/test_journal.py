"""The journal keeps what was decided, loses nothing that was committed, and refuses what it cannot trust."""

import math
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import database
from live.brokers import Execution, Order
from live.failpoints import armed
from live.journal import STATES, Decision, Journal
from live.schema import JOURNAL
from market.errors import DataError, UnavailableError
from tests.live.written import decision

GOLD, EURO = "XAUUSD_15T", "EURUSD_1H"
QUARTER = 900_000_000


def order(name: str, series: str = GOLD, side: int = 1, decided: int = 0) -> Order:
    return Order(name, series, side, 0.5, 1.75, decided)


def execution(number: int, kind: str = "open", series: str = GOLD, client_id: str = "a") -> Execution:
    return Execution(number, client_id, series, number, kind, "none", 1, 0.5, 2000.1, 1990.0, 2020.0, 0.0, 0.0, 0.0)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "data" / "journal.db"


@pytest.fixture
def journal(path):
    with closing(Journal.open(path, "paper")) as journal:
        yield journal


@pytest.fixture
def patience(monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.01)


numbers = st.floats(allow_nan=True, allow_infinity=True)
whole = st.integers(-(2**63), 2**63 - 1)
kinds = {float: numbers, int: whole, str: st.text(st.characters(exclude_categories=["Cs"])), bool: st.booleans()}


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries({name: kinds[kind] for name, kind in Decision.__annotations__.items()}))
def test_a_decision_comes_back_as_it_was_given(given):
    journal = Journal(database.writer(database.MEMORY, JOURNAL, "FULL"), Path(database.MEMORY))
    written = Decision(**given)
    journal.record_decision(written)
    found = journal.decision(written.signal_id)
    for name, value in given.items():
        back = getattr(found, name)
        assert type(back) is type(value)
        assert back == value or (math.isnan(value) and math.isnan(back)), name


def test_nan_is_stored_as_nothing_so_that_sql_can_ask_for_it(journal, path):
    journal.record_decision(decision(1, score=math.nan))
    with closing(sqlite3.connect(path)) as shell:
        assert shell.execute("SELECT ts FROM decisions WHERE score IS NULL").fetchall() == [(1,)]


def test_decisions_are_read_by_series_and_time(journal):
    for ts in (1, 2, 3, 4):
        journal.record_decision(decision(ts))
        journal.record_decision(decision(10 * ts, EURO))
    assert [one.ts for one in journal.decisions(GOLD, 2, 3)] == [2, 3]
    assert [one.ts for one in journal.decisions(EURO)] == [10, 20, 30, 40]
    assert journal.last_decided() == {EURO: 40, GOLD: 4}
    assert journal.last_decision() == decision(40, EURO)
    assert journal.decision("none") is None


def test_decisions_are_counted_by_close_whatever_the_roles(journal):
    for ts in (1, 2, 3):
        journal.record_decision(decision(ts))
        journal.record_decision(decision(ts, role="shadow"))
    assert [journal.count_decisions(GOLD, after) for after in (0, 1, 3)] == [3, 2, 0]


@pytest.mark.parametrize(
    "second", [decision(1, signal_id="other"), decision(2, signal_id=decision(1).signal_id)], ids=["close", "name"]
)
def test_nothing_is_decided_twice(journal, second):
    journal.record_decision(decision(1))
    with pytest.raises(DataError, match="already holds what was to be written"):
        journal.record_decision(second)
    assert journal.last_decided() == {GOLD: 1}


def test_a_new_journal_is_empty(journal):
    assert journal.account == "paper"
    assert (journal.last_decided(), journal.last_decision(), journal.last_execution()) == ({}, None, 0)
    assert (journal.unresolved_orders(), journal.open_halts(), journal.sessions()) == ([], [], [])
    assert (journal.held(), journal.executions(), journal.feed_events()) == ({}, [], [])


class KilledError(BaseException):
    """What no handler of errors may hold up."""


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, KilledError])
def test_a_transaction_that_fails_leaves_nothing(journal, raised):
    with pytest.raises(raised), journal.transaction():
        journal.record_decision(decision(1))
        journal.record_intent(order("a"), decision(1).signal_id)
        raise raised
    assert not journal.in_transaction
    assert (journal.last_decided(), journal.order("a")) == ({}, None)
    journal.record_decision(decision(1))


def test_an_order_has_a_state_and_a_history(journal):
    journal.record_intent(order("a", decided=5), "signal")
    assert journal.unresolved_orders() == [(order("a", decided=5), "intended")]
    for state, at in (("sent", 6), ("working", 7), ("working", 8), ("filled", 9), ("closed", 10)):
        assert journal.record_state("a", state, at, "told") == state
    assert journal.order("a") == (order("a", decided=5), "closed")
    assert [one.state for one in journal.states("a")] == ["intended", "sent", "working", "filled", "closed"]
    assert journal.unresolved_orders() == journal.working_orders() == []
    assert journal.orders_of("signal") == journal.orders() == [(order("a", decided=5), "closed")]


@given(st.lists(st.sampled_from(sorted(STATES)), max_size=12))
def test_states_may_arrive_in_any_order_and_never_go_back(reports):
    journal = Journal(database.writer(database.MEMORY, JOURNAL, "FULL"), Path(database.MEMORY))
    journal.record_intent(order("a"), "signal")
    highest = "intended"
    for at, state in enumerate(reports):
        highest = state if STATES[state] > STATES[highest] else highest
        assert journal.record_state("a", state, at) == highest
    assert {one.state for one in journal.states("a")} == {"intended", *reports}


def test_an_order_that_was_never_intended_has_no_state(journal):
    with pytest.raises(DataError, match="holds no order a"):
        journal.record_state("a", "filled", 1)


def test_an_intent_is_written_once(journal):
    journal.record_intent(order("a"), "signal")
    with pytest.raises(DataError, match="already holds"):
        journal.record_intent(order("a"), "signal")
    assert len(journal.states("a")) == 1


def test_executions_tell_what_is_held(journal):
    for one in (execution(1), execution(2, series=EURO), execution(3, "close"), execution(4, "close", EURO)):
        journal.record_execution(one)
    assert journal.held() == {}
    journal.record_execution(execution(5, series=EURO))
    assert journal.held() == {EURO: execution(5, series=EURO)}
    assert journal.last_execution() == 5
    assert [one.number for one in journal.executions(EURO)] == [2, 4, 5]
    assert [one.number for one in journal.executions_after(3)] == [4, 5]
    with pytest.raises(DataError, match="already holds"):
        journal.record_execution(execution(5))


def test_halts_stand_until_somebody_lifts_them(journal):
    journal.record_halt(2, "drift", "profit factor 0.8", 1)
    journal.record_halt(3, "limits", "drawdown", 2)
    assert [(one.level, one.source, one.reason, one.at) for one in journal.open_halts()] == [
        (2, "drift", "profit factor 0.8", 1),
        (3, "limits", "drawdown", 2),
    ]
    journal.lift_halts("ann", 3)
    assert journal.open_halts() == []
    journal.record_halt(2, "feed", "stale", 4)
    assert [one.source for one in journal.open_halts()] == ["feed"]


def test_sessions_and_feed_events_are_kept(journal):
    first = journal.begin_session("paper", 1)
    journal.end_session(first, 2, "stopped")
    journal.begin_session("paper", 3)
    assert [(one.pid, one.started, one.ended, one.how) for one in journal.sessions()] == [
        (os.getpid(), 1, 2, "stopped"),
        (os.getpid(), 3, None, None),
    ]
    journal.record_feed_event(GOLD, 5, "late", "by 3 s", 6)
    journal.record_feed_event(EURO, 5, "gap", "2 bars", 7)
    assert [one.kind for one in journal.feed_events()] == ["late", "gap"]
    assert [one.kind for one in journal.feed_events(EURO)] == ["gap"]


def test_a_reader_sees_what_is_committed_while_the_runner_writes(journal, path):
    journal.record_decision(decision(1))
    with closing(Journal.read(path)) as reader, journal.transaction():
        journal.record_decision(decision(2))
        assert reader.last_decided() == {GOLD: 1}
    with closing(Journal.read(path)) as reader:
        assert reader.last_decided() == {GOLD: 2}


def test_a_reader_reads_a_journal_at_rest(journal, path):
    journal.record_decision(decision(1))
    journal.close()
    with closing(Journal.read(path)) as reader:
        assert reader.last_decision() == decision(1)


def test_a_reader_cannot_write(journal, path):
    with closing(Journal.read(path)) as reader, pytest.raises(UnavailableError, match="cannot be written"):
        reader.record_decision(decision(1))


def test_a_reader_of_nothing_is_told_so(path):
    with pytest.raises(UnavailableError, match="No journal at"):
        Journal.read(path)
    assert not path.parent.exists()


def test_a_commit_is_on_the_disk_and_readers_never_wait(journal):
    pragma = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    }
    assert pragma == {"synchronous": 2, "journal_mode": "wal"}


def test_a_journal_of_another_account_is_refused_untouched(journal, path):
    journal.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"is the journal of the account paper, not of live"):
        Journal.open(path, "live")
    assert path.read_bytes() == before


def test_a_newer_journal_is_refused_untouched(journal, path):
    journal._connection.execute("PRAGMA user_version = 99")
    journal.close()
    before = path.read_bytes()
    for opened in (lambda: Journal.open(path, "paper"), lambda: Journal.read(path)):
        with pytest.raises(DataError, match="is a journal of version 99, this program knows 1: use the newer program"):
            opened()
    assert path.read_bytes() == before
    assert sorted(one.name for one in path.parent.iterdir() if "-" not in one.name) == ["journal.db"]


def test_a_database_of_another_program_is_refused_untouched(tmp_path):
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE runs (id)")
    before = path.read_bytes()
    with pytest.raises(DataError, match="is a database, but not a journal"):
        Journal.open(path, "paper")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"ts,close\n1,2\n" * 500, os.urandom(8192)], ids=["text", "noise"])
def test_what_is_no_database_is_refused_untouched(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a database"):
        Journal.open(path, "paper")
    assert path.read_bytes() == content


@pytest.mark.parametrize("left", [0.1, 0.5, 0.9])
def test_a_journal_that_is_cut_short_is_not_read_as_if_whole(journal, path, left):
    with journal.transaction():
        for ts in range(300):
            journal.record_decision(decision(ts))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * left)])
    with pytest.raises(DataError, match=r"is corrupted|is not a database"):
        list(Journal.open(path, "paper").decisions(GOLD))


def test_an_empty_file_becomes_a_journal(path):
    path.parent.mkdir()
    path.touch()
    with closing(Journal.open(path, "paper")) as journal:
        assert journal.account == "paper"


def test_a_locked_journal_is_unavailable(journal, path, patience):
    with closing(Journal.open(path, "paper")) as other, journal.transaction():
        with pytest.raises(UnavailableError, match="is locked by another program"), other.transaction():
            pass
        with pytest.raises(UnavailableError, match="is locked by another program"):
            other.record_decision(decision(1))


def test_a_full_disk_refuses_the_commit_and_keeps_what_was_there(journal):
    journal.record_decision(decision(1))
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UnavailableError, match="the disk is full"), journal.transaction():
        for ts in range(2, 100):
            journal.record_decision(decision(ts))
    assert not journal.in_transaction
    journal._connection.execute(f"PRAGMA max_page_count = {pages * 100}")
    journal.record_decision(decision(2))
    assert journal.last_decided() == {GOLD: 2}


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="file cannot be made"):
        Journal.open(tmp_path / "file" / "journal.db", "paper")


def upgraded(monkeypatch, *more: str) -> None:
    """Let this program be a later one, with more migrations."""
    monkeypatch.setattr("live.journal.JOURNAL", JOURNAL._replace(migrations=(*JOURNAL.migrations, *more)))


def test_an_older_journal_is_copied_then_migrated(journal, path, monkeypatch):
    journal.record_decision(decision(1))
    journal.close()
    upgraded(monkeypatch, "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('new')")
    with closing(Journal.open(path, "paper")) as later:
        assert later._all("SELECT text FROM notes") == [("new",)]
        assert later.last_decision() == decision(1)
    monkeypatch.undo()
    with pytest.raises(DataError, match="of version 2"):
        Journal.open(path, "paper")
    with closing(Journal.read(path.with_name("journal.db.v1"))) as copy:
        assert copy.last_decision() == decision(1)


def test_an_older_journal_is_not_read_before_it_is_migrated(journal, path, monkeypatch):
    upgraded(monkeypatch, "CREATE TABLE notes (text TEXT)")
    with pytest.raises(DataError, match="is a journal of version 1, wanted 2: start the runner once"):
        Journal.read(path)


def test_a_migration_that_fails_leaves_the_old_journal(journal, path, monkeypatch):
    journal.record_decision(decision(1))
    journal.close()
    upgraded(monkeypatch, "CREATE TABLE notes (text TEXT)", "DROP TABLE decisions; DROP TABLE nonsense")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        Journal.open(path, "paper")
    upgraded(monkeypatch, "CREATE TABLE notes (text TEXT)")
    with closing(Journal.open(path, "paper")) as later:
        assert later.last_decision() == decision(1)


def test_a_journal_whose_making_was_killed_is_made_by_the_next_start(path):
    def killed(label: str) -> None:
        raise KilledError

    with pytest.raises(KilledError), armed(killed):
        Journal.open(path, "paper")
    with closing(Journal.open(path, "paper")) as journal:
        journal.record_decision(decision(1))


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_what_was_committed_survives_a_kill(path):
    """The child tells each close after its commit, and kills itself inside a later transaction."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            journal = Journal.open(path, "paper")
            for ts in range(1, 21):
                with journal.transaction():
                    journal.record_decision(decision(ts))
                    if ts == 20:
                        os.kill(os.getpid(), signal.SIGKILL)
                os.write(tell, bytes([ts]))
        finally:
            os._exit(1)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(told, "rb") as pipe, closing(Journal.open(path, "paper")) as journal:
        assert [one.ts for one in journal.decisions(GOLD)] == list(pipe.read()) == list(range(1, 20))


def steps(journal: Journal, asked: str) -> int:
    """Return how many steps of the database an answer takes."""
    taken = []
    journal._connection.set_progress_handler(lambda: taken.append(1), 1)
    getattr(journal, asked)()
    journal._connection.set_progress_handler(None, 1)
    return len(taken)


def lived(journal: Journal, start: int, end: int) -> None:
    with journal.transaction():
        for ts in range(start, end):
            journal.record_decision(decision(ts))
            journal.record_intent(order(f"order-{ts}", decided=ts), "signal")
            journal.record_state(f"order-{ts}", "closed", ts)
            journal.record_halt(2, "feed", "stale", ts)
            journal.lift_halts("ann", ts)


@pytest.mark.parametrize(
    "asked", ["last_decided", "last_decision", "last_execution", "unresolved_orders", "working_orders", "open_halts"]
)
def test_a_long_journal_answers_at_a_start_as_fast_as_a_short_one(journal, asked):
    lived(journal, 0, 10)
    short = steps(journal, asked)
    lived(journal, 10, 1000)
    assert steps(journal, asked) <= short


def test_an_answer_that_takes_longer_in_a_long_journal_is_caught(journal):
    lived(journal, 0, 10)
    short = steps(journal, "orders")
    lived(journal, 10, 1000)
    assert steps(journal, "orders") > 10 * short


def killed_while_it_is_made(folder):
    """Return the path of a journal as a kill leaves it that comes before the log is in use."""
    path = folder / "journal.db"
    Journal.open(path, "paper").close()
    (folder / "dead").mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA cache_size = 2", "BEGIN IMMEDIATE"):
            connection.execute(statement)
        for number in range(300):
            row = "INSERT INTO feed_events (series, ts, kind, detail, at) VALUES ('x', ?, 'late', ?, 1)"
            connection.execute(row, (number, "y" * 500))
        for one in folder.glob("journal.db*"):
            shutil.copy(one, folder / "dead")
    return folder / "dead" / "journal.db"


@pytest.mark.parametrize("opened", [lambda path: Journal.open(path, "paper"), Journal.read], ids=["open", "read"])
def test_what_a_killed_program_began_to_write_is_undone(tmp_path, opened):
    path = killed_while_it_is_made(tmp_path)
    assert path.with_name("journal.db-journal").exists()
    with closing(opened(path)) as journal:
        assert journal.feed_events() == []
