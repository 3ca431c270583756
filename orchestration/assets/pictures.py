"""What Dagster shows on the assets of tiers, cohorts, segments and tags: pictures, sizes over time, costs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from common.settings import Settings
from orchestration.project import public_tables
from orchestration.report.source import Source, opened_warehouse


def _cohorts(source: Source, _: Settings) -> dict[str, Any]:
    from orchestration.report.cohorts import monthly_cohorts
    from orchestration.report.pictures import as_markdown, heat_map

    found = monthly_cohorts(source)
    return {"heat_map": dg.MetadataValue.md(as_markdown(heat_map(found), "heat map"))} if found.months else {}


def _tiers(source: Source, _: Settings) -> dict[str, Any]:
    from orchestration.report.pictures import as_markdown, pyramid
    from orchestration.report.tiers import tier_sizes

    found = tier_sizes(source)
    sizes = {f"customers/{name}": count for name, count in found}
    return {"pyramid": dg.MetadataValue.md(as_markdown(pyramid(found), "pyramid")), **sizes} if found else {}


def _segments(source: Source, _: Settings) -> dict[str, Any]:
    from orchestration.report.pictures import as_markdown, size_lines
    from orchestration.report.segments import segment_days

    found = segment_days(source)
    if not found:
        return {}
    picture = as_markdown(size_lines(found, source.as_of.isoformat()), "sizes over time")
    return {
        "sizes_over_time": dg.MetadataValue.md(picture),
        **{f"members/{each.code}": each.sizes[-1] for each in found},
    }


def _tags(source: Source, settings: Settings) -> dict[str, Any]:
    from orchestration.tag_cost import last_verdicts, tag_costs

    codes = [each["tag_code"] for each in source.rows(_CODES)]
    kept = settings.dbt_target_dir / "tag_cost.json"
    costs = tag_costs(source.db, last_verdicts(settings), codes, kept=kept)
    table = dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "tag": each.code,
                    "ms_per_million_days": round(each.milliseconds_per_million, 2),
                    "history_rows": each.history_rows,
                    "customers": each.customers,
                }
            )
            for each in costs
        ]
    )
    return {"cost_by_tag": table, "tags": len(costs)}


_CODES = (
    "select tag_code from tag_catalog where made in ('fact', 'rule') and family <> 'staff' order by tag_code"
)
_PICTURES: dict[dg.AssetKey, Callable[[Source, Settings], dict[str, Any]]] = {
    dg.AssetKey(["marts", "cohort_retention"]): _cohorts,
    dg.AssetKey(["marts", "member_tiers"]): _tiers,
    dg.AssetKey(["marts", "segments"]): _segments,
    dg.AssetKey(["marts", "tag_catalog"]): _tags,
}


def has_picture(key: dg.AssetKey) -> bool:
    """Whether the asset is shown with a picture of its table."""
    return key in _PICTURES


def with_pictures(
    settings: Settings,
    manifest: Path,
    outputs: dict[dg.AssetKey, dg.Output[Any]],
    *,
    as_of: dt.date,
    warn: Callable[[str], None],
) -> list[dg.Output[Any]]:
    """Return the outputs in their order, with pictures where there is one; what cannot be drawn is left without.

    The warehouse is read: dbt must have let go of it.
    """
    wanted = [key for key in outputs if has_picture(key)]
    if not wanted:
        return list(outputs.values())
    drawn = dict(outputs)
    with opened_warehouse(settings, public_tables(manifest), as_of=as_of) as source:
        for key in wanted:
            try:
                found = _PICTURES[key](source, settings)
            except Exception as error:  # a picture never fails a build
                warn(f"no picture of {key.to_user_string()}: {type(error).__name__}: {error}")
            else:
                drawn[key] = outputs[key].with_metadata({**outputs[key].metadata, **found})
    return list(drawn.values())
