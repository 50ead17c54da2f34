from backend.suggestions.models.pairs import Decision, Pair, Suggestion
from backend.suggestions.models.runs import CurrentRun, RankedPair, ScoringRun, ScoringShard

__all__ = ["CurrentRun", "Decision", "Pair", "RankedPair", "ScoringRun", "ScoringShard", "Suggestion"]
