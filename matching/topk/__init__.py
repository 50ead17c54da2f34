"""Exact reciprocal top-k of two sides, and its update when some communities change."""

from matching.reciprocal import FUSIONS, fuse
from matching.topk.pairs import PairScores, score_pairs
from matching.topk.ranking import top_k
from matching.topk.update import ChangedLists, RankingIndex, update

__all__ = [
    "FUSIONS",
    "ChangedLists",
    "PairScores",
    "RankingIndex",
    "fuse",
    "score_pairs",
    "top_k",
    "update",
]
