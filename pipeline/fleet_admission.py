"""Which trainings may be at work beside each other: the largest first, and no more than a machine has memory for."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Wanting(NamedTuple):
    """A series that waits: how many bytes of memory it is expected to need; the longest one stands first."""

    series: str
    memory: int


class Host(NamedTuple):
    """A machine: how many trainings it takes at once, and the bytes of memory that all of them may need together."""

    name: str
    slots: int
    memory: int


class Placed(NamedTuple):
    """A series that is at work, or shall be, on a machine."""

    series: str
    host: str
    memory: int


def admitted(waiting: Sequence[Wanting], working: Sequence[Placed], hosts: Sequence[Host]) -> list[Placed]:
    """Return which of `waiting` may begin now, and where: each on the machine with the most memory left.

    One that needs more than any machine has begins where nothing else is at work. A smaller one passes one that has to
    wait only while another at least as large is at work there: so the largest come first, and none waits for ever.

    >>> admitted([Wanting("XAUUSD_1T", 9), Wanting("EURUSD_1T", 9), Wanting("XAUUSD_4H", 1)], [], [Host("a", 2, 12)])
    [Placed(series='XAUUSD_1T', host='a', memory=9), Placed(series='XAUUSD_4H', host='a', memory=1)]
    """
    begun: list[Placed] = []
    held: set[str] = set()
    for one in waiting:
        free = {}
        for host in hosts:
            here = [placed for placed in (*working, *begun) if placed.host == host.name]
            left = host.memory - sum(placed.memory for placed in here)
            if len(here) >= host.slots:
                continue
            if one.memory > left and here:
                if max(placed.memory for placed in here) < one.memory:
                    held.add(host.name)
            elif host.name not in held:
                free[host.name] = left
        if free:
            begun.append(Placed(one.series, max(free, key=lambda name: free[name]), one.memory))
    return begun


def hosts_of(workers: Mapping[str, Mapping], share: float) -> list[Host]:
    """Return the machines of a cluster from what its scheduler tells of each worker, by address.

    Of memory counts what workers offer as the resource `memory`, else the given `share` of their limits; a worker
    without either offers none, so that only one training at a time is at work beside others of its kind.
    """
    found: dict[str, Host] = {}
    for worker in workers.values():
        name = str(worker["host"])
        offered = worker.get("resources", {}).get("memory") or share * (worker.get("memory_limit") or 0)
        host = found.get(name, Host(name, 0, 0))
        found[name] = Host(name, host.slots + int(worker["nthreads"]), host.memory + int(offered))
    return [found[name] for name in sorted(found)]
