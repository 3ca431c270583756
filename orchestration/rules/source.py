"""Reads YAML and remembers on which line everything stands, so that an error can name the place."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there


class RuleError(ValueError):
    """The rules are not what they must be; one line per problem, each with file and line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Source:
    """One YAML file: its data, and the line (from 1) of every value in it, by the way that leads there."""

    name: str  # as messages show it
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)

    def at(self, place: Place) -> str:
        """Return ``file:line`` of a place, or of the nearest one around it that is there."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.name}:{self.lines.get(place, 1)}"


class Problems(list[str]):
    """What is wrong so far."""

    def add(self, source: Source, place: Place, what: str, expected: str, got: object) -> None:
        """Note that at this place something else was expected."""
        self.append(f"{source.at(place)}: {what}: expected {expected}, got {shown(got)}")

    def stop_if_any(self) -> None:
        """Raise them all.

        Raises:
            RuleError: there is at least one.
        """
        if self:
            raise RuleError(list(self))


def shown(value: object) -> str:
    """Return a value as a message shows it: short, on one line."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def read_source(path: Path, name: str) -> Source:
    """Return a YAML file with the lines of its values.

    Raises:
        RuleError: it is missing, no YAML, or says a key twice.
    """
    source = Source(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuleError([f"{name}:1: expected this file, got none; is the project whole?"]) from None
    except UnicodeDecodeError as error:
        raise RuleError([f"{name}:1: expected UTF-8, got {error.reason} at byte {error.start}"]) from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            source.data = _value(loader, node, source, (), ())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleError([f"{name}:{line}: expected YAML, got: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise RuleError([f"{name}:1: expected YAML, got: {error}"]) from None
    finally:
        loader.dispose()
    return source


def _value(loader: Any, node: yaml.Node, source: Source, place: Place, around: tuple[int, ...]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in around:
        raise RuleError([f"{source.name}:{line}: expected data, got an alias of what is around it"])
    source.lines[place] = line
    around = (*around, id(node))
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(loader, each, source, (*place, number), around) for number, each in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            key_line = key_node.start_mark.line + 1
            if isinstance(key, dt.date):
                key = key.isoformat()
            if not isinstance(key, str):
                raise RuleError(
                    [f"{source.name}:{key_line}: expected a key that is a text, got {shown(key)}"]
                )
            if key in found:
                raise RuleError([f"{source.name}:{key_line}: expected each key once, got {key!r} again"])
            found[key] = _value(loader, value_node, source, (*place, key), around)
            source.lines[(*place, key)] = key_line
        return found
    return loader.construct_object(node)
