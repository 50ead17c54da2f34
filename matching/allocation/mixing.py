"""Anderson acceleration of a fixed-point iteration x ← g(x) (Anderson 1965; Walker & Ni 2011).

Where K is large the plain iteration of the potentials contracts slowly along a few directions;
mixing the last steps finds them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
_DEPTH = 8


class Mixing:
    """Takes x and g(x), and gives the next x."""

    def __init__(self) -> None:
        self._steps: list[Float64Array] = []  # g(x) − x
        self._results: list[Float64Array] = []  # g(x)
        self._best = np.inf

    def step(self, x: Float64Array, result: Float64Array) -> Float64Array:
        """The mixture of the last results whose steps cancel best; the result itself where mixing
        made things worse.
        """
        step = result - x
        size = float(np.abs(step).max(initial=0.0))
        if size > 10 * self._best:  # gone astray: begin again from a plain step
            self._steps, self._results, self._best = [], [], np.inf
        self._best = min(self._best, size)
        self._steps, self._results = (
            [*self._steps, step][-_DEPTH:],
            [*self._results, result][-_DEPTH:],
        )
        if len(self._steps) == 1:
            return result
        differences = np.diff(np.array(self._steps), axis=0)
        gram = differences @ differences.T
        gram[np.diag_indices_from(gram)] += 1e-12 * gram.trace()
        shares = np.linalg.solve(
            gram + np.finfo(float).tiny * np.eye(len(gram)), differences @ step
        )
        mixed: Float64Array = result - shares @ np.diff(np.array(self._results), axis=0)
        return mixed if np.abs(mixed - result).max() < 100 else result
