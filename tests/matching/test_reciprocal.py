"""Fusion of two preferences."""

from __future__ import annotations

from typing import Any

import pytest

from matching.reciprocal import Reciprocal


@pytest.mark.parametrize(
    ("fusion", "expected"),
    [
        ("harmonic", [0.32, 0.0, 0.0]),
        ("product", [0.16, 0.0, 0.0]),
        ("min", [0.2, 0.0, 0.0]),
        ("mean", [0.5, 0.25, 0.0]),
    ],
)
def test_fusions(fusion: Any, expected: list[float]) -> None:
    assert Reciprocal(fusion).fuse([0.8, 0.5, 0.0], [0.2, 0.0, 0.0]).tolist() == pytest.approx(
        expected
    )
    assert Reciprocal(fusion).get_params() == {"fusion": fusion}


def test_fusion_refuses_what_it_cannot_fuse() -> None:
    with pytest.raises(ValueError, match="unknown fusion 'geometric'"):
        Reciprocal("geometric")
    with pytest.raises(ValueError, match="without NaN"):
        Reciprocal().fuse([0.5], [float("nan")])
