"""A service that takes the webhook: checks the signature, keeps the members, misbehaves on request."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "planted-webhook-secret"


class Receiver:
    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        self.calls = 0
        self.members: dict[tuple[str, str], dict[str, Any]] = {}
        self.faults: deque[str] = deque()

    def take(self, body: bytes, headers: Any) -> int | None:
        """Return the status to answer with, None to cut the connection."""
        self.calls += 1
        at = headers["X-Siyu-Timestamp"]
        wanted = hmac.new(SECRET.encode(), at.encode() + b"." + body, sha256).hexdigest()
        if headers["X-Siyu-Signature"] != f"sha256={wanted}" or abs(time.time() - int(at)) > 300:
            return 401
        fault = self.faults.popleft() if self.faults else ""
        if fault == "lost_before":
            return None
        if fault.isdigit():
            return int(fault)
        told = json.loads(body)
        for each in told["changes"]:
            key = (told["segment_code"], each["customer_id"])
            if each["action"] == "remove":
                self.members.pop(key, None)
            else:
                self.members[key] = each["values"]
        return None if fault == "lost_after" else 200


@contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(body, self.headers)
            if status is None:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield receiver
    server.shutdown()
