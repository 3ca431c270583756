"""What the dbt project declares that the line needs to know: segments and public tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from common.settings import DBT_PROJECT_DIR
from orchestration.rules.load import load_rules


class ProjectError(ValueError):
    """The dbt project declares something we cannot work with."""


@dataclass(frozen=True)
class SegmentSpec:
    """One segment (人群) and where it goes."""

    code: str
    name_zh: str
    description_zh: str
    owner: str
    destinations: tuple[str, ...]


@dataclass(frozen=True)
class PublicTable:
    """A mart that readers find in the published copy under ``name``."""

    name: str
    schema: str
    relation: str
    unique_id: str

    @property
    def sql(self) -> str:
        """The relation, quoted."""
        return f'"{self.schema}"."{self.relation}"'


def declared_segments(project_dir: Path = DBT_PROJECT_DIR) -> list[SegmentSpec]:
    """Return the segments of ``rules/segments.yml``.

    Raises:
        RuleError: a rule is wrong.
    """
    return [
        SegmentSpec(
            code=each.entry.code,
            name_zh=each.entry.name_zh,
            description_zh=each.entry.description_zh,
            owner=each.entry.owner,
            destinations=tuple(each.entry.destinations),
        )
        for each in load_rules(project_dir).segments
    ]


def segment_named(code: str) -> SegmentSpec:
    """Return a declared segment.

    Raises:
        ProjectError: there is none with this code.
    """
    segments = {segment.code: segment for segment in declared_segments()}
    if code not in segments:
        raise ProjectError(f"no segment {code!r}; declared: {', '.join(segments)}")
    return segments[code]


def public_tables(manifest_path: Path) -> list[PublicTable]:
    """Return the models whose ``config.meta.published_as`` gives them a public name, sorted by name.

    Raises:
        ProjectError: two models want the same name.
    """
    nodes = json.loads(manifest_path.read_bytes())["nodes"].values()
    tables: dict[str, PublicTable] = {}
    for node in nodes:
        name = (node.get("config", {}).get("meta") or {}).get("published_as")
        if node["resource_type"] != "model" or not name:
            continue
        if name in tables:
            raise ProjectError(
                f"published_as: {name!r} is claimed by {tables[name].unique_id} and {node['unique_id']}; "
                "rename one"
            )
        tables[name] = PublicTable(name, node["schema"], node["alias"], node["unique_id"])
    return [tables[name] for name in sorted(tables)]
