"""Lets a payload leave that the gate holds: by name, with a reason, for exactly these rows, kept for good."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from activation.errors import ActivationError
from activation.ledger import Ledger
from activation.policy import load_policy
from activation.tables import overrides
from common.clock import utc_now
from common.settings import Settings


class OverrideError(ActivationError):
    """There is nothing to override, or nobody says why."""


class PayloadHeldError(ActivationError):
    """The gate does not let the payload pass, and nobody overrode that."""


@dataclass(frozen=True)
class Override:
    """One payload that a person let pass. ``payload_digest`` names its rows and the suite that judged them."""

    override_id: str
    segment_code: str
    suite: str
    payload_digest: str
    verdict: str
    granted_by: str
    reason: str
    granted_at: dt.datetime
    expires_at: dt.datetime


SCHEMA = pa.schema(
    [
        (name, pa.timestamp("us", tz="UTC") if name.endswith("_at") else pa.string())
        for name in Override.__dataclass_fields__
    ]
)


def grant(
    settings: Settings, segment_code: str, suite: str, digest: str, *, verdict: str, by: str, reason: str
) -> Override:
    """Keep that a held payload may leave; it counts as long as a plan does (``plan_valid_hours``).

    Raises:
        OverrideError: ``by`` or ``reason`` is empty.
    """
    if not by.strip() or not reason.strip():
        raise OverrideError("expected who overrides (--by) and why (--reason), got an empty text")
    now = utc_now()
    made = Override(
        uuid.uuid4().hex,
        segment_code,
        suite,
        digest,
        verdict,
        by,
        reason,
        now,
        now + dt.timedelta(hours=load_policy().plan_valid_hours),
    )
    with Ledger(settings) as ledger, ledger.writing() as db:
        db.execute(sa.insert(overrides).values(**vars(made)))
    return made


def find(settings: Settings, segment_code: str, digest: str) -> Override | None:
    """Return the newest override of exactly this payload that still counts."""
    query = (
        sa.select(overrides)
        .where(
            overrides.c.segment_code == segment_code,
            overrides.c.payload_digest == digest,
            overrides.c.expires_at > utc_now(),
        )
        .order_by(overrides.c.granted_at.desc(), overrides.c.override_id)
    )
    with Ledger(settings) as ledger, ledger.reading() as db:
        row = db.execute(query).mappings().first()
    return Override(**row) if row is not None else None


def table(settings: Settings) -> pa.Table:
    """Return one row per override ever granted, oldest first. Instants are UTC."""
    query = sa.select(overrides).order_by(overrides.c.granted_at, overrides.c.override_id)
    with Ledger(settings) as ledger, ledger.reading() as db:
        return pa.Table.from_pylist([dict(row) for row in db.execute(query).mappings()], SCHEMA)
