"""The activation policy: which plans pass by themselves, the brake on removals, the pace of a destination."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from activation.contracts import ActivationError
from activation.messages.policy import MessagesPolicy

POLICY_PATH = Path(__file__).parent / "policy.yml"


class PolicyError(ActivationError):
    """The policy file is not a policy."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AutoApprove(_Strict):
    max_adds: int = Field(ge=0)
    max_changes: int = Field(ge=0)
    max_removes: int = Field(ge=0)


class Brake(_Strict):
    removals_share: float = Field(ge=0, le=1)
    removals_rows: int = Field(ge=0)


class WecomTagsPolicy(_Strict):
    owned_group_prefix: str = Field(min_length=1)
    calls_per_minute: int = Field(gt=0, le=10_000)
    in_flight: int = Field(ge=1, le=5)
    seconds_per_call: float = Field(gt=0)
    timeout_seconds: float = Field(gt=0)
    warn_tags_share: float = Field(gt=0, le=1)


class FileExportPolicy(_Strict):
    formats: list[Literal["csv", "parquet", "xlsx"]]
    hashed_ids: list[Literal["unionid_sha256", "unionid_hmac", "phone_hmac"]]


class WebhookPolicy(_Strict):
    seconds_per_call: float = Field(gt=0)
    timeout_seconds: float = Field(gt=0)


class Policy(_Strict):
    auto_approve: AutoApprove
    brake: Brake
    plan_valid_hours: int = Field(gt=0)
    retry_ended_relation_after_days: int = Field(ge=0)
    give_up_after_days: int = Field(ge=1)
    wecom_tags: WecomTagsPolicy
    file_export: FileExportPolicy
    webhook: WebhookPolicy
    messages: MessagesPolicy

    def objection(self, *, adds: int, changes: int, removes: int, known: int) -> str | None:
        """Return why a plan of this size needs a person, None when it may pass by itself. Counts are rows."""
        if self.brakes(removes=removes, known=known):
            return (
                f"brake: {removes} of {known} known rows would be removed "
                f"(more than {self.brake.removals_share:.0%} and more than {self.brake.removals_rows} rows)"
            )
        for what, count, limit in (
            ("additions", adds, self.auto_approve.max_adds),
            ("changes", changes, self.auto_approve.max_changes),
            ("removals", removes, self.auto_approve.max_removes),
        ):
            if count > limit:
                return f"{count} {what}, more than the {limit} that pass without approval"
        return None

    def brakes(self, *, removes: int, known: int) -> bool:
        """True when the removals alone are too many to pass without a person."""
        return removes > self.brake.removals_rows and removes > self.brake.removals_share * known


def load_policy(path: Path | None = None) -> Policy:
    """Read and check a policy file; the shipped one by default.

    Raises:
        PolicyError: the file is unreadable, or a key is missing, unknown or out of bounds.
    """
    path = path or POLICY_PATH
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}, got {each['input']!r}"
            for each in error.errors()
        )
        raise PolicyError(f"{path.name}: {wrong}; correct it and run again") from error
    except (OSError, yaml.YAMLError) as error:
        raise PolicyError(f"{path.name}: expected a readable YAML file: {error}") from error
