"""The measures can be asked for: types are not checked there, and nobody runs them every day."""

from __future__ import annotations

import re
import subprocess
import sys

from common.settings import PROJECT_ROOT


def test_bench__knows_its_measures() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert {"P1", "P2", "P3", "P6i", "P13", "P14"} <= set(re.findall(r"P\d+\w?", said))
