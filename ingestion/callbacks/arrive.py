"""From the spool into the lake: finished files become one arrival, for the gate to judge like any other.

Every event is kept once, under the SHA-1 of its message. So it does no harm to read a file again: after a crash
between the admission of a load and the deletion of its files, or when a platform repeats an event days later.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.settings import Settings
from common.streams import RECORD_COLUMNS, STREAMS, Stream
from ingestion.callbacks.messages import UnreadableMessageError, as_object
from ingestion.callbacks.spool import drop, finished_files, lines_of, spool_dir
from ingestion.parts import PART_NAME, PartWriter, new_folders

QUARANTINE = STREAMS["quarantine/rows"]
_FILES = "spool_files"
_log = logging.getLogger(__name__)


def arrive(settings: Settings, lake: Lake, stream: Stream) -> list[Arrival]:
    """Return the arrival of everything in the spool, and one of quarantine per file with unreadable events.

    The files stay until ``forget`` is told that the lake holds them. No file, no arrival.
    """
    folder = spool_dir(settings, stream.channel)
    landed = {name for load in lake.loads(stream) for name in load.details.get(_FILES, [])}
    files = finished_files(folder)
    # Admitted before, by a run that was killed then, or released by hand.
    drop(folder, [path.name for path in files if path.name in landed])
    files = [path for path in files if path.name not in landed]
    return _arrive(lake, stream, files) if files else []


def forget(settings: Settings, report: LoadReport) -> None:
    """Delete the spool files of an admitted load; those of a held one stay and come again."""
    if (names := report.details.get(_FILES)) and report.held_reason is None:
        drop(spool_dir(settings, STREAMS[report.stream].channel), names)


@dataclass
class _Reading:
    """What is counted while files are read."""

    seen: set[str] = field(default_factory=set)
    refused: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    doubles: int = 0
    torn: int = 0


def _arrive(lake: Lake, stream: Stream, files: list[Path]) -> list[Arrival]:
    reading = _Reading()
    with new_folders(lake, stream) as (folder,):
        writer = PartWriter(folder / PART_NAME, RECORD_COLUMNS)
        try:
            for path in files:
                for row in _rows(stream, path, reading):
                    writer.add(row)
        finally:
            writer.close()
        refused = sum(map(len, reading.refused.values()))
        details = {_FILES: [path.name for path in files], "doubles": reading.doubles, "torn": reading.torn}
        report = LoadReport(
            stream.key, f"callback:{stream.key}", writer.rows + refused, refused, details=details
        )
        arrivals = [lake.arrive(stream, folder, report)]
    for name, rows in reading.refused.items():
        about = LoadReport(
            QUARANTINE.key, f"callback:{stream.key}", len(rows), fingerprint=f"callback:{name}",
            details={"of": stream.key},
        )  # fmt: skip
        arrivals.append(lake.arrive_rows(QUARANTINE, rows, about))
    return arrivals


def _rows(stream: Stream, path: Path, reading: _Reading) -> Iterator[tuple[Any, ...]]:
    source = f"callback:{path.name}"
    for number, line in enumerate(lines_of(path), start=1):
        try:
            kept = json.loads(line)
            event_id, received_at, raw = kept["event_id"], kept["received_at"], kept["raw"]
        except (ValueError, KeyError, TypeError):
            # A power cut leaves such lines behind. They were never answered, so the event comes again.
            reading.torn += 1
            _log.warning("%s line %d is no event; it was never answered", path.name, number)
            continue
        if event_id in reading.seen:
            reading.doubles += 1
            continue
        reading.seen.add(event_id)
        message = raw.encode(errors="surrogateescape")
        try:
            content = as_object(message)
        except UnreadableMessageError as error:
            refused = _refused(stream, source, number, str(error), kept)
            reading.refused.setdefault(path.name, []).append(refused)
            continue
        payload = {"event_id": event_id, "received_at": received_at, "message": content, "raw": raw}
        # The hash leaves the time of receipt out: a repeated event is the same event.
        payload_hash = hashlib.sha256(message).hexdigest()
        yield (event_id, "upsert", json.dumps(payload, ensure_ascii=False), payload_hash, None, source)


def _refused(stream: Stream, source: str, number: int, reason: str, kept: dict[str, Any]) -> dict[str, Any]:
    return {
        "channel": stream.channel,
        "stream": stream.name,
        "source": source,
        "source_line": number,
        "reason": reason,
        "record": json.dumps(kept),  # ASCII escapes keep what is no valid Unicode
    }
