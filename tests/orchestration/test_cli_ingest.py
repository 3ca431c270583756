"""`siyu ingest <channel> --stream … --since …`: what is asked for and nothing else, and clear refusals."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import orchestration.cli_lake
import orchestration.landing
from orchestration.cli import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What ``land`` is asked for; nothing is fetched."""
    found: list[dict[str, Any]] = []

    def land(_settings: Any, _lake: Any, streams: Any, day: dt.date, **options: Any) -> list[Any]:
        found.append({"streams": [each.key for each in streams], "day": day, "since": options["since"]})
        options["line"]("wecom/groups: 1 of 2")
        return []

    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIYU_LAST_DAY", "2026-11-20")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(orchestration.landing, "land", land)
    monkeypatch.setattr(orchestration.cli_lake, "terminal", lambda: Console(force_terminal=False))
    return found


def test_streams_are_restricted_and_since_is_passed_on(asked: list[dict[str, Any]]) -> None:
    done = runner.invoke(
        app, ["ingest", "wecom", "--stream", "groups", "--stream", "staff", "--since", "2026-10-01"]
    )
    assert done.exit_code == 0, done.output
    assert "wecom/groups: 1 of 2" in done.output
    assert asked == [
        {
            "streams": ["wecom/groups", "wecom/staff"],
            "day": dt.date(2026, 11, 20),
            "since": dt.date(2026, 10, 1),
        }
    ]


def test_without_options_the_whole_channel_is_brought_up_to_the_last_day(asked: list[dict[str, Any]]) -> None:
    assert runner.invoke(app, ["ingest", "wecom"]).exit_code == 0
    assert {"wecom/staff", "wecom/contact_details", "wecom/moment_interactions"} <= set(asked[0]["streams"])
    assert asked[0]["since"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stream", "nothing"], "no stream nothing in wecom; known: staff"),
        (["--stream", "orders", "--stream", "staff"], "no stream orders in wecom"),
        (["--since", "2026-11-21"], "expected a day up to 2026-11-20, got 2026-11-21"),
    ],
)
def test_what_cannot_be_is_refused(asked: list[dict[str, Any]], arguments: list[str], said: str) -> None:
    done = runner.invoke(app, ["ingest", "wecom", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
    assert asked == []
