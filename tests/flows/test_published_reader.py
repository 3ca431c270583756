"""Readers of the published copy meet no lock and no half run, whatever runs meanwhile."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.settings import Settings
from orchestration.headless import run_daily
from tests.flows import reader
from tests.flows.small_home import OrderRow, drop_orders, published, settings_for, wait_until

pytestmark = pytest.mark.xdist_group("flows")

DAYS = (dt.date(2026, 3, 10), dt.date(2026, 3, 11))


def orders_of(day: dt.date, count: int) -> list[OrderRow]:
    return [
        OrderRow(f"{day:%d}-{n}", f"b{n % 40}", f"{day} {8 + n % 12:02d}:15:00", f"{20 + n}.50")
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_for(tmp_path_factory.mktemp("reader") / "home")
    drop_orders(settings, "first.csv", orders_of(DAYS[0], 300))
    assert run_daily(settings, as_of=DAYS[0], line=lambda text: None).success
    return settings


@pytest.fixture(scope="module")
def report(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a reader saw from before the second run until after it."""
    folder = tmp_path_factory.mktemp("reading")
    child = subprocess.Popen(
        [sys.executable, "-P", reader.__file__, str(settings.published_dir), str(folder / "stop")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until(lambda: (folder / "reading").exists() or child.poll() is not None, "the reader reads")
        drop_orders(settings, "second.csv", orders_of(DAYS[1], 200))
        assert run_daily(settings, as_of=DAYS[1], line=lambda text: None).success
        (folder / "stop").touch()
        said, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, errors.decode()
    found: dict[str, Any] = json.loads(said)
    return found


def test_reader__sees_whole_copies_only(report: dict[str, Any]) -> None:
    assert report["wrong"] == []
    assert report["looks"] > 20


def test_reader__keeps_the_copy_it_holds_open(report: dict[str, Any]) -> None:
    assert report["holds"] == report["looks"]


def test_reader__sees_the_new_copy_without_asking(report: dict[str, Any], settings: Settings) -> None:
    assert list(report["seen"].values()) == [str(day) for day in DAYS]
    assert published(settings, "select count(*) from orders") == [(500,)]


def test_reader__would_tell_a_torn_copy(settings: Settings, tmp_path: Path, report: dict[str, Any]) -> None:
    """The reader's own eyes: a copy with a table of another run, or short of rows, does not pass."""
    copies = sorted(settings.published_dir.glob("[!.]*/manifest.json"), key=lambda path: path.stat().st_mtime)
    old, new = (path.parent for path in copies if not path.parent.is_symlink())
    torn = tmp_path / "torn"
    shutil.copytree(new, torn)
    shutil.copy(old / "orders.parquet", torn / "orders.parquet")
    assert reader.look(torn)[1]
    assert not reader.look(new)[1]
