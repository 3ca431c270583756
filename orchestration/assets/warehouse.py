"""The warehouse as assets: every dbt model, built by one ``dbt build`` per run.

It is always built whole, also when only some of its assets are selected: a part would be of another day than
the rest, and dbt would have to build all of it anew the next time.
"""

import datetime as dt
import json
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import dagster as dg
from packaging.version import Version

from common.lake import Lake
from common.settings import DBT_PROJECT_DIR, Settings
from common.streams import CHANNELS, streams_of
from orchestration.assets.ingest import WAIT_FOR_OTHER_RUN_SECONDS, raw_key
from orchestration.assets.pictures import has_picture, with_pictures
from orchestration.days import built_as_of, choose_as_of, choose_known_at, last_complete_day
from orchestration.dbt_hidden import dbt_hidden
from orchestration.dbt_run import build_args, build_target, dbt_environment, seed_partial_parse, start_dbt
from orchestration.home import claim
from orchestration.project import public_tables

with dbt_hidden():
    from dagster_dbt import (
        DagsterDbtTranslator,
        DagsterDbtTranslatorSettings,
        DbtCliInvocation,
        dbt_assets,
    )

OP_NAME = "warehouse"

RAW_KEYS = frozenset(raw_key(stream) for channel in CHANNELS for stream in streams_of(channel))


class BuildConfig(dg.Config):
    """What may be asked of a build; empty means: decide from the run's partition and the clock."""

    as_of: str = ""
    """Business day to build for, like 2026-11-20. A day before the last build means a rebuild."""
    known_at: str = ""
    """Look at the lake as it was known then: a load id, or an instant with its offset."""
    full_refresh: bool = False
    """Forget all derived state and build anew from the lake."""


class SiyuTranslator(DagsterDbtTranslator):
    """Groups models by layer. Sources keep the key [channel, stream], which is that of the raw asset."""

    def __init__(self) -> None:
        # Source tests as checks would make Dagster drop the edge from a raw asset to dbt: never turn this on.
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False))

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any | None = None
    ) -> dg.AssetSpec:
        """Return dagster-dbt's spec; a model that nothing else is upstream of comes after the raw assets.

        Such a model reads the state of the run or the quarantine. Without the edge a backfill would build
        it, and the warehouse with it, before anything was fetched.
        """
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        if node is None or node["resource_type"] != "model" or _follows_raw_assets(node, manifest):
            return spec
        return spec.merge_attributes(deps=sorted(RAW_KEYS))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer, and inside intermediate/ and marts/ the subject."""
        return group_of(dbt_resource_props["fqn"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the model's own description, without its SQL."""
        return str(dbt_resource_props.get("description") or "")


def group_of(fqn: list[str]) -> str:
    """Return the asset group of a dbt node from its fully qualified name (project, folders, model)."""
    folders = fqn[1:-1]
    if not folders:
        return OP_NAME
    if folders[0] in ("intermediate", "marts") and len(folders) > 1:
        return folders[1]
    return folders[0]


def warehouse_assets(settings: Settings, manifest: Path) -> dg.AssetsDefinition:
    """Return all dbt models as one multi-asset."""
    translator = SiyuTranslator()

    @dbt_assets(manifest=manifest, name=OP_NAME, dagster_dbt_translator=translator)
    def warehouse(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        partition = dt.date.fromisoformat(context.partition_key) if context.has_partition_key else None
        as_of = choose_as_of(
            asked=dt.date.fromisoformat(config.as_of) if config.as_of else None,
            partition=partition,
            fetched=None if partition else _last_fetched_day(context.instance),
            built=built_as_of(settings),
            last=last_complete_day(settings),
        )
        lake = Lake(settings.lake_dir)
        lake.ensure()
        known_at = choose_known_at(config.known_at or None, lake)
        args = build_args(full_refresh=config.full_refresh)
        context.log.info(f"dbt {' '.join(args)}; as of {as_of}, knowing loads up to {known_at}")
        judge = threading.Thread(target=_import_judge, daemon=True)
        judge.start()
        build = start_build(settings, manifest, translator, context, args, as_of=as_of, known_at=known_at)
        selected = context.op_execution_context.selected_output_names
        upstream = context.assets_def.asset_deps
        # dbt has the warehouse open, so pictures are drawn when it is through; and what is built on their tables
        # waits with them, for Dagster wants the outputs of a step in topological order.
        waiting: dict[dg.AssetKey, dg.Output[Any]] = {}
        try:
            for event in build.stream():
                if not isinstance(event, dg.Output):
                    yield event
                elif event.output_name in selected:
                    key = context.asset_key_for_output(event.output_name)
                    if has_picture(key) or not upstream[key].isdisjoint(waiting):
                        waiting[key] = event
                    else:
                        yield event
        except Exception:
            yield from waiting.values()
            raise
        yield from with_pictures(settings, manifest, waiting, as_of=as_of, warn=context.log.warning)
        judge.join()  # no later step imports while it does

    return warehouse


def _import_judge() -> None:
    """Payloads are judged when dbt is through; the seconds their judge takes to import pass while dbt works."""
    from expectations.runner import get_ready

    get_ready()


def start_build(
    settings: Settings,
    manifest: Path,
    translator: DagsterDbtTranslator,
    context: dg.AssetExecutionContext,
    args: list[str],
    *,
    as_of: dt.date,
    known_at: str,
) -> DbtCliInvocation:
    """Start the one ``dbt build`` of this run.

    Not through ``DbtCliResource.cli``: it first starts dbt once more to ask its version and loads the project
    into this process, together five seconds and a second opener of the warehouse file.
    """
    target = build_target(settings)
    seed_partial_parse(settings)
    environment = dbt_environment(settings, target, as_of=as_of, known_at=known_at)
    environment |= {"DBT_LOG_FORMAT": "json", "DAGSTER_DBT_CLI": "true"}
    return DbtCliInvocation(
        process=start_dbt(args, environment, DBT_PROJECT_DIR),
        manifest=json.loads(manifest.read_bytes()),
        dagster_dbt_translator=translator,
        project_dir=DBT_PROJECT_DIR,
        target_path=target,
        raise_on_error=True,
        cli_version=Version(installed("dbt-core")),
        context=context,
    )


def table_keys(manifest: Path) -> list[dg.AssetKey]:
    """Return the asset keys of the models that the published copy reads."""
    nodes = json.loads(manifest.read_bytes())["nodes"]
    translator = SiyuTranslator()
    return [translator.get_asset_key(nodes[table.unique_id]) for table in public_tables(manifest)]


def _last_fetched_day(instance: dg.DagsterInstance) -> dt.date | None:
    events = [instance.get_latest_materialization_event(key) for key in RAW_KEYS]
    days = [
        event.asset_materialization.partition for event in events if event and event.asset_materialization
    ]
    return max((dt.date.fromisoformat(day) for day in days if day), default=None)


def _follows_raw_assets(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    for upstream in node["depends_on"]["nodes"]:
        if upstream in manifest["nodes"]:
            return True
        source = manifest["sources"].get(upstream)
        if source is not None and dg.AssetKey([source["source_name"], source["name"]]) in RAW_KEYS:
            return True
    return False
