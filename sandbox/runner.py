"""Starts the sandbox as a process of its own and stops it again, even when its parent is killed."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import uvicorn

from sandbox import truth
from sandbox.desk import Desk
from sandbox.faults import FaultPlan
from sandbox.server import TOKEN_TTL_SECONDS, create_app
from sandbox.state import SandboxState
from sandbox.view import View
from sandbox.world import World, WorldOptions, build_world

READY_WITHIN_SECONDS = 60.0
HOST = "127.0.0.1"


class SandboxNotReadyError(RuntimeError):
    """The sandbox process ended or did not answer in time."""


def listen(port: int) -> socket.socket:
    """Return a listening local socket; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"sandbox port {port}: {error.strerror}; choose another port") from error
    listener.listen(256)
    return listener


def serve(
    options: WorldOptions,
    listener: socket.socket,
    *,
    state_dir: Path,
    day: dt.date | None = None,
    token_ttl_seconds: float = TOKEN_TTL_SECONDS,
    faults: FaultPlan | None = None,
    pii_key: bytes | None = None,
    until_stdin_closes: bool = False,
) -> None:
    """Serve the sandbox on ``listener`` until told to stop; blocks."""
    app = create_app(
        build_world(options),
        state_dir=state_dir,
        day=day,
        token_ttl_seconds=token_ttl_seconds,
        faults=faults,
        pii_key=pii_key,
    )
    # A connection cut on demand is no news.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "without completing response" not in record.getMessage()
    )
    # Access logs would write tokens: they travel in the query of every call.
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            date_header=False,  # the gate writes it, skewed on demand
        )
    )
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def write_truth(
    options: WorldOptions, path: Path, *, state_dir: Path, day: dt.date | None, pii_key: bytes | None = None
) -> int:
    """Write the truth file of a world at a day; return how many records it tells of."""
    world = build_world(options)
    with contextlib.closing(SandboxState(world, state_dir)) as state:
        return truth.write(Desk(world, state, View(world, day), pii_key), path)


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


@contextlib.contextmanager
def running(
    world: World | WorldOptions | int,
    state_dir: Path,
    port: int = 0,
    *,
    day: dt.date | None = None,
    token_ttl_seconds: float = TOKEN_TTL_SECONDS,
) -> Iterator[str]:
    """Run a sandbox beside this process and yield its base URL; an int is a seed.

    The child ends with this block, and also when this process dies.

    Raises:
        SandboxNotReadyError: it ended at once or did not answer within a minute; says why.
        OSError: the port is taken.
    """
    options = _options_of(world)
    # The child writes to a file: a pipe nobody reads would stop it once full.
    with tempfile.TemporaryFile() as said:
        with listen(port) as listener:
            base_url = f"http://{HOST}:{listener.getsockname()[1]}"
            child = subprocess.Popen(
                [*_command(options, state_dir, day, token_ttl_seconds), "--listener", str(listener.fileno())],
                stdin=subprocess.PIPE,
                stderr=said,
                pass_fds=[listener.fileno()],
            )
        try:
            _wait_until_ready(child, base_url, said)
            yield base_url
        finally:
            _stop(child)


def _options_of(world: World | WorldOptions | int) -> WorldOptions:
    if isinstance(world, World):
        return world.options
    return WorldOptions(seed=world) if isinstance(world, int) else world


def _command(
    options: WorldOptions, state_dir: Path, day: dt.date | None, token_ttl_seconds: float
) -> list[str]:
    command = [sys.executable, "-m", "sandbox", "--state-dir", os.fspath(state_dir.absolute())]
    command += ["--seed", str(options.seed), "--extra-people", str(options.extra_people)]
    command += ["--token-ttl", str(token_ttl_seconds)]
    optional = {
        "buyers": options.buyers,
        "shop-orders": options.shop_orders,
        "crowd": options.crowd or None,
        "day": day,
    }
    for name, value in optional.items():
        if value is not None:
            command += [f"--{name}", str(value)]
    return command


def _wait_until_ready(child: subprocess.Popen[bytes], base_url: str, said: IO[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            said.seek(0)
            why = said.read().decode(errors="replace").strip()[-600:]
            raise SandboxNotReadyError(f"the sandbox ended with code {child.returncode}: {why}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{base_url}/sandbox/health", timeout=1.0, trust_env=False).status_code == 200:
                return
        time.sleep(0.05)
    raise SandboxNotReadyError(
        f"the sandbox did not answer at {base_url} within {READY_WITHIN_SECONDS:.0f} s"
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdin:
        child.stdin.close()
