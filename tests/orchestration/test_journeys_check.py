"""Journeys held against the rules of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from activation.messages.journeys import JOURNEYS_PATH
from activation.messages.placed_yaml import ContentError
from common.settings import DBT_PROJECT_DIR
from orchestration.journeys import checked_journeys
from orchestration.rules.load import Rules, load_rules


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(DBT_PROJECT_DIR)


def test_the_shipped_journeys_fit_the_shipped_rules(rules: Rules) -> None:
    assert [each.code for each in checked_journeys(rules)] == ["new_lead_welcome"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"segment": "nobody"}, r"journeys.yml:1: new_lead_welcome: segment: .*'nobody'"),
        ({"segment": "high_value_silent"}, "destination: expected one of .* got 'wecom_messages'"),
        ({"steps": [{"day": 1, "content": "new_lead_hello", "tags": {"no_tag": ["a"]}}]}, "tags: .*'no_tag'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    rules: Rules, change: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (journey,) = yaml.safe_load(JOURNEYS_PATH.read_text(encoding="utf-8"))
    path = tmp_path / "journeys.yml"
    path.write_text(yaml.safe_dump([{**journey, **change}], allow_unicode=True, sort_keys=False))
    monkeypatch.setattr("activation.messages.journeys.JOURNEYS_PATH", path)
    with pytest.raises(ContentError, match=told):
        checked_journeys(rules)
