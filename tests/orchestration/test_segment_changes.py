"""Between two copies: who came, who went, and why, also where the history of today knows nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from common.settings import Settings
from orchestration.publish import Manifest
from orchestration.segment_changes import segment_changes

TABLES = {
    "segment_members": "segment_code varchar, customer_id varchar, entered_date date",
    "segment_funnel": "segment_code varchar, step_no integer, step_kind varchar, step_text_zh varchar",
    "segment_history": "segment_code varchar, customer_id varchar, entered_date date, left_date date, "
    "exit_reason varchar, exit_step_no integer",
    "dim_customers": "customer_id varchar",
    "identity_moves": "from_customer_id varchar, to_customer_id varchar, moved_date date",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """On January 10 a copy was published; since then things happened up to January 12."""
    settings = Settings(_env_file=None, home=tmp_path)
    with duckdb.connect(str(settings.warehouse_path)) as db:
        db.execute("create schema marts")
        for name, columns in TABLES.items():
            db.execute(f"create table marts.{name} ({columns})")
        db.execute("""
            insert into marts.dim_customers values ('new'), ('late'), ('left'), ('hunter'), ('same'), ('fixed'), ('b');
            insert into marts.segment_members values
                ('grown', 'new', '2026-01-11'), ('grown', 'late', '2026-01-05'), ('grown', 'same', '2026-01-01'),
                ('grown', 'b', '2026-01-03'), ('changed', 'new', '2026-01-02');
            insert into marts.segment_funnel values
                ('grown', 1, 'condition', 'a'), ('changed', 1, 'condition', 'stricter');
            insert into marts.segment_history values
                ('grown', 'left', '2026-01-01', '2026-01-12', 'condition', 2),
                ('grown', 'hunter', '2026-01-01', '2026-01-11', 'excluded', 3),
                ('grown', 'fixed', '2026-01-01', '2026-01-04', 'condition', 1);
            insert into marts.identity_moves values ('merged', 'b', '2026-01-11');
        """)
    copy = settings.published_dir / "one"
    copy.mkdir(parents=True)
    (settings.published_dir / "current").symlink_to(copy)
    with duckdb.connect() as db:
        db.execute(
            "copy (select * from (values ('grown', 'same'), ('grown', 'left'), ('grown', 'hunter'), "
            "('grown', 'fixed'), ('grown', 'merged'), ('gone', 'same'), ('changed', 'same')) "
            "as t (segment_code, customer_id)) "
            f"to '{copy / 'segment_members.parquet'}'"
        )
        db.execute(
            "copy (select * from (values ('grown', 1, 'condition', 'a'), ('gone', 1, 'condition', 'x'), "
            "('changed', 1, 'condition', 'loose')) as t (segment_code, step_no, step_kind, step_text_zh)) "
            f"to '{copy / 'segment_funnel.parquet'}'"
        )
    manifest = Manifest("one", "2026-01-10", "", "", duckdb.__version__, [])
    (copy / "manifest.json").write_text(json.dumps(vars(manifest)))
    return settings


def test_changes__say_why(settings: Settings) -> None:
    rows = [tuple(row.values()) for row in segment_changes(settings).to_pylist()]
    assert rows == [
        ("changed", "new", "entered", "rule_changed", None, None),
        ("changed", "same", "left", "rule_changed", None, None),
        ("gone", "same", "left", "segment_retired", None, None),
        ("grown", "b", "entered", "identity", None, None),
        ("grown", "fixed", "left", "corrected", None, None),
        ("grown", "hunter", "left", "excluded", 3, None),
        ("grown", "late", "entered", "corrected", None, None),
        ("grown", "left", "left", "condition", 2, None),
        ("grown", "merged", "left", "identity", None, "b"),
        ("grown", "new", "entered", "condition", None, None),
    ]


def test_held_segments__change_nothing(settings: Settings) -> None:
    held = segment_changes(settings, ["grown", "changed"]).to_pylist()
    assert [row["segment_code"] for row in held] == ["gone"]


def test_first_run__has_no_changes(settings: Settings) -> None:
    (settings.published_dir / "current").unlink()
    assert segment_changes(settings).num_rows == 0
