"""The warehouse as assets: every dbt model, built by one ``dbt build`` per run under the home's writer lock."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliInvocation, dbt_assets
from dagster_dbt.asset_utils import DBT_INDIRECT_SELECTION_ENV, get_updated_cli_invocation_params_for_context
from packaging.version import Version

from common.lake import Lake
from common.settings import DBT_PROJECT_DIR, Settings
from orchestration.assets.ingest import WAIT_FOR_OTHER_RUN_SECONDS
from orchestration.days import built_as_of, choose_as_of, choose_known_at, last_complete_day
from orchestration.dbt_run import build_args, build_target, dbt_environment, seed_partial_parse, start_dbt
from orchestration.home import claim
from orchestration.project import public_tables

OP_NAME = "warehouse"


class BuildConfig(dg.Config):
    """What may be asked of a build; empty means: decide from the run's partition and the clock."""

    as_of: str = ""
    """Business day to build for, like 2026-11-20. A day before the last build makes dbt rebuild everything."""
    known_at: str = ""
    """Look at the lake as it was known then: a load id, or an instant with its offset."""
    full_refresh: bool = False
    """Forget all derived state and build anew from the lake."""


class SiyuTranslator(DagsterDbtTranslator):
    """Groups models by layer. Sources keep the key [channel, stream], which is that of the raw asset."""

    def __init__(self) -> None:
        # Source tests as checks would make Dagster drop the edge from a raw asset to dbt: never turn this on.
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer: the folder under models/, and under intermediate/ and marts/ its subject."""
        return group_of(dbt_resource_props["fqn"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return the model's own description, without its SQL."""
        return str(dbt_resource_props.get("description") or "")


def group_of(fqn: list[str]) -> str:
    """Return the asset group of a dbt node from its fully qualified name (project, folders, model)."""
    folders = fqn[1:-1]
    if not folders:
        return "warehouse"
    if folders[0] in ("intermediate", "marts") and len(folders) > 1:
        return folders[1]
    return folders[0]


def warehouse_assets(settings: Settings, manifest: Path) -> dg.AssetsDefinition:
    """Return all dbt models as one multi-asset."""

    @dbt_assets(
        manifest=manifest,
        name=OP_NAME,
        dagster_dbt_translator=SiyuTranslator(),
    )
    def warehouse(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        partition = dt.date.fromisoformat(context.partition_key) if context.has_partition_key else None
        as_of = choose_as_of(
            asked=dt.date.fromisoformat(config.as_of) if config.as_of else None,
            partition=partition,
            built=built_as_of(settings),
            last=last_complete_day(settings),
        )
        lake = Lake(settings.lake_dir)
        lake.ensure()
        known_at = choose_known_at(config.known_at or None, lake)
        context.log.info(f"dbt build as of {as_of}, knowing loads up to {known_at}")
        yield from start_build(settings, context, config, as_of=as_of, known_at=known_at).stream()

    return warehouse


def start_build(
    settings: Settings,
    context: dg.AssetExecutionContext,
    config: BuildConfig,
    *,
    as_of: dt.date,
    known_at: str,
) -> DbtCliInvocation:
    """Start the one ``dbt build`` of this run.

    Not through ``DbtCliResource.cli``: it first starts dbt once more to ask its version and loads the
    project into this process, together five seconds and a second opener of the warehouse file.
    """
    wanted = get_updated_cli_invocation_params_for_context(
        context=context, manifest={}, dagster_dbt_translator=SiyuTranslator()
    )
    selection = [] if _is_whole(wanted.selection_args) else wanted.selection_args
    target = build_target(settings)
    seed_partial_parse(settings)
    environment = dbt_environment(settings, target, as_of=as_of, known_at=known_at)
    environment |= {"DBT_LOG_FORMAT": "json", "DAGSTER_DBT_CLI": "true"}
    if wanted.indirect_selection:
        environment[DBT_INDIRECT_SELECTION_ENV] = wanted.indirect_selection
    args = build_args(full_refresh=config.full_refresh, selection=selection)
    context.log.info(f"dbt {' '.join(args)}")
    return DbtCliInvocation(
        process=start_dbt(args, environment, DBT_PROJECT_DIR),
        manifest=wanted.manifest,
        dagster_dbt_translator=wanted.dagster_dbt_translator,
        project_dir=DBT_PROJECT_DIR,
        target_path=target,
        raise_on_error=True,
        cli_version=Version(installed("dbt-core")),
        context=context,
    )


def _is_whole(selection: list[str]) -> bool:
    return "--select" not in selection


def table_keys(manifest: Path) -> list[dg.AssetKey]:
    """Return the asset keys of the models that the published copy reads."""
    nodes = json.loads(manifest.read_bytes())["nodes"]
    translator = SiyuTranslator()
    return [translator.get_asset_key(nodes[table.unique_id]) for table in public_tables(manifest)]
