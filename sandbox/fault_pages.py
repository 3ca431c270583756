"""Faults of paging and of content: what they make of a request, and of the answer to it."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

from common.canonical import UNORDERED_LISTS
from sandbox.faults import Call

Fields = dict[str, Any]

# (position in the request, in the answer, the flag that says there is more)
_PAGING = (
    ("cursor", "next_cursor", None),
    ("next_key", "next_key", "has_more"),
    ("last_buffer", "last_buffer", "continue_flag"),
    ("last_index", "last_index", "has_more"),
)
_SIZES = ("limit", "page_size")
_AFTER_EMPTY = "sbx-after-empty."
_BLOBS_UNDER = "/channels/livedashboard/"
# This list is part of one customer, not a page of rows.
_NO_ROWS = {("/cgi-bin/externalcontact/get", "follow_user")}
_LONG_ID = re.compile(r"[1-9][0-9]{15,18}")


def request_made_of(call: Call) -> Fields:
    """Return the body that the handler should see: real positions, and shorter pages where that fault strikes."""
    fields = dict(call.fields)
    paged = False
    for asked, _, _ in _PAGING:
        if isinstance(fields.get(asked), str):
            paged = True
            while fields[asked].startswith(_AFTER_EMPTY):
                fields[asked] = fields[asked].removeprefix(_AFTER_EMPTY)
    if paged and "short_pages" in call.faults.plan.names:
        for name in _SIZES:
            if isinstance(fields.get(name), int) and fields[name] > 20:
                # By path, not by draw: a position is only good for one page size on some APIs.
                fields[name] = 7 + len(call.path) % 13
                call.note("short_pages")
    return fields


def answer_made_of(call: Call, answer: Fields) -> Fields:
    """Return what the client gets to see of a good answer."""
    answer = _paging_fault(call, answer)
    if call.strikes("duplicated_rows"):
        answer = _with_rows(call, answer, _doubled)
    if call.strikes("reordered_rows"):
        answer = _shuffled_sets(_with_rows(call, answer, _shuffled), _random(call, "reordered_rows"))
    if call.path.startswith(_BLOBS_UNDER) and call.strikes("stringified_blobs"):
        answer = {name: _other_spelling(call, name, value) for name, value in answer.items()}
    if call.strikes("string_numbers"):
        answer = {name: value if name == "errcode" else _as_text(value) for name, value in answer.items()}
    if call.strikes("bare_64bit_ids"):
        answer = _bare_ids("", answer)
    if call.strikes("absent_fields"):
        answer = _without_empty(answer)
        for name, usual in (("errcode", 0), ("errmsg", "ok"), ("has_more", False)):
            if answer.get(name) == usual:
                del answer[name]
    return answer


def _paging_fault(call: Call, answer: Fields) -> Fields:
    for asked, given, more in _PAGING:
        position = call.fields.get(asked)
        if not isinstance(position, str) or given not in answer:
            continue
        if position and call.strikes("repeated_cursor", bad=True):
            return {**answer, given: position, **({more: True} if more else {})}
        deep = position.count(_AFTER_EMPTY)
        if deep < call.faults.plan.most_in_a_row and call.strikes("empty_page_has_more"):
            empty = {name: [] if isinstance(value, list) else value for name, value in answer.items()}
            return {**empty, given: _AFTER_EMPTY + position, **({more: True} if more else {})}
    return answer


def _random(call: Call, name: str) -> Random:
    return Random(call.draw(name, "how"))


def _with_rows(call: Call, answer: Fields, change: Any) -> Fields:
    return {
        name: change(value, Random(f"{call.draw('rows')}:{name}"))
        if isinstance(value, list) and value and (call.path, name) not in _NO_ROWS
        else value
        for name, value in answer.items()
    }


def _doubled(rows: list[Any], random: Random) -> list[Any]:
    rows = list(rows)
    for _ in range(random.randint(1, 2)):
        rows.insert(random.randrange(len(rows) + 1), random.choice(rows))
    return rows


def _shuffled(rows: list[Any], random: Random) -> list[Any]:
    return random.sample(rows, len(rows))


def _shuffled_sets(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        changed = {name: _shuffled_sets(item, random) for name, item in value.items()}
        return {
            name: _shuffled(item, random) if name in UNORDERED_LISTS and isinstance(item, list) else item
            for name, item in changed.items()
        }
    return [_shuffled_sets(item, random) for item in value] if isinstance(value, list) else value


def _other_spelling(call: Call, name: str, value: Any) -> Any:
    if call.draw("blob", name) < 0.5:
        return value
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _bare_ids(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _bare_ids(inner, item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_bare_ids(name, item) for item in value]
    is_id = name.endswith(("_id", "_id_list")) and isinstance(value, str) and _LONG_ID.fullmatch(value)
    return int(value) if is_id and int(value) < 2**63 else value


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_empty(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item is not None and item not in ("", [], {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value
