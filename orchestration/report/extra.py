"""What the gates said and where the plans stand, as tables of the published copy: the page is made from it alone."""

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
ACTIVATION_TARGETS_SCHEMA = pa.schema(
    [
        ("segment_code", _TEXT),
        ("destination", _TEXT),
        ("present_count", _COUNT),
        ("last_plan_id", _TEXT),
        ("last_plan_status", _TEXT),
        ("add_count", _COUNT),
        ("change_count", _COUNT),
        ("remove_count", _COUNT),
    ]
)


def extra_tables(settings: Settings) -> dict[str, pa.Table]:
    """Return the tables by their public names."""
    return {
        "gate_verdicts": gate_verdicts(settings),
        "held_loads": held_loads(settings),
        "activation_targets": activation_targets(settings),
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


def activation_targets(settings: Settings) -> pa.Table:
    """Return one row per segment and destination that ever had a plan: the last plan, and rows known to be there."""
    from activation.log import summary
    from activation.plans import get_plan

    rows = []
    for target in summary(settings):
        plan = get_plan(settings, target.last_plan_id) if target.last_plan_id else None
        rows.append(
            {
                "segment_code": target.segment_code,
                "destination": target.destination,
                "present_count": target.present,
                "last_plan_id": target.last_plan_id,
                "last_plan_status": target.last_status,
                "add_count": plan.adds if plan else None,
                "change_count": plan.changes if plan else None,
                "remove_count": plan.removes if plan else None,
            }
        )
    return pa.Table.from_pylist(rows, schema=ACTIVATION_TARGETS_SCHEMA)
