"""File hand-off: the whole segment as a CSV per business day (and Parquet, XLSX), for tools that take lists.

Ids only, no phones; hashed ids of other systems stand in columns after them when the policy says so. The file is
written beside its place and moved there whole, so a reader never sees half of it, and written anew only when a
member or one of its values changed.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from activation.contracts import (
    Action,
    ActivationError,
    Change,
    Channel,
    Estimate,
    Observed,
    Order,
    Outcome,
    ReadBack,
    Receipt,
    Segment,
    Values,
)
from activation.destinations.hand_off_files import (
    FORMATS,
    Cell,
    TooManyRowsError,
    UnconfirmedFileError,
    csv_text,
    safe_text,
    write_whole,
)
from activation.destinations.hashed_ids import HashedIds
from activation.policy import Policy
from common.settings import Settings

COLUMNS = (
    "segment_code",
    "segment_name_zh",
    "customer_id",
    "customer_no",
    "entered_date",
    "tier_code",
    "order_count",
    "net_spend_cny",
)


class FileExport:
    """The destination ``file_export``."""

    name = "file_export"
    channel = Channel.FILE
    relation = "activation.act_file__segment_members"
    key_columns: tuple[str, ...] = ("customer_id",)
    value_columns: tuple[str, ...] = (
        "segment_code", "segment_name_zh", "customer_no", "entered_date", "tier_code", "order_count",
        "net_spend_fen",
    )  # fmt: skip
    checked_columns: tuple[str, ...] = ()
    chunk_rows: int | None = None  # one file holds them all
    needs_members = True
    removes = True

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._exports_dir = settings.exports_dir
        self._settings, self._hashed_columns = settings, policy.file_export.hashed_ids
        self._formats = {"csv", *policy.file_export.formats}

    def check(self, segment: Segment) -> None:
        """Every segment can be a file."""

    def check_values(self, values: Iterable[Values]) -> None:
        """No columns are asked to be checked."""

    def estimate(self, rows: int) -> Estimate:
        """No calls; the minutes are those of writing."""
        return Estimate(0, 0.0)

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Make the folder of the segment; refuse keyed ids without a key."""
        HashedIds(self._settings, self._hashed_columns)
        try:
            self._folder(order).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ActivationError(
                f"cannot make {self._folder(order)}: {error.strerror}; check its rights"
            ) from error

    def send(self, order: Order, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Write the file; the receipt carries its sha256 and row count."""
        target = self._target(order)
        hashed = HashedIds(self._settings, self._hashed_columns)
        ids, none = hashed.by_customer(), [None] * len(hashed.columns)
        try:
            # The CSV comes last: it is the one that is read back.
            for kind in sorted(self._formats, key=lambda kind: kind == "csv"):
                rows = (
                    [*_cells(values), *ids.get(str(values["customer_id"]), none)] for values in order.members
                )
                content = FORMATS[kind]((*COLUMNS, *hashed.columns), rows)
                write_whole(target.with_suffix(f".{kind}"), content)
        except UnconfirmedFileError as error:
            for change in changes:
                yield Receipt(
                    change.row_key, Outcome.IN_DOUBT, None, "unknown", f"not confirmed: {error.strerror}"
                )
            return
        except (OSError, TooManyRowsError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            for change in changes:
                yield Receipt(change.row_key, Outcome.NOT_SENT, None, "retry_later", f"not written: {why}")
            return
        digest = hashlib.sha256(content).hexdigest()
        message = f"{target.name}: {len(order.members)} rows, sha256 {digest}"
        for change in changes:
            yield Receipt(change.row_key, Outcome.SENT, "0", "ok", message)

    def read_back(self, order: Order, changes: Sequence[Change]) -> dict[str, ReadBack]:
        """Look into the file that the changes were to be written to."""
        try:
            with self._target(order).open(encoding="utf-8-sig", newline="") as lines:
                there = {line[COLUMNS.index("customer_id")]: line for line in csv.reader(lines)}
        except FileNotFoundError:
            return {change.row_key: ReadBack.NOT_IN_EFFECT for change in changes}
        return {
            change.row_key: ReadBack.IN_EFFECT if _in_effect(change, there) else ReadBack.NOT_IN_EFFECT
            for change in changes
        }

    def observe(self, segment: Segment, ours: Sequence[Segment]) -> Observed | None:
        """Read the newest file of the segment; none is an empty one."""
        files = sorted((self._exports_dir / segment.code).glob("*.csv"))
        if not files:
            return Observed({})
        with files[-1].open(encoding="utf-8-sig", newline="") as lines:
            return Observed({row["customer_id"]: _content(row) for row in csv.DictReader(lines)})

    def close(self) -> None:
        """Nothing is kept open."""

    def _folder(self, order: Order) -> Path:
        return self._exports_dir / order.segment.code

    def _target(self, order: Order) -> Path:
        return self._folder(order) / f"{order.as_of.isoformat()}.csv"


def _content(row: dict[str, str]) -> str:
    """The JSON text of the value columns, from what stands in the file."""
    fen = int(Decimal(row["net_spend_cny"]) * 100) if row["net_spend_cny"] else None
    numbers = {name: int(row[name]) if row[name] else None for name in ("customer_no", "order_count")}
    texts = {
        name: _told(row[name]) for name in FileExport.value_columns if name in row and name not in numbers
    }
    values = {**texts, **numbers, "net_spend_fen": fen}
    kept = {name: values[name] for name in FileExport.value_columns}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _told(cell: str) -> str | None:
    return (cell[1:] if cell.startswith("'") else cell) or None


def _cells(values: Values) -> list[Cell]:
    fen = values["net_spend_fen"]
    cells: dict[str, Cell] = {**values, "net_spend_cny": None if fen is None else Decimal(fen) / 100}
    return [cells[name] for name in COLUMNS]


def _line(values: Values) -> list[str]:
    return [csv_text(cell) for cell in _cells(values)]


def _in_effect(change: Change, there: dict[str, list[str]]) -> bool:
    key = safe_text(change.row_key)
    if change.action == Action.REMOVE:
        return key not in there
    # Hashed ids follow the columns that are compared.
    return there.get(key, [])[: len(COLUMNS)] == _line(change.values)
