from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ingestion
from common.pii import phone_hmac, pii_key
from ingestion.files import FileRejectedError, arrive_file
from ingestion.mapping import MappingError
from tests.ingestion.conftest import CDNOW, landed

MAPPING = """
source: my_shop
timezone: Asia/Shanghai
columns:
  {order_id: 订单号, buyer_id: 买家, paid_at: 支付时间, amount: 金额(元), item_count: 件数, status: 状态,
   phone: 手机}
values:
  status: {待发货: paid, 已完成: completed, 已退款: refunded}
"""
HEADER = "订单号,买家,支付时间,金额（元）,件数,状态,手机"
GOOD = "3724561098761234432,小鹿妈妈🦌,2025-01-31 20:05:00,12.34,2,已完成,13812345678"


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "mapping.yml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


@pytest.fixture
def load(settings, lake, mapping, tmp_path):
    def load_(content, name="orders.csv", encoding="utf-8", mapping_text=None):
        path = tmp_path / name
        if mapping_text is not None:
            mapping.write_text(mapping_text, encoding="utf-8")
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return arrive_file(settings, lake, "miniprogram", "orders", path, mapping)

    return load_


def csv_of(*lines):
    return "\n".join([HEADER, *lines]) + "\n"


def assert_nothing_landed(settings):
    assert list((settings.lake_dir / "_arrivals").rglob("*.parquet")) == []


def test_a_good_row_lands_exactly(load, settings):
    (arrival,) = load(csv_of(GOOD))
    (row,) = landed([arrival])["miniprogram/orders"]
    assert row["order_id"] == "3724561098761234432"
    assert row["buyer_id"] == "小鹿妈妈🦌"
    assert row["buyer_source"] == "my_shop"
    assert row["paid_at"] == dt.datetime(2025, 1, 31, 12, 5)
    assert (row["amount_fen"], row["refunded_fen"], row["item_count"]) == (1234, 0, 2)
    assert row["status"] == "completed"
    assert row["phone_hmac"] == phone_hmac("13812345678", pii_key(settings))
    assert row["source_line"] == 2
    assert row["source"].startswith("file:orders.csv#")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings_are_found_out(load, encoding):
    buyer = "小鹿妈妈" if encoding == "gbk" else "小鹿妈妈🦌"
    text = csv_of(GOOD.replace("小鹿妈妈🦌", buyer))
    (row,) = landed(load(text, encoding=encoding))["miniprogram/orders"]
    assert row["buyer_id"] == buyer


def test_gbk_is_found_out_when_its_only_trace_comes_late(load):
    many = [f"{i},b{i},2025-01-31,1,1,paid," for i in range(60_000)]
    plain = (
        MAPPING.replace("订单号", "id")
        .replace("买家", "who")
        .replace("支付时间", "at")
        .replace("金额(元)", "yuan")
    )
    plain = plain.replace("件数", "n").replace("手机", "phone").replace("状态", "status").split("values:")[0]
    text = "\n".join(["id,who,at,yuan,n,status,phone", *many, "x,小鹿妈妈,2025-01-31,1,1,paid,"])
    (arrival,) = load(text, encoding="gbk", mapping_text=plain)
    assert arrival.report.rows == 60_001
    assert landed([arrival])["miniprogram/orders"][-1]["buyer_id"] == "小鹿妈妈"


def test_bad_rows_go_to_quarantine_and_the_counts_add_up(load):
    bad = {
        3: ("3.72456109876E+18,a,2025-01-31,1,1,已完成,", "order_id: expected an id as text"),
        4: ("4,,2025-01-31,1,1,已完成,", "buyer_id: expected a value"),
        5: ("5,a,31st of May,1,1,已完成,", "paid_at: expected"),
        6: ("6,a,2025-01-31,1.234,1,已完成,", "amount: expected yuan"),
        7: ("7,a,2025-01-31,many,1,已完成,", "amount: expected yuan"),
        8: ("8,a,2025-01-31,1,1.5,已完成,", "item_count: expected"),
        9: ("9,a,2025-01-31,1,1,未知,", "status: expected one of"),
        10: ("10,a,2025-01-31,1,1", "expected 7 fields, got 5"),
        11: ('"11"x,a,2025-01-31,1,1,已完成,', "expected a CSV row"),
        12: (
            "12,a,2025-01-31,99999999999999999999,1,已完成,",
            "amount: expected a number of at most 64 bits",
        ),
    }
    arrivals = load(csv_of(GOOD, *(line for line, _ in bad.values()), GOOD))
    rows = landed(arrivals)
    assert [row["source_line"] for row in rows["miniprogram/orders"]] == [2, 13]
    refused = {row["source_line"]: row for row in rows["quarantine/rows"]}
    assert refused.keys() == bad.keys()
    for line, (_, reason) in bad.items():
        assert refused[line]["reason"].startswith(reason), refused[line]["reason"]
    assert json.loads(refused[9]["record"])["状态"] == "未知"
    report = arrivals[0].report
    assert (report.rows, report.quarantined) == (12, 10)
    assert report.rows == len(rows["miniprogram/orders"]) + len(rows["quarantine/rows"])


def test_negative_and_large_amounts_are_kept_exactly(load):
    texts = {"-12.34": -1234, "0": 0, "1,234,567.89": 123456789, "¥0.1": 10, "-0.01": -1}
    lines = [f'{i},a,2025-01-31,"{text}",1,已完成,' for i, text in enumerate(texts)]
    rows = landed(load(csv_of(*lines)))["miniprogram/orders"]
    assert [row["amount_fen"] for row in rows] == list(texts.values())


def test_quoted_newlines_do_not_shift_the_source_line(load):
    text = csv_of('1,"a\nb",2025-01-31,1,1,已完成,', "2,c,2025-01-31,x,1,已完成,")
    rows = landed(load(text))
    assert rows["miniprogram/orders"][0]["buyer_id"] == "a\nb"
    assert rows["quarantine/rows"][0]["source_line"] == 4


def test_a_later_line_of_the_same_order_is_kept_as_a_later_version(load):
    rows = landed(load(csv_of(GOOD, GOOD.replace("12.34", "11.00"))))["miniprogram/orders"]
    assert [(row["source_line"], row["amount_fen"]) for row in rows] == [(2, 1234), (3, 1100)]


def test_a_file_of_only_bad_rows_makes_no_data_arrival(load):
    arrivals = load(csv_of("1,,2025-01-31,1,1,已完成,"))
    assert [arrival.stream.key for arrival in arrivals] == ["quarantine/rows"]
    assert arrivals[0].report.details == {"of": "miniprogram/orders", "good_rows": 0}


REJECTED = {
    "a missing column": (csv_of(GOOD).replace("买家", "客户").encode(), "expected the columns 买家"),
    "a column twice": (csv_of(GOOD).replace("手机", "买家,手机").encode(), "买家 more than once"),
    "Latin-1": (
        csv_of(GOOD).replace("小鹿妈妈🦌", "").encode() + "é,Müller,ß\n".encode("cp1252"),
        "utf-8 text",
    ),
    "Big5": ("訂單號,買家,金額\n1,小鹿媽媽,2\n".encode("big5"), "looks like big5"),
    "broken UTF-8": (csv_of(GOOD).encode() + b"2,\xff\xfe,x\n", "line 3"),
    "binary": (bytes(range(256)) * 20, "expected"),
    "NUL bytes": (b"id,who\0\0", "NUL"),
    "an empty file": (b"", "expected a header"),
    "only a header": (csv_of().encode(), "expected rows under the header"),
    "a quote that never closes": (csv_of(GOOD, '"1,a,2025-01-31').encode(), "not a readable CSV"),
}


@pytest.mark.parametrize(("content", "expected"), REJECTED.values(), ids=REJECTED)
def test_a_file_that_cannot_be_taken_is_rejected_whole(load, settings, content, expected):
    with pytest.raises(FileRejectedError, match=r"orders\.csv") as caught:
        load(content)
    assert expected in str(caught.value)
    assert_nothing_landed(settings)


@pytest.mark.parametrize("name", ["orders.xlsx", "orders.parquet", "orders.pdf", "orders"])
def test_a_file_that_is_not_what_its_name_says_is_rejected(load, settings, name):
    with pytest.raises(FileRejectedError, match=name):
        load(b"neither of them", name=name)
    assert_nothing_landed(settings)


def test_a_declared_encoding_is_believed_and_checked(load, settings):
    text = MAPPING + "encoding: gbk\n"
    rows = landed(load(csv_of(GOOD.replace("🦌", "")), encoding="gbk", mapping_text=text))
    assert rows["miniprogram/orders"][0]["buyer_id"] == "小鹿妈妈"
    with pytest.raises(FileRejectedError, match="expected ascii text"):
        load(csv_of(GOOD), mapping_text=MAPPING + "encoding: ascii\n")


def test_the_same_file_twice_is_admitted_once(load, lake):
    first = [lake.admit(arrival) for arrival in load(csv_of(GOOD, "x,,,,,,"))]
    again = [lake.admit(arrival) for arrival in load(csv_of(GOOD, "x,,,,,,"))]
    assert all(report.load_id for report in first)
    assert [report.load_id for report in again] == [None, None]
    other = [lake.admit(arrival) for arrival in load(csv_of(GOOD), mapping_text=MAPPING + "header_row: 1\n")]
    assert other[0].load_id


def xlsx(tmp_path, rows, sheet="Sheet1"):
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "orders.xlsx")


def test_xlsx_cells_are_read_exactly_and_damaged_ids_refused(load, tmp_path):
    when = dt.datetime(2025, 1, 31, 20, 5)
    xlsx(
        tmp_path,
        [
            HEADER.split(","),
            ["3724561098761234432", "小鹿🦌", when, 29.33, 1, "已完成", 13812345678],
            ["2", 7, "2025/1/31 20:05", 0.1 + 0.2, 2.0, "已完成", None],
            [None] * 7,
            [3724561098761234432, "a", when, 1, 1, "已完成", None],
            ["4", 3.72e18, when, 1, 1, "已完成", None],
            ["5", "a", when, True, 1, "已完成", None],
            ["6", "#REF!", when, 1, 1, "已完成", None],
        ],
    )
    rows = landed(load(None, name="orders.xlsx"))
    good = rows["miniprogram/orders"]
    assert [row["order_id"] for row in good] == ["3724561098761234432", "2"]
    assert [row["amount_fen"] for row in good] == [2933, 30]
    assert [row["buyer_id"] for row in good] == ["小鹿🦌", "7"]
    assert {row["paid_at"] for row in good} == {dt.datetime(2025, 1, 31, 12, 5)}
    assert good[0]["phone_hmac"]
    refused = {row["source_line"]: row["reason"] for row in rows["quarantine/rows"]}
    assert refused.keys() == {5, 6, 7, 8}
    assert "lost digits" in refused[5]
    assert "lost digits" in refused[6]


def test_parquet_keeps_64_bit_ids_and_decimals(load, tmp_path):
    table = pa.table(
        {
            "订单号": pa.array([3724561098761234433], pa.int64()),
            "买家": ["b"],
            "支付时间": pa.array([dt.datetime(2025, 1, 31, 12, 5)], pa.timestamp("us", tz="UTC")),
            "金额（元）": pa.array([Decimal("-0.07")], pa.decimal128(10, 2)),
            "件数": pa.array([2], pa.int32()),
            "状态": ["已退款"],
            "手机": pa.array([None], pa.string()),
        }
    )
    pq.write_table(table, tmp_path / "orders.parquet")
    (row,) = landed(load(None, name="orders.parquet"))["miniprogram/orders"]
    assert (row["order_id"], row["amount_fen"]) == ("3724561098761234433", -7)
    assert row["paid_at"] == dt.datetime(2025, 1, 31, 12, 5)


LINES_MAPPING = """
source: my_shop
columns: {order_id: 订单号, buyer_id: 买家, paid_at: 支付时间}
constants: {status: completed}
lines: {sku_id: SKU, quantity: 数量, amount: 小计}
"""


def test_a_row_per_line_becomes_orders_and_lines_and_orders_land_whole(load):
    text = "\n".join(
        [
            "订单号,买家,支付时间,SKU,数量,小计",
            "A,b1,2025-01-31,s1,1,10.00",
            "B,b2,2025-01-31,s1,1,10.00",
            "A,b1,2025-01-31,s2,2,5.50",
            "B,b2,2025-01-31,s2,much,1.00",
            "C,b3,2025-01-31,s1,1,1.00",
            "C,b4,2025-01-31,s2,1,1.00",
            ",b5,2025-01-31,s2,1,1.00",
            "D,b6,2025-01-31,s1,3,0.03",
        ]
    )
    arrivals = load(text, mapping_text=LINES_MAPPING)
    rows = landed(arrivals)
    orders = {row["order_id"]: row for row in rows["miniprogram/orders"]}
    assert orders.keys() == {"A", "D"}
    assert (orders["A"]["amount_fen"], orders["A"]["item_count"], orders["A"]["source_line"]) == (1550, 3, 2)
    lines = [
        (r["order_id"], r["line_no"], r["sku_id"], r["source_line"]) for r in rows["miniprogram/order_lines"]
    ]
    assert lines == [("A", 1, "s1", 2), ("A", 2, "s2", 4), ("D", 1, "s1", 9)]
    refused = {row["source_line"]: row["reason"] for row in rows["quarantine/rows"]}
    assert refused[3] == "another line of this order was refused: source line 5"
    assert refused[5].startswith("quantity: expected")
    assert refused[6] == refused[7] == "order-level fields differ between the lines of this order"
    assert refused[8].startswith("order_id: expected a value")
    reports = {arrival.stream.key: arrival.report for arrival in arrivals}
    lines_report = reports["miniprogram/order_lines"]
    assert (lines_report.rows, lines_report.quarantined) == (8, 5)
    assert reports["miniprogram/orders"].rows == 2


def test_members_with_broken_lines(settings, lake, tmp_path):
    path = tmp_path / "members.csv"
    text = "\n".join(
        [
            "buyer_id,unionid,openid,手机号,姓名,性别,生日,城市,注册时间",
            "17,o6_u,oMp1,13812345678,李薇🌸,女,1990-02-28,纽约,2017-03-01 09:30:00",
            "18,,oMp2,138****5678,王强,,,,",
            "19,,oMp3,,赵,男,1990-02-31,,2017-03-01 09:30:00",
            ",,oMp4,,钱,男,,,2017-03-01 09:30:00",
        ]
    )
    path.write_text(text, encoding="gb18030")
    mapping = shipped("sandbox_members.yml")
    rows = landed(arrive_file(settings, lake, "miniprogram", "members", path, mapping))
    first, second = rows["miniprogram/members"]
    assert (first["gender"], first["birthday"]) == ("female", dt.date(1990, 2, 28))
    assert first["registered_at"] == dt.datetime(2017, 3, 1, 14, 30)
    assert (second["unionid"], second["phone_hmac"], second["gender"]) == (None, None, None)
    assert [row["source_line"] for row in rows["quarantine/rows"]] == [4, 5]


def test_changes_of_points_have_a_sign_and_are_never_nothing(settings, lake, tmp_path):
    path = tmp_path / "points.csv"
    lines = [
        "流水号,会员ID,变动时间,变动积分,变动原因",
        "90071992547409931,17,2025-01-31 20:05:00,-300,gift",
        "2,17,2025-02-01 00:30:00,+1000,",
        "3,17,2025-02-01 00:30:00,0,correction",
        "4,17,2025-02-01 00:30:00,0.5,sign_in",
        "5,17,2025-02-01 00:30:00,,sign_in",
        "6,,2025-02-01 00:30:00,5,sign_in",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = landed(arrive_file(settings, lake, "store", "points_changes", path, shipped("points_changes.yml")))
    spent, granted = rows["store/points_changes"]
    assert (spent["change_id"], spent["points"], spent["reason"]) == ("90071992547409931", -300, "gift")
    assert spent["changed_at"] == dt.datetime(2025, 1, 31, 12, 5)
    assert (granted["points"], granted["reason"], granted["buyer_source"]) == (1000, None, "my_shop")
    assert [row["reason"] for row in rows["quarantine/rows"]] == [
        "points: expected points granted (positive) or spent (negative), got '0'",
        "points: expected a whole number of points, got '0.5'",
        "points: expected a value, got an empty cell",
        "buyer_id: expected a value, got an empty cell",
    ]


def shipped(name):
    (folder,) = ingestion.__path__
    return type(CDNOW)(folder) / "mappings" / name


def test_the_cdnow_sample_lands_whole(settings, lake):
    if not CDNOW.exists():
        pytest.fail(f"the CDNOW sample is missing: expected it at {CDNOW}")
    (arrival,) = arrive_file(settings, lake, "miniprogram", "orders", CDNOW, shipped("cdnow_sample.yml"))
    rows = landed([arrival])["miniprogram/orders"]
    assert (arrival.report.rows, arrival.report.quarantined, len(rows)) == (6919, 0, 6919)
    assert len({row["buyer_id"] for row in rows}) == 2357
    assert sum(row["amount_fen"] for row in rows) == 24_409_194
    assert rows[0]["buyer_id"] == "0001"
    assert rows[0]["paid_at"] == dt.datetime(1997, 1, 1, 5)


def test_a_missing_file_and_a_stream_that_files_cannot_fill(settings, lake, mapping, tmp_path):
    with pytest.raises(FileRejectedError, match="expected a file, found none"):
        arrive_file(settings, lake, "miniprogram", "orders", tmp_path / "no.csv", mapping)
    with pytest.raises(MappingError, match="files fill only miniprogram/orders"):
        arrive_file(settings, lake, "wecom", "contacts", tmp_path / "no.csv", mapping)
