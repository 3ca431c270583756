"""Readers of the published copy meet no lock and no half run, whatever runs meanwhile."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from common.settings import Settings
from orchestration.headless import run_daily
from orchestration.home import open_instance
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


def test_report_page__is_of_the_same_run_and_compares_with_the_day_before(
    settings: Settings, report: dict[str, Any]
) -> None:
    page = settings.published_dir / "report.html"
    assert page.samefile(settings.published_dir / "current" / "report.html")
    text = page.read_text(encoding="utf-8")
    assert f"<title>私域日报 Siyu report · {DAYS[1]}</title>" in text
    assert f"自 {DAYS[0]} 的副本以来" in text
    assert ">+200<" in text  # orders of the second day
    assert "could not be made" not in text


def test_assets__carry_their_pictures_and_the_page(settings: Settings, report: dict[str, Any]) -> None:
    with open_instance(settings) as instance:
        found = {
            key: instance.get_latest_materialization_event(
                dg.AssetKey(key.split("/"))
            ).asset_materialization.metadata  # type: ignore[union-attr]
            for key in ("marts/member_tiers", "marts/segments", "published/current")
        }
    assert found["published/current"]["report_made"] == dg.TextMetadataValue("made")
    assert found["published/current"]["report"].value == (settings.published_dir / "report.html").as_uri()
    tiers = dict(published(settings, "select tier_name_zh, count(*) from member_tiers group by all"))
    assert tiers
    for name, count in tiers.items():
        assert found["marts/member_tiers"][f"customers/{name}"] == dg.IntMetadataValue(count)
    assert "data:image/svg+xml" in str(found["marts/member_tiers"]["pyramid"].value)
    sizes = dict(published(settings, "select segment_code, member_count from segments"))
    assert sizes
    for code, count in sizes.items():
        assert found["marts/segments"][f"members/{code}"] == dg.IntMetadataValue(count)
