"""Errors that say which record and which field is wrong, and how to mend it. All are ValueErrors."""

from __future__ import annotations


class RecordError(ValueError):
    """A profile record holds a value that the engine cannot use."""

    def __init__(self, record_id: int, field: str, problem: str) -> None:
        self.record_id = record_id
        self.field = field
        super().__init__(f"record {record_id}, field {field!r}: {problem}")


class UnknownCodeError(RecordError):
    """A code that the vocabulary does not hold."""


class OutOfRangeError(RecordError):
    """A number (strength, importance, coordinate, …) outside of its range, or NaN."""


class DuplicateIdError(RecordError):
    """The same id stands twice on one side."""


class UnseenValueError(RecordError):
    """A value for which the layout has no column: encode both sides together, with
    ``FeatureBuilder.transform_sides``.
    """


class NotFittedError(ValueError):
    """``transform`` before ``fit``."""


class SnapshotError(ValueError):
    """Parts of a problem that do not belong together, such as features of another version."""
