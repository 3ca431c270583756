"""What the gates said, as tables of the published copy: the page is made from it alone."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa

from common.lake import Lake
from common.settings import Settings

_TEXT, _COUNT, _UTC_MICROS = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")

GATE_VERDICTS_SCHEMA = pa.schema(
    [
        ("suite", _TEXT),
        ("subject", _TEXT),
        ("status", _TEXT),
        ("is_held", pa.bool_()),
        ("reason", _TEXT),
        ("row_count", _COUNT),
        ("check_count", _COUNT),
        ("judged_at", _UTC_MICROS),
    ]
)
HELD_LOADS_SCHEMA = pa.schema(
    [("held_key", _TEXT), ("stream", _TEXT), ("source", _TEXT), ("row_count", _COUNT), ("reason", _TEXT)]
)


def extra_tables(settings: Settings) -> dict[str, pa.Table]:
    """Return the tables by their public names."""
    return {
        "gate_verdicts": gate_verdicts(settings),
        "held_loads": held_loads(settings),
    }


def gate_verdicts(settings: Settings) -> pa.Table:
    """Return one row per suite and subject: the last verdict, as the Data Docs keep it. Instants are UTC.

    ``status`` is passed, warned, failed or error (could not be judged).
    """
    rows = []
    for path in sorted(settings.data_docs_dir.rglob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        rows.append(
            {
                "suite": entry["suite"],
                "subject": entry["subject"],
                "status": entry["status"],
                "is_held": entry["held"],
                "reason": entry["reason"],
                "row_count": entry["rows"],
                "check_count": entry["checks"],
                "judged_at": dt.datetime.fromisoformat(entry["at"]),
            }
        )
    return pa.Table.from_pylist(rows, schema=GATE_VERDICTS_SCHEMA)


def held_loads(settings: Settings) -> pa.Table:
    """Return one row per load that is held now; ``held_key`` is what `siyu gate release` takes."""
    rows = [
        {
            "held_key": load.path.name[:8],
            "stream": load.stream.key,
            "source": load.report.source,
            "row_count": load.report.rows,
            "reason": load.report.held_reason,
        }
        for load in Lake(settings.lake_dir).held()
    ]
    return pa.Table.from_pylist(rows, schema=HELD_LOADS_SCHEMA)
