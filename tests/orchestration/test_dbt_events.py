"""Debug events of dbt reach a log of that level, and nobody else has them made."""

from __future__ import annotations

import io

import pytest
from dbt.adapters.events.types import SQLCommit
from dbt_common.events import event_manager
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import LoggerConfig
from dbt_common.events.types import Note

from orchestration.dbt_events import skip_unheard_events


def manager(level: EventLevel) -> tuple[EventManager, io.StringIO]:
    found, text = EventManager(), io.StringIO()
    found.add_logger(LoggerConfig(name=f"test_{level.value}", level=level, output_stream=text))
    return found, text


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Messages that were made of events."""
    skip_unheard_events()
    found: list[str] = []
    make = event_manager.msg_from_base_event

    def counted(event, level=None):
        found.append(event.message())
        return make(event, level=level)

    monkeypatch.setattr(event_manager, "msg_from_base_event", counted)
    return found


def test_debug_events__are_not_made_for_nobody(made: list[str]) -> None:
    events, text = manager(EventLevel.INFO)
    events.fire_event(Note(msg="unheard"), level=EventLevel.DEBUG)
    events.fire_event(SQLCommit(conn_name="unheard too"))  # of debug level by itself
    events.fire_event(Note(msg="told"), level=EventLevel.INFO)
    events.fire_event(Note(msg="warned"), EventLevel.WARN)
    assert made == ["told", "warned"]
    assert [line.split("  ")[-1] for line in text.getvalue().splitlines()] == ["told", "warned"]


def test_debug_events__reach_a_log_that_wants_them(made: list[str]) -> None:
    events, text = manager(EventLevel.DEBUG)
    events.fire_event(Note(msg="heard"), level=EventLevel.DEBUG)
    assert made == ["heard"]
    assert "heard" in text.getvalue()


def test_skipping__is_done_once() -> None:
    skip_unheard_events()
    once = EventManager.fire_event
    skip_unheard_events()
    assert EventManager.fire_event is once
