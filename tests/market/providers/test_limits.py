"""The limits of each provider: there, sane, and no place for secrets."""

import pytest

from market import settings
from market.errors import UsageError
from market.vendors.providers import PROVIDERS
from market.vendors.providers.limits import limits

TABLE = {"requests_per_minute": 5, "deadline_seconds": 10, "max_mebibytes": 1, "attempts": 3}


@pytest.fixture
def written(tmp_path, monkeypatch):
    def write(**values):
        lines = [f"{name} = {value!r}" for name, value in (TABLE | values).items()]
        (tmp_path / "fetch.toml").write_text("[binance]\n" + "\n".join(lines).replace("'", '"'))
        monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path))
        return limits("binance")

    return write


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_every_provider_has_its_limits(provider):
    found = limits(provider)
    assert found.url.startswith("https://") and not found.url.endswith("/")
    assert found.deadline_seconds * found.requests_per_minute / 60 > found.attempts


def test_there_are_no_limits_without_a_provider():
    assert set(settings.read_toml("fetch")) == set(PROVIDERS)


@pytest.mark.parametrize(
    "url",
    [
        "https://host.name",
        "https://host.name:8443/path/",
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:1",
    ],
)
def test_an_address_is_https_or_of_this_machine(url, written):
    assert written(url=url).url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://host.name",
        "http://127.0.0.1.host.name",
        "ftp://host.name",
        "file:///etc/passwd",
        "host.name",
        "https://",
        "https://host.name/?apiKey=canary-7f3a",
        "https://host.name/#canary-7f3a",
        "https://me:canary-7f3a@host.name",
        "https://canary-7f3a@host.name",
        "https://host.name:99999",
        "https://host name",
        "https://[",
        "",
    ],
)
def test_any_other_address_is_refused_without_repeating_it(url, written):
    with pytest.raises(UsageError, match=r"config/fetch.toml \[binance\]: url: wanted") as caught:
        written(url=url)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"attempts": 0},
        {"attempts": 21},
        {"requests_per_minute": 0},
        {"deadline_seconds": -1},
        {"max_mebibytes": 5000},
        {"atempts": 3},
        {"url": 3},
    ],
)
def test_a_wrong_limit_is_named(values, written):
    with pytest.raises(UsageError, match=next(iter(values))):
        written(**{"url": "https://host.name"} | values)


def test_a_missing_table_is_named(written):
    written(url="https://host.name")
    with pytest.raises(UsageError, match=r"No \[polygon\] in config/fetch.toml: there are binance"):
        limits("polygon")
