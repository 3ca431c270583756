"""What customers said about being reached: kept in the ledger with each of their identifiers."""

from __future__ import annotations

import uuid

import duckdb
import sqlalchemy as sa

from activation.contracts import ActivationError, Channel
from activation.ledger import Ledger
from activation.tables import consents
from common.clock import utc_now
from common.settings import Settings
from common.warehouse import reading


class ConsentError(ActivationError):
    """Nobody is known whom this word could be about, or it is about no channel."""


def record(
    settings: Settings,
    customer: str,
    channel: str,
    *,
    is_allowed: bool,
    by: str,
    reason: str | None = None,
) -> list[str]:
    """Keep what a customer said; return the identifiers that it was written down for.

    ``customer`` is a customer_id or an identifier as ``type:value``. An identifier that the warehouse does not
    know is kept all the same: it may come with tomorrow's records.

    Raises:
        ConsentError: no such customer or channel, or ``by`` is empty.
        FileNotFoundError: there is no warehouse yet.
        duckdb.IOException: a run is writing the warehouse.
    """
    if channel not in list(Channel):
        raise ConsentError(f"channel: expected one of {[str(each) for each in Channel]}, got {channel!r}")
    if not by.strip():
        raise ConsentError("expected the name of who records it, got an empty text")
    keys = _identifiers(settings, customer)
    now = utc_now()
    rows = [
        {
            "consent_id": uuid.uuid4().hex, "identifier_key": key, "channel": channel,
            "is_allowed": is_allowed, "said_at": now, "recorded_by": by, "reason": reason,
        }
        for key in keys
    ]  # fmt: skip
    with Ledger(settings) as ledger, ledger.writing() as db:
        db.execute(sa.insert(consents), rows)
    return keys


def denied_keys(db: sa.Connection, channel: Channel) -> list[str]:
    """Return the identifiers whose newest word about this channel, or about all of them, is no."""
    newest = (
        sa.select(
            consents.c.identifier_key,
            consents.c.is_allowed,
            sa.func.row_number()
            .over(
                partition_by=consents.c.identifier_key,
                order_by=(consents.c.said_at.desc(), consents.c.consent_id.desc()),
            )
            .label("age"),
        )
        .where(consents.c.channel.in_([channel, Channel.ALL]))
        .subquery()
    )
    query = sa.select(newest.c.identifier_key).where(newest.c.age == 1, sa.not_(newest.c.is_allowed))
    return sorted(db.execute(query).scalars())


def _identifiers(settings: Settings, customer: str) -> list[str]:
    quoted = customer.replace("'", "''")
    with reading(settings) as db:
        try:
            rows = db.execute(
                "select identifier_key from marts.bridge_customer_identities where customer_id in ("  # noqa: S608
                f"select customer_id from marts.bridge_customer_identities where identifier_key = '{quoted}' "
                f"or customer_id = '{quoted}') order by identifier_key"
            ).fetchall()
        except duckdb.CatalogException as error:
            raise ConsentError(
                f"the warehouse lacks the customers' identifiers: {error}; build it first"
            ) from error
    if rows:
        return [key for (key,) in rows]
    if ":" not in customer:
        raise ConsentError(
            f"no customer {customer!r} in the warehouse; give a customer_id, or an identifier as type:value"
        )
    return [customer]
