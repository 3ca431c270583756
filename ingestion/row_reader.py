"""Turns one foreign row into one tuple of a raw stream, by the mapping."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from common.pii import phone_hmac
from ingestion.contract_fields import ContractField
from ingestion.convert import Converter, RowError, converter_for
from ingestion.mapping import Mapping, MappingError
from ingestion.tables import Row, Table

Cell = Callable[[Sequence[Any]], Any]
_DEFAULTS = {"refunded_fen": 0}


class RowReader:
    """Reads the given contract fields of a table's rows; ``foreign`` maps field to foreign column."""

    def __init__(
        self,
        schema: pa.Schema,
        fields: dict[str, ContractField],
        foreign: dict[str, tuple[str, ...]],
        table: Table,
        mapping: Mapping,
        *,
        source: str,
        pii_key: bytes,
        constants: dict[str, str] | None = None,
    ) -> None:
        """Prepare the steps of reading.

        Raises:
            MappingError: a constant is no value of its field.
        """
        self._names: list[str] = schema.names
        self._unpaid = frozenset(mapping.unpaid) if {"status", "paid_at"} <= fields.keys() else frozenset()
        self._pii_key = pii_key
        self._steps: list[tuple[int, Cell, Converter]] = []
        self._by_field: dict[str, tuple[Cell, Converter]] = {}
        self._stand_ins = mapping.buyer_id_from if "buyer_id" in fields else []
        fixed: dict[str, Any] = {"source": source, "buyer_source": mapping.source, **_DEFAULTS}
        for name, field in fields.items():
            if name == "buyer_id" and self._stand_ins:
                field = replace(field, required=False)
            convert = converter_for(name, field, mapping)
            columns = [table.headers.index(each) for each in foreign.get(name, ()) if each in table.headers]
            if columns:
                cell = _first_filled(columns)
                self._by_field[name] = (cell, convert)
                self._steps.append((self._names.index(field.column), cell, convert))
            elif constants and name in constants:
                fixed[field.column] = _constant(name, constants[name], convert)
        self._fixed = [fixed.get(name) for name in self._names]
        self._defaults = [(self._names.index(n), v) for n, v in _DEFAULTS.items() if n in self._names]
        self._line_at = self._names.index("source_line")
        self._phone_at = self._names.index("phone") if "phone" in self._names else None

    @property
    def nothing(self) -> tuple[None, ...]:
        """A row of NULLs."""
        return (None,) * len(self._names)

    def read(self, row: Row) -> tuple[Any, ...]:
        """Return the row's values in the stream's column order.

        Raises:
            RowError: the row or one of its cells breaks the contract.
        """
        if row.problem:
            raise RowError(row.problem)
        values, cells = self._fixed.copy(), row.cells
        for to, cell, convert in self._steps:
            values[to] = convert(cell(cells))
        for to, default in self._defaults:
            if values[to] is None:
                values[to] = default
        values[self._line_at] = row.line
        if self._phone_at is not None:
            values[self._names.index("phone_hmac")] = phone_hmac(values[self._phone_at], self._pii_key)
        if self._stand_ins:
            self._stand_in(values)
        return tuple(values)

    def _stand_in(self, values: list[Any]) -> None:
        """Fill a missing buyer id; the phone only as its HMAC, because buyer ids leave the lake."""
        at = self._names.index("buyer_id")
        for name in self._stand_ins:
            if values[at] is None:
                found = values[self._names.index("phone_hmac" if name == "phone" else name)]
                values[at] = None if found is None else f"{name}:{found}"
        if values[at] is None:
            raise RowError(f"buyer_id: expected a value, or one of {', '.join(self._stand_ins)} in its place")

    def field(self, row: Row, name: str) -> Any:
        """Return one mapped field of the row.

        Raises:
            RowError: the row or the cell breaks the contract.
        """
        if row.problem:
            raise RowError(row.problem)
        cell, convert = self._by_field[name]
        return convert(cell(row.cells))

    def left_out(self, row: Row) -> bool:
        """Whether the row is an order that was never paid, by the mapping's words for that."""
        if not self._unpaid or row.problem or not {"status", "paid_at"} <= self._by_field.keys():
            return False
        status, paid_at = (str(self._by_field[name][0](row.cells) or "") for name in ("status", "paid_at"))
        return status.strip() in self._unpaid and not paid_at.strip()


def _first_filled(columns: list[int]) -> Cell:
    if len(columns) == 1:
        return operator.itemgetter(columns[0])

    def first(cells: Sequence[Any]) -> Any:
        return next((cells[at] for at in columns if cells[at] is not None and str(cells[at]).strip()), None)

    return first


def _constant(name: str, text: str, convert: Converter) -> Any:
    try:
        return convert(text)
    except RowError as error:
        raise MappingError(f"key constants.{name}: {error}") from error
