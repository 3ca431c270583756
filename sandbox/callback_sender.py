"""Sends the sandbox world's events to a receiver, signed and encrypted as the platforms do it.

``python -m sandbox.callback_sender --url http://127.0.0.1:8780 --day 2017-03-01 --doubles 0.1 --disorder 0.2``
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sandbox.calendar import end_of
from sandbox.callback_events import Event, events_of
from sandbox.callback_messages import as_json, as_xml, message_of
from sandbox.credentials import (
    SANDBOX_CALLBACK_AES_KEY,
    SANDBOX_CALLBACK_TOKEN,
    SANDBOX_CORP_ID,
    SANDBOX_SHOP_APP_ID,
)
from sandbox.world import DEFAULT_SEED, WorldOptions, build_world

_BLOCK = 32
_RECEIVE_IDS = {"wecom": SANDBOX_CORP_ID, "shop": SANDBOX_SHOP_APP_ID}
# The platforms try three times in all, five seconds each; then the event is lost.
_ATTEMPTS = 3
_ANSWER_WITHIN_SECONDS = 5.0


class CallbackSender:
    """Posts messages to one receiver. Close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        *,
        token: str = SANDBOX_CALLBACK_TOKEN,
        aes_key: str = SANDBOX_CALLBACK_AES_KEY,
        receive_ids: dict[str, str] = _RECEIVE_IDS,
        client: httpx.Client | None = None,
    ) -> None:
        self._token, self._receive_ids = token, receive_ids
        self._key = base64.b64decode(aes_key + "=")
        self._client = client or httpx.Client(base_url=url, timeout=_ANSWER_WITHIN_SECONDS, trust_env=False)
        self._random = Random(0)

    def __enter__(self) -> CallbackSender:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def verify(self, app: str, echo: str = "1616140317555161061") -> httpx.Response:
        """Ask as the console does when a URL is saved."""
        encrypted = self.encrypted(echo.encode(), app)
        return self._client.get(f"/callbacks/{app}", params={**self.signed(encrypted), "echostr": encrypted})

    def send(self, event: Event) -> httpx.Response:
        """Post one event, up to three times until it is answered with 200; return the last answer.

        Raises:
            httpx.TransportError: nobody answered the last attempt.
        """
        message = message_of(event)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self.post(event.app, message)
            except httpx.TransportError:
                if attempt == _ATTEMPTS:
                    raise
                continue
            if answer.status_code == httpx.codes.OK:
                break
        return answer

    def post(self, app: str, message: bytes) -> httpx.Response:
        """Post one message, encrypted anew with every call, as the platforms do."""
        encrypted = self.encrypted(message, app)
        outer = {"ToUserName": self._receive_ids[app], "Encrypt": encrypted}
        content = as_json(outer) if app == "shop" else as_xml({**outer, "AgentID": "1000002"})
        return self._client.post(f"/callbacks/{app}", params=self.signed(encrypted), content=content.encode())

    def encrypted(self, message: bytes, app: str) -> str:
        """Return the message in its envelope, base64."""
        plain = self._random.randbytes(16) + struct.pack(">I", len(message)) + message
        plain += self._receive_ids[app].encode()
        missing = _BLOCK - len(plain) % _BLOCK
        encryptor = Cipher(algorithms.AES256(self._key), modes.CBC(self._key[:16])).encryptor()
        data = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
        return base64.b64encode(data).decode()

    def signed(self, encrypted: str) -> dict[str, str]:
        """Return the query that goes with what was encrypted."""
        timestamp, nonce = str(int(time.time())), str(self._random.randrange(10**9))
        text = "".join(sorted([self._token, timestamp, nonce, encrypted]))
        signature = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - the platform's way
        return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}


def deliveries(
    events: Sequence[Event], *, doubles: float = 0.0, disorder: float = 0.0, seed: int = 0
) -> list[Event]:
    """Return the events as they come in: a share of them twice, a share of them up to 50 places late."""
    random = Random(f"{seed}:deliveries")
    placed = [
        (place + (random.uniform(0, 50) if random.random() < disorder else 0.0), place, event)
        for place, event in enumerate(events)
    ]
    placed += [
        (at + random.uniform(0, 50), place, event) for at, place, event in placed if random.random() < doubles
    ]
    return [event for _, _, event in sorted(placed, key=lambda each: each[:2])]


def send_all(sender: CallbackSender, events: Iterable[Event]) -> Counter[str]:
    """Send the events one after the other; return how many were answered how (``lost``: not at all)."""
    outcomes: Counter[str] = Counter()
    for event in events:
        try:
            outcomes[str(sender.send(event).status_code)] += 1
        except httpx.TransportError:
            outcomes["lost"] += 1
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Send a day's events; the exit code is 1 when any was not answered with 200."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.callback_sender", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8780", help="where `siyu callbacks` listens")
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True, help="New York day of the world")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--buyers", type=int, default=None, help="households of the world (default: all)")
    parser.add_argument("--doubles", type=float, default=0.0, help="share of events sent twice")
    parser.add_argument("--disorder", type=float, default=0.0, help="share of events sent late")
    asked = parser.parse_args(arguments)
    world = build_world(WorldOptions(asked.seed, asked.buyers))
    events = events_of(world, end_of(asked.day - dt.timedelta(days=1)), end_of(asked.day))
    with CallbackSender(asked.url) as sender:
        coming = deliveries(events, doubles=asked.doubles, disorder=asked.disorder, seed=asked.seed)
        outcomes = send_all(sender, coming)
    print(f"{len(events)} events, {sum(outcomes.values())} deliveries: {dict(outcomes)}")
    return 0 if outcomes.keys() <= {"200"} else 1


if __name__ == "__main__":
    sys.exit(main())
