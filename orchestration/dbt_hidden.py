"""Imports dagster-dbt without dbt.

dagster-dbt works without dbt-core in its process (it must, for dbt Fusion) and then uses small types of its own.
Ours runs dbt in a child only; importing it here as well would cost every run and every code server two seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PROBE = "dbt.version"


@contextmanager
def dbt_hidden() -> Iterator[None]:
    """Make dbt look as if it were not installed, for the imports inside the block."""
    modules: dict[str, Any] = sys.modules
    before = modules.get(_PROBE)
    modules[_PROBE] = None  # what Python itself puts there to say: not importable
    try:
        yield
    finally:
        del modules[_PROBE]
        if before is not None:
            modules[_PROBE] = before
