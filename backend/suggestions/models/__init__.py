from backend.suggestions.models.curation import (
    ExclusionRule,
    HandProposal,
    PartnerRequest,
    ReleasePolicy,
)
from backend.suggestions.models.pairs import (
    AnswerRule,
    Decision,
    FollowUp,
    Pair,
    SetAsideVote,
    ShortlistEntry,
    Suggestion,
    Vote,
)
from backend.suggestions.models.runs import (
    CurrentRun,
    RankedPair,
    ScoringRun,
    ScoringShard,
    StoredProspects,
    WeightSet,
)

__all__ = [
    "AnswerRule",
    "CurrentRun",
    "Decision",
    "ExclusionRule",
    "FollowUp",
    "HandProposal",
    "Pair",
    "PartnerRequest",
    "RankedPair",
    "ReleasePolicy",
    "ScoringRun",
    "ScoringShard",
    "SetAsideVote",
    "ShortlistEntry",
    "StoredProspects",
    "Suggestion",
    "Vote",
    "WeightSet",
]
