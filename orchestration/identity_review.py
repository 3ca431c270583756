"""The review of suggested pairs: what the newest search found, what reviewers said, and saying it.

Verdicts are records of the lake (stream identity/decisions) and pass its gate, so a rebuild from the lake knows them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from common.clock import utc_now
from common.lake import Lake, LoadReport
from common.settings import Settings
from common.streams import STREAMS
from common.warehouse import connect
from orchestration.landing import StreamResult, land_arrivals

Verdict = Literal["same", "apart"]
SUGGESTIONS = STREAMS["identity/suggestions"]
DECISIONS = STREAMS["identity/decisions"]


class ReviewError(ValueError):
    """A verdict that cannot be taken; the message says what to do."""


@dataclass(frozen=True)
class Pair:
    """A suggested pair; ``verdict`` is None while it waits for one. Fields are names, never values."""

    pair_id: str
    left_key: str
    right_key: str
    match_probability: float
    match_weight: float
    agreed: tuple[str, ...]
    similar: tuple[str, ...]
    differing: tuple[str, ...]
    verdict: str | None
    decided_by: str | None


def pairs_of(settings: Settings) -> list[Pair]:
    """Return the pairs of the newest search in the lake, surest first, each with its newest verdict."""
    lake = Lake(settings.lake_dir)
    lake.ensure()
    with connect() as db:
        rows = db.execute(
            _PAIRS.format(suggestions=_rows(lake.glob(SUGGESTIONS)), decisions=_rows(lake.glob(DECISIONS)))
        ).fetchall()
    return [Pair(*row[:5], *(tuple(json.loads(each)) for each in row[5:8]), *row[8:]) for row in rows]


def decide(
    settings: Settings, pair_ids: list[str], verdict: Verdict, *, by: str, reason: str | None
) -> list[StreamResult]:
    """Land one verdict on each of these pairs; the first letters of a pair's id are enough.

    Raises:
        ReviewError: an id names no pair of the newest search, or several; nothing was landed.
    """
    if not by.strip():
        raise ReviewError("expected a name in --by: somebody answers for a verdict")
    pairs = pairs_of(settings)
    chosen = {pair.pair_id: pair for each in pair_ids for pair in [_named(pairs, each)]}
    source, now = "command: siyu review", utc_now().replace(tzinfo=None)
    rows = [
        {
            "left_key": pair.left_key,
            "right_key": pair.right_key,
            "verdict": verdict,
            "reason": reason,
            "decided_by": by.strip(),
            "decided_at": now,
            "source": source,
            "source_line": line,
        }
        for line, pair in enumerate(chosen.values(), start=1)
    ]
    lake = Lake(settings.lake_dir)
    arrival = lake.arrive_rows(DECISIONS, rows, LoadReport(DECISIONS.key, source=source, rows=len(rows)))
    return land_arrivals(settings, lake, DECISIONS, [arrival])


def _named(pairs: list[Pair], start: str) -> Pair:
    found = [pair for pair in pairs if start and pair.pair_id.startswith(start)]
    if len(found) != 1:
        raise ReviewError(
            f"expected {start!r} to name one pair of the newest search, it names {len(found)}; see `siyu review list`"
        )
    return found[0]


def _rows(glob: str) -> str:
    literal = "'" + glob.replace("'", "''") + "'"
    return (
        f"read_parquet({literal}, hive_partitioning = true, hive_types = {{'load_id': varchar}}, "
        "union_by_name = true, file_row_number = true)"
    )


_PAIRS = """
with suggestions as (from {suggestions}),
decisions as (
    select
        least(left_key, right_key) as left_key,
        greatest(left_key, right_key) as right_key,
        verdict,
        decided_by
    from {decisions}
    qualify row_number() over (
        partition by least(left_key, right_key), greatest(left_key, right_key)
        order by load_id desc, file_row_number desc
    ) = 1
)
select
    pair_id, left_key, right_key, match_probability, match_weight, agreed_fields, similar_fields, differing_fields,
    decisions.verdict, decisions.decided_by
from suggestions
left join decisions using (left_key, right_key)
where load_id = (select max(load_id) from suggestions)
order by match_weight desc, pair_id
"""
