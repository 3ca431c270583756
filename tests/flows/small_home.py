"""Small homes for the flow proofs: settings, files of orders, a sandbox in this process, what came out."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import uvicorn
from starlette.applications import Starlette

from common.settings import PROJECT_ROOT, Settings
from orchestration.home import open_instance
from sandbox.credentials import as_environment
from sandbox.runner import listen
from sandbox.server import Interceptor, create_app
from sandbox.world import WorldOptions, build_world
from tests.exactness.dbt_home import DRAW_KEY

ORDERS_MAPPING = """\
source: my_shop
timezone: {zone}
amount_unit: yuan
columns:
  order_id: 订单号
  buyer_id: 会员
  paid_at: 支付时间
  amount: 金额
  item_count: 件数
  status: 状态
  unionid: UnionID
values: {{status: {{已完成: completed, 已取消: cancelled}}}}
"""
HEADER = "订单号,会员,支付时间,金额,件数,状态,UnionID\n"


class OrderRow(NamedTuple):
    """One line of a shop's file, as text: ``paid_at`` is local time, ``amount`` is in yuan."""

    order_id: str
    buyer_id: str
    paid_at: str
    amount: str
    status: str = "已完成"
    unionid: str = ""

    def line(self) -> str:
        return (
            f"{self.order_id},{self.buyer_id},{self.paid_at},{self.amount},1,{self.status},{self.unionid}\n"
        )


def settings_for(home: Path, base_url: str | None = None, **more: Any) -> Settings:
    """Settings of a home that sends for real; with a base URL, the API channels are the sandbox there."""
    home.mkdir(parents=True, exist_ok=True)
    apis = as_environment(base_url) if base_url else {}
    given = {name.removeprefix("SIYU_").lower(): value for name, value in apis.items()}
    return Settings(
        _env_file=None,
        home=home,
        **{
            "activation_mode": "live",
            "api_calls_per_minute": 10**6,
            "draw_key": DRAW_KEY,
            **given,
            **more,
        },
    )


def environment(settings: Settings, base_url: str | None = None) -> dict[str, str]:
    """The environment in which a program of our own has these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIYU_")}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT_ROOT), kept.get("PYTHONPATH")]))
    own = {
        "SIYU_HOME": str(settings.home),
        "SIYU_BUSINESS_TIMEZONE": settings.business_timezone,
        "SIYU_FIRST_DAY": settings.first_day.isoformat(),
        "SIYU_ACTIVATION_MODE": settings.activation_mode,
        "SIYU_API_CALLS_PER_MINUTE": str(settings.api_calls_per_minute),
    }
    if settings.draw_key:
        own["SIYU_DRAW_KEY"] = settings.draw_key.get_secret_value()
    if settings.last_day:
        own["SIYU_LAST_DAY"] = settings.last_day.isoformat()
    if settings.pii_key:
        own["SIYU_PII_KEY"] = settings.pii_key.get_secret_value()
    return {**kept, **own, **(as_environment(base_url) if base_url else {})}


def write_orders(path: Path, rows: Sequence[OrderRow], zone: str) -> Path:
    """Write a file of orders, and beside it the mapping that reads it; return the mapping's path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(row.line() for row in rows), encoding="utf-8")
    mapping = path.with_name("mapping.yml")
    mapping.write_text(ORDERS_MAPPING.format(zone=zone), encoding="utf-8")
    return mapping


def drop_orders(settings: Settings, name: str, rows: Sequence[OrderRow]) -> None:
    """Put a file of orders into the inbox, long enough ago to be taken at once."""
    path = settings.inbox_dir / "miniprogram" / "orders" / name
    write_orders(path, rows, settings.business_timezone)
    os.utime(path, (time.time() - 60,) * 2)


@contextmanager
def sandbox_here(
    options: WorldOptions,
    state_dir: Path,
    day: dt.date | None,
    intercept: Interceptor | None = None,
    pii_key: bytes | None = None,
) -> Iterator[tuple[str, Starlette]]:
    """Serve a sandbox from a thread and yield its base URL and the application."""
    app = create_app(build_world(options), state_dir=state_dir, day=day, intercept=intercept, pii_key=pii_key)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", date_header=False)
    )
    with listen(0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started, "the sandbox serves")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            app.state.desk.state.close()


def wait_until(happened: Any, what: str, seconds: float = 60.0) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.02)


def published(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the published copy."""
    return query(settings.published_dir / "current" / "siyu.duckdb", sql)


def warehouse(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the warehouse."""
    return query(settings.warehouse_path, sql)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query on a DuckDB file."""
    with duckdb.connect(str(path), read_only=True) as db:
        return db.execute(sql).fetchall()


def places_of(path: Path, marker: str) -> list[str]:
    """Every text column of a DuckDB file in which the marker occurs."""
    found = []
    with closing(duckdb.connect()) as db:
        db.execute(f"attach '{path}' as warehouse (read_only)")  # views name the database so
        columns = db.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where database_name = 'warehouse' and data_type = 'VARCHAR'"
        ).fetchall()
        for schema, table, column in columns:
            relation = f'warehouse."{schema}"."{table}"'
            if db.execute(
                f'select 1 from {relation} where contains("{column}", ?) limit 1', [marker]
            ).fetchone():
                found.append(f"{schema}.{table}.{column}")
    return found


def checks_of(settings: Settings, run_id: str) -> dict[tuple[str, str], bool]:
    """Whether each asset check of a run passed, as Dagster's event log has it, by (asset, check)."""
    from dagster import DagsterEventType

    with open_instance(settings) as instance:
        events = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.dagster_event.asset_check_evaluation_data for entry in events if entry.dagster_event]
    return {(each.asset_key.to_user_string(), each.check_name): each.passed for each in found}
