"""Hashed ids in hand-off files: the ones the policy names, and only with a key where they are keyed."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import hmac

import duckdb
import pytest
from pydantic import SecretStr

from activation import plans
from activation.audit import audit
from activation.contracts import Order, Segment
from activation.destinations import build
from activation.policy import POLICY_PATH, PolicyError, load_policy

AS_OF = dt.date(2026, 3, 1)
KEY = "planted-handoff-key-of-at-least-32-bytes"
ALL = "[unionid_sha256, unionid_hmac, phone_hmac]"


@pytest.fixture
def hashing(brand, monkeypatch, tmp_path):
    """A brand whose policy puts hashed ids into the file; c000 has both ids, c001 two phones, c002 none."""
    path = tmp_path / "policy.yml"
    text = POLICY_PATH.read_text(encoding="utf-8").replace("formats: [csv]", "formats: [csv, parquet]")
    path.write_text(text.replace("hashed_ids: []", f"hashed_ids: {ALL}"))
    for module in ("plans", "apply", "audit"):
        monkeypatch.setattr(f"activation.{module}.load_policy", lambda: load_policy(path))
    brand.settings.handoff_key = SecretStr(KEY)
    brand.with_customers(3)
    brand.build()
    with duckdb.connect(str(brand.settings.warehouse_path)) as db:
        db.execute(
            "insert into marts.bridge_customer_identities values ('unionid:oU0', 'c000'), ('phone_hmac:ff', 'c000'), "
            "('phone_hmac:bb', 'c001'), ('phone_hmac:aa', 'c001')"
        )
    return brand


def rows(brand):
    path = brand.settings.exports_dir / brand.code / f"{AS_OF}.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return {row["customer_id"]: row for row in csv.DictReader(lines)}


def keyed(text):
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_the_file_has_the_hashes_that_the_policy_names(hashing):
    assert hashing.sync("file_export").outcomes == {"sent": 3}
    found = rows(hashing)
    assert found["c000"]["unionid_sha256"] == hashlib.sha256(b"oU0").hexdigest()
    assert found["c000"]["unionid_hmac"] == keyed("unionid:oU0")
    assert found["c000"]["phone_hmac"] == keyed("phone_hmac:ff")
    assert found["c001"]["phone_hmac"] == keyed("phone_hmac:aa"), "of several the first"
    assert [found["c001"]["unionid_sha256"], found["c002"]["phone_hmac"]] == ["", ""]
    whole = (hashing.settings.exports_dir / hashing.code / f"{AS_OF}.csv").read_text(encoding="utf-8-sig")
    assert "oU0" not in whole
    assert "planted" not in whole
    parquet = hashing.settings.exports_dir / hashing.code / f"{AS_OF}.parquet"
    assert duckdb.sql(f"select count(unionid_hmac), count(*) from '{parquet}'").fetchone() == (1, 3)


def test_what_was_written_is_read_back_all_the_same(hashing):
    hashing.sync("file_export")
    assert hashing.sync("file_export").plan.rows == 0
    assert audit(hashing.settings, hashing.code, "file_export").agrees
    hashing.tier = "platinum"
    hashing.build()
    plan = plans.make_plan(hashing.settings, hashing.code, "file_export", as_of=AS_OF)
    changes = plans.sample(hashing.settings, plan.plan_id)
    segment = Segment(hashing.code, hashing.name_zh, ("file_export",), None, None, None)
    order = Order(segment, AS_OF, [each.values for each in changes], plan.plan_id)
    target = build("file_export", hashing.settings, load_policy())
    assert set(map(str, target.read_back(order, changes).values())) == {"not_in_effect"}
    list(target.send(order, changes))
    assert set(map(str, target.read_back(order, changes).values())) == {"in_effect"}


@pytest.mark.parametrize("key", [None, "short"])
def test_keyed_ids_without_a_key_are_refused_before_anything_is_written(hashing, key):
    hashing.settings.handoff_key = SecretStr(key) if key else None
    report = hashing.sync("file_export")
    assert report.status == "failed"
    assert "SIYU_HANDOFF_KEY: expected at least 32 bytes" in report.reason
    assert not list(hashing.settings.exports_dir.rglob("*.csv"))


def test_a_plain_hash_of_a_phone_cannot_be_asked_for(tmp_path):
    path = tmp_path / "policy.yml"
    path.write_text(
        POLICY_PATH.read_text(encoding="utf-8").replace("hashed_ids: []", "hashed_ids: [phone_sha256]")
    )
    with pytest.raises(PolicyError, match=r"file_export\.hashed_ids"):
        load_policy(path)
