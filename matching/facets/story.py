"""Story: what two communities write about themselves; across languages, by the vocabulary only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matching.facets.part import EncodedPart, Float64, Part, Records, Side, symmetric, unit_rows

if TYPE_CHECKING:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Scripts without spaces, or with particles joined to words (Korean): read by character pairs."""
_MENTION_COUNTS = 3  # a mention of the vocabulary says more than a word does
_ENOUGH = (
    3  # stories: the mean of fewer is those stories themselves, and nothing of them would be left
)


class _Terms(NamedTuple):
    row: int
    language: str
    terms: list[str]


class Story(Part):
    """(1 + cosine) / 2 of latent topics: .5 means unrelated.

    Terms are words marked with their language, and the vocabulary's codes that the text mentions in
    any language; TF-IDF, then a truncated SVD (Deerwester et al. 1990), then each language's mean
    is taken out, since otherwise all stories of one language would look alike.
    """

    name = "story"
    stated = True

    def __init__(
        self, labels: Mapping[str, tuple[str, ...]], components: int, random_state: int
    ) -> None:
        self.components, self.random_state = components, random_state
        self.joined: list[tuple[str, str]] = []  # phrases to be found anywhere in the text
        # Phrases of whole words, by their first word
        self.spaced: dict[str, list[tuple[list[str], str]]] = {}
        for code, phrase in sorted(
            {(code, phrase.casefold()) for code, phrases in labels.items() for phrase in phrases}
        ):
            words = _WORD.findall(phrase)
            if _UNSPACED.search(phrase):
                self.joined.append(("".join(words), code))
            elif words:
                self.spaced.setdefault(words[0], []).append((words, code))
        self.tfidf_: TfidfVectorizer | None = None
        self.svd_: TruncatedSVD | None = None
        self.means_: dict[str, Float64] = {}

    def terms(self, language: str, text: str) -> list[str]:
        """The terms of one story: words as "en:harbour", mentions as "#topic:port_logistics"."""
        words = _WORD.findall(text.casefold())
        found = {
            code
            for at, word in enumerate(words)
            if word in self.spaced
            for phrase, code in self.spaced[word]
            if words[at : at + len(phrase)] == phrase
        }
        if self.joined and _UNSPACED.search(text):
            run = "".join(words)
            found.update(code for phrase, code in self.joined if phrase in run)
        pieces: list[str] = []
        for word in words:
            if not word.isascii() and _UNSPACED.search(word):
                pieces += [word[k : k + 2] for k in range(max(1, len(word) - 1))]
            elif len(word) > 2:
                pieces.append(word)
        return [f"{language}:{piece}" for piece in pieces] + [
            f"#{code}" for code in sorted(found) for _ in range(_MENTION_COUNTS)
        ]

    def fit(self, left: Records, right: Records) -> None:
        self.tfidf_ = self.svd_ = None
        self.means_ = {}
        stories = [*self._stories(left), *self._stories(right)]
        if len(stories) < 3:
            return  # nothing can be learned from fewer: the facet is then not present for anybody
        # Only here: they take seconds to import, and most processes that know of the engine never
        # fit a story.
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        tfidf = TfidfVectorizer(
            analyzer=list, max_features=20_000, sublinear_tf=True, dtype=np.float32
        )
        weighted = tfidf.fit_transform([story.terms for story in stories])
        depth = min(self.components, len(tfidf.vocabulary_) - 1, len(stories) - 1)
        if depth < 1:
            return
        # Its share of explained variance, unused here, is 0 / 0 for equal stories
        with np.errstate(divide="ignore", invalid="ignore"):
            self.tfidf_, self.svd_ = (
                tfidf,
                TruncatedSVD(depth, random_state=self.random_state).fit(weighted),
            )
        latent = np.asarray(self.svd_.transform(weighted), dtype=np.float64)
        languages = np.array([story.language for story in stories])
        for language in np.unique(languages):
            of_language = latent[languages == language]
            if len(of_language) >= _ENOUGH:
                self.means_[str(language)] = of_language.mean(axis=0)

    def encode(self, records: Records, side: Side) -> EncodedPart:
        present = np.zeros(len(records), dtype=np.bool_)
        if self.tfidf_ is None or self.svd_ is None:
            return symmetric(np.zeros((len(records), 0), dtype=np.float32), present)
        depth = self.svd_.components_.shape[0]
        rows = np.zeros((len(records), depth + 1), dtype=np.float32)
        stories = self._stories(records)
        if stories:
            at = np.array([story.row for story in stories])
            weighted = self.tfidf_.transform([story.terms for story in stories])
            latent = np.asarray(self.svd_.transform(weighted), dtype=np.float64)
            latent -= np.array(
                [self.means_.get(story.language, np.zeros(depth)) for story in stories]
            )
            readable = (np.abs(latent).max(axis=1) > 1e-9) & (np.diff(weighted.indptr) > 0)
            direction = unit_rows(latent * readable[:, None])
            present[at], rows[at, 0], rows[at, 1:] = readable, readable, direction
        return symmetric(rows * np.float32(np.sqrt(0.5)), present)

    def _stories(self, records: Records) -> list[_Terms]:
        stories = (
            (at, record.story_language or "und", record.story)
            for at, record in enumerate(records)
            if record.story
        )
        found = (_Terms(at, language, self.terms(language, text)) for at, language, text in stories)
        return [story for story in found if story.terms]

    def state(self) -> Iterable[Any]:
        if self.tfidf_ is None or self.svd_ is None:
            return ()
        means = [(language, np.round(mean, 5)) for language, mean in sorted(self.means_.items())]
        phrases = [sorted(self.joined), sorted(self.spaced.items())]
        return (
            phrases,
            sorted(self.tfidf_.vocabulary_),
            np.round(self.tfidf_.idf_, 5),
            np.round(self.svd_.components_, 4),
            means,
        )
