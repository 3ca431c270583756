"""Why these identifiers are one customer: the edges between them, the weakest first, and what was refused.

Read from the warehouse as the last run left it. Every table is filtered by numbers, so that the answer is quick at
tens of millions of identifiers; only the identifiers asked about are looked up as text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import Any

import duckdb

from common.clock import UTC
from common.settings import Settings
from common.warehouse import WarehouseBusyError, reading
from orchestration.bridges import Walk, walk

_CUSTOMER_ID = re.compile(r"c[0-9a-f]{20}")
_NO_MORE = 10**9


class UnknownCustomerError(ValueError):
    """Nobody in the warehouse goes by that name."""


@dataclass(frozen=True)
class Identifier:
    """One of her identifiers; ``identifier_no`` is its place in the order of loading."""

    identifier_no: int
    identifier_key: str
    identifier_type: str
    first_loaded_at: dt.datetime


@dataclass(frozen=True)
class HoldingEdge:
    """Two of her identifiers that records show together. Instants are the loads of these records' newest versions.

    ``apart_count`` identifiers come apart from her earliest one without this edge, 0 where others hold them;
    ``apart_keys`` names the earliest of them, and they would be ``apart_customer_id``.
    """

    hub_key: str
    identifier_key: str
    sources: tuple[str, ...]  # most trusted first
    source_rank: int  # of the most trusted one, 1 is the most trusted of all
    record_count: int
    first_loaded_at: dt.datetime
    last_loaded_at: dt.datetime
    apart_count: int
    apart_keys: tuple[str, ...]
    apart_customer_id: str | None


@dataclass(frozen=True)
class Refused:
    """An edge between her and another customer that a limit refused."""

    identifier_key: str
    other_identifier_key: str
    other_customer_id: str
    reason: str
    source_code: str
    record_count: int


@dataclass(frozen=True)
class Stopped:
    """A value that stands in her records and joins nobody."""

    identifier_key: str
    reason: str
    record_count: int  # hers that show it


@dataclass(frozen=True)
class Moved:
    """Identifiers that went from one customer to another on a business day; one of the two may be nobody's id now."""

    moved_date: dt.date
    move_kind: str  # merge, unmerge, reassigned
    from_customer_id: str
    to_customer_id: str
    identifier_count: int
    identifier_keys: tuple[str, ...]  # the earliest five


@dataclass(frozen=True)
class Explained:
    """What is known of one customer's identity. ``edge_count`` counts all edges, ``edges`` holds the weakest."""

    customer_id: str
    customer_no: int
    identifiers: list[Identifier]
    edges: list[HoldingEdge]
    edge_count: int
    bridge_count: int
    refused: list[Refused]
    stopped: list[Stopped]
    moved: list[Moved]  # newest first


def explain(settings: Settings, asked: str, *, most: int = _NO_MORE) -> Explained:
    """Explain a customer, named by customer_id, customer_no or one of her identifiers (``type:value``).

    Raises:
        UnknownCustomerError: nobody goes by that name.
        WarehouseBusyError: a run is writing the warehouse.
        FileNotFoundError: nothing was built yet.
    """
    try:
        with reading(settings) as db:
            number = _number_of(db, asked.strip())
            db.execute(_HER, {"customer_no": number})
            db.execute(_HER_LINKS)
            db.execute(_BLOCKED)
            if db.execute("from blocked limit 1").fetchone():
                db.execute(_BLOCKED_LINKS)
            return _explained(db, number, most)
    except duckdb.CatalogException as error:
        raise UnknownCustomerError("the warehouse holds no identities yet; run `siyu run` first") from error
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise WarehouseBusyError(
            "a run is writing the warehouse, and nobody can read it meanwhile; ask again when it has ended"
        ) from error


def customer_id_of(anchor_key: str) -> str:
    """Return the id of the customer whose earliest-loaded identifier this is, as the warehouse derives it."""
    return "c" + hashlib.md5(anchor_key.encode(), usedforsecurity=False).hexdigest()[:20]


def _number_of(db: duckdb.DuckDBPyConnection, asked: str) -> int:
    if asked.isdecimal() and len(asked) <= 18:
        row = db.execute(_BY_NUMBER, [int(asked)]).fetchone()
    elif _CUSTOMER_ID.fullmatch(asked):
        tries = (_BY_ID, _BY_ID_OF_ALL, _BY_FORMER_ID)
        row = next((found for sql in tries if (found := db.execute(sql, [asked]).fetchone())), None)
    elif ":" in asked:
        row = db.execute(_BY_KEY, [asked]).fetchone()
    else:
        raise UnknownCustomerError(
            f"expected a customer_id (c and 20 hex digits), a customer_no or an identifier as type:value, got {asked!r}"
        )
    if row is None:
        raise UnknownCustomerError(
            f"nobody goes by {asked!r}, and nobody ever did; try one of her identifiers, as type:value"
        )
    return int(row[0])


def _explained(db: duckdb.DuckDBPyConnection, number: int, most: int) -> Explained:
    identifiers = [
        Identifier(no, key, kind, loaded_at.replace(tzinfo=UTC))
        for no, key, kind, loaded_at in db.execute(_IDENTIFIERS).fetchall()
    ]
    keys = {each.identifier_no: each.identifier_key for each in identifiers}
    rows = db.execute(_EDGES).fetchall()
    walked = walk(number, ((hub, other) for hub, other, *_ in rows))
    customer_id = customer_id_of(keys[number])
    moved = db.execute(_MOVED, {"customer_no": number}).fetchall()
    refused = db.execute(_REFUSED, {"customer_id": customer_id}).fetchall()
    return Explained(
        customer_id,
        number,
        identifiers,
        [_edge(row, keys, walked) for row in rows[:most]],
        len(rows),
        len(walked.beyond),
        [Refused(*row) for row in refused],
        [Stopped(*row) for row in db.execute(_BESIDE).fetchall()],
        [
            Moved(day, kind, former, now, count, tuple(earliest))
            for day, kind, former, now, count, earliest in moved
        ],
    )


def _edge(row: tuple[Any, ...], keys: dict[int, str], walked: Walk) -> HoldingEdge:
    hub, other, sources, rank, records, first, last = row
    apart = walked.part((min(hub, other), max(hub, other)))
    return HoldingEdge(
        keys[hub],
        keys[other],
        tuple(sources),
        rank,
        records,
        first.replace(tzinfo=UTC),
        last.replace(tzinfo=UTC),
        len(apart),
        tuple(keys[no] for no in apart[:5]),
        customer_id_of(keys[apart[0]]) if apart else None,
    )


# A number is that of the customer's earliest identifier; after a merge it is one of another customer's.
_BY_NUMBER = "select anchor_no from intermediate.int_identity__components where identifier_no = ? limit 1"
# The shorter table first; it has no one of whom nothing but identifiers is known.
_BY_ID = "select customer_no from marts.dim_customers where customer_id = ? limit 1"
_BY_ID_OF_ALL = "select customer_no from marts.bridge_customer_identities where customer_id = ? limit 1"
# Of one who was merged into another: whoever has her earliest identifier now.
_BY_FORMER_ID = """
select anchor_no from intermediate.int_identity__components
where identifier_no in (select from_customer_no from marts.identity_moves where from_customer_id = ?)
"""
# A digest is found several times as fast as the text.
_BY_KEY = """
select anchor_no from intermediate.int_identity__components
where identifier_no in (
    select identifier_no from intermediate.int_identity__identifiers where identifier_uid = md5_number(?)
)
"""
_HER = """
create temp table her as
select identifier_no from intermediate.int_identity__components where anchor_no = $customer_no
"""
# One pass over the largest table. It finds the rows by number alone and fetches only those whole: reading the other
# columns along takes many times as long. Whatever stands in her records has one of hers as its hub, but a value of the
# blocked list, which has none.
_HER_LINKS = """
create temp table her_links as
select links.*
from intermediate.int_identity__links as links
where links.rowid in (select rowid from intermediate.int_identity__links where hub_no in (from her))
"""
_BLOCKED = """
create temp table blocked as
select identifier_no from intermediate.int_identity__identifiers where blocked_reason is not null
"""
_BLOCKED_LINKS = """
insert into her_links
select links.*
from intermediate.int_identity__links as links
where links.rowid in (select rowid from intermediate.int_identity__links where identifier_no in (from blocked))
    and links.record_uid in (select record_uid from her_links)
    and links.hub_no not in (from her)
"""
_IDENTIFIERS = """
select identifier_no, identifier_key, identifier_type, make_timestamp(first_load_no)
from intermediate.int_identity__identifiers
where identifier_no in (from her)
order by identifier_no
"""
# A record shows an identifier once, so rows are records.
_EDGES = """
select
    links.hub_no,
    links.identifier_no,
    list_transform(
        list_sort(list_distinct(list({'rank': sources.source_rank, 'code': sources.source_code}))),
        lambda source: source.code
    ) as sources,
    min(sources.source_rank) as source_rank,
    count(*) as record_count,
    make_timestamp(min(links.load_no)) as first_loaded_at,
    make_timestamp(max(links.load_no)) as last_loaded_at
from her_links as links
inner join intermediate.int_identity__source_policy as sources on sources.source_rank = links.source_rank
where links.hub_no <> links.identifier_no and links.identifier_no in (from her)
group by links.hub_no, links.identifier_no
order by
    min(sources.source_rank) desc, count(*), min(links.load_no) desc, links.identifier_no desc, links.hub_no desc
"""
_REFUSED = """
select
    case when customer_id = $customer_id then identifier_key else other_identifier_key end,
    case when customer_id = $customer_id then other_identifier_key else identifier_key end,
    case when customer_id = $customer_id then other_customer_id else customer_id end,
    reason,
    source_code,
    record_count
from marts.identity_conflicts
where conflict_kind in ('over_limit', 'kept_apart') and (customer_id = $customer_id or other_customer_id = $customer_id)
order by record_count desc, identifier_key, other_identifier_key
"""
_BESIDE = """
select
    identifiers.identifier_key,
    coalesce(identifiers.blocked_reason, 'stands beside more than ' || types.most_beside || ' others') as reason,
    count(*) as record_count
from her_links as links
inner join intermediate.int_identity__identifiers as identifiers on identifiers.identifier_no = links.identifier_no
inner join intermediate.int_identity__type_policy as types on types.identifier_type = identifiers.identifier_type
where links.identifier_no in (
    select identifier_no from intermediate.int_identity__limited union all select identifier_no from blocked
)
group by identifiers.identifier_key, identifiers.blocked_reason, types.most_beside
order by record_count desc, identifiers.identifier_key
"""
_MOVED = """
select
    moved_date, move_kind, from_customer_id, to_customer_id, count(*),
    list(identifier_key order by identifier_no)[:5]
from marts.identity_moves
where from_customer_no = $customer_no or to_customer_no = $customer_no or identifier_no in (from her)
group by moved_date, move_kind, from_customer_id, to_customer_id
order by moved_date desc, from_customer_id, to_customer_id
"""
