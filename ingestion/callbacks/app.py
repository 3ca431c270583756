"""The receiver: checks, opens and keeps a callback, then answers. Everything else happens later, elsewhere.

The platforms wait five seconds and try three times in all, so an answer means: it is safe on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from common.clock import utc_now
from common.settings import Settings
from ingestion.callbacks.crypto import CallbackError
from ingestion.callbacks.endpoints import Endpoint
from ingestion.callbacks.messages import encrypted_part
from ingestion.callbacks.spool import ROTATE_SECONDS, Spool, spool_dir

# The largest events are group changes with a few hundred userids.
MOST_BYTES = 256 * 1024
# Repeats come within seconds or minutes; the lake keeps later ones once too.
_REMEMBERED = 20_000

_log = logging.getLogger(__name__)


def create_app(
    settings: Settings, endpoints: Iterable[Endpoint], *, rotate_seconds: float = ROTATE_SECONDS
) -> Starlette:
    """Return the application that receives for ``endpoints``.

    Raises:
        CallbackSetupError: an endpoint's settings are not complete.
    """
    receivers = [Receiver(settings, endpoint, rotate_seconds) for endpoint in endpoints]

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        for receiver in receivers:
            await asyncio.to_thread(receiver.spool.close)

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok")

    routes = [Route("/health", health, methods=["GET"])]
    for receiver in receivers:
        path = receiver.endpoint.path
        routes += [
            Route(path, receiver.verify, methods=["GET"]),
            Route(path, receiver.receive, methods=["POST"]),
        ]
    return Starlette(routes=routes, lifespan=lifespan)


class Receiver:
    """One endpoint: its keys and its spool."""

    def __init__(self, settings: Settings, endpoint: Endpoint, rotate_seconds: float) -> None:
        self.endpoint = endpoint
        self._crypto = endpoint.crypto(settings)
        self.spool = Spool(spool_dir(settings, endpoint.stream.channel), rotate_seconds=rotate_seconds)
        self._recent: OrderedDict[str, None] = OrderedDict()

    async def verify(self, request: Request) -> Response:
        """Answer the check that the console makes when the URL is saved (GET)."""
        asked = request.query_params
        timestamp, nonce, echo = asked.get("timestamp", ""), asked.get("nonce", ""), asked.get("echostr", "")
        try:
            if "msg_signature" in asked:
                self._crypto.check(asked["msg_signature"], timestamp, nonce, echo)
                return PlainTextResponse(self._crypto.decrypt(echo))
            # api.weixin.qq.com sends the echo in the clear, also when messages are encrypted.
            self._crypto.check(asked.get("signature", ""), timestamp, nonce)
        except CallbackError as error:
            return self._refuse(error)
        return PlainTextResponse(echo)

    async def receive(self, request: Request) -> Response:
        """Keep one event (POST) and answer ``success``."""
        asked = request.query_params
        try:
            body = await _body_of(request)
            if body is None:
                return PlainTextResponse(f"at most {MOST_BYTES} bytes", status_code=413)
            encrypted = encrypted_part(body)
            parts = asked.get("timestamp", ""), asked.get("nonce", ""), encrypted
            self._crypto.check(asked.get("msg_signature", ""), *parts)
            message = self._crypto.decrypt(encrypted)
        except CallbackError as error:
            return self._refuse(error)
        except ClientDisconnect:
            return PlainTextResponse("", status_code=400)
        return await self._keep(message)

    async def _keep(self, message: bytes) -> Response:
        event_id = event_id_of(message)
        if event_id not in self._recent:
            try:
                await asyncio.wrap_future(self.spool.append(spool_line(event_id, message)))
            except OSError as error:
                _log.error("%s: an event could not be written (%s)", self.endpoint.path, error.strerror)
                return PlainTextResponse("not kept, send it again", status_code=503)
            self._recent[event_id] = None
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        return PlainTextResponse("success")

    def _refuse(self, error: CallbackError) -> Response:
        # The reason is for our log; a stranger learns nothing.
        _log.warning("%s: refused a callback: %s", self.endpoint.path, error)
        return PlainTextResponse("refused", status_code=403)


def event_id_of(message: bytes) -> str:
    """Return the id of an event: the platforms give none, and a repeated one is the same to the byte."""
    return hashlib.sha1(message).hexdigest()  # noqa: S324 - tells messages apart, protects nothing


def spool_line(event_id: str, message: bytes) -> bytes:
    """Return what the spool keeps of an event: id, time of receipt, message."""
    fields = {
        "event_id": event_id,
        "received_at": utc_now().isoformat(),
        "raw": message.decode(errors="surrogateescape"),
    }
    return json.dumps(fields).encode()


async def _body_of(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)
