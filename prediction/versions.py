"""Model versions: what a training found, as rows of the lake, and which of them are in force."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.scoring import MODELS
from common.streams import STREAMS
from common.warehouse import connect

PREDICTION_MODELS = STREAMS["siyu/prediction_models"]


@dataclass(frozen=True)
class Version:
    """One model as one training found it. ``metrics`` and ``parameters`` are JSON values."""

    model_code: str
    trained_as_of: dt.date
    known_load_id: str
    train_days: tuple[dt.date, ...]
    test_days: tuple[dt.date, ...]
    train_count: int
    test_count: int
    is_promoted: bool
    reason: str
    metrics: dict[str, Any]
    parameters: dict[str, Any]
    source: str

    @property
    def name(self) -> str:
        """Model, last day seen, and a digest of everything that the version is made of."""
        made_of = [self.parameters, self.known_load_id, [str(day) for day in self.train_days]]
        digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
        return f"{self.model_code}@{self.trained_as_of}#{digest[:12]}"

    def as_row(self) -> dict[str, Any]:
        """Return the row of the stream."""
        return {
            "model_version": self.name,
            "model_code": self.model_code,
            "trained_as_of": self.trained_as_of,
            "known_load_id": self.known_load_id,
            "train_days": json.dumps([day.isoformat() for day in self.train_days]),
            "test_days": json.dumps([day.isoformat() for day in self.test_days]),
            "train_count": self.train_count,
            "test_count": self.test_count,
            "is_promoted": self.is_promoted,
            "reason": self.reason,
            "metrics": json.dumps(self.metrics, ensure_ascii=False),
            "parameters": json.dumps(self.parameters, ensure_ascii=False),
            "source": self.source,
        }


@dataclass(frozen=True)
class Training:
    """What a training found: versions, and the models that could not be tried, with the reason."""

    as_of: dt.date
    known_load_id: str
    versions: tuple[Version, ...]
    not_tried: dict[str, str] = field(default_factory=dict)


def arrive(lake: Lake, training: Training) -> Arrival | None:
    """Write the versions as an arrival of the stream; None when there are none.

    The same training done again is admitted once.
    """
    if not training.versions:
        return None
    rows = [version.as_row() for version in training.versions]
    report = LoadReport(
        PREDICTION_MODELS.key,
        source="command: siyu predict train",
        rows=len(rows),
        fingerprint=hashlib.sha256("\n".join(row["model_version"] for row in rows).encode()).hexdigest(),
        details={"not_tried": training.not_tried},
    )
    return lake.arrive_rows(PREDICTION_MODELS, rows, report)


def in_force(lake: Lake, as_of: dt.date, known_load_id: str) -> dict[str, tuple[str, str]]:
    """Return (version, parameters as JSON) by model code: the rule of dbt's ``models_in_force``."""
    with connect() as db:
        rows = db.execute(
            _IN_FORCE, {"glob": lake.glob(PREDICTION_MODELS), "as_of": as_of, "known": known_load_id}
        ).fetchall()
    return {code: (version, parameters) for code, version, parameters in rows if code in MODELS}


_IN_FORCE = """
select model_code, model_version, parameters
from read_parquet($glob, hive_partitioning = true, hive_types_autocast = false, union_by_name = true,
                  file_row_number = true)
where is_promoted and trained_as_of <= $as_of and load_id <= $known
qualify row_number() over (partition by model_code order by load_id desc, file_row_number desc) = 1
"""


def listed(lake: Lake, most: int) -> list[dict[str, Any]]:
    """Return the versions of the lake without their parameters, the newest first."""
    with connect() as db:
        found = db.execute(_LISTED, {"glob": lake.glob(PREDICTION_MODELS), "most": most})
        names = [each[0] for each in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


_LISTED = """
select * exclude (parameters)
from read_parquet($glob, hive_partitioning = true, hive_types_autocast = false, union_by_name = true,
                  file_row_number = true)
order by load_id desc, file_row_number
limit $most
"""
