from __future__ import annotations

import pytest

from ingestion import inbox
from ingestion.files import FileRejectedError

MAPPING = """
source: s
columns: {order_id: a, buyer_id: b, paid_at: c, amount: d, item_count: e, status: f}
"""
GOOD = "a,b,c,d,e,f\n1,b1,2025-01-31,1.00,1,paid\n"


@pytest.fixture
def box(settings):
    folder = settings.inbox_dir / "miniprogram" / "orders"
    folder.mkdir(parents=True)
    (folder / "mapping.yml").write_text(MAPPING, encoding="utf-8")
    return folder


def waiting(settings, lake):
    return inbox.waiting(settings, lake, settle_seconds=-5)


def test_a_file_waits_until_it_is_admitted(settings, lake, box):
    (box / "one.csv").write_text(GOOD)
    (box / ".hidden.csv").write_text(GOOD)
    (file,) = waiting(settings, lake)
    assert (file.channel, file.stream, file.path.name) == ("miniprogram", "orders", "one.csv")
    for arrival in inbox.arrive(settings, lake, file):
        lake.admit(arrival)
    assert waiting(settings, lake) == []
    assert (box / "one.csv").exists()
    (box / "one.csv").write_text(GOOD + "2,b1,2025-02-01,1.00,1,paid\n")
    assert len(waiting(settings, lake)) == 1


def test_a_held_file_does_not_wait(settings, lake, box):
    (box / "one.csv").write_text(GOOD)
    (file,) = waiting(settings, lake)
    (arrival,) = inbox.arrive(settings, lake, file)
    lake.hold(arrival, "looks odd")
    assert waiting(settings, lake) == []


def test_a_file_of_only_bad_rows_waits_no_more_once_quarantined(settings, lake, box):
    (box / "one.csv").write_text("a,b,c,d,e,f\n1,,2025-01-31,1.00,1,paid\n")
    (file,) = waiting(settings, lake)
    (arrival,) = inbox.arrive(settings, lake, file)
    assert arrival.stream.key == "quarantine/rows"
    lake.admit(arrival)
    assert waiting(settings, lake) == []


def test_a_file_still_being_written_does_not_wait_yet(settings, lake, box):
    (box / "one.csv").write_text(GOOD)
    assert inbox.waiting(settings, lake, settle_seconds=3600) == []


def test_its_own_mapping_comes_before_the_folder_s(settings, lake, box):
    (box / "one.csv").write_text(GOOD)
    (box / "one.csv.mapping.yml").write_text(MAPPING.replace("source: s", "source: other"))
    (file,) = waiting(settings, lake)
    assert file.mapping_path == box / "one.csv.mapping.yml"


@pytest.mark.parametrize("channel_dir", ["miniprogram/orders", "wecom/contacts", "no_such/stream"])
def test_a_rejected_file_is_moved_with_its_reason(settings, lake, channel_dir):
    folder = settings.inbox_dir / channel_dir
    folder.mkdir(parents=True)
    (folder / "mapping.yml").write_text(MAPPING)
    for _ in range(2):
        (folder / "bad.csv").write_bytes(b"x,y\n1,2\n")
        (file,) = waiting(settings, lake)
        with pytest.raises(FileRejectedError, match="moved to"):
            inbox.arrive(settings, lake, file)
    assert waiting(settings, lake) == []
    rejected = settings.inbox_dir / "_rejected" / channel_dir
    names = sorted(path.name for path in rejected.iterdir())
    assert names == ["bad.2.csv", "bad.2.csv.reason.txt", "bad.csv", "bad.csv.reason.txt"]
    assert "expected" in (rejected / "bad.csv.reason.txt").read_text() or channel_dir != "miniprogram/orders"


def test_a_file_without_a_mapping_is_rejected_and_told_what_to_do(settings, lake, box):
    (box / "mapping.yml").unlink()
    (box / "one.csv").write_text(GOOD)
    (file,) = waiting(settings, lake)
    with pytest.raises(FileRejectedError, match=r"expected mapping\.yml or one\.csv\.mapping\.yml beside it"):
        inbox.arrive(settings, lake, file)
