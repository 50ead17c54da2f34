"""What can go wrong in the domain. Services raise these; pages and the API each turn them into text
and status codes in one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class DomainError(Exception):
    """Base of all errors that a person can correct. ``code`` is stable, the message says what is
    wrong and how to correct it.
    """

    code = "error"
    # What a machine needs beyond the message, as plain JSON: further members of the API's problem
    # document.
    details: Mapping[str, Any] = {}

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: int | None = None
    ) -> None:
        """Args: retry_after: seconds after which the same may be asked again."""
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        if code is not None:
            self.code = code

    def leave_trace(self) -> None:
        """Records the refusal, for kinds of which staff are notified. Pages and the API call it
        when the transaction of the act has been rolled back.
        """


class NotAllowed(DomainError):
    """The actor may know the object but not do this to it."""

    code = "not_allowed"


class NotVisible(DomainError):
    """The actor may not know that the object exists: answered like one that does not."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is nothing here, or it is not open to you.")


class WrongState(DomainError):
    """The object is not in a state from which this can be done (any more)."""

    code = "wrong_state"


class Gone(DomainError):
    """What the actor could see before is not offered any more; the message says so."""

    code = "gone"


class Conflict(DomainError):
    """Somebody else changed the same thing in the meantime."""

    code = "conflict"


class PreconditionFailed(DomainError):
    """The object is not in the version that the client named."""

    code = "precondition_failed"


class CapacityReached(DomainError):
    """The community has reached its own limit of open introductions."""

    code = "capacity_reached"


class Unavailable(DomainError):
    """Something outside of the service is missing or too slow; nothing was changed."""

    code = "unavailable"


class TooManyRequests(DomainError):
    """The person has asked for more than one person may at a time; ``retry_after`` says when
    again.
    """

    code = "too_many_requests"


class InvalidFields(DomainError):
    """Values that cannot be accepted, by dotted field path. Nothing was stored as valid; a draft
    keeps them.
    """

    code = "invalid"

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__("Some answers need another look.")
        self.errors = {path: list(messages) for path, messages in errors.items()}
