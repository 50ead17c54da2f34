from backend.suggestions.services.answers import (
    answer_suggestion,
    expire_suggestions,
    remind_of_expiry,
    settle_answer,
    undo_answer,
)
from backend.suggestions.services.curation import hold, release, request_run
from backend.suggestions.services.reviews import cast_vote, remove_vote, set_answer_rule, shortlist

__all__ = [
    "answer_suggestion",
    "cast_vote",
    "expire_suggestions",
    "hold",
    "release",
    "remind_of_expiry",
    "remove_vote",
    "request_run",
    "set_answer_rule",
    "settle_answer",
    "shortlist",
    "undo_answer",
]
