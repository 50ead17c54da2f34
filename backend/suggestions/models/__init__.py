from backend.suggestions.models.pairs import Decision, Pair, Suggestion
from backend.suggestions.models.runs import CurrentRun, RankedPair, ScoringRun, ScoringShard
from backend.suggestions.models.weights import WeightSet

__all__ = ["CurrentRun", "Decision", "Pair", "RankedPair", "ScoringRun", "ScoringShard", "Suggestion", "WeightSet"]
