"""What a published copy says about how its verdicts came about: the very SQL of the run, and the rules.

With it `siyu why` computes one customer's verdicts anew from her published facts. Nothing is written twice: these are
the compiled models between the facts and ``int_run__verdicts``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestration.project import PublicTable
from orchestration.rules.compiled import rules_as_data
from orchestration.rules.declared import Rules

FILE = "verdicts.json"
VERDICTS = "int_run__verdicts"
# Made from published tables by why_replay: their own models read what is not published.
GIVEN = ("int_run__clock", "int_run__touched_customers", "int_run__profiles", "int_run__register_entries")
_RELATION = re.compile(r'"[^"]+"\."(?P<schema>[a-z_]+)"\."(?P<name>[a-z0-9_]+)"')


class VerdictChainError(ValueError):
    """The verdicts cannot be computed anew from what is published."""


@dataclass(frozen=True)
class VerdictChain:
    """``steps`` are (model, SQL) in the order they build on each other; relations in the SQL are bare quoted names.

    ``facts`` says under which public name each mart is found that the SQL reads.
    """

    steps: list[tuple[str, str]]
    facts: dict[str, str]
    tags: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    names: dict[str, str]  # Chinese name of every feature, by column
    windowed: dict[str, str]  # "measure days" -> column

    def dumped(self) -> str:
        """Return the chain as the text of its file."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_chain(folder: Path) -> VerdictChain:
    """Return the chain of a published copy.

    Raises:
        FileNotFoundError: nothing is published, or the copy is older than this file.
    """
    path = folder / FILE
    if not path.exists():
        raise FileNotFoundError(f"no {FILE} in {folder}; run `siyu run` first")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["steps"] = [(name, sql) for name, sql in content["steps"]]
    return VerdictChain(**content)


def verdict_chain(compiled: Path, tables: Iterable[PublicTable], rules: Rules) -> VerdictChain:
    """Return the chain of the models in dbt's ``compiled`` folder.

    Raises:
        VerdictChainError: a model on the way is not compiled, or reads a mart that is not published.
    """
    public = {table.relation: table.name for table in tables}
    files = {path.stem: path for path in compiled.rglob("*.sql")}
    steps: dict[str, str] = {}
    facts: dict[str, str] = {"dim_customers": "customers", "fct_events": "events"}
    _walk(VERDICTS, files, public, steps, facts)
    data = rules_as_data(rules)
    return VerdictChain(
        list(steps.items()), facts, data["tags"], data["segments"], data["names"], data["windowed"]
    )


def _walk(
    model: str,
    files: Mapping[str, Path],
    public: Mapping[str, str],
    steps: dict[str, str],
    facts: dict[str, str],
) -> None:
    if model not in files:
        raise VerdictChainError(f"expected compiled SQL of {model} from the last `siyu run`, got none")
    sql = files[model].read_text(encoding="utf-8")
    for found in _RELATION.finditer(sql):
        schema, name = found["schema"], found["name"]
        if name in GIVEN or name in steps or name in facts:
            continue
        if schema == "intermediate":
            _walk(name, files, public, steps, facts)
        elif name in public:
            facts[name] = public[name]
        else:
            raise VerdictChainError(
                f"{model} reads {schema}.{name}, which is not published: `siyu why` cannot follow"
            )
    steps[model] = _RELATION.sub(r'"\g<name>"', sql)
