"""The bridge over dlt: a pipeline per channel extracts into load packages, whose files become an arrival.

dlt holds no cursor: the window comes from the caller and its end travels with the arrival. What an earlier,
interrupted run left behind is dropped at the start, because its window is asked for again anyway.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.settings import Settings
from common.streams import RECORD_COLUMNS, Stream
from ingestion.records import RecordBatches


class ExtractError(RuntimeError):
    """Extraction ended without error, but what it wrote is not what was read."""


def extract(
    settings: Settings, stream: Stream, batches: RecordBatches, payloads: Iterator[Any], into: Path
) -> int:
    """Run the payloads through dlt and move its Parquet files into the arrival folder; return the rows moved.

    Raises:
        ExtractError: the files do not hold exactly the rows that were read.
        Exception: whatever reading the payloads raised, as it was raised.
    """
    root = settings.home / "dlt"
    pipelines, bucket = root / "pipelines" / stream.channel, root / "bucket" / stream.channel
    with _alone(root / f"{stream.channel}.lock"), _emptied(pipelines, bucket):
        _run(stream, batches.tables(payloads), pipelines, bucket)
        files = sorted((bucket / stream.channel / stream.name).glob("*.parquet"))
        rows = sum(_move(file, into / f"part-{number:04}.parquet") for number, file in enumerate(files))
    if rows != batches.rows:
        raise ExtractError(
            f"{stream.key}: expected {batches.rows} rows in the load package, got {rows}; run again"
        )
    if not files:
        pq.write_table(RECORD_COLUMNS.empty_table(), into / "part-0000.parquet")
    return rows


def _run(stream: Stream, tables: Iterator[pa.Table], pipelines: Path, bucket: Path) -> None:
    import dlt
    from dlt.destinations import filesystem
    from dlt.pipeline.exceptions import PipelineStepFailed

    dlt.config["runtime.dlthub_telemetry"] = False
    pipeline = dlt.pipeline(
        f"siyu_{stream.channel}",
        pipelines_dir=str(pipelines),
        destination=filesystem(bucket_url=bucket.as_uri()),
        dataset_name=stream.channel,
    )
    pipeline.config.restore_from_destination = False
    resource = dlt.resource(tables, name=stream.name, max_table_nesting=0, write_disposition="append")
    try:
        pipeline.run(resource, loader_file_format="parquet")
    except PipelineStepFailed as error:
        cause = _innermost(error)
    else:
        return
    finally:
        pipeline.deactivate()
    # Raised out here so that dlt's own wrappers do not travel along.
    raise cause


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _move(file: Path, target: Path) -> int:
    found = pq.read_schema(file).names
    if found != RECORD_COLUMNS.names:
        raise ExtractError(
            f"{file.name}: expected the columns {', '.join(RECORD_COLUMNS.names)}, got {found}"
        )
    shutil.move(file, target)
    return int(pq.read_metadata(target).num_rows)


@contextmanager
def _emptied(*folders: Path) -> Iterator[None]:
    """Empty the folders before and after: payloads hold personal data, the lake keeps the only copy."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process at a time use a channel's pipeline; others wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
