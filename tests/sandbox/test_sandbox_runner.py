"""The sandbox as a process: answers over HTTP, stops with its block and with its parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from sandbox.__main__ import main
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


def test_the_command_writes_the_truth_and_says_how_to_use_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--buyers", "20", "--extra-people", "10"]
    command += ["--state-dir", str(tmp_path / "state"), "--truth", str(tmp_path / "truth.jsonl")]
    command += ["--day", "2017-03-31", "--faults", "all,-slow", "--fault-rate", "0.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process.stdout as said:
        lines = []
        while not lines or not lines[-1].startswith("faults on:"):
            lines.append(said.readline())
            assert lines[-1], lines
        environment = dict(
            line.removeprefix("export ").strip().split("=", 1) for line in lines if "export" in line
        )
        told = httpx.get(f"{environment['SIYU_WECOM_BASE_URL']}/sandbox/truth", trust_env=False).text
        process.terminate()
        process.wait()
    assert environment["SIYU_LAST_DAY"] == "2017-03-31"
    assert "token_death" in lines[-1]
    assert "slow" not in lines[-1].split(":")[1].split("(")[0]
    assert (tmp_path / "truth.jsonl").read_text() == told
    assert len(told.splitlines()) > 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--customers", "5"], "expected 2,000 to 1,000,000"),
        (["--customers", "2000", "--buyers", "3"], "expected no buyers beside it"),
        (["--faults", "nope"], "expected names among"),
        (["--faults", "slow", "--fault-rate", "3"], "expected rate 0 to 1"),
    ],
)
def test_wrong_options_are_refused(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == 2
    assert said in capsys.readouterr().err
