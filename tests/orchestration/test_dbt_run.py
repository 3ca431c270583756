"""How dbt is started, and that it never outlives who started it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.settings import DBT_PROJECT_DIR, PROJECT_ROOT, Settings
from orchestration import dbt_run
from orchestration.dbt_run import build_args, dbt_environment, draw_digest, prepare_manifest, start_dbt


def test_build_args__one_build_without_unit_tests() -> None:
    assert build_args() == ["build", "--exclude-resource-type", "unit_test"]
    assert build_args(full_refresh=True)[-1] == "--full-refresh"
    assert "--vars" not in build_args(full_refresh=True)


def test_dbt_environment__carries_the_run_variables_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIYU_WECOM_SECRET", "planted-secret")
    monkeypatch.setenv("SIYU_AS_OF", "1999-01-01")
    settings = Settings(home=tmp_path, business_timezone="America/New_York")
    found = dbt_environment(
        settings, tmp_path / "t", as_of=dt.date(2017, 12, 31), known_at="20261121T010203000004Z"
    )
    assert found["SIYU_HOME"] == str(tmp_path)
    assert found["SIYU_BUSINESS_TIMEZONE"] == "America/New_York"
    assert found["SIYU_AS_OF"] == "2017-12-31"
    assert found["SIYU_KNOWN_AT"] == "20261121T010203000004Z"
    assert "planted-secret" not in found.values()
    assert "SIYU_AS_OF" not in dbt_environment(settings, tmp_path / "t")
    small = settings.model_copy(update={"warehouse_memory": "2GB"})
    assert dbt_environment(small, tmp_path / "t")["SIYU_WAREHOUSE_MEMORY"] == "2GB"


def test_draws__have_a_key_of_their_own(tmp_path: Path) -> None:
    """The same for good in a home; another in another home, or with another key; never the key itself."""
    one, other = (
        Settings(_env_file=None, home=tmp_path / "one"),
        Settings(_env_file=None, home=tmp_path / "other"),
    )
    assert draw_digest(one) == draw_digest(one) != draw_digest(other)
    named = one.model_copy(update={"draw_key": SecretStr("a key of the brand")})
    assert draw_digest(named) not in (draw_digest(one), "a key of the brand")
    assert draw_digest(named) == draw_digest(
        other.model_copy(update={"draw_key": SecretStr("a key of the brand")})
    )
    assert dbt_environment(named, tmp_path / "t")["SIYU_DRAW_DIGEST"] == draw_digest(named)
    assert "a key of the brand" not in dbt_environment(named, tmp_path / "t").values()


def test_start_dbt__runs_its_order_in_its_environment(tmp_path: Path) -> None:
    child = start_dbt(["--version"], {**os.environ, "DBT_LOG_PATH": str(tmp_path)}, tmp_path)
    said = child.communicate()[0].decode()
    assert child.returncode == 0
    assert "duckdb" in said


def test_warm_project__is_what_the_order_runs_on(tmp_path: Path) -> None:
    """dbt reads the project once, and an order ends as it would without a warm child, with what was wrong."""
    settings = Settings(_env_file=None, home=tmp_path / "home")
    prepare_manifest(settings)
    environment = dbt_environment(settings, tmp_path / "target")
    for order, code in ((["ls", "--select", "tag_catalog"], 0), (["run", "--select", "int_run__clock"], 2)):
        dbt_run.warm_up()
        dbt_run.warm_project(settings)
        child = start_dbt(order, environment, DBT_PROJECT_DIR)
        said = child.communicate()[0].decode()
        assert child.returncode == code, said
        assert said.count("Running with dbt") == 1
    assert "is empty; ingest something" in said  # the lake


def test_waiting_child__ends_without_an_order() -> None:
    dbt_run.warm_up()
    child = dbt_run._warm[0]
    dbt_run.cool_down()
    assert child.returncode == 0


def test_child__dies_with_a_killed_parent() -> None:
    code = (
        "import time; from orchestration import dbt_run; dbt_run.warm_up(); "
        "print(dbt_run._warm[0].pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=PROJECT_ROOT, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    _wait_until(lambda: b"dbt_cli" in _command_line(pid))
    time.sleep(0.5)  # let it ask the kernel
    parent.kill()
    parent.wait()
    _wait_until(lambda: _command_line(pid) == b"")
    assert parent.returncode == -signal.SIGKILL


def test_prepare_manifest__parses_only_when_the_project_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "one.sql").write_text("select 1")
    parses: list[Path] = []

    def parse(settings: Settings, manifest: Path) -> None:
        parses.append(manifest)
        manifest.write_text("{}")

    monkeypatch.setattr(dbt_run, "DBT_PROJECT_DIR", project)
    monkeypatch.setattr(dbt_run, "_parse", parse)
    settings = Settings(home=tmp_path / "home")
    assert prepare_manifest(settings) == prepare_manifest(settings)
    assert len(parses) == 1
    (project / "models" / "two.sql").write_text("select 2")
    prepare_manifest(settings)
    assert len(parses) == 2
    prepare_manifest(Settings(home=tmp_path / "home", business_timezone="America/New_York"))
    assert len(parses) == 3


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()  # empty for a zombie
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _wait_until(condition: object, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
