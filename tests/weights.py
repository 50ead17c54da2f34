"""Versions of the weights for tests."""

from __future__ import annotations

from typing import Any

from backend.suggestions.models import WeightSet
from backend.suggestions.scoring import weights_in_force
from matching.weights import Weights


def make_version(name: str = "learned-7", **metrics: Any) -> WeightSet:
    """A learned version that rests on 90 decisions of 12 communities; better than the defaults
    unless ``metrics`` say otherwise.
    """
    measured = {
        "is_better": True,
        "compared_with": Weights().version,
        "decisions": 90,
        "communities": 12,
        **{
            f"learned_by_{unseen}": {"brier": 0.19, "log_loss": 0.55}
            for unseen in ("community", "time")
        },
        **{
            f"in_use_by_{unseen}": {"brier": 0.21, "log_loss": 0.6}
            for unseen in ("community", "time")
        },
    }
    return WeightSet.objects.create(
        weights=weights_in_force() | {"version": name},
        source="learned",
        metrics=measured | metrics,
        decisions=measured["decisions"],
    )
