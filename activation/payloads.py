"""What the warehouse wants sent: a segment's declaration, and its rows as relations to compare."""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
import pyarrow as pa

from activation.contracts import Destination, PayloadError, Segment
from activation.rows import BAR

# A segment code becomes a folder and a lock name.
_SEGMENT_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}")


def open_payload(
    db: duckdb.DuckDBPyConnection,
    segment_code: str,
    destination: Destination,
    denied_keys: pa.Array,
    *,
    narrow: Callable[[], None] | None = None,
    members: str = "marts.segment_members",
) -> Segment:
    """Create the temporary relations of one segment's payload in an open warehouse; return the segment.

    ``members`` has one row per member (customer_id), ``excluded`` one per member that must not receive
    anything (customer_id, reason), ``desired`` one per row that should be there (row_key, customer_id,
    content as JSON text). ``denied_keys`` are identifiers of people who do not want to be reached there.
    ``members`` is the relation of who counts as a member; ``narrow`` may change ``excluded`` before it is used.

    Raises:
        PayloadError: no such segment or table, the segment does not declare the destination, or broken keys.
    """
    if not _SEGMENT_CODE.fullmatch(segment_code):
        raise PayloadError(f"expected a segment code of letters, digits, _ and -, got {segment_code!r}")
    try:
        segments = _read_segments(db)
        segment = segments.get(segment_code)
        if segment is None:
            raise PayloadError(f"no segment {segment_code!r} in marts.segments; it holds {sorted(segments)}")
        if destination.name not in segment.destinations:
            raise PayloadError(
                f"segment {segment_code!r} declares the destinations {list(segment.destinations)}, "
                f"not {destination.name!r}; add it to the segment's declaration and build again"
            )
        _refuse_shared_tag(segment, segments)
        destination.check(segment)
        _create_excluded(db, segment_code, denied_keys)
        if narrow is not None:
            narrow()
        _create_relations(db, segment_code, destination, members)
        _check_rows(db, destination)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise PayloadError(
            f"the warehouse lacks a table or column that activation reads: {error}; build it first"
        ) from error
    return segment


def _create_excluded(db: duckdb.DuckDBPyConnection, segment_code: str, denied_keys: pa.Array) -> None:
    """One row per member who must not receive anything, with the first reason in the alphabet."""
    members = f"from marts.segment_members where segment_code = '{segment_code}'"
    reasons = [f"select customer_id, 'holdout' as reason {members} and is_holdout"]
    db.register("denied_arrow", pa.table({"identifier_key": denied_keys}))
    db.execute("create or replace temp table denied as select identifier_key from denied_arrow")
    db.unregister("denied_arrow")
    if len(denied_keys):
        whose = (
            "select customer_id from marts.bridge_customer_identities semi join denied using (identifier_key)"
        )
        reasons.append(f"select customer_id, 'opted_out' as reason {members} and customer_id in ({whose})")
    told = " union all ".join(reasons)
    db.execute(
        "create or replace temp table excluded as select customer_id, min(reason) as reason "  # noqa: S608
        f"from ({told}) as reasons group by customer_id"
    )


def _create_relations(
    db: duckdb.DuckDBPyConnection, segment_code: str, destination: Destination, members_relation: str
) -> None:
    # The code is letters, digits, _ and - here; a bound parameter would import pandas (0.5 s a run).
    of_segment = f"where segment_code = '{segment_code}'"
    members = f"from {members_relation} {of_segment}"
    db.execute(f"create or replace temp view members as select customer_id {members}")
    key = f" || '{BAR}' || ".join(map(_cell, destination.key_columns))
    content = ", ".join(f"'{each}', {_quoted(each)}" for each in destination.value_columns)
    some = db.execute("select 1 from excluded limit 1").fetchone()
    allowed = (
        "and not exists (from excluded where excluded.customer_id = payload.customer_id)" if some else ""
    )
    db.execute(
        f"create or replace temp view desired as select {key} as row_key, customer_id, "  # noqa: S608
        f"json_object({content})::varchar as content "
        f"from {destination.relation} as payload {of_segment} {allowed}"
    )
    columns = [*destination.key_columns, *destination.checked_columns]
    of_payload = (
        f"create or replace temp view payload as select {', '.join(map(_quoted, columns))}, customer_id"
    )
    db.execute(f"{of_payload} from {destination.relation} {of_segment}")


def _check_rows(db: duckdb.DuckDBPyConnection, destination: Destination) -> None:
    keys, checked = destination.key_columns, destination.checked_columns
    empty = " or ".join(f"{_cell(each)} is null or {_cell(each)} = ''" for each in (*keys, "customer_id"))
    barred = " or ".join(f"contains({_cell(each)}, '{BAR}')" for each in keys)
    names = "".join(f"{_quoted(each)}, " for each in checked)
    # One scan for everything: with millions of rows each one counts.
    found = db.execute(
        f"select {names}count(*) filter (where {empty}), count(*) filter (where {barred}) "  # noqa: S608
        "from payload group by all"
    ).fetchall()
    empties, bars = sum(row[-2] for row in found), sum(row[-1] for row in found)
    if empties or bars:
        raise PayloadError(
            f"{destination.relation}: expected keys ({', '.join(keys)}) that are neither empty nor hold a "
            f"{BAR!r}, got {empties} empty and {bars} with one; nothing was planned"
        )
    if checked:
        destination.check_values(dict(zip(checked, row[:-2], strict=True)) for row in found)


def _cell(column: str) -> str:
    return f"cast({_quoted(column)} as varchar)"


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _read_segments(db: duckdb.DuckDBPyConnection) -> dict[str, Segment]:
    found = db.execute(
        "select segment_code, name_zh, destinations, tag_group_name, tag_name, rule_version::varchar "
        "from marts.segments"
    ).fetchall()
    return {
        code: Segment(
            code, name, tuple(d.strip() for d in (to or "").split(",") if d.strip()), group, tag, version
        )
        for code, name, to, group, tag, version in found
    }


def _refuse_shared_tag(segment: Segment, segments: dict[str, Segment]) -> None:
    """Two segments with one tag would take it off each other's customers every day."""
    if segment.tag_name is None:
        return
    target = (segment.tag_group_name, segment.tag_name)
    others = [
        each.code
        for each in segments.values()
        if each.code != segment.code and (each.tag_group_name, each.tag_name) == target
    ]
    if others:
        raise PayloadError(
            f"segment {segment.code!r} shares its tag {target} with {others}; give each its own tag"
        )
