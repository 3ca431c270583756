"""Drops with a manifest: nothing is taken before all of it is there as told, and then all of it once."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.lake import Lake
from common.pii import phone_hmac, pii_key
from common.settings import Settings
from common.streams import STREAMS, streams_of
from common.warehouse import connect
from ingestion import inbox
from ingestion.files import FileRejectedError
from ingestion.manifests import Drop, write_manifest
from orchestration.landing import StreamResult, land

DAY = dt.date(2026, 11, 20)
CONTACTS = (
    "账号,微信号,昵称,备注,手机,添加时间,标签\nstaff1,wxid_1,小鹿,李四,13812345678,2026-01-02 10:00,老客\n"
)
CONTACTS_MAPPING = """
source: personal
columns: {account_id: 账号, contact_id: 微信号, nickname: 昵称, remark: 备注, phone: 手机,
          added_at: 添加时间, tags: 标签}
"""
ORDERS = (
    "id,buyer,at,yuan,n,sku,num,line\nA,b1,2026-01-02,3.00,2,s1,1,1.00\nA,b1,2026-01-02,3.00,2,s2,1,2.00\n"
)
ORDERS_MAPPING = """
source: stores
columns: {order_id: id, buyer_id: buyer, paid_at: at, amount: yuan, item_count: n}
lines: {sku_id: sku, quantity: num, amount: line}
constants: {status: completed}
"""
MEMBERS = "id,name\nb1,张三\n,无名\n"
MEMBERS_MAPPING = "source: stores\ncolumns: {buyer_id: id, name: name}\n"
POINTS = "id,buyer,at,points\np1,b1,2026-01-02,-300\n"
POINTS_MAPPING = "source: stores\ncolumns: {change_id: id, buyer_id: buyer, changed_at: at, points: points}\n"


@pytest.fixture
def friends(settings: Settings) -> Path:
    """A folder of the inbox with contacts of personal WeChat, without a manifest yet."""
    folder = settings.inbox_dir / "personal_wechat" / "2026-11-20"
    folder.mkdir(parents=True)
    (folder / "contacts.csv").write_text(CONTACTS, encoding="gbk")
    (folder / "mapping.yml").write_text(CONTACTS_MAPPING, encoding="utf-8")
    return folder


@pytest.fixture
def stores(settings: Settings) -> Path:
    """A folder with orders (one row per line), members and points of stores, with its manifest."""
    folder = settings.inbox_dir / "store" / "hangzhou"
    folder.mkdir(parents=True)
    for name, text in {
        "orders_11.csv": ORDERS,
        "orders.mapping.yml": ORDERS_MAPPING,
        "members_11.csv": MEMBERS,
        "members_11.csv.mapping.yml": MEMBERS_MAPPING,
        "points_changes_11.csv": POINTS,
        "points_changes.mapping.yml": POINTS_MAPPING,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    write_manifest("store", folder, exported_by="店长", as_of=DAY)
    return folder


def drops(settings: Settings, lake: Lake) -> list[Drop]:
    return inbox.drops(settings, lake, settle_seconds=-5)


def landed_rows(lake: Lake, key: str) -> list[dict[str, Any]]:
    with connect() as db:
        table = db.execute(f"select * from read_parquet('{lake.glob(STREAMS[key])}')").to_arrow_table()
    return list(table.to_pylist())


def landing(
    settings: Settings, lake: Lake, channel: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, StreamResult]:
    monkeypatch.setattr(inbox.drops, "__kwdefaults__", {"settle_seconds": -5})
    return {result.stream.name: result for result in land(settings, lake, streams_of(channel), DAY)}


def test_the_manifest_tells_stream_mapping_rows_and_checksum(stores: Path) -> None:
    manifest = yaml.safe_load((stores / "manifest.yml").read_text())
    assert manifest["exported_by"] == "店长"
    assert manifest["as_of"] == DAY
    told = [(file["path"], file["stream"], file["mapping"], file["rows"]) for file in manifest["files"]]
    assert told == [
        ("members_11.csv", "members", "members_11.csv.mapping.yml", 2),
        ("orders_11.csv", "orders", "orders.mapping.yml", 2),
        ("points_changes_11.csv", "points_changes", "points_changes.mapping.yml", 1),
    ]


def test_a_complete_drop_lands_whole_and_once(
    stores: Path, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = landing(settings, lake, "store", monkeypatch)
    assert {name: result.total("changed") for name, result in results.items()} == {
        "orders": 1, "order_lines": 2, "members": 1, "points_changes": 1, "rows": 1
    }  # fmt: skip
    (report,) = lake.loads(STREAMS["store/orders"])
    assert report.details["manifest"] == {"as_of": "2026-11-20", "exported_by": "店长", "folder": "hangzhou"}
    assert drops(settings, lake) == []
    assert (stores / "orders_11.csv").exists()
    again = landing(settings, lake, "store", monkeypatch)
    assert sum(result.total("rows") for result in again.values()) == 0


def test_personal_wechat_contacts_land_with_their_phone_hashed(
    friends: Path, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest("personal_wechat", friends, exported_by="导购", as_of=DAY)
    landing(settings, lake, "personal_wechat", monkeypatch)
    (row,) = landed_rows(lake, "personal_wechat/contacts")
    assert (row["account_id"], row["contact_id"], row["tags"]) == ("staff1", "wxid_1", "老客")
    assert row["added_at"] == dt.datetime(2026, 1, 2, 2)
    assert row["phone_hmac"] == phone_hmac("13812345678", pii_key(settings))


def test_a_folder_without_manifest_waits_and_says_so(
    friends: Path, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = landing(settings, lake, "personal_wechat", monkeypatch)["contacts"]
    assert result.error is None
    assert "2026-11-20: expected manifest.yml; `siyu ingest manifest FOLDER` writes one" in (
        result.note or ""
    )
    assert (friends / "contacts.csv").exists()
    assert inbox.waiting(settings, lake, settle_seconds=-5) == []


def test_a_missing_file_keeps_the_others_waiting(
    stores: Path, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_back = stores.parent.parent / "elsewhere.csv"
    (stores / "orders_11.csv").rename(held_back)
    results = landing(settings, lake, "store", monkeypatch)
    assert "orders_11.csv: expected a file of 2 rows, it is not there yet" in (results["members"].note or "")
    assert lake.last_load_id() is None
    held_back.rename(stores / "orders_11.csv")
    assert landing(settings, lake, "store", monkeypatch)["members"].total("changed") == 1


def test_a_file_still_being_written_is_waited_for(stores: Path, settings: Settings, lake: Lake) -> None:
    (drop,) = inbox.drops(settings, lake, settle_seconds=3600)
    assert not drop.complete
    assert "may still be on its way" in drop.told()


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.yml"
    manifest = yaml.safe_load(path.read_text())
    manifest["files"][0] |= changes
    path.write_text(yaml.safe_dump(manifest, allow_unicode=True))


def test_differences_are_told_and_nothing_is_taken(
    stores: Path, settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stores / "orders_11.csv").write_text(ORDERS + "B,b2,2026-01-02,1.00,1,s1,1,1.00\n")
    edit(stores, rows=7)
    (stores / "orders_12.csv").write_text(ORDERS)
    results = landing(settings, lake, "store", monkeypatch)
    told = results["members"].error or ""
    assert "orders_11.csv: expected sha256" in told
    assert "members_11.csv: expected 7 rows, got 2" in told
    assert "orders_12.csv: the manifest does not name it" in told
    assert lake.last_load_id() is None
    assert (stores / "orders_11.csv").exists()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"path": "../members.csv"}, "expected the name of a file in the manifest's own folder"),
    ({"sha256": "abc"}, "files.0.sha256"),
    ({"stream": "contacts"}, "store/contacts: files fill only"),
    ({"mapping": "nosuch.yml"}, "nosuch.yml: expected a mapping file"),
    ({"path": "orders_11.csv"}, "orders_11.csv more than once"),
    ({"colour": "red"}, "files.0.colour"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG)
def test_a_wrong_manifest_names_its_key(
    stores: Path, settings: Settings, lake: Lake, changes: dict[str, Any], told: str
) -> None:
    edit(stores, **changes)
    (drop,) = drops(settings, lake)
    assert not drop.complete
    assert told in drop.told()
    with pytest.raises(FileRejectedError, match="hangzhou"):
        inbox.arrive_drop(settings, lake, drop)
    assert stores.is_dir()


@pytest.mark.parametrize("text", ["- a", "a: [", "exported_by: x"])
def test_an_unreadable_manifest_is_told(stores: Path, settings: Settings, lake: Lake, text: str) -> None:
    (stores / "manifest.yml").write_text(text)
    (drop,) = drops(settings, lake)
    assert "manifest.yml: " in drop.told()


def test_a_json_manifest_is_read_too(stores: Path, settings: Settings, lake: Lake) -> None:
    manifest = yaml.safe_load((stores / "manifest.yml").read_text())
    (stores / "manifest.json").write_text(json.dumps(manifest, default=str))
    (stores / "manifest.yml").unlink()
    assert drops(settings, lake)[0].complete


def test_a_drop_with_a_file_that_cannot_be_taken_is_moved_whole(
    stores: Path, settings: Settings, lake: Lake
) -> None:
    (stores / "orders_11.csv").write_text("id,buyer,at,yuan,n,sku,num,line\n")
    write_manifest("store", stores, exported_by="店长", as_of=DAY)
    (drop,) = drops(settings, lake)
    with pytest.raises(FileRejectedError, match="the folder was moved to"):
        inbox.arrive_drop(settings, lake, drop)
    rejected = settings.inbox_dir / "_rejected" / "store"
    assert sorted(path.name for path in rejected.iterdir()) == ["hangzhou", "hangzhou.reason.txt"]
    assert list((settings.lake_dir / "_arrivals").rglob("*.parquet")) == []
    assert drops(settings, lake) == []


def test_a_kill_between_two_admissions_is_made_good(stores: Path, settings: Settings, lake: Lake) -> None:
    (drop,) = drops(settings, lake)
    arrivals = inbox.arrive_drop(settings, lake, drop)
    lake.admit(arrivals[-1])
    (drop,) = drops(settings, lake)
    reports = {
        each.stream.key: lake.admit(each) for each in reversed(inbox.arrive_drop(settings, lake, drop))
    }
    assert drops(settings, lake) == []
    assert len(landed_rows(lake, "store/orders")) == 1
    assert len(landed_rows(lake, "store/order_lines")) == 2
    assert reports


def test_the_same_files_in_another_folder_are_known(stores: Path, settings: Settings, lake: Lake) -> None:
    (drop,) = drops(settings, lake)
    for arrival in inbox.arrive_drop(settings, lake, drop):
        lake.admit(arrival)
    shutil.copytree(stores, stores.with_name("again"))
    assert drops(settings, lake) == []


def test_siyu_ingest_manifest(friends: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIYU_HOME", str(settings.home))
    monkeypatch.chdir(settings.home)

    def manifest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
        code = "from orchestration.cli import app; app()"
        command = [sys.executable, "-c", code, "ingest", "manifest", str(folder), "--by", "导购", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = manifest(friends, "--as-of", "2026-11-20")
    assert done.returncode == 0, done.stderr
    assert "contacts.csv: contacts, 1 rows, by mapping.yml" in done.stdout
    assert yaml.safe_load((friends / "manifest.yml").read_text())["files"][0]["rows"] == 1
    refused = manifest(friends / "nowhere")
    assert refused.returncode == 2
    assert "nowhere" in refused.stderr


NO_MANIFEST = [
    ({"channel": "wecom"}, "no channel 'wecom' takes files"),
    ({"rename": "friends.csv"}, "expected a name that begins with its stream, one of contacts"),
    ({"mapping": "nosuch"}, "nosuch: expected a mapping file"),
    ({"unlink": "mapping.yml"}, r"expected one of contacts\.csv\.mapping\.yml"),
]


@pytest.mark.parametrize(("change", "told"), NO_MANIFEST)
def test_what_no_manifest_can_be_written_for(friends: Path, change: dict[str, str], told: str) -> None:
    if "rename" in change:
        (friends / "contacts.csv").rename(friends / change["rename"])
    if "unlink" in change:
        (friends / change["unlink"]).unlink()
    with pytest.raises(ValueError, match=told):
        write_manifest(
            change.get("channel", "personal_wechat"), friends, exported_by="x", as_of=DAY,
            mapping=change.get("mapping"),
        )  # fmt: skip
