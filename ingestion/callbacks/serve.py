"""Serves the receiver with uvicorn, as a process of its own."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import uvicorn

from common.settings import Settings
from ingestion.callbacks.app import create_app
from ingestion.callbacks.endpoints import Endpoint

# Five seconds is what the platforms wait for an answer.
_STOP_WITHIN_SECONDS = 5


def serve(settings: Settings, endpoints: Sequence[Endpoint], *, host: str, port: int) -> None:
    """Receive until told to stop; blocks.

    Raises:
        CallbackSetupError: an endpoint's settings are not complete.
        OSError: the address or port cannot be had.
    """
    app = create_app(settings, endpoints)
    # No access log: it would keep who called and with which signature, and nobody needs it.
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=_STOP_WITHIN_SECONDS
        )
    )
    with _listener(host, port) as listener:
        server.run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}; choose another --port") from error
