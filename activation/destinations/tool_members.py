"""What the destinations of the brand's own tools share: the same rows, nothing to refuse, repeated without harm."""

from __future__ import annotations

from collections.abc import Iterable

from activation.contracts import Channel, Segment, Values


class ToolMembers:
    """The members of a segment as a tool of the brand takes them, in chunks of ``chunk_rows``."""

    channel = Channel.TOOLS
    relation = "activation.act_tools__segment_members"
    key_columns: tuple[str, ...] = ("customer_id",)
    value_columns: tuple[str, ...] = ("customer_no", "entered_date", "tier_code")
    checked_columns: tuple[str, ...] = ()
    chunk_rows: int | None
    needs_members = False
    removes = True

    def check(self, segment: Segment) -> None:
        """Every segment can go to a tool."""

    def check_values(self, values: Iterable[Values]) -> None:
        """No columns are asked to be checked."""

    def calls(self, rows: int) -> int:
        """Return how many chunks so many rows are."""
        return -(-rows // (self.chunk_rows or max(rows, 1)))
