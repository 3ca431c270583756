"""What the world truly holds at a moment: per stream the keys, and the canonical hash of each record.

A correct full ingestion (``SIYU_FIRST_DAY`` at the world's first day, every stream fetched after the day was over)
holds exactly this in its lake, as the living records and their ``payload_hash``. Tests compare the two.

A stream that the sandbox serves and this file does not tell about is one that nobody entered in ``TELLERS``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.canonical import canonical_hash, with_exact_ids
from common.streams import STREAMS
from sandbox.desk import Desk
from sandbox.live_payloads import live_payload
from sandbox.shop_payloads import aftersale_payload, order_payload
from sandbox.wecom_payloads import external_contact, follow_info, group_chat

Payloads = Iterator[dict[str, Any]]


class UntoldStreamError(ValueError):
    """The truth of a stream was asked for that the sandbox cannot tell."""


def truth(desk: Desk, only: str | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield (stream, record key, canonical hash) of everything that is true at the desk's day.

    Raises:
        UntoldStreamError: ``only`` is a stream that is not told.
    """
    if only is not None and only not in TELLERS:
        raise UntoldStreamError(f"stream: expected one of {', '.join(TELLERS)}, got {only}")
    for stream, tell in TELLERS.items():
        if only in (None, stream):
            for payload in tell(desk):
                yield stream, _key(stream, payload), canonical_hash(with_exact_ids(payload))


def lines(desk: Desk, only: str | None = None) -> Iterator[str]:
    """Yield the truth file: JSON lines, the first one about the world, then one {stream, key, hash} a record.

    Raises:
        UntoldStreamError: as of ``truth``, at the first line.
    """
    day = desk.view.day.isoformat() if desk.view.day else None
    yield _line({"world": asdict(desk.world.options), "day": day, "streams": list(TELLERS)})
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


def _contacts(desk: Desk) -> Payloads:
    view = desk.view
    for relations in view.of_staff.values():
        for relation in relations:
            yield {
                "external_contact": external_contact(relation.person, view.unionids_bound),
                "follow_info": follow_info(relation, desk.state.tags_of(relation)),
            }


def _corp_tags(desk: Desk) -> Payloads:
    for tag in desk.state.tags.values():
        yield {
            "group_id": tag.group_id,
            "group_name": tag.group_name,
            "id": tag.tag_id,
            "name": tag.name,
            "create_time": tag.created_at,
            "order": tag.order,
        }


def _lives(desk: Desk) -> Payloads:
    view = desk.view
    for live in view.lives.values():
        blobs = live_payload(live, view.orders_of_live.get(live.export_id, []), view.until)
        data = {name: json.loads(blob) for name, blob in blobs.items()}
        yield {"export_id": live.export_id, "create_time": live.started_at, "data": data}


def _groups(desk: Desk) -> Payloads:
    for group in desk.view.groups.values():
        yield {**group_chat(group, desk.view.until), "status": 0}


def _aftersales(desk: Desk) -> Payloads:
    for order, sale in desk.view.aftersales.values():
        yield aftersale_payload(order, sale, desk.view.until)


def _shop_orders(desk: Desk) -> Payloads:
    for order in desk.view.orders.values():
        yield order_payload(order, desk.view.until)


TELLERS: dict[str, Callable[[Desk], Payloads]] = {
    "wecom/staff": lambda desk: ({"userid": userid} for userid in desk.view.staff),
    "wecom/corp_tags": _corp_tags,
    "wecom/contacts": _contacts,
    "wecom/groups": _groups,
    "video_account/lives": _lives,
    "video_account/shop_orders": _shop_orders,
    "video_account/aftersales": _aftersales,
}


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
