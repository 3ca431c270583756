"""What a segment looks like in ``rules/segments.yml``, and an exclusion in ``rules/exclusions.yml``."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from orchestration.rules.schema import Code, Entry, Positive, Text

# Per customer the warehouse keeps, in one character a segment, the first step she fails.
MOST_STEPS = 35
_CONTRACT_SUFFIX = re.compile(r"_v([0-9]+)$")
Share = Annotated[float, Field(gt=0, le=1)]


class Variant(Entry):
    """One arm of an A/B split; shares add up to 1 over the segment's variants."""

    code: Code
    share: Share


class Caps(Entry):
    """Most that activation may do with the segment: members, and touches of one member within so many days."""

    members: Positive | None = None
    touches: Positive | None = None
    days: Positive | None = None

    @model_validator(mode="after")
    def _touches_within_days(self) -> Caps:
        if (self.touches is None) != (self.days is None):
            raise ValueError("touches and days together")
        return self


class EarlierSegment(Entry):
    """Who was in a segment before the next version's ``effective_from``; the first version has none of its own."""

    version: Positive
    effective_from: dt.date | None = None
    when: Any
    exclude: list[Any] = Field(default_factory=list)


class Segment(Entry):
    """One segment (人群): who is in it, what it is for, where it goes and who of it is left alone."""

    code: Code
    name_zh: Text
    description_zh: Text
    owner: Text
    purpose: Text
    version: Positive
    # What readers of the published tables rely on; another meaning is another segment, <code>_v2, beside this one.
    contract_version: Positive = 1
    destinations: list[
        Literal[
            "wecom_tags",
            "file_export",
            "webhook",
            "postgresql_table",
            "wecom_messages",
            "wecom_group_messages",
            "wecom_moments",
            "subscribe_messages",
            "miniprogram_messages",
        ]
    ]
    tag_name: Text
    # Of the segments of a treatment group that she is in, she is treated in the one with the smallest priority.
    treatment_group: Code | None = None
    priority: Positive = 100
    holdout_ratio: Annotated[float, Field(ge=0, lt=1, strict=True)]
    # Who is held out and who gets which variant follows from it; two segments with the same salt draw the same people.
    salt: Text | None = None
    variants: list[Variant] = Field(default_factory=list)
    # Purpose code of the consent a customer must have given.
    consent_purpose: Code | None = None
    caps: Caps = Caps()
    when: Any
    exclude: list[Any] = Field(default_factory=list)
    # As of tags: with earlier versions the newest one holds from this business day on; without, for all the past.
    effective_from: dt.date | None = None
    earlier: list[EarlierSegment] = Field(default_factory=list)

    @field_validator("variants")
    @classmethod
    def _shares_add_up(cls, variants: list[Variant]) -> list[Variant]:
        if variants and not math.isclose(sum(each.share for each in variants), 1, abs_tol=1e-9):
            raise ValueError("shares that add up to 1")
        if len({each.code for each in variants}) != len(variants):
            raise ValueError("each variant once")
        return variants

    @model_validator(mode="after")
    def _contract_is_in_the_code(self) -> Segment:
        found = _CONTRACT_SUFFIX.search(self.code)
        named = int(found[1]) if found else 1
        if named != self.contract_version or (found and named < 2):
            raise ValueError(
                f"contract_version {max(named, 1)} for the code {self.code} (from 2 on it ends in _v2, _v3 …)"
            )
        return self

    @property
    def contract_before(self) -> str | None:
        """The code of the contract that this one stands beside, None of the first."""
        if self.contract_version == 1:
            return None
        base = _CONTRACT_SUFFIX.sub("", self.code)
        return base if self.contract_version == 2 else f"{base}_v{self.contract_version - 1}"


class Exclusion(Entry):
    """Whoever satisfies it is in no segment, but those that the exclusion itself asks about."""

    code: Code
    name_zh: Text
    description_zh: Text
    when: Any
