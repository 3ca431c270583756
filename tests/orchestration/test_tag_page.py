"""The catalogue page: every tag with its counts, and nothing of a definition is markup."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from orchestration.published_database import add_table_functions
from orchestration.tag_page import write_tag_page

HOSTILE = "<script>alert('x')</script>"


def test_tag_page__has_every_tag_escaped(tmp_path: Path) -> None:
    target = tmp_path / "tag_catalog.parquet"
    with duckdb.connect() as db:
        db.execute(
            "copy (select * from (values "
            "('member', '会员', 'who', 'rule', 'dynamic', 'operations', 2, ?, 'city', null, 'a,b', '{}', 1234, 1, 1, "
            "null, null),"
            " ('shill', '水军', 'risk', 'rule', 'static', 'data', 1, '定义', null, 'group', null, '{}', 0, 0, 0, "
            "null, null),"
            " ('churn', '流失', 'stands', 'prediction', 'dynamic', 'data', 1, '概率', null, null, null, 'm', 5, 5, 10, "
            "'churn-1', date '2026-05-10')) as t("
            "tag_code, name_zh, family, made, ageing, owner, rule_version, description_zh, parent_tag_code, "
            "exclusive_group, derived_from, rule, customer_count, customer_count_clean, value_count, "
            "model_version, scored_date)) "
            f"to '{target}' (format parquet)",
            [HOSTILE],
        )
    page = write_tag_page(tmp_path).read_text(encoding="utf-8")
    assert "3 个标签" in page
    assert "预测, 动态, v1" in page
    assert "churn-1" in page
    assert "2026-05-10" in page
    assert "1,234" in page
    assert "<a href='#city'>city</a>" in page
    assert "规则, 动态, v2" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_tag_page__needs_a_catalogue(tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error, match="tag_catalog"):
        write_tag_page(tmp_path)


def test_table_functions__answer_of_both_times(tmp_path: Path) -> None:
    """In the published file itself: what was carried on a day, as known now and as known on an evening."""
    target = tmp_path / "siyu.duckdb"
    with duckdb.connect() as db:
        db.execute(f"attach '{target}' as published")
        db.execute(
            "create table published.tag_history as select 'c' as customer_id, 'stage' as tag_code, * from (values "
            "('新客', date '2026-05-10', null::date, 1, date '2026-05-20', date '2026-05-25'), "
            "('活跃', date '2026-05-10', date '2026-05-24', 1, date '2026-05-25', null), "
            "('沉睡', date '2026-05-24', null, 1, date '2026-05-25', null)"
            ") as t(tag_value, valid_from, valid_to, rule_version, known_from, known_to)"
        )
        db.execute("use published")
        add_table_functions(db)
        db.execute("use memory")
        db.execute("detach published")
    with duckdb.connect(str(target), read_only=True) as db:

        def values(call: str) -> list[str]:
            return [value for (value,) in db.execute(f"select tag_value from {call} order by all").fetchall()]

        assert values("tags_as_of(date '2026-05-12')") == ["活跃"]
        assert values("tags_as_of(date '2026-05-24')") == ["沉睡"]
        assert values("tags_as_known(date '2026-05-12', date '2026-05-20')") == ["新客"]
        assert values("tags_as_known(date '2026-05-12', date '2026-05-24')") == ["新客"]
        assert values("tags_as_known(date '2026-05-12', date '2026-05-25')") == ["活跃"]
        assert values("tags_as_known(date '2026-05-12', date '2026-05-19')") == []
        assert values("tags_as_known(date '2026-05-21', date '2026-05-20')") == [], (
            "of later days nothing was said"
        )
