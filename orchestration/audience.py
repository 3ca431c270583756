"""How large would a segment be? Set operations over the tags and segments of the published copy, with exact sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from common.warehouse import connect
from orchestration.bitmaps import Bitmaps
from orchestration.published_database import DATABASE
from orchestration.rules.conditions import Known, Where, check_condition, leaves, plain
from orchestration.rules.source import Problems, Source

NOISE = ("noise",)


@dataclass(frozen=True)
class Size:
    """Customers who satisfy a condition, and those of them who are no noise identities."""

    customers: int
    customers_clean: int


class Audience:
    """Conditions of the rule files over what customers carry now: has_tag, segment, all, any, not and set operations.

    Sets are fetched from the copy when they are first asked for, and kept.
    """

    def __init__(self, folder: Path) -> None:
        self._db = connect()
        path = str(folder / DATABASE).replace("'", "''")
        self._db.execute(f"attach '{path}' as copy (read_only)")
        self._db.execute(
            "create temp table places as "
            "select customer_id, is_noise, row_number() over (order by customer_no) - 1 as place from copy.customers"
        )
        self._bitmaps = Bitmaps(self._one("select count(*) from places"))
        self._put(NOISE, "select place from places where is_noise", [])
        predictions = self._db.execute("select tag_code from copy.tag_catalog where made = 'prediction'")
        self._predictions = {code for (code,) in predictions.fetchall()}
        self._known = self._what_is_known()

    def close(self) -> None:
        """Let go of the copy."""
        self._db.close()

    def size(self, condition: Any) -> Size:
        """Return the exact size of a condition.

        Raises:
            ValueError: the condition is wrong, or asks for features, which only a run computes.
        """
        problems = Problems()
        source = Source("condition", condition, {(): 1})
        check_condition(condition, self._known, Where(source, "audience", (), problems))
        problems.stop_if_any()
        asked = plain(condition)
        for leaf in leaves(asked):
            self._fetch(leaf)
        clean = {"all": [asked, {"not": {"noise": True}}]}
        return Size(self._bitmaps.size(asked, self._keys), self._bitmaps.size(clean, self._keys))

    def _keys(self, leaf: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        if "noise" in leaf:
            return [NOISE]
        if "segment" in leaf:
            return [("segment", leaf["segment"])]
        values = leaf.get("in") or ([leaf["value"]] if "value" in leaf else [None])
        return [("tag", leaf["has_tag"], value) for value in values]

    def _fetch(self, leaf: Mapping[str, Any]) -> None:
        for key in self._keys(leaf):
            if key in self._bitmaps:
                continue
            asked = [each for each in key[1:] if each is not None]
            if key[0] == "segment":
                sql = _PLACES.format(table="copy.segment_members") + "carried.segment_code = ?"
            else:
                table = _PREDICTED if asked[0] in self._predictions else "copy.customer_tags"
                sql = _PLACES.format(table=table) + "carried.tag_code = ?"
                sql += " and carried.tag_value = ?" if len(asked) == 2 else ""
            self._put(key, sql, asked)

    def _put(self, key: tuple[Any, ...], sql: str, values: list[Any]) -> None:
        self._bitmaps.put(key, self._db.execute(sql, values).fetchnumpy()["place"])

    def _what_is_known(self) -> Known:
        tags = {code for (code,) in self._db.execute("select tag_code from copy.tag_catalog").fetchall()}
        segments = {code for (code,) in self._db.execute("select segment_code from copy.segments").fetchall()}
        return Known({}, {}, dict.fromkeys(tags), frozenset(segments))

    def _one(self, sql: str) -> int:
        row = self._db.execute(sql).fetchone()
        assert row is not None
        return int(row[0])


def condition_of(text: str) -> Any:
    """Return a condition from its YAML.

    Raises:
        ValueError: it is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(
            f"expected a condition as YAML, like {{union: [a, b]}}, got {text!r}: {error}"
        ) from None


# A prediction's value is the category it names, else its decile, 1 to 10.
_PREDICTED = (
    "(select customer_id, prediction_code as tag_code, coalesce(predicted_value, decile::varchar) as tag_value "
    "from copy.customer_predictions)"
)
_PLACES = "select places.place from {table} as carried inner join places using (customer_id) where "
