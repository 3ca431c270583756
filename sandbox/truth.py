"""What the world truly holds at a moment: per stream the keys, and the canonical hash of each record.

A correct full ingestion (``SIYU_FIRST_DAY`` at the world's first day, every stream fetched after the day was over)
holds exactly this in its lake, as the living records and their ``payload_hash``. Tests compare the two.

The tellers (``sandbox/truth_*.py``) take what they tell from the world and from the functions that say how a
platform writes a fact, never from the handlers. What the readers add to a record (``msgid``, ``owner``,
``relations_hash`` …) they add by the readers' documented shape. Every records stream stands in ``TELLERS`` or, with
the reason, in ``UNTOLD``; a test sees to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from common.canonical import canonical_hash, with_exact_ids
from common.streams import STREAMS
from sandbox import truth_events, truth_others, truth_outbound, truth_video_account, truth_wecom
from sandbox.desk import Desk

Payloads = Iterator[dict[str, Any]]
Told = Iterator[tuple[str, str]]


class UntoldStreamError(ValueError):
    """The truth of a stream was asked for that the sandbox cannot tell."""


_PAYLOADS: dict[str, Callable[[Desk], Payloads]] = {
    "wecom/staff": truth_wecom.staff,
    "wecom/corp_tags": truth_wecom.corp_tags,
    "wecom/contacts": truth_wecom.contacts,
    "wecom/groups": truth_wecom.groups,
    "wecom/contact_details": truth_wecom.contact_details,
    "wecom/group_stats": truth_wecom.group_stats,
    "wecom/staff_behavior": truth_wecom.staff_behavior,
    "wecom/mass_messages": truth_outbound.mass_messages,
    "wecom/mass_message_tasks": truth_outbound.mass_message_tasks,
    "wecom/mass_message_sends": truth_outbound.mass_message_sends,
    "wecom/moments": truth_outbound.moments,
    "wecom/moment_tasks": truth_outbound.moment_tasks,
    "wecom/moment_sends": truth_outbound.moment_sends,
    "wecom/moment_interactions": truth_outbound.moment_interactions,
    "video_account/lives": truth_video_account.lives,
    "video_account/shop_orders": truth_video_account.shop_orders,
    "video_account/aftersales": truth_video_account.aftersales,
    "video_account/leads": truth_video_account.leads,
    "video_account/shop_days": truth_video_account.shop_days,
    "video_account/finder_days": truth_video_account.finder_days,
    "video_account/coupons": truth_video_account.coupons,
    "official_account/followers": truth_others.followers,
    "miniprogram/payments": truth_others.payments,
    "miniprogram/youzan_trades": truth_others.youzan_trades,
}


def _records(stream: str, tell: Callable[[Desk], Payloads], desk: Desk) -> Told:
    for payload in tell(desk):
        yield _key(stream, payload), canonical_hash(with_exact_ids(payload))


# Each yields (record key, hash) of a stream.
TELLERS: dict[str, Callable[[Desk], Told]] = {
    **{stream: partial(_records, stream, tell) for stream, tell in _PAYLOADS.items()},
    "wecom/events": truth_events.wecom,
    "video_account/events": truth_events.shop,
}
UNTOLD = {"official_account/events": "the sandbox sends no callbacks of the official account"}
# The records' own ids are keyed hashes, so nobody tells them without the home's key (``SIYU_PII_KEY``).
_NEEDS_KEY = frozenset({"video_account/leads"})


def streams_told(desk: Desk, only: str | None = None) -> list[str]:
    """Return the streams that are told of: all that can be, or the one asked for.

    Raises:
        UntoldStreamError: ``only`` is a stream that is not told.
    """
    told = [stream for stream in TELLERS if stream not in _NEEDS_KEY or desk.pii_key is not None]
    if only is None:
        return told
    if only not in told:
        why = "; its ids need SIYU_PII_KEY" if only in _NEEDS_KEY else ""
        raise UntoldStreamError(f"stream: expected one of {', '.join(told)}, got {only}{why}")
    return [only]


def truth(desk: Desk, only: str | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield (stream, record key, canonical hash) of everything that is true at the desk's day.

    Raises:
        UntoldStreamError: ``only`` is a stream that is not told.
    """
    for stream in streams_told(desk, only):
        for key, found in TELLERS[stream](desk):
            yield stream, key, found


def lines(desk: Desk, only: str | None = None) -> Iterator[str]:
    """Yield the truth file: JSON lines, the first one about the world, then one {stream, key, hash} a record.

    Raises:
        UntoldStreamError: as of ``truth``, at the first line.
    """
    day = desk.view.day.isoformat() if desk.view.day else None
    yield _line({"world": asdict(desk.world.options), "day": day, "streams": streams_told(desk, only)})
    for stream, key, found in truth(desk, only):
        yield _line({"stream": stream, "key": key, "hash": found})


def write(desk: Desk, path: Path) -> int:
    """Write the truth file, whole or not at all; return how many records it tells of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("w", encoding="utf-8") as file:
        written = sum(1 for line in lines(desk) if file.write(line))
    os.replace(unfinished, path)
    return written - 1


def _key(stream: str, payload: dict[str, Any]) -> str:
    parts = []
    for path in STREAMS[stream].key_paths:
        value: Any = payload
        for name in path.split("."):
            value = value[name]
        parts.append(str(value))
    return "|".join(parts)


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"
