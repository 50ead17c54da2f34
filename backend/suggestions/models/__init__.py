from backend.suggestions.models.curation import Bar, HandProposal, ReleasePolicy
from backend.suggestions.models.pairs import Decision, Pair, Suggestion
from backend.suggestions.models.reviews import AnswerRule, ShortlistEntry, Vote
from backend.suggestions.models.runs import CurrentRun, RankedPair, ScoringRun, ScoringShard
from backend.suggestions.models.weights import WeightSet

__all__ = [
    "AnswerRule",
    "Bar",
    "CurrentRun",
    "Decision",
    "HandProposal",
    "Pair",
    "RankedPair",
    "ReleasePolicy",
    "ScoringRun",
    "ScoringShard",
    "ShortlistEntry",
    "Suggestion",
    "Vote",
    "WeightSet",
]
