"""Place names: one spelling, what U.S. names say about their origin, and how alike two names are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from matching.types import FloatArray

_FOLD = str.maketrans(
    {
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "ß": "ss",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "æ": "ae",
        "œ": "oe",
    }
)
_LEADING = (
    "new ",
    "north ",
    "south ",
    "east ",
    "west ",
    "fort ",
    "mount ",
    "lake ",
    "port ",
    "saint ",
    "st ",
    "city of ",
    "old ",
    "glen ",
)
_TRAILING = (
    " city",
    " beach",
    " park",
    " heights",
    " springs",
    " falls",
    " hills",
    " village",
    " shi",
    " si",
)
_SPANISH = ("san ", "santa ", "el ", "la ", "las ", "los ", "del ", "rancho ", "palo ", "monte ")


def normalise(name: str) -> str:
    """Lower-case Latin letters and single spaces: "Łódź" and "Lodz" are one name."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_FOLD))
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    return " ".join(re.sub(r"[^a-z ]", " ", letters).split())


def core(name: str) -> str:
    """A normalised name without the words settlers added: "new bern" -> "bern", "rome city" ->
    "rome".
    """
    for word in _LEADING:
        if name.startswith(word) and len(name) - len(word) > 3:
            name = name[len(word) :]
            break
    for word in _TRAILING:
        if name.endswith(word) and len(name) - len(word) > 3:
            return name[: -len(word)]
    return name


def sounds_spanish(name: str) -> bool:
    """Whether a normalised U.S. name begins as Spanish place names do."""
    return name.startswith(_SPANISH)


class NameIndex:
    """Names of a pool of places, looked up by whole name, by core, by word and by letter groups."""

    def __init__(self, names: Iterable[str], aliases: Iterable[tuple[str, ...]]) -> None:
        self.names = [normalise(name) for name in names]
        self._whole: dict[str, set[int]] = {}
        self._alias: dict[str, set[int]] = {}
        self._word: dict[str, set[int]] = {}
        for row, (name, others) in enumerate(zip(self.names, aliases, strict=True)):
            self._whole.setdefault(name, set()).add(row)
            for other in {name, *(normalise(o) for o in others)}:
                if len(other) > 3:
                    self._alias.setdefault(core(other), set()).add(row)
            for word in name.split():
                if len(word) > 3:
                    self._word.setdefault(word, set()).add(row)
        self._letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True)
        self._matrix: sparse.csr_matrix = self._letters.fit_transform(self.names)

    def features(self, name: str) -> Mapping[str, FloatArray]:
        """Similarities of one name with every place of the pool, each (n,) in [0, 1]."""
        own = normalise(name)
        size = len(self.names)
        whole, alias, word = np.zeros(size), np.zeros(size), np.zeros(size)
        whole[list(self._whole.get(own, ()))] = 1
        alias[list(self._alias.get(core(own), ()))] = 1
        for part in own.split():
            word[list(self._word.get(part, ()))] = 1
        letters = np.asarray((self._matrix @ self._letters.transform([own]).T).todense()).ravel()
        return {
            "same_name": whole,
            "same_core_name": alias,
            "shared_word": word,
            "alike_letters": letters,
        }
