"""What a lake holds, to compare it with what the sandbox says is true."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import warnings

from common.canonical import canonical_hash
from common.lake import Lake
from common.settings import Settings
from common.streams import STREAMS
from common.warehouse import connect
from ingestion.callbacks.app import create_app
from ingestion.callbacks.arrive import arrive
from ingestion.callbacks.endpoints import configured
from sandbox.calendar import YEAR_START, end_of
from sandbox.callback_events import events_of
from sandbox.callback_sender import CallbackSender, deliveries, send_all
from sandbox.world import World

with warnings.catch_warnings():
    # Starlette would rather have httpx2; this project's HTTP client is httpx.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

EVENTS = ("wecom/events", "video_account/events")
# By stream, the canonical hash of each record by its key.
Content = dict[str, dict[str, str]]


def living(lake: Lake, key: str) -> dict[str, str]:
    """The living records of one stream: key and canonical hash, computed anew from the payload."""
    with connect() as db:
        rows = db.execute(_LIVING, [lake.glob(STREAMS[key])]).fetchall()
    found = {record: canonical_hash(json.loads(payload)) for record, payload, _ in rows}
    assert found == {record: said for record, _, said in rows}
    return found


def events_in(lake: Lake, key: str) -> dict[str, str]:
    """The events of one stream: key and hash, computed anew from the text that was received."""
    with connect() as db:
        rows = db.execute(_LIVING, [lake.glob(STREAMS[key])]).fetchall()
    found = {
        record: hashlib.sha256(json.loads(payload)["raw"].encode()).hexdigest() for record, payload, _ in rows
    }
    assert found == {record: said for record, _, said in rows}
    return found


_LIVING = """
select record_key, payload, payload_hash
from read_parquet(?, hive_partitioning = true, hive_types = {'load_id': varchar})
where op is not null
qualify row_number() over (partition by record_key order by load_id desc) = 1 and op <> 'delete'
"""


def receive_callbacks(settings: Settings, world: World, day: dt.date) -> None:
    """Let the home's receiver get every event up to the end of a day, some twice, and land them."""
    events = deliveries(events_of(world, YEAR_START, end_of(day)), doubles=0.1, disorder=0.2)
    with TestClient(create_app(settings, configured(settings))) as client:
        assert send_all(CallbackSender("", client=client), events) == {"200": len(events)}
    lake = Lake(settings.lake_dir)
    lake.ensure()
    for key in EVENTS:
        for arrival in arrive(settings, lake, STREAMS[key]):
            lake.admit(arrival)


def assert_holds(held: Content, told: Content) -> None:
    """Every stream that is told of is held as told. Said stream by stream: a diff of thousands says nothing."""
    assert held.keys() == told.keys()
    wrong = {}
    for key, records in told.items():
        both = records.keys() & held[key].keys()
        found = {
            "missing": records.keys() - both,
            "too many": held[key].keys() - both,
            "other": {each for each in both if held[key][each] != records[each]},
        }
        wrong |= {f"{key}, {what}": sorted(keys)[:3] for what, keys in found.items() if keys}
    assert not wrong
