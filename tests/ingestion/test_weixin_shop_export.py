"""The order export of the 微信小店 back office, as it comes: one row per line, in yuan, with spoiled ids."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from common.lake import Lake
from common.pii import phone_hmac, pii_key
from common.settings import Settings
from ingestion.files import FileRejectedError, arrive_file
from ingestion.mapping import MappingError, find_mapping
from tests.ingestion.conftest import landed

HEADER_LINE = (
    "订单号,订单下单时间,订单发货时间,订单确认收货时间,订单完成结算时间,订单状态,发货方式,收件人姓名,收件人地址,省,市,区,收件人手机,"
    "买家备注,商家备注,打标颜色,商品总价,订单实际支付金额,订单实际收款金额,订单运费,商品优惠,跨店优惠,商品改价,积分抵扣,支付方式,支付时间,"
    "交易单号,物流公司,快递单号,技术服务费,技术服务费（将以人气卡形式返还）,运费险预计投保费用,带货方式,带货账号类型,带货账号昵称,带货ID,"
    "带货费用渠道,带货费用类型,带货费用,带货佣金率,企微企业ID,企微工号,导购最近分享时间,企业微信加密id,企微备注,礼物单号,"
    "商品名称,商品编码(平台),商品编码(自定义),SKU编码(自定义),商品属性,商品价格(单件),商品实际价格(单件),商品实际价格(总共),是否预售,商品数量,"
    "商品平台券优惠,商品平均运费,活动商家补贴,定制信息,定制预览图,商品发货,商品售后,商品已退款金额"
)
HEADER = HEADER_LINE.split(",")
FIRST = {
    "订单号": "3724561098761234432", "订单状态": "已完成", "收件人姓名": "李四", "收件人手机": "13812345678",
    "订单实际支付金额": "254.00", "订单运费": "6.00", "支付时间": "2025-01-08 20:15:51", "企业微信加密id": "wo1",
    "商品名称": "有机棉爬服", "商品编码(平台)": "10000123456789", "SKU编码(自定义)": "SKU-0091-M",
    "商品实际价格(总共)": "148.00", "商品数量": "2", "商品已退款金额": "74.00",
}  # fmt: skip
SECOND = FIRST | {
    "商品名称": "围兜", "SKU编码(自定义)": "", "商品实际价格(总共)": "100.00", "商品数量": "1", "商品已退款金额": ""
}  # fmt: skip
Row = dict[str, Any]
Load = Callable[..., dict[str, list[dict[str, Any]]]]


@pytest.fixture
def load(settings: Settings, lake: Lake, tmp_path: Path) -> Load:
    mapping = find_mapping(Path("weixin_shop_export"))

    def load_(*rows: Row, header: list[str] = HEADER, encoding: str = "utf-8-sig") -> Any:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows([row.get(name, "") for name in header] for row in rows)
        path = tmp_path / "订单.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        return landed(arrive_file(settings, lake, "miniprogram", "orders", path, mapping))

    return load_


def other(row: Row, number: int, **changes: str) -> Row:
    return row | {"订单号": str(3724561098761234432 + number)} | changes


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gbk"])
def test_lines_become_one_order_whose_amount_counts_once(
    load: Load, settings: Settings, encoding: str
) -> None:
    assert len(HEADER) == 64
    rows = load(FIRST, SECOND, encoding=encoding)
    (order,) = rows["miniprogram/orders"]
    assert (order["order_id"], order["amount_fen"], order["refunded_fen"], order["item_count"]) == (
        "3724561098761234432", 25400, 7400, 3,
    )  # fmt: skip
    assert (order["status"], order["buyer_source"]) == ("completed", "weixin_shop")
    assert order["paid_at"] == dt.datetime(2025, 1, 8, 12, 15, 51)
    hmac = phone_hmac("13812345678", pii_key(settings))
    assert (order["phone_hmac"], order["buyer_id"]) == (hmac, f"phone:{hmac}")
    lines = [
        (r["line_no"], r["sku_id"], r["product_name"], r["quantity"], r["amount_fen"])
        for r in rows["miniprogram/order_lines"]
    ]
    assert lines == [(1, "SKU-0091-M", "有机棉爬服", 2, 14800), (2, "10000123456789", "围兜", 1, 10000)]
    assert "quarantine/rows" not in rows


def test_two_masked_phones_are_not_one_buyer(load: Load) -> None:
    masked = FIRST | {"收件人手机": "138****0001"}
    first, second = load(masked, other(masked, 5))["miniprogram/orders"]
    assert first["buyer_id"] == f"order_id:{first['order_id']}" != second["buyer_id"]
    assert first["phone_hmac"] is None


def test_marks_of_a_spreadsheet_are_taken_off_ids(load: Load) -> None:
    marks = ["\t{}", "'{}", "\t'{}", '="{}"', " {}\t"]
    rows = [other(FIRST, n, 收件人手机=mark.format("13812345678")) for n, mark in enumerate(marks)]
    rows = [row | {"订单号": mark.format(row["订单号"])} for row, mark in zip(rows, marks, strict=True)]
    orders = load(*rows)["miniprogram/orders"]
    assert [order["order_id"] for order in orders] == [str(3724561098761234432 + n) for n in range(5)]
    assert len({order["buyer_id"] for order in orders}) == 1


def test_ids_that_went_through_a_float_are_refused_row_by_row(load: Load) -> None:
    rows = load(FIRST, FIRST | {"订单号": "3.72456E+18"})
    assert len(rows["miniprogram/orders"]) == 1
    (refused,) = rows["quarantine/rows"]
    assert refused["reason"].startswith("order_id: expected an id as text, got '3.72456E+18'")


def test_ids_rounded_to_fifteen_digits_are_refused_but_one_by_chance_is_not(load: Load) -> None:
    chance = FIRST | {"订单号": "3724561098761230000"}
    good = [other(FIRST, number) for number in range(1, 30)]
    assert len(load(*good, chance)["miniprogram/orders"]) == 30
    again = FIRST | {"订单号": "3724561098761240000"}
    rows = load(*good, chance, again)
    assert len(rows["miniprogram/orders"]) == 29
    assert [row["source_line"] for row in rows["quarantine/rows"]] == [31, 32]
    assert "2 of 31 long ids end in zeros after the 15th digit" in rows["quarantine/rows"][0]["reason"]


def test_a_number_cell_of_a_workbook_is_no_id(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for order_id in (3724561098761230000, "3724561098761234432"):
        row = FIRST | {"订单号": order_id, "订单实际支付金额": 254, "商品数量": 2.0}
        book.active.append([row.get(name) for name in HEADER])
    book.save(tmp_path / "orders.xlsx")
    mapping = find_mapping(Path("weixin_shop_export"))
    rows = landed(arrive_file(settings, lake, "miniprogram", "orders", tmp_path / "orders.xlsx", mapping))
    assert [order["order_id"] for order in rows["miniprogram/orders"]] == ["3724561098761234432"]
    assert "may have lost digits" in rows["quarantine/rows"][0]["reason"]


def test_orders_never_paid_are_left_out_and_counted(settings: Settings, lake: Lake, load: Load) -> None:
    unpaid = other(FIRST, 7, 订单状态="已取消", 支付时间="")
    refunded = other(FIRST, 8, 订单状态="已取消")
    unclear = other(FIRST, 9, 支付时间="")
    load(FIRST, unpaid, refunded, unclear)
    arrivals = [
        arrival
        for path in [settings.home.parent / "订单.csv"]
        for arrival in arrive_file(
            settings, lake, "miniprogram", "orders", path, find_mapping(Path("weixin_shop_export"))
        )
    ]
    rows = landed(arrivals)
    assert [order["status"] for order in rows["miniprogram/orders"]] == ["completed", "cancelled"]
    assert [row["reason"] for row in rows["quarantine/rows"]] == [
        "paid_at: expected a value, got an empty cell"
    ]
    report = next(each.report for each in arrivals if each.stream.name == "order_lines")
    assert (report.rows, report.quarantined, report.skipped) == (4, 1, 1)
    assert report.details["never_paid"] == 1
    reports = [lake.admit(arrival) for arrival in arrivals]
    assert sum(each.changed + each.skipped for each in reports if each.stream != "miniprogram/orders") == 4


def test_older_and_full_width_headers_are_read(load: Load) -> None:
    names = {
        "商品编码(平台)": "商品编码（平台）",
        "商品实际价格(总共)": "商品实际价格（总共）",
        "订单下单时间": "下单时间",
    }
    old = [
        names.get(name, name) for name in HEADER if not name.startswith(("带货", "企微", "商品已退款金额"))
    ]
    old += ["带货人昵称", "授权号", "预估佣金", "实际佣金", "实际服务费"]
    first = {names.get(name, name): value for name, value in FIRST.items()}
    (order,) = load(first, header=old)["miniprogram/orders"]
    assert (order["amount_fen"], order["refunded_fen"]) == (25400, 0)


def test_a_header_without_a_needed_column_names_its_spellings(load: Load) -> None:
    with pytest.raises(FileRejectedError, match="expected the columns 支付时间 or 付款时间"):
        load(FIRST, header=[name for name in HEADER if name != "支付时间"])


def test_an_unknown_status_is_refused_with_its_word(load: Load) -> None:
    rows = load(FIRST, other(FIRST, 3, 订单状态="新状态"))
    assert "'新状态'" in rows["quarantine/rows"][0]["reason"]


def test_the_same_export_fills_a_store(settings: Settings, lake: Lake, load: Load) -> None:
    load(FIRST, SECOND)
    path, mapping = settings.home.parent / "订单.csv", find_mapping(Path("weixin_shop_export"))
    rows = landed(arrive_file(settings, lake, "store", "orders", path, mapping))
    assert {key: len(found) for key, found in rows.items()} == {"store/orders": 1, "store/order_lines": 2}


def test_an_unknown_mapping_lists_the_shipped_ones() -> None:
    with pytest.raises(MappingError, match="weixin_shop_export"):
        find_mapping(Path("nosuch"))


def test_lines_of_a_file_of_their_own_land_as_sets(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "map.yml").write_text(
        "source: s\ncolumns: {order_id: o, sku_id: s, quantity: n, amount: y}\n"
    )
    (tmp_path / "lines.csv").write_text("o,s,n,y\nA,s1,1,1.00\nB,s1,1,1.00\nA,s2,2,2.00\nB,s2,x,1.00\n")
    arrivals = arrive_file(
        settings, lake, "store", "order_lines", tmp_path / "lines.csv", tmp_path / "map.yml"
    )
    rows = landed(arrivals)
    assert [(r["order_id"], r["line_no"], r["sku_id"]) for r in rows["store/order_lines"]] == [
        ("A", 1, "s1"),
        ("A", 2, "s2"),
    ]
    reasons = [row["reason"] for row in rows["quarantine/rows"]]
    assert reasons[0].startswith("another line of this order was refused: quantity: expected")
    assert (arrivals[0].report.rows, arrivals[0].report.quarantined) == (4, 2)
