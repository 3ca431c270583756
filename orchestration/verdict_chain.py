"""What a published copy says about how its verdicts came about: the very SQL of the run, and the rules.

With it `siyu why` computes one customer's verdicts anew from her published facts. Nothing is written twice: these are
the compiled models between the facts and ``int_run__verdicts``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestration.project import PublicTable
from orchestration.rules.compiled import rules_as_data
from orchestration.rules.declared import Rules

FILE = "verdicts.json"
VERDICTS = "int_run__verdicts"
PREDICTION_INPUTS = "int_run__prediction_features"
TO_SCORE = "int_run__to_score"
# Made from published tables by why_replay: their own models read what is not published.
GIVEN = (
    "int_run__clock",
    "int_run__touched_customers",
    "int_run__profiles",
    "int_run__register_entries",
    TO_SCORE,
)
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
    # The same of the inputs of the prediction models, which ask about ``int_run__to_score``.
    prediction_steps: list[tuple[str, str]] = field(default_factory=list)
    prediction_facts: dict[str, str] = field(default_factory=dict)

    def dumped(self) -> str:
        """Return the chain as the text of its file."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)


def read_chain(folder: Path) -> VerdictChain:
    """Return the chain of a published copy.

    Raises:
        FileNotFoundError: nothing is published, or the copy is older than this file.
    """
    path = folder / FILE
    if not path.exists():
        raise FileNotFoundError(f"no {FILE} in {folder}; run `siyu run` first")
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in ("steps", "prediction_steps"):
        content[key] = [(name, sql) for name, sql in content.get(key, [])]
    return VerdictChain(**content)


def verdict_chain(compiled: Path, tables: Iterable[PublicTable], rules: Rules) -> VerdictChain:
    """Return the chain of the models in dbt's ``compiled`` folder.

    Raises:
        VerdictChainError: a model on the way is not compiled, or reads a mart that is not published.
    """
    public = {table.relation: table.name for table in tables}
    files = compiled_models(compiled)
    steps: dict[str, str] = {}
    facts: dict[str, str] = {"dim_customers": "customers", "fct_events": "events"}
    _walk(VERDICTS, files, public, steps, facts)
    prediction_steps: dict[str, str] = {}
    prediction_facts: dict[str, str] = {}
    _walk(PREDICTION_INPUTS, files, public, prediction_steps, prediction_facts)
    data = rules_as_data(rules)
    return VerdictChain(
        list(steps.items()), facts, data["tags"], data["segments"], data["names"], data["windowed"],
        list(prediction_steps.items()), prediction_facts,
    )  # fmt: skip


def compiled_models(compiled: Path) -> dict[str, Path]:
    """Return the files of compiled models by name. Tests and their fixtures stand in folders named like a YAML file."""
    return {
        path.stem: path
        for path in compiled.rglob("*.sql")
        if all(folder.suffix != ".yml" for folder in path.relative_to(compiled).parents)
    }


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
    steps[model] = bare(sql)


def bare(sql: str) -> str:
    """Return compiled SQL with its relations as bare quoted names."""
    return _RELATION.sub(r'"\g<name>"', sql)
