"""Stands between Siyu and a PostgreSQL and loses a commit on its way there, or its answer on its way back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_WRITE, _COMMIT = b"insert into siyu_segment_members", b"COMMIT\x00"


class LossyPostgresql:
    """A proxy on TCP in front of a server's Unix socket. ``fault`` is what happens to the next commit of rows."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.fault: str | None = None
        self.lost = 0

    def serve(self) -> None:
        """Take connections until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                _Session(self, client, server).start()

    def close(self) -> None:
        self._listener.close()


class _Session:
    def __init__(self, proxy: LossyPostgresql, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._wrote = self._swallows = False

    def start(self) -> None:
        for pump in (self._there, self._back):
            threading.Thread(target=pump, daemon=True).start()

    def _there(self) -> None:
        with suppress(OSError):
            while told := self._client.recv(1 << 16):
                self._wrote = self._wrote or _WRITE in told
                if self._proxy.fault and self._wrote and _COMMIT in told:
                    fault, self._proxy.fault = self._proxy.fault, None
                    self._proxy.lost += 1
                    if fault == "lost_before":
                        break
                    self._swallows = True
                self._server.sendall(told)
        if not self._swallows:
            self._cut()

    def _back(self) -> None:
        with suppress(OSError):
            while told := self._server.recv(1 << 16):
                if self._swallows:  # the server did the work: this is its answer to the commit
                    break
                self._client.sendall(told)
        self._cut()

    def _cut(self) -> None:
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def lossy(server: str) -> Iterator[LossyPostgresql]:
    """Run a proxy in front of the Unix socket ``server``."""
    proxy = LossyPostgresql(server)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
