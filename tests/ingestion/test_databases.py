"""A shop's own database, on real servers: what changed is read once, and nothing is skipped or doubled."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

import ingestion
from common.lake import Arrival, Lake, LoadReport
from common.pii import phone_hmac, pii_key
from common.settings import Settings
from common.streams import STREAMS, streams_of
from common.warehouse import connect
from ingestion import databases
from ingestion.database_mapping import load_database_mapping
from ingestion.mapping import MappingError
from orchestration.landing import StreamResult, land
from tests.ingestion.servers import PASSWORD, QUOTED_PASSWORD, mariadb, mariadb_binary, postgresql

ORDERS = ["miniprogram/orders", "miniprogram/order_lines"]
MAPPING = """
source: my_shop
amount_unit: fen
timezone: Asia/Shanghai
orders:
  table: orders
  update_column: updated_at
  columns: {order_id: order_no, buyer_id: user_id, paid_at: paid_at, amount: amount, refunded: refund,
            item_count: items, status: status, phone: mobile}
  values: {status: {"20": paid, "40": completed, "50": cancelled}}
  unpaid: ["10", "50"]
order_lines:
  query: >-
    select id, order_no, upper(sku) as sku, num, amount, changed_at, '12:30 100%' as title
    from lines_ where sku <> ':x'
  key_columns: [id]
  update_column: changed_at
  columns: {order_id: order_no, sku_id: sku, quantity: num, amount: amount, product_name: title}
members:
  table: users
  update_column: updated_at
  columns: {buyer_id: id, phone: mobile, name: nickname, registered_at: created_at}
"""
TABLES = """
create table orders (order_no bigint primary key, user_id varchar(40), paid_at {stamp} null, amount bigint,
    refund bigint, items int, status int, mobile varchar(20), updated_at {stamp} null);
create table lines_ (id bigint primary key, order_no bigint, sku varchar(20), num int, amount bigint,
    changed_at {stamp} null);
create table users (id bigint primary key, mobile varchar(20), nickname varchar(40), created_at {stamp} null,
    updated_at {stamp} null)
"""
FIRST_ORDER = 3_724_561_098_761_234_001


def day(number: int, time: str = "10:00:00") -> str:
    """A stamp of March 2026, Shanghai."""
    return f"2026-03-{number:02} {time}+08:00"


class Shop:
    """A test shop in a real database."""

    def __init__(self, url: str, stamp: str, settings: Settings, lake: Lake, mapping: Path) -> None:
        driver = "postgresql+psycopg" if url.startswith("postgresql") else "mysql+pymysql"
        self.engine = sa.create_engine(sa.make_url(url).set(drivername=driver), poolclass=sa.pool.NullPool)
        if driver.startswith("mysql"):
            sa.event.listen(self.engine, "connect", _in_shanghai)
        self.zoned = stamp == "timestamptz"
        self.settings, self.lake, self.mapping = settings, lake, mapping
        for table in ("orders", "lines_", "users"):
            self.run(f"drop table if exists {table}")
        for statement in TABLES.format(stamp=stamp).split(";"):
            self.run(statement)
        settings.orders_database_url = SecretStr(url)
        settings.orders_database_mapping = mapping
        self.write_mapping(MAPPING)

    def write_mapping(self, text: str) -> None:
        self.mapping.write_text(text, encoding="utf-8")

    def run(self, statement: str, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                sa.text(statement), [{n: self._fit(v) for n, v in row.items()} for row in rows] or None
            )

    def _fit(self, value: Any) -> Any:
        """Stamps are written in Shanghai's time; only ``timestamptz`` wants to be told so."""
        return value.removesuffix("+08:00") if isinstance(value, str) and not self.zoned else value

    def order(self, number: int, updated_at: Any, **changes: Any) -> None:
        row = {
            "order_no": FIRST_ORDER + number, "user_id": f"u{number}", "paid_at": day(1), "amount": 1990,
            "refund": None, "items": 2, "status": 40, "mobile": "13812345678", "updated_at": updated_at, **changes,
        }  # fmt: skip
        self.run("delete from orders where order_no = :order_no", row)
        self.run(f"insert into orders values ({', '.join(f':{name}' for name in row)})", row)

    def line(self, number: int, order: int, changed_at: Any, **changes: Any) -> None:
        row = {
            "id": number, "order_no": FIRST_ORDER + order, "sku": f"s{number}", "num": 1, "amount": 995,
            "changed_at": changed_at, **changes,
        }  # fmt: skip
        self.run("delete from lines_ where id = :id", row)
        self.run(f"insert into lines_ values ({', '.join(f':{name}' for name in row)})", row)

    def read(self, *keys: str) -> list[Arrival]:
        return databases.arrive(self.settings, self.lake, list(keys or ["miniprogram/orders"]))

    def admit(self, *keys: str) -> dict[str, LoadReport]:
        """Read and admit; counts must add up."""
        reports = {arrival.stream.key: self.lake.admit(arrival) for arrival in self.read(*keys)}
        for key, report in reports.items():
            assert report.rows == report.changed + report.quarantined + report.skipped, key
        return reports

    def in_lake(self, key: str, columns: str) -> list[tuple[Any, ...]]:
        with connect() as db:
            return db.execute(
                f"select {columns} from read_parquet('{self.lake.glob(STREAMS[key])}') order by all"
            ).fetchall()

    def ids_in_lake(self) -> list[int]:
        return [int(row[0]) - FIRST_ORDER for row in self.in_lake("miniprogram/orders", "order_id")]


def _in_shanghai(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("set time_zone = '+08:00'")


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], str]]:
    """servers(kind) -> URL; each server is started once, when the first test needs it."""
    started: dict[str, tuple[Any, str]] = {}

    def url(kind: str) -> str:
        if kind not in started:
            if kind == "mariadb" and mariadb_binary() is None:
                pytest.skip("no MariaDB server on this machine: apt-get install mariadb-server")
            server = postgresql() if kind == "postgresql" else mariadb()
            started[kind] = (server, server.__enter__())
        return started[kind][1]

    yield url
    for server, _ in started.values():
        server.__exit__(None, None, None)


@pytest.fixture(
    params=["postgresql timestamptz", "postgresql timestamp(0)", "mariadb datetime(6)", "mariadb timestamp"]
)
def shop(request: Any, servers: Callable[[str], str], settings: Settings, lake: Lake, tmp_path: Path) -> Shop:
    kind, stamp = request.param.split(" ", 1)
    return Shop(servers(kind), stamp, settings, lake, tmp_path / "shop.yml")


@pytest.fixture
def pg_shop(servers: Callable[[str], str], settings: Settings, lake: Lake, tmp_path: Path) -> Shop:
    return Shop(servers("postgresql"), "timestamptz", settings, lake, tmp_path / "shop.yml")


def test_rows_land_exactly_and_a_second_reading_adds_nothing(shop: Shop) -> None:
    shop.order(1, day(1), paid_at=day(1, "09:30:00"))
    shop.order(2, day(2), amount=-5, mobile=None)
    report = shop.admit()["miniprogram/orders"]
    assert (report.rows, report.changed, report.skipped) == (2, 2, 0)
    columns = (
        "order_id, buyer_id, buyer_source, paid_at, amount_fen, refunded_fen, item_count, status, phone_hmac"
    )
    first, second = shop.in_lake("miniprogram/orders", columns)
    hmac = phone_hmac("13812345678", pii_key(shop.settings))
    paid_at = dt.datetime(2026, 3, 1, 1, 30)
    assert first == (str(FIRST_ORDER + 1), "u1", "my_shop", paid_at, 1990, 0, 2, "completed", hmac)
    assert (second[4], second[8]) == (-5, None)
    again = shop.admit()["miniprogram/orders"]
    assert (again.rows, again.changed, again.skipped, again.load_id) == (1, 0, 1, None)
    assert shop.lake.cursor(STREAMS["miniprogram/orders"]) == dt.datetime(2026, 3, 2, 2, tzinfo=dt.UTC)


def test_rows_that_share_one_stamp_are_never_skipped(shop: Shop) -> None:
    shop.write_mapping(MAPPING + "overlap_minutes: 0\n")
    for number in (1, 2, 3):
        shop.order(number, day(5))
    shop.admit()
    for number in (4, 5):
        shop.order(number, day(5))
    assert shop.admit()["miniprogram/orders"].changed == 2
    assert shop.ids_in_lake() == [1, 2, 3, 4, 5]


def test_a_row_committed_late_is_found_by_the_overlap_and_an_older_one_is_not_read(shop: Shop) -> None:
    shop.order(1, day(5, "12:00:00"))
    shop.admit()
    shop.order(2, day(5, "11:00:00"))
    shop.order(3, day(5, "10:59:59"))
    report = shop.admit()["miniprogram/orders"]
    assert (report.rows, report.changed, report.skipped) == (2, 1, 1)
    assert shop.ids_in_lake() == [1, 2]


def test_a_change_lands_a_new_version_and_a_touched_row_does_not(shop: Shop) -> None:
    shop.order(1, day(1))
    shop.order(2, day(1))
    shop.admit()
    shop.order(1, day(3), refund=990)
    shop.order(2, day(3))
    report = shop.admit()["miniprogram/orders"]
    assert (report.changed, report.skipped) == (1, 1)
    assert shop.in_lake("miniprogram/orders", "buyer_id, refunded_fen") == [("u1", 0), ("u1", 990), ("u2", 0)]


def test_bad_rows_go_to_quarantine_once_with_key_and_reason(shop: Shop) -> None:
    shop.order(1, day(1))
    shop.order(2, day(1), user_id=None)
    shop.order(3, day(1), status=77)
    shop.order(4, day(1), status=10, paid_at=None)
    reports = shop.admit()
    orders, refused = reports["miniprogram/orders"], reports["quarantine/rows"]
    assert (orders.rows, orders.changed, orders.quarantined, orders.skipped) == (4, 1, 2, 1)
    assert orders.details["never_paid"] == 1
    assert refused.changed == 2
    reasons = [row[0] for row in shop.in_lake("quarantine/rows", "reason")]
    assert reasons == [
        f"key {FIRST_ORDER + 2}: buyer_id: expected a value, got an empty cell",
        f"key {FIRST_ORDER + 3}: status: expected one of 20, 40, 50, got '77'",
    ]
    (record,) = shop.in_lake("quarantine/rows", "record")[0]
    assert json.loads(record)["amount"] == 1990
    again = shop.admit()
    assert list(again) == ["miniprogram/orders"]
    assert again["miniprogram/orders"].quarantined == 2


def test_when_every_row_is_refused_the_cursor_stays(shop: Shop) -> None:
    shop.order(1, day(1), user_id=None)
    assert list(shop.admit()) == ["quarantine/rows"]
    assert shop.lake.cursor(STREAMS["miniprogram/orders"]) is None
    assert shop.admit() == {}


def test_lines_land_as_whole_sets_when_they_or_their_order_change(shop: Shop) -> None:
    for number in (1, 2):
        shop.order(number, day(1))
        shop.line(number * 10, number, day(1))
        shop.line(number * 10 + 1, number, day(1))
    shop.admit(*ORDERS)
    key, columns = (
        "miniprogram/order_lines",
        "buyer_source, order_id, line_no, sku_id, quantity, product_name",
    )
    first = shop.in_lake(key, columns)
    assert [(int(row[1]) - FIRST_ORDER, *row[2:]) for row in first] == [
        (1, 1, "S10", 1, "12:30 100%"), (1, 2, "S11", 1, "12:30 100%"),
        (2, 1, "S20", 1, "12:30 100%"), (2, 2, "S21", 1, "12:30 100%"),
    ]  # fmt: skip
    shop.line(21, 2, day(4), num=5)
    changed = shop.admit(*ORDERS)
    assert changed[key].changed == 2
    assert "miniprogram/orders" in changed
    shop.order(1, day(6), status=20)
    shop.run("delete from lines_ where id = 11")
    report = shop.admit(*ORDERS)[key]
    assert (report.changed, report.skipped) == (1, 2)  # the overlap reads the other order's lines again
    shop.order(1, day(7), status=40)
    assert shop.admit(*ORDERS)[key].changed == 0


def test_one_bad_line_keeps_its_order_s_other_lines_back(shop: Shop) -> None:
    shop.order(1, day(1))
    for number, amount in ((10, 5), (11, None), (20, 7)):
        shop.line(number, number // 10, day(1), amount=amount)
    reports = shop.admit("miniprogram/order_lines")
    assert (reports["miniprogram/order_lines"].changed, reports["miniprogram/order_lines"].quarantined) == (
        1,
        2,
    )
    reasons = [row[0] for row in shop.in_lake("quarantine/rows", "reason")]
    assert reasons == [
        "another line of this order was refused: key 11: amount: expected a value, got an empty cell",
        "key 11: amount: expected a value, got an empty cell",
    ]
    assert list(shop.admit("miniprogram/order_lines")) == ["miniprogram/order_lines"]


def test_members_land_too(shop: Shop) -> None:
    row = {"id": 7, "mobile": "13812345678", "name": "小鹿妈妈🦌", "at": day(1)}
    shop.run("insert into users values (:id, :mobile, :name, :at, :at)", row)
    shop.admit("miniprogram/members")
    assert shop.in_lake("miniprogram/members", "buyer_id, name, registered_at") == [
        ("7", "小鹿妈妈🦌", dt.datetime(2026, 3, 1, 2))
    ]


def test_a_stamp_in_the_future_or_none_at_all_does_not_skip_rows(shop: Shop) -> None:
    shop.order(1, "2037-01-01 00:00:00+08:00")
    shop.order(2, None)
    shop.order(3, day(1))
    shop.admit()
    cursor = shop.lake.cursor(STREAMS["miniprogram/orders"])
    assert cursor == dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)
    shop.order(2, None, amount=1)
    assert shop.admit()["miniprogram/orders"].changed == 1


def test_another_mapping_reads_everything_anew(shop: Shop) -> None:
    shop.order(1, day(1), status=77)
    shop.order(2, day(9))
    shop.admit()
    shop.write_mapping(MAPPING.replace('"40": completed', '"40": completed, "77": paid'))
    assert shop.admit()["miniprogram/orders"].changed == 1
    assert shop.ids_in_lake() == [1, 2]


def test_a_held_reading_is_read_again(shop: Shop) -> None:
    shop.order(1, day(1))
    (arrival,) = shop.read()
    shop.lake.hold(arrival, "too odd")
    assert shop.admit()["miniprogram/orders"].changed == 1


def test_the_password_is_in_no_error_and_nowhere_in_the_home(shop: Shop, caplog: Any) -> None:
    shop.order(1, day(1), user_id=None)
    shop.order(2, day(1))
    shop.admit()
    shop.run("drop table orders")
    with pytest.raises(databases.DatabaseError, match="could not be read") as caught:
        shop.read()
    told = f"{caught.value!r} {caught.getrepr(chain=True)} {caplog.text}"
    for path in shop.settings.home.rglob("*"):
        told += path.read_bytes().decode("latin-1") if path.is_file() else ""
    assert PASSWORD not in told
    assert QUOTED_PASSWORD not in told
    assert list((shop.settings.lake_dir / "_arrivals").rglob("*.parquet")) == []


def test_many_rows_stream_through(pg_shop: Shop) -> None:
    pg_shop.run(
        "insert into orders select 4000000000000000000 + n, 'u' || n % 977, now(), n, 0, 1, 40, null,"
        " timestamptz '2026-03-01' + (n / 1000) * interval '1 second' from generate_series(1, 30000) as n"
    )
    report = pg_shop.admit()["miniprogram/orders"]
    assert report.changed == 30_000
    (found,) = pg_shop.in_lake(
        "miniprogram/orders", "count(distinct order_id), sum(amount_fen), max(source_line)"
    )
    assert found == (30_000, 30_000 * 30_001 // 2, 30_000)


def test_integer_stamps_and_a_stamp_beyond_the_calendar(pg_shop: Shop) -> None:
    pg_shop.order(1, day(1), paid_at="infinity")
    pg_shop.order(2, "infinity")
    reports = pg_shop.admit()
    assert reports["miniprogram/orders"].changed == 1
    assert "paid_at: expected" in pg_shop.in_lake("quarantine/rows", "reason")[0][0]
    pg_shop.run("drop table orders")
    pg_shop.run(
        "create table orders (order_no bigint, user_id text, paid_at bigint, amount numeric, refund bigint,"
        " items int, status int, mobile text, updated_at bigint)"
    )
    pg_shop.write_mapping(MAPPING + "stamps: milliseconds\n")
    pg_shop.run("insert into orders values (9, 'u9', 1772330400000, 5, 0, 1, 40, null, 1772330400123)")
    pg_shop.admit()
    assert pg_shop.in_lake("miniprogram/orders", "order_id, paid_at")[-1] == ("9", dt.datetime(2026, 3, 1, 2))
    assert pg_shop.admit()["miniprogram/orders"].details["since"] == "2026-03-01T01:00:00.123000+00:00"


@pytest.mark.parametrize("url", ["sqlite:///x", "not a url planted", "oracle://u:planted@h/d"])
def test_other_databases_are_refused(settings: Settings, lake: Lake, tmp_path: Path, url: str) -> None:
    settings.orders_database_url, settings.orders_database_mapping = SecretStr(url), tmp_path / "m.yml"
    settings.orders_database_mapping.write_text(MAPPING)
    with pytest.raises(databases.DatabaseError, match="expected postgresql://") as caught:
        databases.arrive(settings, lake, ["miniprogram/orders"])
    assert "planted" not in str(caught.value)


def test_one_of_the_two_settings_is_not_enough(settings: Settings, lake: Lake) -> None:
    settings.orders_database_url = SecretStr("postgresql://h/d")
    with pytest.raises(MappingError, match="SIYU_ORDERS_DATABASE_MAPPING"):
        databases.arrive(settings, lake, ORDERS)


def test_streams_that_the_mapping_does_not_fill_bring_nothing(pg_shop: Shop) -> None:
    pg_shop.order(1, day(1))
    pg_shop.write_mapping(MAPPING.partition("order_lines:")[0])
    assert list(pg_shop.admit(*ORDERS, "miniprogram/members")) == ["miniprogram/orders"]


WRONG = {
    "nothing": ("source: s\namount_unit: fen", "at least one of the keys orders"),
    "both": (MAPPING.replace("table: orders", "table: o\n  query: select 1"), "either table"),
    "no unit": (MAPPING.replace("amount_unit: fen", ""), "key amount_unit: Field required"),
    "no update column": (MAPPING.replace("  update_column: updated_at\n", "", 1), "key orders.update_column"),
    "unnamed lines": (MAPPING.replace("  key_columns: [id]\n", ""), "key order_lines.key_columns"),
    "no such field": (MAPPING.replace("refunded: refund", "refund: refund"), "orders: key columns.refund"),
    "missing field": (MAPPING.replace("sku_id: sku, ", ""), "order_lines: key columns.sku_id"),
    "zone": (MAPPING.replace("Asia/Shanghai", "Beijing"), "expected an IANA zone"),
    "a list": ("- a", "got list"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_mapping_names_the_key(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "shop.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError, match=r"shop\.yml: ") as caught:
        load_database_mapping(path)
    assert expected in str(caught.value)


def test_the_example_fits() -> None:
    (room,) = ingestion.__path__
    assert load_database_mapping(Path(room) / "mappings" / "databases" / "example.yml").orders


def land_orders(shop: Shop) -> dict[str, StreamResult]:
    shop.settings.wecom_corp_id = shop.settings.shop_app_id = shop.settings.finder_app_id = None
    results = land(shop.settings, shop.lake, streams_of("miniprogram"), dt.date(2026, 3, 31))
    return {result.stream.name: result for result in results}


def test_the_whole_landing_judges_admits_and_has_quiet_days(pg_shop: Shop) -> None:
    pg_shop.order(1, day(1))
    pg_shop.order(2, day(1), user_id=None)
    pg_shop.line(10, 1, day(1))
    first = land_orders(pg_shop)
    assert {name: result.total("changed") for name, result in first.items() if result.reports} == {
        "orders": 1, "order_lines": 1, "rows": 1
    }  # fmt: skip
    assert first["orders"].verdicts[0]["status"] in ("passed", "warned")
    quiet = land_orders(pg_shop)
    assert sum(result.total("changed") for result in quiet.values()) == 0
    assert [
        result.held_reasons or result.error
        for result in quiet.values()
        if result.held_reasons or result.error
    ] == []


def test_a_reading_that_the_gate_holds_comes_again(pg_shop: Shop) -> None:
    pg_shop.order(1, day(1), amount=10**12)
    assert land_orders(pg_shop)["orders"].held_reasons
    assert pg_shop.lake.cursor(STREAMS["miniprogram/orders"]) is None
    pg_shop.order(1, day(1), amount=10**4)
    assert land_orders(pg_shop)["orders"].total("changed") == 1


def test_a_database_that_is_away_stops_nothing_else_and_keeps_its_password(
    pg_shop: Shop, caplog: Any
) -> None:
    pg_shop.settings.orders_database_url = SecretStr(f"postgresql://shop:{QUOTED_PASSWORD}@127.0.0.1:1/shop")
    results = land_orders(pg_shop)
    told = f"{results['orders'].error} {results['members'].error} {caplog.text}"
    assert "the orders database could not be read" in told
    assert PASSWORD not in told
    assert QUOTED_PASSWORD not in told
