"""Writing an arrival's Parquet part row by row, in bounded memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.lake import Lake
from common.streams import Stream

PART_NAME = "part-0000.parquet"
_BATCH = 20_000


class PartWriter:
    """Writes tuples, in a schema's column order, to one Parquet file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._pending: list[tuple[Any, ...]] = []
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def add(self, row: tuple[Any, ...]) -> None:
        """Take one row."""
        self._pending.append(row)
        self.rows += 1
        if len(self._pending) >= _BATCH:
            self._flush()

    def close(self) -> None:
        """Write what is pending and finish the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._pending:
            columns = zip(*self._pending, strict=True)
            arrays = [pa.array(c, type=f.type) for c, f in zip(columns, self._schema, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._pending.clear()


@contextmanager
def new_folders(lake: Lake, *streams: Stream) -> Iterator[list[Path]]:
    """Give a fresh arrival folder per stream; on an error none of them stays behind."""
    folders = [lake.new_arrival_dir(stream) for stream in streams]
    try:
        yield folders
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise
