"""The sandbox as a process: answers over HTTP, stops with its block and with its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sandbox.credentials import SANDBOX_CORP_ID, SANDBOX_CORP_SECRET
from sandbox.runner import SandboxNotReadyError, listen, running
from sandbox.world import WorldOptions

SMALL = WorldOptions(seed=7, buyers=20, extra_people=10)


def answers(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/sandbox/health", timeout=1.0, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def gone(base_url: str, within_seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if not answers(base_url):
            return True
        time.sleep(0.05)
    return False


def test_runs_and_stops(tmp_path: Path) -> None:
    with running(SMALL, tmp_path) as base_url:
        query = {"corpid": SANDBOX_CORP_ID, "corpsecret": SANDBOX_CORP_SECRET}
        got = httpx.get(f"{base_url}/cgi-bin/gettoken", params=query, trust_env=False).json()
        assert got["errcode"] == 0
    assert not answers(base_url)


def test_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from sandbox.runner import running\n"
        "from sandbox.world import WorldOptions\n"
        f"with running({SMALL!r}, pathlib.Path({str(tmp_path)!r})) as url:\n"
        "    print(url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent.stdout as said:
        base_url = said.readline().strip()
        assert answers(base_url)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone(base_url)


def test_says_why_it_did_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(SandboxNotReadyError, match="expected 0 to 2469"),
        running(WorldOptions(buyers=99_999), tmp_path),
    ):
        pass


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"sandbox port {port}"), running(SMALL, tmp_path, port):
            pass
