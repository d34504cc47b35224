"""Which trainings may be beside each other, at which addresses a scheduler may be, and which series a fleet has."""

import itertools
import random

import pytest

from market import fleet_settings
from market.errors import UsageError
from market.fleet_settings import Cluster
from pipeline import fleet_address, fleet_admission
from pipeline.fleet_admission import Host, Placed, Wanting, admitted
from tests.pipeline.conftest import CommandLine

LARGE = [Wanting("XAUUSD_1T", 10), Wanting("EURUSD_1T", 10)]
SMALL = [Wanting(f"XAUUSD_{number}", 1) for number in range(6)]


def names(placed: list[Placed]) -> list[str]:
    return [one.series for one in placed]


def test_two_large_series_are_never_beside_each_other():
    host = Host("here", 4, 14)
    begun = admitted([*LARGE, *SMALL], [], [host])
    assert names(begun) == ["XAUUSD_1T", "XAUUSD_0", "XAUUSD_1", "XAUUSD_2"]
    assert names(admitted([LARGE[1], *SMALL[3:]], begun[1:], [host])) == ["EURUSD_1T"], "it comes before smaller ones"


def test_smaller_ones_pass_only_while_one_as_large_is_at_work():
    host = Host("here", 4, 10)
    working = [Placed("XAUUSD_0", "here", 1)]
    assert admitted([LARGE[0], *SMALL[1:]], working, [host]) == []
    working = [Placed("EURUSD_1T", "here", 8), Placed("XAUUSD_0", "here", 1)]
    assert names(admitted([Wanting("XAUUSD_1T", 8), *SMALL[1:]], working, [host])) == ["XAUUSD_1"]


def test_what_no_machine_has_memory_for_is_alone():
    hosts = [Host("one", 2, 5), Host("two", 2, 4)]
    assert admitted(LARGE, [], hosts) == [Placed("XAUUSD_1T", "one", 10), Placed("EURUSD_1T", "two", 10)]
    assert admitted([LARGE[0]], [Placed("a", "one", 1), Placed("b", "two", 1)], hosts) == []


def test_every_series_comes_to_its_turn_and_no_machine_is_asked_for_more_than_it_has():
    draw = random.Random(7)
    for _ in range(100):
        hosts = [Host(name, draw.randint(1, 4), draw.randint(5, 20)) for name in "ab"]
        waiting = [Wanting(str(number), draw.randint(0, 12)) for number in range(20)]
        working: list[Placed] = []
        for turn in itertools.count():
            working += admitted(waiting, working, hosts)
            waiting = [one for one in waiting if one.series not in names(working)]
            for host in hosts:
                here = [one.memory for one in working if one.host == host.name]
                assert len(here) <= host.slots
                assert sum(here) <= host.memory or len(here) == 1
            if not working:
                break
            working.pop(draw.randrange(len(working)))
            assert turn < 100
        assert waiting == []


def test_what_a_machine_has_is_the_sum_of_its_workers():
    worker = {"host": "10.0.0.1", "nthreads": 1, "memory_limit": 100, "resources": {}}
    offering = worker | {"host": "10.0.0.2", "nthreads": 2, "resources": {"memory": 64.0}}
    told = fleet_admission.hosts_of({"tls://1": worker, "tls://2": worker, "tls://3": offering}, 0.5)
    assert told == [Host("10.0.0.1", 2, 100), Host("10.0.0.2", 2, 64)]
    assert fleet_admission.hosts_of({"tls://1": worker | {"memory_limit": None}}, 0.5) == [Host("10.0.0.1", 1, 0)]


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"])
def test_on_loopback_a_scheduler_needs_no_certificates(url):
    assert fleet_address.address_of(Cluster(), url) == fleet_address.Address(url)


@pytest.mark.parametrize("url", ["tcp://10.0.0.7:8786", "tcp://head:8786", "tcp://0.0.0.0:8786"])
def test_off_loopback_only_tls_is_spoken(url, tmp_path):
    assay = CommandLine(tmp_path)
    for words in (["--scheduler", url], []):
        if not words:
            assay.replace("fleet", 'scheduler = ""', f'scheduler = "{url}"')
        ended = assay("fleet", "run", *words)
        assert ended.code == 2
        assert "without TLS" in ended.err


@pytest.mark.parametrize("url", ["head:8786", "tls://head", "http://head:80", "tls://head:port", "tls://head:1/path"])
def test_what_is_no_address_is_refused(url, tmp_path):
    ended = CommandLine(tmp_path)("fleet", "run", "--scheduler", url)
    assert ended.code == 2
    assert "wanted tls://HOST:PORT" in ended.err


def test_tls_needs_its_files(tmp_path):
    ended = CommandLine(tmp_path)("fleet", "run", "--scheduler", "tls://head:8786")
    assert ended.code == 2
    assert "names no file for authority, certificate, key" in ended.err


def test_the_fleet_has_forty_eight_series():
    names = [one.name for one in fleet_settings.series()]
    assert len(names) == len({*names}) == 48
    assert names[:2] == ["XAUUSD_1T", "XAUUSD_5T"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"XAUUSD", "XAGUSD"', '"XAUUSD", "XAUUSD"', "stands there twice"),
        ("without = []", 'without = ["XAUUSD_2H"]', "Unknown timeframe"),
        ("without = []", 'without = ["ETHUSD_1T"]', "is no series of the fleet"),
        ("memory = 0.7", "memory = 7", "memory"),
        ("[cluster]", "[clusters]", "Did you mean cluster?"),
        ('"XAUUSD", "XAGUSD"', '"SIM_XAUUSD", "XAGUSD"', "is simulated"),
    ],
)
def test_what_is_wrong_in_the_settings_is_said(tmp_path, monkeypatch, old, new, told):
    assay = CommandLine(tmp_path)
    assay.replace("fleet", old, new)
    monkeypatch.setenv("ASSAY_CONFIG", str(assay.config))
    with pytest.raises(UsageError, match=told.replace("?", r"\?")):
        fleet_settings.series()
        fleet_settings.cluster()
