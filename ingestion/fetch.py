"""Fetches one stream of a channel's API into the lake as an arrival, for the gate to judge.

rows received = rows in the arrival + rows in quarantine; a record that came twice is one row, and how many such
doubles were dropped stands in the report's details. A full scan with unreadable records deletes nothing:
what could not be read must not look as if it were gone.
"""

from __future__ import annotations

import time
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.pii import pii_key
from common.settings import Settings
from common.streams import STREAMS, Stream
from ingestion.apps import READERS
from ingestion.drift import drift, known_shapes, shape_of
from ingestion.extract import extract
from ingestion.known import carry_over
from ingestion.once import keep_last
from ingestion.parts import new_folders
from ingestion.readers import FetchSetupError, Question, Reader
from ingestion.records import RecordBatches
from ingestion.windows import NothingKeptError, Window, default_window

__all__ = ["FetchSetupError", "NothingKeptError", "Window", "configured_streams", "default_window", "fetch"]

QUARANTINE = STREAMS["quarantine/rows"]


def configured_streams(settings: Settings) -> list[str]:
    """Return the keys of the streams whose app has its credentials in the settings."""
    return [key for key, (app, _) in READERS.items() if not app.missing(settings)]


def fetch(settings: Settings, lake: Lake, stream_key: str, *, window: Window | None) -> list[Arrival]:
    """Fetch one stream and return its arrival, and one for quarantine when records could not be read.

    Windowed streams need ``window`` (see ``default_window``); its end travels as the report's ``window_end``.
    Full scans that carry records over (``stream.reread``) take its end as their instant. The others ignore it.

    Raises:
        FetchSetupError: no such API stream, its app is not configured, or the window is missing.
        ApiError, TransportError, PagingError: the API could not be read to the end; nothing arrived.
    """
    if stream_key not in READERS:
        raise FetchSetupError(f"{stream_key}: expected one of {', '.join(READERS)}")
    app, reader = READERS[stream_key]
    if missing := app.missing(settings):
        raise FetchSetupError(
            f"{stream_key}: expected the settings {', '.join(missing)}; set them in the environment or .env"
        )
    stream = STREAMS[stream_key]
    if not stream.windowed and not stream.reread:
        window = None
    elif stream.windowed and window is None:
        raise FetchSetupError(f"{stream_key}: expected a window; default_window gives one for a day")
    lake.ensure()
    with app.transport(settings) as transport:
        return _fetch(stream, reader, Question(settings, transport, lake, window))


def _fetch(stream: Stream, reader: Reader, question: Question) -> list[Arrival]:
    settings, lake, window = question.settings, question.lake, question.asked_window
    began = time.monotonic()
    source = f"api:{stream.key}" + (f" {window}" if stream.windowed else "")
    batches = RecordBatches(stream, source, pii_key(settings))
    payloads = reader(question)
    with new_folders(lake, stream) as (folder,):
        rows = extract(settings, stream, batches, payloads, folder)
        doubles = keep_last(folder)
        refused = len(batches.refused)
        details: dict[str, Any] = {"window": str(window) if window else None}
        if doubles:
            details["doubles"] = doubles
            rows -= doubles
        details["shape"] = shape_of(folder)
        if changes := drift(details["shape"], known_shapes(lake, stream)):
            details["drift"] = changes
        if refused and stream.complete:
            details["carried"] = carry_over(lake, stream, folder)
        details["calls"] = dict(question.transport.calls)
        details["seconds"] = round(time.monotonic() - began, 1)
        report = LoadReport(
            stream.key,
            f"api:{stream.key}",
            rows + refused,
            refused,
            window_end=window.end.isoformat() if window else None,
            details=details,
        )
        arrivals = [lake.arrive(stream, folder, report)]
    if refused:
        about = LoadReport(QUARANTINE.key, f"api:{stream.key}", refused, details={"of": stream.key})
        arrivals.append(lake.arrive_rows(QUARANTINE, batches.refused, about))
    return arrivals
