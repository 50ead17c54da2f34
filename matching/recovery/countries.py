"""Which countries a U.S. city chooses: multinomial logistic regression on its place, people and
size.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from matching.recovery.origins import describe_origins
from matching.recovery.partnerships import Partnerships, Telling
from matching.types import FloatArray, IntArray

_FEWEST = 4  # partnerships for a country to be a class of its own; the rest are one class together
_REST = ""
# Scales of origins' columns: place counts most, facilities least.
_SCALE = np.array([6.0] * 3 + [1.0] * 10 + [0.7, 1.0, 0.5, 1.0, 0.5, 0.33])


class ChosenCountries(Telling):
    """``h_likely_country``: log of the country's probability for the city over its share among all
    partnerships.
    """

    names = ("h_likely_country",)

    def __init__(self, known: Partnerships) -> None:
        self.known = known
        country = known.data.cities.text["country"]
        row, column = known.chosen.nonzero()
        chosen = np.array([country[known.right[c]] for c in column])
        codes, counts = np.unique(chosen, return_counts=True)
        labels = np.where(np.isin(chosen, codes[counts >= _FEWEST]), chosen, _REST)
        weights = known.damped()[row]
        described = describe_origins(known.data, known.places, known.left) * _SCALE
        self._mean = described.mean(0)
        self._classes = sorted(set(labels))
        self._share = np.log(
            [weights[labels == name].sum() / weights.sum() for name in self._classes]
        )
        self._model = None
        if len(self._classes) > 1:
            self._model = LogisticRegression(C=0.05, max_iter=200).fit(
                (described - self._mean)[row], labels, sample_weight=weights
            )

    def features(self, rows: IntArray, pool: IntArray) -> FloatArray:
        """(len(rows), len(pool), 1) float32; 0 where a country was never chosen and no rest was
        seen. Raises ``CountedTwice``.
        """
        self.known.refuse_own(rows)
        lift = np.zeros((len(rows), len(self._classes) + 1))
        if self._model is not None:
            described = (
                describe_origins(self.known.data, self.known.places, rows) * _SCALE - self._mean
            )
            lift[:, :-1] = self._model.predict_log_proba(described) - self._share
        country = self.known.data.cities.text["country"]
        position = {name: i for i, name in enumerate(self._classes)}
        rest = position.get(_REST, len(self._classes))
        return lift[:, [position.get(country[row], rest) for row in pool]][:, :, None].astype(
            np.float32
        )
