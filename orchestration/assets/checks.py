"""From the gate's verdicts to Dagster's asset checks. Counts and reasons only, never cell values."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

CRITICAL = "gx_critical"
ADVISORY = "gx_advisory"
PAYLOAD = "gx_payload"

Verdicts = Iterable[Mapping[str, Any]]


def verdict_metadata(verdicts: Verdicts) -> dict[str, Any]:
    """Return check metadata: what was judged, why it was held, and the link to the Data Docs."""
    found = list(verdicts)
    metadata: dict[str, Any] = {
        "rows": sum(each["rows"] for each in found),
        "checks": sum(each["checks"] for each in found),
    }
    reasons = [each["reason"] for each in found if each["status"] != "passed"]
    if reasons:
        metadata["reason"] = "; ".join(reasons)
    if any(each.get("judged_before") for each in found):
        metadata["judged"] = "the same rows passed the same suite before"
    docs = next((each["docs_path"] for each in found if each["docs_path"]), None)
    if docs:
        metadata["data_docs"] = dg.MetadataValue.url(Path(docs).as_uri())
    return metadata


def critical_result(
    key: dg.AssetKey,
    verdicts: Verdicts,
    *,
    error: str | None = None,
    name: str = CRITICAL,
    note: str | None = None,
) -> dg.AssetCheckResult:
    """Return the critical check: failed when a batch was held, not judged, or not fetched."""
    found = list(verdicts)
    metadata = verdict_metadata(found) if found else {"judged": note or "nothing new arrived"}
    if error:
        metadata["reason"] = error
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=error is None and not any(each["held"] for each in found),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=metadata,
    )


def advisory_result(key: dg.AssetKey, verdicts: Verdicts) -> dg.AssetCheckResult:
    """Return the advisory check: it warns and lets pass."""
    warnings = [failure for each in verdicts for failure in each["advisory_failures"]]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=ADVISORY,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"warnings": [f"{each['column'] or 'table'}: {each['why']}" for each in warnings]},
    )
