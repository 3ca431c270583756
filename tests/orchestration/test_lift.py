"""`siyu lift` on a published copy."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import typer

from orchestration.cli_lift import lift
from tests.orchestration.report.copies import write_copy


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    published = tmp_path / "home" / "published"
    write_copy(published / "run")
    (published / "current").symlink_to("run")
    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_lift__shows_arms_and_bounds(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lift("loyal")
    told = capfd.readouterr().out
    assert "within 30 days: holdout 100, treated 900, a 450, b 450" in told
    lines = [line.split() for line in told.splitlines()]
    assert ["ordered", "treated", "holdout", "33.33%", "10.00%", "23.33%", "15.31%", "28.80%", "*"] in lines
    assert ["ordered", "b", "a"] in [line[:3] for line in lines]
    assert "p = 1\n" in told


def test_lift__says_that_the_split_is_not_the_drawn_one(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lift("hostile")
    assert "do not believe the lifts" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nobody_knows", None), "no segment 'nobody_knows'; published: hostile, loyal, nobody"),
        (("loyal", dt.datetime(2026, 4, 1)), "expected a day up to 2026-03-31"),
    ],
)
def test_lift__refuses(
    home: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, dt.datetime | None], expected: str
) -> None:
    with pytest.raises(typer.Exit) as ended:
        lift(*arguments)
    assert ended.value.exit_code == 2
    assert expected in capfd.readouterr().err


def test_lift__of_nobody_says_so(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lift("nobody")
    assert "nobody has been in it for long enough yet" in capfd.readouterr().out
