"""YAML lists checked entry by entry; whatever is wrong is said with file and line, all of it at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from activation.contracts import ActivationError

Model = TypeVar("Model", bound="Entry")


class ContentError(ActivationError):
    """A content or journey file is wrong; the text names file, line, what was expected and what stands there."""


class Entry(BaseModel):
    """Base of what may stand in the files: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str


@dataclass
class Entries(Generic[Model]):
    """The entries of one file in their order, and where each begins."""

    name: str
    by_code: dict[str, Model] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def complain(self, code: str, what: str) -> None:
        """Keep a fault of an entry."""
        self.wrong.append(f"{self.name}:{self.lines[code]}: {code}: {what}")

    def refuse_wrong(self) -> None:
        """Raise ContentError with everything that was found, if anything was."""
        if self.wrong:
            raise ContentError("\n".join([*self.wrong, "correct it and run again"]))


def read_entries(path: Path, model: type[Model]) -> Entries[Model]:
    """Read a list of entries; faults of form are kept in ``wrong``.

    Raises:
        ContentError: the file is unreadable or no list.
    """
    found: Entries[Model] = Entries(path.name)
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as error:
        raise ContentError(f"{path.name}: expected a readable YAML file: {error}") from error
    if root is None:
        return found
    if not isinstance(root, yaml.SequenceNode):
        raise ContentError(
            f"{path.name}:1: expected a list of entries (- code: …), got {type(values).__name__}"
        )
    for node, value in zip(root.value, values, strict=True):
        line = node.start_mark.line + 1
        try:
            entry = model.model_validate(value)
        except ValidationError as error:
            found.wrong += [
                f"{path.name}:{_line(node, each['loc'])}: {'.'.join(map(str, each['loc'])) or 'entry'}: "
                f"{each['msg']}, got {each['input']!r}"
                for each in error.errors()
            ]
            continue
        if entry.code in found.by_code:
            found.wrong.append(
                f"{path.name}:{line}: code: expected each once, got {entry.code!r} again "
                f"(first in line {found.lines[entry.code]})"
            )
            continue
        found.by_code[entry.code], found.lines[entry.code] = entry, line
    return found


def _line(node: yaml.Node, where: Sequence[int | str]) -> int:
    """Return the line (from 1) of the deepest node on the way to ``where`` that is there."""
    for part in where:
        if isinstance(node, yaml.MappingNode):
            inner = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            inner = node.value[part]
        else:
            continue  # a name that pydantic put in, such as that of a union's member
        if inner is None:
            break
        node = inner
    return node.start_mark.line + 1
