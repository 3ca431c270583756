"""Words as WeCom takes them, with a mark of ours in the links, and the marks of what WeCom shows.

WeCom gives a message no key of the caller's, so that a call made twice is two tasks. What comes back unchanged in its
lists are the text, links and mini-program pages: the batch id travels there as ``siyu=``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from activation.messages.content import Image, Link, Words

_MARK = re.compile(r"[?&]siyu=([0-9a-f]{20})(?![0-9a-f])")


def marked(address: str, batch_id: str) -> str:
    """Return a link or page with the mark in its query."""
    path, hash_sign, fragment = address.partition("#")
    return f"{path}{'&' if '?' in path else '?'}siyu={batch_id}{hash_sign}{fragment}"


def message_body(words: Words, batch_id: str) -> dict[str, Any]:
    """Return ``text`` and ``attachments`` of add_msg_template."""
    body: dict[str, Any] = {"text": {"content": words.text}} if words.text else {}
    attachments: list[dict[str, Any]] = [
        {"msgtype": "image", "image": _filled(each)} for each in words.images
    ]
    if words.link:
        card = {**_filled(words.link), "url": marked(words.link.url, batch_id)}
        attachments.append({"msgtype": "link", "link": card})
    if words.miniprogram:
        program = words.miniprogram.model_dump(exclude={"code"})
        program["page"] = marked(words.miniprogram.page, batch_id)
        attachments.append({"msgtype": "miniprogram", "miniprogram": program})
    return {**body, "attachments": attachments} if attachments else body


def _filled(card: Image | Link) -> dict[str, Any]:
    return {name: value for name, value in card.model_dump(exclude={"code"}).items() if value}


def mark_of(shown: Mapping[str, Any]) -> str | None:
    """Return the mark in a message or moment that WeCom shows, None where there is none of ours."""
    cards = [each.get(str(each.get("msgtype")), {}) for each in shown.get("attachments") or []]
    cards.append(shown.get("link") or {})
    for card in cards:
        for name in ("url", "page"):
            found = _MARK.search(str(card.get(name) or ""))
            if found:
                return found[1]
    return None


def text_of(shown: Mapping[str, Any]) -> str:
    """Return the text of a message that WeCom shows."""
    return str((shown.get("text") or {}).get("content") or "")
