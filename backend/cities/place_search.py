"""Finding a place by any of its names, however it is typed.

In order of quality: the whole name, its beginning, the beginning of a later word in it, one
mistake, more mistakes. Among equals the places of the preferred country come first, then the
larger. Names and what is typed are compared without accents, case and punctuation. One mistake is
looked up, not searched for: all spellings one mistake away, in the B-tree of names (a few hundred
probes, 1-4 ms). More mistakes are searched for by trigrams and then counted. Which letters have
trigrams depends on the database's locale, and without any the whole index would be read: so later
words and more mistakes are for what folds to ASCII, other scripts are forgiven one mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import (
    BooleanField,
    Case,
    F,
    Func,
    IntegerField,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)

from backend.cities.models import Place, PlaceName
from backend.cities.names import LONGEST_NAME, edit_distances, one_mistake_away, searched_name

_LAST_LETTER = "\U0010ffff"  # sorts after all others
_SIMILAR_NAMES = 80  # how many of them are compared letter by letter
_ENOUGH = 5  # found by cheaper means: those with more mistakes would stand below them
_SHORTEST_MENDED = 3  # a mistake in two letters leaves nothing to go by
_HAS_TRIGRAMS = re.compile(r"(?=.*[a-z0-9]{3})[\x00-\x7f]+")


def search_places(text: str, *, country: str = "", limit: int = 10) -> list[Place]:
    """Places by name, the best first, with country and community (None: nobody has registered the
    place). At most five queries.

    Args:
        text: a name or its beginning, in any language or script. One letter finds only places that
            are called so.
        country: ISO alpha-2; among equally good ones its places come first.
    """
    typed = searched_name(text)
    if not typed or len(typed) > LONGEST_NAME:
        return []
    beginning = _beginning(typed, country, limit)
    found = dict.fromkeys(beginning)
    if len(typed) > 1 and len(found) < limit:
        found |= dict.fromkeys(_later_word(typed, country, limit))
        if len(found) < limit:
            found |= dict.fromkeys(_one_mistake(typed, country, limit))
        if not beginning and len(found) < _ENOUGH:
            found |= dict.fromkeys(_more_mistakes(typed, country, limit))
    best = list(found)[:limit]
    places = (
        Place.objects.select_related("country", "community")
        .defer("search_text", "alternate_names")
        .in_bulk(best)
    )
    return [places[place] for place in best]


class _IsAnyOf(Func):
    """``name = ANY(array)``: hundreds of names as one parameter, where ``__in`` would write as
    many.
    """

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def _flag(**condition: str) -> Max:
    return Max(Case(When(**condition, then=1), default=0, output_field=IntegerField()))


def _ranked(
    names: QuerySet[PlaceName], country: str, **flags: Max
) -> QuerySet[PlaceName, dict[str, Any]]:
    """The places of these names: those with a flag first, then by country and size."""
    flags |= {"preferred": _flag(country_code=country)} if country else {}
    found = names.values("place_id").annotate(**flags, size=Max("population"))
    return found.order_by(*(f"-{flag}" for flag in flags), "-size", "place_id")


def _beginning(typed: str, country: str, limit: int) -> list[int]:
    """Places called so, then places whose names begin so."""
    fitting = (
        Q(name=typed) if len(typed) == 1 else Q(name__gte=typed, name__lt=typed + _LAST_LETTER)
    )
    ranked = _ranked(PlaceName.objects.filter(fitting), country, whole=_flag(name=typed))
    return [row["place_id"] for row in ranked[:limit]]


def _later_word(typed: str, country: str, limit: int) -> Iterable[int]:
    """("york" → New York)"""
    if not _HAS_TRIGRAMS.fullmatch(typed):
        return []
    return [
        row["place_id"]
        for row in _ranked(PlaceName.objects.filter(name__contains=f" {typed}"), country)[:limit]
    ]


def _one_mistake(typed: str, country: str, limit: int) -> Iterable[int]:
    if len(typed) < _SHORTEST_MENDED:
        return []
    spellings = Value(one_mistake_away(typed), output_field=ArrayField(TextField()))
    names = PlaceName.objects.filter(_IsAnyOf(F("name"), spellings))
    return [row["place_id"] for row in _ranked(names, country)[:limit]]


def _more_mistakes(typed: str, country: str, limit: int) -> Iterable[int]:
    """By the number of mistakes; one more for a name of which only the beginning was typed."""
    allowed = max(2, len(typed) // 4)
    if len(typed) <= 2 * allowed or not _HAS_TRIGRAMS.fullmatch(typed):
        return []
    similar = (
        PlaceName.objects.filter(name__trigram_similar=typed)
        .annotate(similarity=TrigramSimilarity("name", typed))
        .order_by("-similarity", "-population")
        .values_list("place_id", "name", "country_code", "population")
    )
    best: dict[int, tuple[int, bool, int]] = {}
    for place, name, its_country, population in similar[:_SIMILAR_NAMES]:
        whole, beginning = edit_distances(typed, name)
        if beginning <= allowed:
            rank = (min(whole, beginning + 1), its_country != country, -population)
            best[place] = min(rank, best.get(place, rank))
    return sorted(best, key=lambda place: (best[place], place))[:limit]
