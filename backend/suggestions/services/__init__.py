from backend.suggestions.services.answers import (
    answer_suggestion,
    expire_suggestions,
    remind_of_expiry,
    settle_answer,
    undo_answer,
)
from backend.suggestions.services.curation import hold, release, request_run
from backend.suggestions.services.reviews import (
    cast_vote,
    put_vote_back,
    remove_vote,
    set_answer_rule,
    set_vote_aside,
    shortlist,
)

__all__ = [
    "answer_suggestion",
    "cast_vote",
    "expire_suggestions",
    "hold",
    "put_vote_back",
    "release",
    "remind_of_expiry",
    "remove_vote",
    "request_run",
    "set_answer_rule",
    "set_vote_aside",
    "settle_answer",
    "shortlist",
    "undo_answer",
]
