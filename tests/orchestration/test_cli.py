"""The command line: refusals say what to do, and help is quick because nothing heavy is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from common.settings import PROJECT_ROOT, Settings, load_settings
from common.streams import CHANNELS
from common.warehouse import writer_lock
from orchestration.cli import app
from orchestration.cli_lake import CHANNEL_COMMANDS
from orchestration.demo import DemoHomeError, prepare_demo_home

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def siyu(*args: str) -> subprocess.CompletedProcess[str]:
    code = "from orchestration.cli import app; app()"
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=False)


def test_help__imports_nothing_heavy() -> None:
    heavy = ("dagster", "duckdb", "dbt", "pyarrow")
    code = f"import sys, orchestration.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT
    )
    assert done.stdout.strip() == "[]"
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in (
        "run",
        "demo",
        "dev",
        "status",
        "plan",
        "approve",
        "apply",
        "reconcile",
        "consent",
        "ingest",
        "gate",
        "sandbox",
        "callbacks",
        "doctor",
        "why",
        "suggest",
        "review",
        "report",
    ):
        assert command in result.output


def test_ingest__has_a_command_for_every_channel() -> None:
    assert set(CHANNEL_COMMANDS) == set(CHANNELS)


def test_run__refuses_a_day_that_is_not_there() -> None:
    done = siyu("run", "--as-of", "1999-01-01")
    assert done.returncode == 2
    assert "SIYU_FIRST_DAY" in done.stderr
    assert "Traceback" not in done.stderr


def test_report__refuses_before_anything_is_published() -> None:
    done = siyu("report")
    assert done.returncode == 2
    assert "siyu run" in done.stderr
    assert "Traceback" not in done.stderr


def test_run__refuses_while_another_run_writes_the_home(home: Path) -> None:
    with writer_lock(Settings(home=home)):
        done = siyu("run")
    assert done.returncode == 2
    assert "another run is writing" in done.stderr


def test_wrong_settings__name_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIYU_BUSINESS_TIMEZONE", "Mars/Olympus")
    done = siyu("status")
    assert done.returncode == 2
    assert "SIYU_BUSINESS_TIMEZONE" in done.stderr
    assert "Asia/Shanghai" in done.stderr


def test_status__of_an_empty_home_says_what_to_do() -> None:
    done = siyu("status")
    assert done.returncode == 0
    assert "siyu run" in done.stdout


def test_ingest_file__refuses_what_is_no_file() -> None:
    mapping = PROJECT_ROOT / "ingestion" / "mappings" / "cdnow_sample.yml"
    done = siyu("ingest", "file", "nowhere.csv", "--mapping", str(mapping))
    assert done.returncode == 2
    assert "nowhere.csv" in done.stderr


def test_gate__lists_and_releases_a_held_load(home: Path) -> None:
    from common.lake import Lake, LoadReport
    from common.streams import STREAMS

    lake = Lake(home / "lake")
    lake.ensure()
    stream = STREAMS["quarantine/rows"]
    row = dict.fromkeys(stream.columns.names, None) | {"channel": "wecom", "source_line": 1}
    lake.hold(lake.arrive_rows(stream, [row], LoadReport(stream.key, "test", 1)), "too odd [x]")
    listed = siyu("gate", "list")
    assert "too odd [x]" in listed.stdout
    assert siyu("gate", "release", "nothing").returncode == 2
    released = siyu("gate", "release", listed.stdout.split()[0])
    assert released.returncode == 0, released.stderr
    assert "1 rows admitted" in released.stdout
    assert "nothing is held" in siyu("gate", "list").stdout
    assert len(lake.loads(stream)) == 1


def test_plan__names_the_segments_there_are() -> None:
    done = siyu("plan", "nobody")
    assert done.returncode == 2
    assert "high_value_silent" in done.stderr


def test_reconcile__of_a_home_that_never_planned_says_so() -> None:
    done = siyu("reconcile")
    assert done.returncode == 2
    assert "nothing was ever planned" in done.stdout + done.stderr


def test_consent__takes_two_words_only() -> None:
    result = runner.invoke(app, ["consent", "maybe", "c1", "--by", "crm"])
    assert result.exit_code == 2
    assert "expected allow or deny" in result.output


def test_demo_home__keeps_its_settings_and_never_takes_over_another(home: Path, tmp_path: Path) -> None:
    demo = prepare_demo_home(load_settings(), buyers=20)
    assert (demo.business_timezone, demo.sandbox, demo.sandbox_buyers) == ("America/New_York", True, 20)
    assert load_settings() == demo
    assert prepare_demo_home(load_settings()) == demo
    other = Settings(home=tmp_path / "other")
    other.lake_dir.mkdir(parents=True)
    with pytest.raises(DemoHomeError, match="SIYU_HOME"):
        prepare_demo_home(other)
