"""What the tests of this room share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster._core.storage.defs_state.base import set_defs_state_storage


@pytest.fixture(autouse=True, scope="module")
def no_instance_of_an_earlier_test() -> Iterator[None]:
    """Dagster keeps the storage of an instance that was entered twice, and then loads definitions from the dead one.

    Of the module: the definitions that its tests share are loaded before any of them.
    """
    with set_defs_state_storage(None):
        yield
