"""The formats of the file hand-off. Cells are text or numbers that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from common.durable import fsync

Cell = str | int | Decimal | None
Row = Sequence[Cell]

# Spreadsheets run a text cell that begins with one of these; some Excel editions the full-width forms too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_EXCEL_MOST_ROWS = 1_048_576
_DECIMAL = pa.decimal128(20, 2)


class TooManyRowsError(ValueError):
    """The format does not hold so many rows."""


class UnconfirmedFileError(OSError):
    """The file is in its place, but the disk did not confirm it: after a power cut the old one may be back."""


def safe_text(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def csv_text(cell: Cell) -> str:
    """Return a cell as it stands in a CSV file: empty for None, two decimals for money."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:.2f}"
    return safe_text(cell) if isinstance(cell, str) else str(cell)


def csv_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return a CSV file with a byte order mark: Excel takes one without for GBK."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([csv_text(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def parquet_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return a Parquet file; money is decimal, text is as it is (nothing runs it)."""
    cells = [list(each) for each in zip(*rows, strict=True)] or [[] for _ in columns]
    arrays = [
        pa.array(each, _DECIMAL) if name.endswith("_cny") else _array(each)
        for name, each in zip(columns, cells, strict=True)
    ]
    target = io.BytesIO()
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), target, compression="zstd")
    return target.getvalue()


def xlsx_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return an Excel workbook with one sheet; ids stay text.

    Raises:
        TooManyRowsError: a sheet holds 1,048,576 rows, headings included.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("members")
    sheet.append(list(columns))
    for number, row in enumerate(rows, start=2):
        if number > _EXCEL_MOST_ROWS:
            raise TooManyRowsError(
                f"an Excel sheet holds {_EXCEL_MOST_ROWS:,} rows; take csv or parquet for this segment"
            )
        sheet.append([safe_text(cell) if isinstance(cell, str) else cell for cell in row])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


FORMATS: dict[str, Callable[[Sequence[str], Iterable[Row]], bytes]] = {
    "csv": csv_bytes,
    "parquet": parquet_bytes,
    "xlsx": xlsx_bytes,
}


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or nothing, also after a power cut.

    Raises:
        UnconfirmedFileError: readers see it now; whether they still do after a power cut is not known.
        OSError: it could not be written; what was there before is untouched.
    """
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    try:
        fsync(target.parent)
    except OSError as error:
        raise UnconfirmedFileError(error.errno, error.strerror) from error


def _array(cells: list[Cell]) -> pa.Array:
    """Numbers when all are, text otherwise."""
    if all(isinstance(cell, int) for cell in cells if cell is not None) and any(
        cell is not None for cell in cells
    ):
        return pa.array(cells, pa.int64())
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
