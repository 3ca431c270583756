"""P5: a full build with 500 rules ÷ the same with 5, on the same lake.

The rules are drawn by chance over the shipped features and windows, a third of them with two conditions; the 5 are the
first of the 500. Each holds for few: about one row of history for seven customers. Who satisfies a rule has rows in
tag_history, so with rules that hold for many it is those rows that would be measured. The pass alone (int_run__events
to int_run__verdicts) is printed beside the whole.
"""

from __future__ import annotations

import random
import shutil
import statistics
from pathlib import Path
from typing import Any

import yaml

from bench.dbt import Build, build, query
from bench.measure import ROUNDS, Measure
from common.lake import Lake
from common.settings import DBT_PROJECT_DIR
from orchestration.rules.compiled import compile_rules
from orchestration.rules.load import load_rules
from sandbox.generate.plan import Plan
from sandbox.generate.writer import Writer

CUSTOMERS, MANY, FEW = 1_000_000, 500, 5
PASS = (
    "int_run__events", "int_run__daily", "int_run__traits", "int_run__sums", "int_run__days", "int_run__timeline",
    "int_run__verdicts",
)  # fmt: skip
Tag = dict[str, Any]


def p5(asked: int | None, folder: Path) -> Measure:
    """500 rules ÷ 5 rules, whole builds and the pass alone."""
    customers = asked or CUSTOMERS
    lake = folder / "lake"
    Writer(Lake(lake), Plan(customers), lambda text: None).write_days()
    tags = _tags(MANY)
    projects = {count: _project(folder, tags[:count]) for count in (FEW, MANY)}
    builds: dict[int, list[Build]] = {FEW: [], MANY: []}
    for number in range(1, ROUNDS + 1):
        for count, project in projects.items():
            home = folder / f"home{count}"
            home.mkdir(exist_ok=True)
            if not (home / "lake").exists():
                (home / "lake").symlink_to(lake)
            builds[count].append(build(home, rebuild=True, project=project))
        print(
            "  round {}: {}".format(
                number,
                ", ".join(
                    f"{count} rules {each[-1].seconds:.1f} s, the pass {_pass(each[-1]):.1f} s"
                    for count, each in builds.items()
                ),
            ),
            flush=True,
        )
    rows = {
        count: query(folder / f"home{count}", "select count(*) from marts.tag_history")[0][0]
        for count in builds
    }
    print(
        f"  rows of tag_history: {rows[FEW]:,} and {rows[MANY]:,}; 500 rules: {builds[MANY][-1].slowest()}",
        flush=True,
    )
    whole = {count: statistics.median(each.seconds for each in made) for count, made in builds.items()}
    passes = {count: statistics.median(map(_pass, made)) for count, made in builds.items()}
    details = {
        "few_seconds": whole[FEW], "many_seconds": whole[MANY], "pass_ratio": passes[MANY] / passes[FEW],
        "few_history_rows": rows[FEW], "many_history_rows": rows[MANY],
    }  # fmt: skip
    print(f"  the pass alone: 500 rules ÷ 5 rules {details['pass_ratio']:.2f}", flush=True)
    return Measure(
        "P5", whole[MANY] / whole[FEW], "ratio", 1.5, "full_build_with_5_rules", customers, details
    )


def _pass(made: Build) -> float:
    return sum(made.models[name] for name in PASS)


def _tags(count: int) -> list[Tag]:
    """Return rule tags that follow from nothing but their number."""
    rules = load_rules(DBT_PROJECT_DIR)
    measures = [each for each in rules.features.measures if each.windowed and not each.question]
    chance = random.Random(20261122)  # noqa: S311

    def condition() -> dict[str, Any]:
        measure = chance.choice(measures)
        # Some more than customers usually have: few satisfy it.
        value = chance.randint(60_000, 300_000) if measure.name.endswith("_fen") else chance.randint(2, 9)
        return {
            "feature": measure.name,
            "window": chance.choice(rules.features.windows),
            "op": ">=",
            "value": value,
        }

    found = []
    for number in range(count):
        when = {"all": [condition(), condition()]} if chance.random() < 1 / 3 else condition()
        found.append(
            {
                "code": f"rule_{number}", "name_zh": f"规则{number}", "description_zh": "测速。", "owner": "data",
                "ageing": "dynamic", "version": 1, "cases": [{"value": "是", "when": when}],
            }
        )  # fmt: skip
    return found


def _project(folder: Path, tags: list[Tag]) -> Path:
    """A copy of the dbt project with these tags, one segment and no exclusions."""
    target = folder / f"project{len(tags)}"
    shutil.copytree(DBT_PROJECT_DIR, target, ignore=shutil.ignore_patterns("target", "logs"))
    for path in target.rglob("*unit_tests.yml"):
        path.unlink()
    rules = target / "rules"
    for name in ("tags", "cases"):
        shutil.rmtree(rules / name)
    (rules / "tags").mkdir()
    (rules / "tags" / "buys.yml").write_text(yaml.safe_dump(tags, allow_unicode=True), encoding="utf-8")
    segments = [
        {
            "code": "anybody", "name_zh": "所有人", "description_zh": "测速。", "owner": "data", "purpose": "测速",
            "version": 1, "destinations": [], "tag_name": "所有人", "holdout_ratio": 0.1,
            "when": {"has_tag": tags[0]["code"]},
        }
    ]  # fmt: skip
    (rules / "segments.yml").write_text(yaml.safe_dump(segments, allow_unicode=True), encoding="utf-8")
    (rules / "exclusions.yml").unlink(missing_ok=True)
    compile_rules(target)
    return target
