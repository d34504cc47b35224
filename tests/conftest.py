"""What all tests share: keys of their own, so that none of them ever signs with the user's."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the keys that sign promotions in a temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_KEYS", str(tmp_path_factory.mktemp("keys")))
        yield
