"""Readers of foreign tables: CSV, XLSX and Parquet alike give headers, and rows with their source line."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ingestion.convert import MAX_SPREADSHEET_INTEGER
from ingestion.encodings import EncodingError, check_encoding, detect_encoding
from ingestion.mapping import Mapping, normalise_header

_DELIMITERS = ",\t;|"
_BATCH = 20_000
CSV_SUFFIXES = (".csv", ".tsv", ".txt")
XLSX_SUFFIXES = (".xlsx", ".xlsm")
PARQUET_SUFFIXES = (".parquet",)
SUFFIXES = (*CSV_SUFFIXES, *XLSX_SUFFIXES, *PARQUET_SUFFIXES)


class FileRejectedError(ValueError):
    """A whole file cannot be taken; nothing of it landed. The message names the file and the next step."""


@dataclass(frozen=True)
class Row:
    """One row as read. ``line`` is 1-based and counts the header; ``problem`` tells why it is no row."""

    line: int
    cells: Sequence[Any]
    problem: str | None = None


@dataclass(frozen=True)
class Table:
    """Headers (normalised) and a one-time iterator of rows; blank rows are left out."""

    headers: list[str]
    rows: Iterator[Row]

    def index(self, column: str) -> int:
        """Return the position of a column."""
        return self.headers.index(column)


@contextmanager
def open_table(path: Path, mapping: Mapping) -> Iterator[Table]:
    """Open a CSV, XLSX or Parquet file whose header has every column of the mapping.

    Raises:
        FileRejectedError: unreadable, unknown type, wrong encoding, or a column missing or there twice.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in CSV_SUFFIXES:
            with _open_csv(path, mapping) as table:
                yield _with_columns(path, table, mapping)
        elif suffix in XLSX_SUFFIXES:
            with _open_xlsx(path, mapping) as table:
                yield _with_columns(path, table, mapping)
        elif suffix in PARQUET_SUFFIXES:
            with pq.ParquetFile(path) as file:
                headers = [normalise_header(name) for name in file.schema_arrow.names]
                yield _with_columns(path, Table(headers, _parquet_rows(file)), mapping)
        else:
            raise FileRejectedError(
                f"{path.name}: expected one of {', '.join(SUFFIXES)}, got {suffix or 'no suffix'}"
            )
    except EncodingError as error:
        raise FileRejectedError(f"{path.name}: {error}") from error
    except UnicodeDecodeError as error:
        raise FileRejectedError(
            f"{path.name}: expected {error.encoding} text; name the encoding in the mapping"
        ) from error
    except csv.Error as error:
        raise FileRejectedError(f"{path.name}: not a readable CSV file: {error}") from error
    except (
        zipfile.BadZipFile,
        InvalidFileException,
        pa.ArrowException,
        OSError,
        EOFError,
        KeyError,
    ) as error:
        raise FileRejectedError(
            f"{path.name}: unreadable {suffix} file ({type(error).__name__}: {error})"
        ) from error


def _with_columns(path: Path, table: Table, mapping: Mapping) -> Table:
    missing = mapping.missing_from(table.headers)
    if missing:
        raise FileRejectedError(
            f"{path.name}: expected the columns {', '.join(missing)}; "
            f"the header has {', '.join(table.headers)}. Correct the mapping or the file"
        )
    twice = [column for column in mapping.foreign_columns if table.headers.count(column) > 1]
    if twice:
        raise FileRejectedError(
            f"{path.name}: expected each column once, got {', '.join(twice)} more than once"
        )
    return table


# -- CSV -----------------------------------------------------------------------------------------------------


class _Lines:
    """Feeds lines to the CSV reader and remembers those of the row under way."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self.pending: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.pending.append(line)
        return line


@contextmanager
def _open_csv(path: Path, mapping: Mapping) -> Iterator[Table]:
    encoding = mapping.encoding or detect_encoding(path)
    if mapping.encoding:
        check_encoding(path, encoding)
    with path.open(encoding=encoding, newline="") as file:
        for _ in range(mapping.header_row - 1):
            next(file, None)
        first = next(file, None)
        if first is None or not first.strip():
            raise FileRejectedError(
                f"{path.name}: expected a header in row {mapping.header_row}, got nothing"
            )
        delimiter, headers = _split_header(first, mapping)
        yield Table(headers, _csv_rows(file, delimiter, len(headers), mapping.header_row))


def _split_header(line: str, mapping: Mapping) -> tuple[str, list[str]]:
    """Choose the delimiter under which most of the wanted columns appear."""

    def split(delimiter: str) -> list[str]:
        return [normalise_header(cell) for cell in next(csv.reader([line], delimiter=delimiter))]

    wanted = set(mapping.foreign_columns)
    best = max(_DELIMITERS, key=lambda delimiter: len(wanted & set(split(delimiter))))
    return best, split(best)


def _csv_rows(file: Iterator[str], delimiter: str, width: int, line: int) -> Iterator[Row]:
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = line + reader.line_num + 1
        lines.pending.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A stray quote spoils one row; a quote that never closes swallows the rest of the file.
            if "expected after" not in str(error):
                raise csv.Error(f"{error} (the row that starts in line {start})") from error
            yield Row(start, ["".join(lines.pending).rstrip("\r\n")], f"expected a CSV row, got: {error}")
            continue
        if len(cells) == width:
            yield Row(start, cells)
        elif any(cell.strip() for cell in cells):
            yield Row(start, cells, f"expected {width} fields, got {len(cells)}")


# -- XLSX and Parquet ----------------------------------------------------------------------------------------


@contextmanager
def _open_xlsx(path: Path, mapping: Mapping) -> Iterator[Table]:
    book = load_workbook(path, read_only=True, data_only=True)
    try:
        if mapping.sheet is not None and mapping.sheet not in book.sheetnames:
            raise FileRejectedError(
                f"{path.name}: expected a sheet {mapping.sheet!r}, the file has {', '.join(book.sheetnames)}"
            )
        sheet = book[mapping.sheet] if mapping.sheet is not None else book.worksheets[0]
        sheet.reset_dimensions()  # some writers state a wrong size, and rows would be cut off
        rows = sheet.iter_rows(min_row=mapping.header_row, values_only=True)
        first = next(rows, None)
        if first is None or all(cell is None for cell in first):
            raise FileRejectedError(
                f"{path.name}: expected a header in row {mapping.header_row}, got nothing"
            )
        headers = [normalise_header("" if cell is None else str(cell)) for cell in first]
        while headers and not headers[-1]:
            headers.pop()
        yield Table(headers, _xlsx_rows(rows, len(headers), mapping.header_row + 1))
    finally:
        book.close()


def _xlsx_rows(rows: Iterator[tuple[Any, ...]], width: int, line: int) -> Iterator[Row]:
    for number, cells in enumerate(rows, start=line):
        if all(cell is None or cell == "" for cell in cells):
            continue
        extra = [cell for cell in cells[width:] if cell is not None]
        problem = f"expected {width} fields, got {len(cells)}" if extra else None
        exact = [_as_shown(cell) for cell in cells]
        yield Row(number, [*exact[:width], *[None] * (width - len(cells))] if not extra else exact, problem)


def _as_shown(cell: Any) -> Any:
    """Whole numbers of more than 15 digits in a cell have been through a float, whatever the file says now."""
    return float(cell) if type(cell) is int and abs(cell) >= MAX_SPREADSHEET_INTEGER else cell


def _parquet_rows(file: pq.ParquetFile) -> Iterator[Row]:
    line = 1
    for batch in file.iter_batches(batch_size=_BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        for cells in zip(*columns, strict=True):
            line += 1
            yield Row(line, cells)
