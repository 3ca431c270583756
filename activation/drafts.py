"""A diff as of now, not yet a plan: the warehouse compared with what the ledger knows, in files of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from activation.consent import denied_keys
from activation.contracts import Action, Destination, Segment
from activation.diff import Diff, compare
from activation.known import load_known
from activation.ledger import Ledger
from activation.messages.base import MessageDestination
from activation.messages.planning import Touching
from activation.messages.ration import Ration
from activation.payloads import open_payload
from activation.policy import Policy
from activation.rows import MemberRows, PlanRows
from common.clock import utc_now
from common.settings import Settings
from common.warehouse import reading

# One part of a plan stays far below what databases take as one value.
_PART_ROWS = 500_000


@dataclass(frozen=True)
class Draft:
    """A diff with the declaration of its segment. Its files live as long as the block that made it.

    ``ration`` says of messages who may be reached now.
    """

    segment: Segment
    diff: Diff
    rows: PlanRows
    members: MemberRows
    ration: Ration | None = None

    def parts(self) -> Iterator[bytes]:
        """Yield the rows (those to send and those held) as Parquet files small enough for the ledger."""
        with pq.ParquetFile(self.diff.path) as file:
            if file.metadata.num_rows <= _PART_ROWS:
                yield self.diff.path.read_bytes()
                return
            for number, batch in enumerate(file.iter_batches(batch_size=_PART_ROWS)):
                path = self.diff.path.with_name(f"part-{number}.parquet")
                with pq.ParquetWriter(path, batch.schema, compression="zstd") as writer:
                    writer.write_batch(batch)
                yield path.read_bytes()
                path.unlink()


@contextmanager
def drafting(
    settings: Settings, ledger: Ledger, segment_code: str, destination: Destination, policy: Policy
) -> Iterator[Draft]:
    """Compute the diff of one destination of one segment as of now. No calls are made.

    Raises:
        PayloadError: the warehouse holds no payload that can be sent.
        FileNotFoundError: there is no warehouse yet.
        duckdb.IOException: a run is writing the warehouse.
    """
    with tempfile.TemporaryDirectory(prefix="siyu-plan-") as scratch:
        folder = Path(scratch)
        with ledger.reading() as book:
            denied = pa.array(denied_keys(book, destination.channel), pa.string())
        with reading(settings) as db:
            db.execute("set preserve_insertion_order = false")
            touching = None
            if isinstance(destination, MessageDestination):
                touching = Touching(db, settings, policy.messages, destination, segment_code)
            segment = (
                touching.open_payload(denied)
                if touching
                else open_payload(db, segment_code, destination, denied)
            )
            known = load_known(db, settings, ledger, segment_code, destination.name)
            diff = compare(
                db,
                destination,
                known=known,
                now=utc_now(),
                retry_ended_after_days=policy.retry_ended_relation_after_days,
                give_up_after_days=policy.give_up_after_days,
                folder=folder,
                withhold=touching.withhold_by(ledger) if touching else None,
            )
        yield Draft(
            segment,
            diff,
            PlanRows(diff.path, destination, diff.counts),
            MemberRows(diff.members_path, destination, diff.members),
            touching.ration if touching else None,
        )


def counts_of(diff: Diff) -> tuple[int, int, int]:
    """Return additions, changes and removals."""
    return diff.counts[Action.ADD], diff.counts[Action.CHANGE], diff.counts[Action.REMOVE]
