"""Fixtures of all rooms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exactness.dbt_home import DbtHome


@pytest.fixture(scope="session")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the homes of all modules of this process stand, one after the other: dbt parses its project once."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def home(dbt_folder: Path) -> DbtHome:
    """An empty home for the tests of one module."""
    home = DbtHome(dbt_folder)
    home.clear()
    return home
