"""The published copy as an asset: the last step of a run, also when a segment was held."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from common.settings import DBT_PROJECT_DIR, Settings
from orchestration.assets.activate import plan_key
from orchestration.assets.checks import PAYLOAD
from orchestration.assets.ingest import WAIT_FOR_OTHER_RUN_SECONDS
from orchestration.dbt_run import build_target
from orchestration.home import claim
from orchestration.project import SegmentSpec, public_tables
from orchestration.publish import REPORT, TAGS, publish
from orchestration.report.extra import extra_tables
from orchestration.rules.load import load_rules
from orchestration.segment_changes import segment_changes
from orchestration.segment_report import segment_metadata
from orchestration.tag_page import write_tag_page
from orchestration.verdict_chain import FILE, verdict_chain

PUBLISHED_KEY = dg.AssetKey(["published", "current"])

# A step whose upstream failed is skipped, and a held segment must not keep the copy from being published. So
# this step depends on the tables only, and the in-process executor takes it when no other step is left to
# take.
_LAST = {"dagster/priority": "-1000"}


def published_asset(
    settings: Settings, manifest: Path, segments: list[SegmentSpec], table_keys: list[dg.AssetKey]
) -> dg.AssetsDefinition:
    """Return the asset that writes and switches the published copy."""

    @dg.asset(
        key=PUBLISHED_KEY,
        group_name="published",
        deps=table_keys,
        op_tags=_LAST,
        kinds={"parquet", "duckdb"},
        description="Read copy of the public tables: Parquet, one DuckDB file, manifest.json; whole or not.",
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from activation.log import public_tables as ledger_tables

        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        held = held_segments(context.instance, segments)
        pages = PageWriter(context.log.warning)
        tables = public_tables(manifest)
        compiled = build_target(settings) / "compiled"
        copy = publish(
            settings,
            tables,
            run_id=context.run_id,
            held_segments=held,
            extra={
                **ledger_tables(settings),
                **extra_tables(settings),
                "segment_changes": segment_changes(settings, held),
            },
            finish=pages.write,
            notes={FILE: verdict_chain(compiled, tables, load_rules(DBT_PROJECT_DIR)).dumped()},
        )
        report = settings.published_dir / REPORT
        tags = settings.published_dir / TAGS
        return dg.MaterializeResult(
            metadata={
                "tag_catalogue": dg.MetadataValue.url(tags.as_uri()),
                "as_of": copy.as_of,
                "known_at": copy.known_at,
                "held_segments": copy.held,
                "folder": dg.MetadataValue.path(str(settings.published_dir / "current")),
                "report": dg.MetadataValue.url(report.as_uri()),
                "report_path": dg.MetadataValue.path(str(report)),
                "report_made": pages.said,
                **{f"rows/{name}": entry.rows for name, entry in copy.tables.items()},
                **segment_metadata(settings),
            }
        )

    return published


class PageWriter:
    """Writes the pages beside a copy; a page that cannot be made does not hold the copy back."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self.said = ""

    def write(self, folder: Path, before: Path | None) -> None:
        """Write the pages of the copy in ``folder``; ``said`` tells whether its report is one that says what failed."""
        from orchestration.report.page import write_failure, write_report

        try:
            write_tag_page(folder)
        except Exception as error:
            self._warn(f"the page of the tag catalogue could not be made: {error}")
        try:
            made = write_report(folder, before)
        except Exception as error:
            write_failure(folder, error)
            self.said = f"failed: {type(error).__name__}: {error}"
            self._warn(f"the report page could not be made: {error}")
        else:
            self.said = "made" if made else "linked: the last page shows the same"


def held_segments(instance: dg.DagsterInstance, segments: list[SegmentSpec]) -> list[str]:
    """Return the codes of segments whose payload the gate did not let pass the last time it was planned.

    A check that was planned and never came to an answer (its step crashed) holds as well.
    """
    keys = {segment.code: dg.AssetCheckKey(plan_key(segment.code), PAYLOAD) for segment in segments}
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys.values()))
    return [code for code, key in keys.items() if key in latest and latest[key].status.value != "SUCCEEDED"]
