from __future__ import annotations

from pathlib import Path

import pytest

import ingestion
from ingestion.mapping import MappingError, load_mapping, normalise_header

(ROOM,) = (Path(path) for path in ingestion.__path__)
GOOD = """
source: s
columns: {order_id: a, buyer_id: b, paid_at: c, amount: d, item_count: e, status: f}
"""

WRONG = {
    "no source": ("columns: {order_id: a}", "key source: Field required"),
    "unknown key": (GOOD + "colour: red", "key colour: Extra inputs are not permitted, got 'red'"),
    "unknown field": (GOOD.replace("status: f", "state: f"), "key columns.state: expected one of order_id"),
    "missing field": (
        GOOD.replace(", amount: d", ""),
        "key columns.amount: expected the foreign column name",
    ),
    "both": (GOOD + "constants: {status: paid}", "key constants.status: expected one of column or constant"),
    "unit": (
        GOOD + "amount_unit: dollars",
        "key amount_unit: Input should be 'yuan' or 'fen', got 'dollars'",
    ),
    "zone": (GOOD + "timezone: Beijing", "key timezone: Value error, expected an IANA zone"),
    "encoding": (GOOD + "encoding: gbkk", "key encoding: Value error, expected an encoding"),
    "status value": (GOOD + "values: {status: {好: fine}}", "key values.status: expected paid | completed"),
    "values of a free field": (
        GOOD + "values: {amount: {好: '1'}}",
        "key values.amount: expected one of status",
    ),
    "lines without sku": (GOOD + "lines: {quantity: q, amount: m}", "key lines.sku_id: expected the foreign"),
    "not a mapping": ("- a\n- b", "expected keys such as source and columns, got list"),
    "no YAML": ("a: [", "expected a readable UTF-8 YAML file"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_mapping_names_file_key_and_expectation(tmp_path, text, expected):
    path = tmp_path / "shop.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(path, "miniprogram/orders")
    assert str(caught.value).startswith("shop.yml: ")
    assert expected in str(caught.value)


def test_a_missing_mapping_is_an_error(tmp_path):
    with pytest.raises(MappingError, match=r"no\.yml: expected a readable"):
        load_mapping(tmp_path / "no.yml", "miniprogram/orders")


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("cdnow_sample.yml", "miniprogram/orders"),
        ("generic_shop.yml", "miniprogram/orders"),
        ("sandbox_members.yml", "miniprogram/members"),
        ("points_changes.yml", "miniprogram/points_changes"),
        ("points_changes.yml", "store/points_changes"),
        ("febrl_people.yml", "identity/people"),
        ("weixin_shop_export.yml", "miniprogram/orders"),
        ("weixin_shop_export.yml", "store/orders"),
    ],
)
def test_shipped_mappings_fit(name, stream):
    assert load_mapping(ROOM / "mappings" / name, stream).source


def test_every_shipped_mapping_is_tried_above():
    assert len(list((ROOM / "mappings").glob("*.yml"))) == 6


def test_headers_are_the_same_in_full_and_half_width():
    assert normalise_header(" \ufeff金额（元） ") == normalise_header("金额(元)")
