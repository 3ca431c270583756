"""Everything this room refuses to do. The texts say what was expected, what was found, and what to do next."""

from __future__ import annotations


class ActivationError(RuntimeError):
    """Base of everything this room refuses to do; the text says what to do next."""


class PayloadError(ActivationError):
    """The warehouse does not hold a payload that can be sent (missing table, unknown segment, bad keys)."""


class PlanStateError(ActivationError):
    """The plan is not in a state that allows what was asked."""


class PlanNotApprovedError(PlanStateError):
    """The policy does not let this plan pass by itself and nobody approved it."""


class PlanExpiredError(PlanStateError):
    """The plan is older than the policy allows."""


class PlanDriftError(PlanStateError):
    """The data, or what is known to be at the destination, changed since the plan was made."""


class PlanTamperedError(PlanStateError):
    """The stored rows of the plan no longer match its hash."""


class ApplierBusyError(ActivationError):
    """Another living process is sending to this destination of this segment."""


class DestinationStoppedError(ActivationError):
    """The destination refuses us as a whole (wrong secret, no permission): going on makes it worse."""
