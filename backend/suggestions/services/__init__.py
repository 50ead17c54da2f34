from backend.suggestions.services.answers import answer, undo_answer
from backend.suggestions.services.capacity import DEFAULT_OPEN_INTRODUCTIONS
from backend.suggestions.services.curating import hold, release, request_run
from backend.suggestions.services.expiry import expire_suggestions, remind_of_expiry
from backend.suggestions.services.quorum import set_answer_rule
from backend.suggestions.services.reviews import cast_vote, remove_vote, shortlist
from backend.suggestions.services.settling import settle_answer
from backend.suggestions.services.sides import cooling_end, lock_suggestion

__all__ = [
    "DEFAULT_OPEN_INTRODUCTIONS",
    "answer",
    "cast_vote",
    "cooling_end",
    "expire_suggestions",
    "hold",
    "lock_suggestion",
    "release",
    "remind_of_expiry",
    "remove_vote",
    "request_run",
    "set_answer_rule",
    "settle_answer",
    "shortlist",
    "undo_answer",
]
