"""Connecting to a shop's own database, and the questions asked there. Nothing is ever written to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from ingestion.database_mapping import DatabaseMapping, Section

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_CONNECT_SECONDS = 15
BATCH = 5000


class DatabaseError(RuntimeError):
    """The shop's database could not be read. The message never holds the URL or its password."""


@contextmanager
def connected(url: SecretStr, mapping: DatabaseMapping) -> Iterator[sa.Connection]:
    """Give a connection with one read-only snapshot for all its questions; naive stamps are the mapping's zone's.

    Raises:
        DatabaseError: not a database we read, or it refused or broke off.
    """
    problem = None
    engine = _engine(url, mapping)
    try:
        with engine.connect() as connection:
            yield connection.execution_options(stream_results=True, max_row_buffer=BATCH)
            connection.rollback()
    except sa.exc.SQLAlchemyError as error:
        problem = told(error, url)
    finally:
        engine.dispose()
    if problem is not None:  # raised out here: the driver's exception may hold the URL
        raise DatabaseError(problem)


def _engine(url: SecretStr, mapping: DatabaseMapping) -> sa.Engine:
    try:
        parsed = sa.make_url(url.get_secret_value())
    except sa.exc.ArgumentError:
        parsed = None
    driver = _DRIVERS.get(parsed.get_backend_name()) if parsed is not None else None
    if parsed is None or driver is None:
        raise DatabaseError(
            "SIYU_ORDERS_DATABASE_URL: expected postgresql://user:password@host/database or mysql://..., "
            "got something else"
        )
    engine = sa.create_engine(
        parsed.set(drivername=driver),
        isolation_level="REPEATABLE READ",
        hide_parameters=True,
        poolclass=sa.pool.NullPool,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )
    prepare = _prepare_postgresql if driver.startswith("postgresql") else _prepare_mysql
    sa.event.listen(engine, "connect", prepare(mapping))
    return engine


def _prepare_postgresql(mapping: DatabaseMapping) -> Callable[[Any, Any], None]:
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    def lenient(base: Any) -> Any:
        class Lenient(base):
            """Gives a stamp that Python cannot hold (infinity) as text: one row breaks, not the reading."""

            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Lenient

    def prepare(connection: Any, _record: Any) -> None:
        connection.adapters.register_loader("timestamp", lenient(loaders.TimestampLoader))
        connection.adapters.register_loader("timestamptz", lenient(loaders.TimestamptzLoader))
        connection.adapters.register_loader("date", lenient(loaders.DateLoader))
        connection.execute("select set_config('TimeZone', %s, false)", [mapping.timezone])
        connection.commit()
        connection.read_only = True

    return prepare


def _prepare_mysql(mapping: DatabaseMapping) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("set session time_zone = %s", [_mysql_zone(mapping)])
            cursor.execute("set session transaction read only")

    return prepare


def _mysql_zone(mapping: DatabaseMapping) -> str:
    """Return the zone as an offset where it has only one: many servers know no zone by name."""
    zone = mapping.cells_zone
    offsets = {
        dt.datetime(year, month, 1, tzinfo=zone).utcoffset() for year in range(2000, 2038) for month in (1, 7)
    }
    if len(offsets) > 1:
        return mapping.timezone
    minutes = int((offsets.pop() or dt.timedelta()).total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def told(error: Exception, url: SecretStr) -> str:
    """Return what the server said, in one line, without the URL's password in any spelling."""
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [""]
    text = f"{type(original).__name__}: {lines[0]}"
    parsed = sa.make_url(url.get_secret_value())
    rendered = parsed.render_as_string(hide_password=False)
    quoted = rendered.partition("://")[2].partition("@")[0].partition(":")[2]
    for secret in (url.get_secret_value(), rendered, str(parsed.password or ""), quoted):
        if secret:
            text = text.replace(secret, "***")
    return f"the orders database could not be read: {text}; check SIYU_ORDERS_DATABASE_URL and the mapping"


def relation(section: Section, mapping_fields: dict[str, str]) -> sa.FromClause:
    """Return the section's table or SELECT with the columns that are asked for."""
    wanted = [*mapping_fields.values(), *section.key_columns, *filter(None, [section.update_column])]
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in dict.fromkeys(wanted)]
    if section.query:
        # Nothing in it is ours to fill in, so no colon means a parameter.
        query = section.query.strip().rstrip(";").replace(":", r"\:")
        return sa.text(query).columns(*columns).subquery("given")
    schema, _, table = (section.table or "").rpartition(".")
    return sa.table(table, *columns, schema=schema or None)


def since_value(mapping: DatabaseMapping, since: dt.datetime) -> dt.datetime | int:
    """Return an aware instant as the update column holds it."""
    if mapping.stamps == "datetime":
        return since.astimezone(mapping.cells_zone).replace(tzinfo=None)
    return int(since.timestamp() * (1000 if mapping.stamps == "milliseconds" else 1))


def rows_query(section: Section, mapping: DatabaseMapping, since: dt.datetime | None) -> sa.Select[Any]:
    """Return the question for changed rows: contract fields by name, then the key columns; oldest change first."""
    given = relation(section, section.columns)
    update = _update(given, section)
    query = _fields(given, section).order_by(update, *_keys(given, section))
    return query if since is None else query.where(_changed(update, mapping, since))


def lines_query(mapping: DatabaseMapping, since: dt.datetime | None) -> sa.Select[Any]:
    """Return the question for all lines of the orders that changed, or of which a line changed."""
    lines, orders = mapping.order_lines, mapping.orders
    assert lines is not None
    given = relation(lines, lines.columns)
    order_id = given.c[lines.columns["order_id"]]
    query = _fields(given, lines).order_by(order_id, *_keys(given, lines))
    if since is None:
        return query
    touched: list[sa.Select[Any]] = []
    if lines.update_column:
        again = relation(lines, lines.columns).alias("changed_lines")
        changed = _changed(_update(again, lines), mapping, since)
        touched.append(sa.select(again.c[lines.columns["order_id"]]).where(changed))
    if orders is not None:
        theirs = relation(orders, orders.columns).alias("changed_orders")
        changed = _changed(_update(theirs, orders), mapping, since)
        touched.append(sa.select(theirs.c[orders.columns["order_id"]]).where(changed))
    return query.where(sa.or_(*(order_id.in_(each) for each in touched)))


def newest_query(section: Section, mapping: DatabaseMapping, now: dt.datetime) -> sa.Select[Any]:
    """Return the question for the newest stamp there is, future ones left aside: they would skip rows."""
    update = _update(relation(section, section.columns), section)
    return sa.select(sa.func.max(update)).where(update <= since_value(mapping, now))


def _fields(given: sa.FromClause, section: Section) -> sa.Select[Any]:
    fields = [given.c[column].label(field) for field, column in section.columns.items()]
    keys = [given.c[name].label(f"key_{number}") for number, name in enumerate(section.key_columns)]
    return sa.select(*fields, *keys)


def _update(given: sa.FromClause, section: Section) -> Any:
    assert section.update_column is not None
    return given.c[section.update_column]


def _keys(given: sa.FromClause, section: Section) -> list[Any]:
    own = section.columns.get("order_id") or section.columns["buyer_id"]
    return [given.c[name] for name in section.key_columns or [own]]


def _changed(update: Any, mapping: DatabaseMapping, since: dt.datetime) -> Any:
    """From the stamp on, itself included: rows that share a stamp are never parted. Without a stamp, always."""
    return sa.or_(update >= since_value(mapping, since), update.is_(None))
