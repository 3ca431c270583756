"""Reads what the warehouse wants sent: a segment's declaration, payload rows and holdouts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import duckdb

from activation.contracts import Destination, PayloadError, PayloadRow, Segment
from common.settings import Settings
from common.warehouse import reading

# A segment code becomes a folder and a lock name.
_SEGMENT_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}")


@dataclass(frozen=True)
class Payload:
    """What one segment should look like at one destination."""

    segment: Segment
    rows: list[PayloadRow]
    holdouts: frozenset[str]
    """Customers that must never receive anything of this segment."""


def read_payload(settings: Settings, segment_code: str, destination: Destination) -> Payload:
    """Read one segment's payload for one destination.

    Raises:
        PayloadError: no such segment or table, the segment does not declare the destination, or broken keys.
        FileNotFoundError: there is no warehouse yet.
        duckdb.IOException: a run is writing the warehouse.
    """
    if not _SEGMENT_CODE.fullmatch(segment_code):
        raise PayloadError(f"expected a segment code of letters, digits, _ and -, got {segment_code!r}")
    with reading(settings) as db:
        try:
            segments = _read_segments(db)
            segment = segments.get(segment_code)
            if segment is None:
                raise PayloadError(
                    f"no segment {segment_code!r} in marts.segments; it holds {sorted(segments)}"
                )
            if destination.name not in segment.destinations:
                raise PayloadError(
                    f"segment {segment_code!r} declares the destinations {list(segment.destinations)}, "
                    f"not {destination.name!r}; add it to the segment's declaration and build again"
                )
            _refuse_shared_tag(segment, segments)
            destination.check(segment)
            # The code is letters, digits, _ and - here; a bound parameter would import pandas (0.5 s a run).
            of_segment = f"where segment_code = '{segment_code}'"
            cursor = db.execute(f"select * from {destination.relation} {of_segment}")  # noqa: S608
            columns = [each[0] for each in cursor.description or []]
            rows = destination.read(columns, cursor.fetchall())
            holdouts = db.execute(
                f"select distinct customer_id from marts.segment_members {of_segment} and is_holdout"  # noqa: S608
            ).fetchall()
        except duckdb.CatalogException as error:
            raise PayloadError(
                f"the warehouse lacks a table that activation reads: {error}; build it first"
            ) from error
    _check_keys(segment_code, destination, rows)
    return Payload(segment, rows, frozenset(each[0] for each in holdouts))


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


def _check_keys(segment_code: str, destination: Destination, rows: list[PayloadRow]) -> None:
    doubled = [key for key, count in Counter(each.row_key for each in rows).items() if count > 1]
    empty = sum(1 for each in rows if not each.row_key or not each.customer_id)
    if doubled or empty:
        raise PayloadError(
            f"{destination.relation} of {segment_code!r}: expected unique keys without NULL, "
            f"got {len(doubled)} more than once (first: {doubled[:1]}) and {empty} empty; nothing was planned"
        )
