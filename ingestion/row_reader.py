"""Turns one foreign row into one tuple of a raw stream, by the mapping."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from common.pii import phone_hmac
from ingestion.contract_fields import ContractField
from ingestion.convert import Converter, RowError, converter_for
from ingestion.mapping import Mapping, MappingError
from ingestion.tables import Row, Table

_DEFAULTS = {"refunded_fen": 0}


class RowReader:
    """Reads the given contract fields of a table's rows; ``foreign`` maps field to foreign column."""

    def __init__(
        self,
        schema: pa.Schema,
        fields: dict[str, ContractField],
        foreign: dict[str, str],
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
        self._pii_key = pii_key
        self._steps: list[tuple[int, int, Converter]] = []
        self._by_field: dict[str, tuple[int, Converter]] = {}
        fixed: dict[str, Any] = {"source": source, "buyer_source": mapping.source, **_DEFAULTS}
        for name, field in fields.items():
            convert = converter_for(name, field, mapping)
            if name in foreign:
                at = table.headers.index(foreign[name])
                self._by_field[name] = (at, convert)
                self._steps.append((self._names.index(field.column), at, convert))
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
        for to, at, convert in self._steps:
            values[to] = convert(cells[at])
        for to, default in self._defaults:
            if values[to] is None:
                values[to] = default
        values[self._line_at] = row.line
        if self._phone_at is not None:
            values[self._names.index("phone_hmac")] = phone_hmac(values[self._phone_at], self._pii_key)
        return tuple(values)

    def field(self, row: Row, name: str) -> Any:
        """Return one mapped field of the row.

        Raises:
            RowError: the row or the cell breaks the contract.
        """
        if row.problem:
            raise RowError(row.problem)
        at, convert = self._by_field[name]
        return convert(row.cells[at])


def _constant(name: str, text: str, convert: Converter) -> Any:
    try:
        return convert(text)
    except RowError as error:
        raise MappingError(f"key constants.{name}: {error}") from error
