"""Brings streams up to a business day: from every source there is, past the gate. Knows nothing of Dagster."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from pathlib import Path

from common.lake import Arrival, Lake
from common.settings import Settings
from common.streams import Stream
from orchestration import sources
from orchestration.pieces import Line
from orchestration.settling import Batch, StreamResult, settle

__all__ = ["StreamResult", "land", "land_file"]

_log = logging.getLogger(__name__)


def land(
    settings: Settings,
    lake: Lake,
    streams: Iterable[Stream],
    day: dt.date,
    *,
    since: dt.date | None = None,
    line: Line = _log.info,
) -> list[StreamResult]:
    """Bring each stream up to the end of business day ``day``: fetch, judge, admit or hold.

    ``since`` fetches windowed streams again from that day on. A long window comes in pieces, and ``line`` is told
    how far they are. A stream that cannot be fetched is reported with its error; the others go on.
    """
    lake.ensure()
    lake.sweep()
    results = {stream.key: StreamResult(stream) for stream in streams}
    batches = sources.from_apis(settings, lake, results, day, since, line)
    batches += sources.from_complete_journey(settings, lake, results)
    batches += sources.from_database(settings, lake, results)
    batches += sources.from_inbox(settings, lake, results)
    batches += sources.from_callbacks(settings, lake, results)
    settle(settings, lake, batches, results)
    # Only trades that the gate let in become orders.
    settle(settings, lake, sources.from_youzan(settings, lake, results), results)
    sources.forget_callbacks(settings, results)
    return list(results.values())


def land_file(
    settings: Settings, lake: Lake, stream: Stream, path: Path, mapping: Path
) -> list[StreamResult]:
    """Bring one file of a shop's own into the lake.

    Raises:
        FileRejectedError: nothing of the file can be read; nothing was landed.
        MappingError: the mapping is wrong.
    """
    from ingestion.files import arrive_file

    lake.ensure()
    arrivals = arrive_file(settings, lake, stream.channel, stream.name, path, mapping)
    return land_arrivals(settings, lake, stream, arrivals)


def land_arrivals(
    settings: Settings, lake: Lake, stream: Stream, arrivals: list[Arrival]
) -> list[StreamResult]:
    """Judge arrivals of a stream that came together, and admit or hold them together."""
    results = {stream.key: StreamResult(stream)}
    settle(settings, lake, [Batch(arrivals)], results)
    return list(results.values())
