"""The rules of the house that machines can hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common.settings import PROJECT_ROOT, Settings

HEAVY = ("great_expectations", "pandas", "dlt", "scipy", "lightgbm", "matplotlib", "plotly")


def test_definitions__load_without_heavy_imports() -> None:
    """Great Expectations takes 7 s to import: Dagster's code location must never pay that."""
    code = (
        f"import sys, orchestration.definitions; print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_import_linter__keeps_the_rooms_apart() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_env_example__names_every_setting() -> None:
    text = (PROJECT_ROOT / ".env.example").read_text()
    named = {line.lstrip("# ").split("=")[0] for line in text.splitlines() if "SIYU_" in line and "=" in line}
    assert named == {f"SIYU_{name.upper()}" for name in Settings.model_fields}


def test_repository__names_no_machine_paths_or_indexes() -> None:
    files = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT
    ).stdout.split()
    words = ("/" + "work/", "/" + "root/", "pypi.org/" + "simple", "files." + "pythonhosted.org")
    leaks = [
        (name, word)
        for name in files
        if not name.endswith((".parquet", ".png"))
        for word in words
        if word in (PROJECT_ROOT / name).read_text(errors="replace")
    ]
    assert not leaks
