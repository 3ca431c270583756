"""What treating segments did, from the published sums of their arms (table ``segment_lift``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from orchestration.report.source import Source, opened_copy

if TYPE_CHECKING:
    from activation.effect import Arm, Lift
    from common.settings import Settings

TABLE = "segment_lift"
SHARES = {"ordered"}
"""Metrics that are 0 or 1 for a member."""
_COLUMNS = (
    "segment_code", "arm_kind", "arm_code", "drawn_ratio", "metric_code", "within_days", "start_date", "member_count",
    "value_sum", "value_square_sum",
)  # fmt: skip


@dataclass(frozen=True)
class Effect:
    """One segment, counted within so many days after each member's start.

    ``split_p`` is how likely chance alone splits members so unevenly into treated and held out, ``variants_p``
    into the variants; ``lifts`` are, by metric, treated against holdout, each variant against holdout, and each
    later variant against the first.
    """

    segment_code: str
    within_days: int
    members: Mapping[str, int]
    split_p: float | None
    variants_p: float | None
    lifts: Mapping[str, list[Lift]]

    @property
    def is_suspect(self) -> bool:
        """True when the arms are not the ones that were drawn: their lifts should not be believed."""
        from activation.effect import SUSPECT_RATIO

        return any(p is not None and p < SUSPECT_RATIO for p in (self.split_p, self.variants_p))

    def treated(self, metric: str) -> Lift | None:
        """Return treated against holdout."""
        found = self.lifts.get(metric, [])
        return next((each for each in found if each.arm.code == "treated"), None)


def effects(source: Source, *, segment_code: str | None = None) -> list[Effect]:
    """Return the effects as of the source's day, of all segments or one, by segment and number of days.

    Only members whose days were over on that day count; what is known of them now counts.

    Raises:
        MissingInputError: the table is not there.
    """
    source.need(TABLE, *_COLUMNS)
    rows = source.rows(_SUMS)
    return [
        _effect(code, days, list(some))
        for (code, days), some in groupby(rows, key=lambda row: (row["segment_code"], row["within_days"]))
        if segment_code in (None, code)
    ]


def published_effects(
    settings: Settings, segment_code: str, as_of: dt.date | None
) -> tuple[dt.date, list[Effect]]:
    """Return the effects of one segment as of a day, by default that of the published copy, and the day.

    Raises:
        FileNotFoundError: nothing is published.
        ValueError: the day is later than the copy, or the segment is not in it.
        MissingInputError: the copy is older than this table.
    """
    from orchestration.publish import read_manifest

    folder = (settings.published_dir / "current").resolve()
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"no published copy in {folder}; run `siyu run` first")
    newest = dt.date.fromisoformat(manifest.as_of)
    day = as_of or newest
    if day > newest:
        raise ValueError(f"--as-of: expected a day up to {newest}, which the published copy is of, got {day}")
    with opened_copy(folder, as_of=day) as source:
        known = [row["segment_code"] for row in source.rows("select segment_code from segments order by all")]
        if segment_code not in known:
            raise ValueError(f"no segment {segment_code!r}; published: {', '.join(known)}")
        return day, effects(source, segment_code=segment_code)


def _effect(code: str, days: int, rows: list[dict[str, Any]]) -> Effect:
    from activation.effect import sample_ratio

    arms: dict[str, dict[str, list[Arm]]] = {}
    for row in rows:
        arms.setdefault(row["metric_code"], {}).setdefault(row["arm_kind"], []).append(_arm(row))
    first = next(iter(arms))

    def split(kind: str) -> float | None:
        some = [row for row in rows if (row["metric_code"], row["arm_kind"]) == (first, kind)]
        return sample_ratio(
            [int(row["member_count"]) for row in some], [float(row["drawn_ratio"]) for row in some]
        )

    return Effect(
        code,
        days,
        members={arm.code: arm.members for some in arms[first].values() for arm in some},
        split_p=split("assignment"),
        variants_p=split("variant"),
        lifts={metric: _lifts(by_kind, is_share=metric in SHARES) for metric, by_kind in arms.items()},
    )


def _arm(row: dict[str, Any]) -> Arm:
    from activation.effect import Arm

    return Arm(
        row["arm_code"], int(row["member_count"]), float(row["value_sum"]), float(row["value_square_sum"])
    )


def _lifts(arms: dict[str, list[Arm]], *, is_share: bool) -> list[Lift]:
    from activation.effect import lift

    assigned = {arm.code: arm for arm in arms.get("assignment", [])}
    variants = arms.get("variant", [])
    pairs = [(variant, variants[0]) for variant in variants[1:]]
    if "holdout" in assigned:
        against = assigned["holdout"]
        pairs = [(arm, against) for arm in [*filter(None, [assigned.get("treated")]), *variants]] + pairs
    return [lift(arm, other, is_share=is_share) for arm, other in pairs]


_SUMS = """
select
    segment_code, within_days, metric_code, arm_kind, arm_code,
    any_value(drawn_ratio) as drawn_ratio,
    sum(member_count) as member_count,
    sum(value_sum) as value_sum,
    sum(value_square_sum) as value_square_sum
from segment_lift
where start_date + cast(within_days as integer) <= $as_of
group by segment_code, within_days, metric_code, arm_kind, arm_code
order by segment_code, within_days, metric_code desc, arm_kind, arm_code
"""
