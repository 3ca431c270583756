"""What is true of callbacks: the events of the world up to a moment, as ``sandbox.callback_sender`` sends them.

No API serves them: a home holds them when the sender sent it every day of them. They are told apart by the bytes of
the message, so their hash is of those bytes and not of the canonical form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

from sandbox.calendar import YEAR_START
from sandbox.callback_events import events_of
from sandbox.callback_messages import message_of
from sandbox.desk import Desk

Told = Iterator[tuple[str, str]]


def wecom(desk: Desk) -> Told:
    """Yield (key, hash) of WeCom's events."""
    return _events(desk, "wecom")


def shop(desk: Desk) -> Told:
    """Yield (key, hash) of the shop's events."""
    return _events(desk, "shop")


def _events(desk: Desk, app: Literal["wecom", "shop"]) -> Told:
    events = events_of(desk.world, YEAR_START, desk.view.until)
    # What a platform says twice to the byte is one event: somebody who joins a group twice in one second.
    messages = dict.fromkeys(message_of(event) for event in events if event.app == app)
    for message in messages:
        key = hashlib.sha1(message, usedforsecurity=False).hexdigest()
        yield key, hashlib.sha256(message).hexdigest()
