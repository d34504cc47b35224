"""What all tests share: keys of their own, so that none of them ever signs with the user's; examples drawn alike; one
core, unless a test asks for more.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Machines are busy, so a slow example is no fault; a change is judged on the same examples everywhere, and
# `make explore` draws new ones.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the keys that sign promotions in a temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_KEYS", str(tmp_path_factory.mktemp("keys")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """Let a command that is told no number of workers do its work itself: workers take seconds to start.

    That no byte of a result depends on them is shown where more are asked for: chunks of features, tuning, paths.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        yield
