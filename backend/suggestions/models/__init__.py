from backend.suggestions.models.curation import ExclusionRule, HandProposal, ReleasePolicy
from backend.suggestions.models.pairs import (
    AnswerRule,
    Decision,
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
    WeightSet,
)

__all__ = [
    "AnswerRule",
    "CurrentRun",
    "Decision",
    "ExclusionRule",
    "HandProposal",
    "Pair",
    "RankedPair",
    "ReleasePolicy",
    "ScoringRun",
    "ScoringShard",
    "SetAsideVote",
    "ShortlistEntry",
    "Suggestion",
    "Vote",
    "WeightSet",
]
