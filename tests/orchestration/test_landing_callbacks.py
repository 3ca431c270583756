"""Callbacks from the spool through the gate into the lake, by the same way as everything else."""

from __future__ import annotations

from pathlib import Path

from common.clock import utc_now
from common.lake import Lake
from common.settings import Settings
from common.streams import STREAMS, streams_of
from ingestion.callbacks.app import event_id_of, spool_line
from ingestion.callbacks.spool import Spool, spool_dir
from orchestration.landing import land
from sandbox.callback_sender import as_xml

EVENTS = STREAMS["wecom/events"]


def put(settings: Settings, *messages: bytes) -> None:
    spool = Spool(spool_dir(settings, "wecom"))
    for message in messages:
        spool.append(spool_line(event_id_of(message), message)).result(5)
    spool.close()


def test_land__brings_callbacks_past_the_gate_and_empties_the_spool(tmp_path: Path) -> None:
    settings, lake = Settings(_env_file=None, home=tmp_path), Lake(tmp_path / "lake")
    known = {"Event": "change_external_contact", "CreateTime": "1736340300", "UserID": "liwei"}
    messages = [
        as_xml({**known, "ChangeType": "del_follow_user", "ExternalUserID": "wm1"}).encode(),
        as_xml({**known, "ChangeType": "a_change_of_next_year", "ExternalUserID": "wm2"}).encode(),
        b"\xff no text",
    ]
    put(settings, *messages)
    results = {each.stream.key: each for each in land(settings, lake, streams_of("wecom"), utc_now().date())}
    events = results["wecom/events"]
    assert (events.total("rows"), events.total("changed"), events.total("quarantined")) == (3, 2, 1)
    (verdict,) = events.verdicts
    assert verdict["status"] == "warned"
    assert "a change that we do not know" in verdict["reason"]
    assert results["quarantine/rows"].total("rows") == 1
    assert list(spool_dir(settings, "wecom").iterdir()) == []
    # The same events again are judged by nobody and change nothing.
    put(settings, *messages[:2])
    results = {each.stream.key: each for each in land(settings, lake, [EVENTS], utc_now().date())}
    assert (results["wecom/events"].total("changed"), results["wecom/events"].verdicts) == (0, [])
    assert list(spool_dir(settings, "wecom").iterdir()) == []
    assert len(lake.loads(EVENTS)) == 1


def test_land__says_that_no_callbacks_are_configured(tmp_path: Path) -> None:
    (result,) = land(
        Settings(_env_file=None, home=tmp_path), Lake(tmp_path / "lake"), [EVENTS], utc_now().date()
    )
    assert result.note is not None
    assert "siyu callbacks" in result.note
    assert (result.reports, result.error) == ([], None)
