"""The same fact in another spelling is no new version; another fact is."""

from __future__ import annotations

import pytest

from common.canonical import canonical_hash, with_exact_ids

BASE = {
    "order_id": "3724561098761234433",
    "amount": 5,
    "remark": "老客",
    "follow_info": {"tag_id": ["et2", "et1"], "state": "QR_1", "count": 0, "shown": False},
    "lines": [{"n": 1}, {"n": 2}],
}


@pytest.mark.parametrize(
    "spelling",
    [
        {"order_id": 3724561098761234433},
        {"amount": "5"},
        {"amount": 5.0},
        {"note": None},
        {"note": ""},
        {"note": []},
        {"note": {"deep": {"deeper": ""}}},
        {"follow_info": {"count": "0", "shown": False, "tag_id": ["et1", "et2"], "state": "QR_1"}},
    ],
)
def test_another_spelling__has_the_same_hash(spelling: dict) -> None:
    assert canonical_hash({**BASE, **spelling}) == canonical_hash(BASE)


@pytest.mark.parametrize(
    "fact",
    [
        {"order_id": "3724561098761234434"},
        {"amount": 5.5},
        {"amount": "05"},
        {"amount": 0},
        {"remark": ""},
        {"lines": [{"n": 2}, {"n": 1}]},
        {"follow_info": {"tag_id": ["et2"], "state": "QR_1", "count": 0, "shown": False}},
        {"follow_info": {"tag_id": ["et2", "et1"], "state": "QR_1", "shown": False}},
        {"follow_info": {"tag_id": ["et2", "et1"], "state": "QR_1", "count": 0, "shown": True}},
    ],
)
def test_another_fact__has_another_hash(fact: dict) -> None:
    assert canonical_hash({**BASE, **fact}) != canonical_hash(BASE)


def test_ids__become_exact_text_and_nothing_else_changes() -> None:
    said = {
        "sku_id": 7,
        "sku_cnt": 7,
        "is_id": True,
        "big": 2**60 + 1,
        "ids": [2**60, 3],
        "deep": [{"order_id": 2**63}],
    }
    assert with_exact_ids(said) == {
        "sku_id": "7",
        "sku_cnt": 7,
        "is_id": True,
        "big": str(2**60 + 1),
        "ids": [str(2**60), 3],
        "deep": [{"order_id": str(2**63)}],
    }
