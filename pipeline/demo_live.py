"""The champion of the demo at work: traded on paper, and refused where a hand has moved its alias.

Nothing here trains. The paper account is begun anew each time, so that a second run shows the same.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.markup import escape

from live import restriction, session
from live.brokers import Execution
from live.journal import Journal
from live.rows import Decision
from live.session import Ended
from market.errors import GateError
from pipeline import explain, planted, screen
from pipeline.demo_step import Demo, Finding, say
from pipeline.screen import Screen
from registry import tracking
from registry.tracking import CHAMPION

SERIES = planted.SERIES
FEWEST = 10  # trades without which a stretch shows nothing

_BY_HAND = "moved_by_hand"
_ACCOUNT = [f"{name}.db{suffix}" for name in ("journal", "paper") for suffix in ("", "-wal", "-shm")]
_ORDERS = [f"control/{name}" for name in (*restriction.FILES, restriction.RESUME)]


def paper(demo: Demo) -> Finding:
    """The champion trades on paper what came after its cut-off, and a decision explains itself."""
    demo.champion()
    begin_anew(demo.account)
    ended = _traded(demo)
    decisions, closed = _journaled(demo)
    ordered = next((one for one in decisions if one.side != 0), None)
    again = None if ordered is None else _explained(demo, ordered.signal_id)
    r = sum(one.r for one in closed)
    wanted = f"{FEWEST} trades at least, a gain, nothing against new ones, a decision that comes out the same again"
    found = f"{len(closed)} trades in {len(decisions):,} bars, {r:+.2f} R, equity {ended.equity:,.2f} USD"
    if ended.standing:
        found += f"; against new ones: {'; '.join(ended.standing)}"
    if again is not True:
        found += f"; {'no order to explain' if ordered is None else f'{ordered.signal_id} does not come out the same'}"
    return Finding(wanted, found, len(closed) >= FEWEST and r > 0 and not ended.standing and again is True)


def alias(demo: Demo) -> Finding:
    """An alias that was moved by hand is refused, and traded again once it is put back."""
    record = demo.champion()
    before = _journaled(demo)
    with moved_by_hand(demo.account, record) as other:
        refusal = _refusal(demo)
        say(f"Moved by hand from version {record['version']} to {other}: {escape(refusal or 'traded all the same')}")
        untouched = _journaled(demo) == before
    ended = _traded(demo)
    named = set(re.findall(r"version (\d+)", refusal or "")) == {other, record["version"]}
    wanted = f"a refusal that names version {other} and {record['version']}, no decision, then trading again"
    found = (
        f"{'refused, naming both versions' if named else refusal or 'not refused'}; "
        f"{'no decision' if untouched else 'decisions'} meanwhile; put back: run {record['run_id']} trades again, "
        f"equity {ended.equity:,.2f} USD"
    )
    return Finding(wanted, found, named and untouched)


def begin_anew(account: Path) -> None:
    """Remove the paper account of a demo: its journal, its broker's book and the orders in `control`, and no more.

    Raises UnavailableError where a runner has it.
    """
    with session.held(account):
        for name in (*_ACCOUNT, *_ORDERS):
            (account / name).unlink(missing_ok=True)


@contextlib.contextmanager
def moved_by_hand(account: Path, record: dict[str, Any]) -> Iterator[str]:
    """Let the registry's alias point at another version than that of `record`, as a hand could, and yield that one.

    The version is made once and found again, so that the registry does not grow. The alias is put back in any case.
    """
    with tracking.opened(account) as client:
        known = [one for one in client.search_model_versions(f"name='{SERIES}'") if _BY_HAND in one.tags]
        if not known:
            source = f"{client.get_run(record['run_id']).info.artifact_uri}/bundle"
            known = [client.create_model_version(SERIES, source, record["run_id"], tags={_BY_HAND: "by the demo"})]
    other = str(known[0].version)
    try:
        _point(account, other)
        yield other
    finally:
        _point(account, record["version"])


def _traded(demo: Demo) -> Ended:
    with Screen().stage("paper"):
        return session.trade(demo.account, [SERIES], True, None, lambda: False, lambda line: None)


def _refusal(demo: Demo) -> str | None:
    try:
        _traded(demo)
    except GateError as error:
        return str(error)
    return None


def _journaled(demo: Demo) -> tuple[list[Decision], list[Execution]]:
    """Return the decisions and the closed trades of the paper account."""
    with contextlib.closing(Journal.read(demo.account / "journal.db")) as journal:
        decisions = list(journal.decisions(SERIES))
        return decisions, [one for one in journal.executions(SERIES) if one.kind == "close"]


def _explained(demo: Demo, signal_id: str) -> bool | None:
    """Print how a decision came about, and return whether the stored bars give it again."""
    told = explain.explain(signal_id, demo.planted)
    screen.show(told, False, screen.explained)
    return told["again"]["same"]


def _point(account: Path, version: str) -> None:
    with tracking.opened(account) as client:
        client.set_registered_model_alias(SERIES, CHAMPION, version)
