"""Pictures for Dagster: well-formed SVG, names as text, and never a failed build."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import dagster as dg
import pytest

from common.settings import Settings
from common.warehouse import connect
from orchestration.assets.pictures import has_picture, with_pictures
from tests.orchestration.report.copies import AS_OF, HOSTILE, TABLES

MART = {"cohort_retention": "cohort_retention", "member_tiers": "member_tiers", "segments": "segments"}
KEYS = [dg.AssetKey(["marts", name]) for name in MART]
DAY = dt.date.fromisoformat(AS_OF)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(_env_file=None, home=tmp_path)
    with connect(settings.warehouse_path) as db:
        db.execute("create schema marts")
        for name in (*MART, "segment_history"):
            given = {"hostile": HOSTILE} if "$hostile" in TABLES[name] else {}
            db.execute(f"create table marts.{name} as {TABLES[name]}", given)
    return settings


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    nodes = {
        f"model.siyu.{name}": {
            "resource_type": "model", "schema": "marts", "alias": name, "unique_id": f"model.siyu.{name}",
            "config": {"meta": {"published_as": name}},
        }
        for name in (*MART, "segment_history", "not_built")
    }  # fmt: skip
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"nodes": nodes}))
    return path


def drawn(settings: Settings, manifest: Path, warnings: list[str]) -> dict[str, dict[str, dg.MetadataValue]]:
    outputs = {key: dg.Output(None, key.path[-1], metadata={"unique_id": "as before"}) for key in KEYS}
    found = with_pictures(settings, manifest, outputs, as_of=DAY, warn=warnings.append)
    return {output.output_name: dict(output.metadata) for output in found}


def svg(value: dg.MetadataValue) -> ElementTree.Element:
    assert isinstance(value, dg.MarkdownMetadataValue)
    assert value.md_str is not None
    found = re.fullmatch(r"!\[[\w ]+\]\(data:image/svg\+xml;base64,(.+)\)", value.md_str)
    assert found is not None
    return ElementTree.fromstring(base64.b64decode(found.group(1)))


def texts(picture: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_pictures__show_what_the_tables_hold(settings: Settings, manifest: Path) -> None:
    warnings: list[str] = []
    found = drawn(settings, manifest, warnings)
    assert warnings == []
    assert texts(svg(found["cohort_retention"]["heat_map"])) == [
        "1", "2", "2026-01 · 40", "50", "32", "2026-02 · 20", "50",
    ]  # fmt: skip
    assert texts(svg(found["member_tiers"]["pyramid"]))[-2:] == ["青铜", "20 · 43%"]
    # Dagster itself plots these over the runs.
    assert found["segments"]["members/loyal"] == dg.IntMetadataValue(62)
    assert found["segments"]["members/nobody"] == dg.IntMetadataValue(0)
    for metadata in found.values():
        assert metadata["unique_id"] == dg.TextMetadataValue("as before")


def test_pictures__show_hostile_names_as_text(settings: Settings, manifest: Path) -> None:
    found = drawn(settings, manifest, [])
    assert HOSTILE in texts(svg(found["member_tiers"]["pyramid"]))
    assert HOSTILE[:14] in texts(svg(found["segments"]["sizes_over_time"]))


def test_pictures__one_that_cannot_be_drawn_is_left_out(settings: Settings, manifest: Path) -> None:
    with connect(settings.warehouse_path) as db:
        db.execute("drop table marts.member_tiers")
    warnings: list[str] = []
    found = drawn(settings, manifest, warnings)
    assert set(found["member_tiers"]) == {"unique_id"}
    assert "heat_map" in found["cohort_retention"]
    assert warnings == ["no picture of marts/member_tiers: MissingInputError: member_tiers"]


def test_has_picture__is_for_assets_that_are_there(tmp_path: Path) -> None:
    from orchestration.definitions import build_definitions

    keys = (
        build_definitions(Settings(_env_file=None, home=tmp_path)).resolve_asset_graph().get_all_asset_keys()
    )
    assert {key for key in keys if has_picture(key)} == {*KEYS, dg.AssetKey(["marts", "tag_catalog"])}
