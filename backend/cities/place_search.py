"""Finding a place by any of its names, however it is typed.

In order of quality: the whole name, its beginning, the beginning of a later word in it, one mistake, more mistakes. Among equals the
places of the preferred country come first, then the larger. Names and what is typed are compared without accents, case and
punctuation. One mistake is looked up, not searched for: all spellings one mistake away, in the B-tree of names (a few hundred probes,
1-4 ms). More mistakes are searched for by trigrams and then counted. Trigrams know the letters that the database's locale knows: in
the locale C only ASCII, and then names in other scripts are forgiven one mistake.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Case, IntegerField, Max, Q, QuerySet, Value, When

from backend.cities.models import Place, PlaceName
from backend.cities.names import LONGEST_NAME, searched_name
from backend.cities.spelling import edit_distances, one_mistake_away

_LAST_LETTER = "\U0010ffff"  # sorts after all others
_SIMILAR_NAMES = 80  # how many of them are compared letter by letter
_SHORTEST_MENDED = 3  # a mistake in two letters leaves nothing to go by


def search_places(text: str, *, country: str = "", limit: int = 10) -> list[Place]:
    """Places by name, the best first, with country and community (None: nobody has registered the place). At most six queries.

    Args:
        text: a name or its beginning, in any language or script. One letter finds only places that are called so.
        country: ISO alpha-2; among equally good ones its places come first.
    """
    typed = searched_name(text)
    if not typed or len(typed) > LONGEST_NAME:
        return []
    found, whole = _beginning(typed, country, limit)
    if len(typed) > 1:
        steps = [_later_word, _one_mistake] + ([] if whole else [_more_mistakes])
        for step in steps:
            if len(found) < limit:
                found = list(dict.fromkeys([*found, *step(typed, country, limit)]))
    places = Place.objects.select_related("country", "community").defer("search_text", "alternate_names").in_bulk(found[:limit])
    return [places[place] for place in found[:limit]]


def _ranked(names: QuerySet[PlaceName], country: str, *first: str) -> QuerySet[PlaceName, tuple[int, ...]]:
    """The places of these names: by what is to come first, then by country and size."""
    preferred = Max(Case(When(country_code=country, then=1), default=0, output_field=IntegerField()))
    found = names.values("place_id").annotate(preferred=preferred, size=Max("population"))
    return found.order_by(*first, "-preferred", "-size", "place_id")


def _beginning(typed: str, country: str, limit: int) -> tuple[list[int], bool]:
    """Places called so, then places whose names begin so; and whether there is one called so."""
    fitting = Q(name=typed) if len(typed) == 1 else Q(name__gte=typed, name__lt=typed + _LAST_LETTER)
    names = PlaceName.objects.filter(fitting)
    whole = Max(Case(When(name=typed, then=1), default=0, output_field=IntegerField()))
    rows = list(_ranked(names, country).annotate(whole=whole).order_by("-whole", "-preferred", "-size", "place_id")[:limit])
    return [row["place_id"] for row in rows], bool(rows and rows[0]["whole"])


def _later_word(typed: str, country: str, limit: int) -> Iterable[int]:
    """("york" → New York) Only where trigrams can be taken of what was typed: without them every name would be read."""
    if not typed.isascii() or len(typed) < _SHORTEST_MENDED:
        return []
    return [row["place_id"] for row in _ranked(PlaceName.objects.filter(name__contains=f" {typed}"), country)[:limit]]


def _one_mistake(typed: str, country: str, limit: int) -> Iterable[int]:
    if len(typed) < _SHORTEST_MENDED:
        return []
    names = PlaceName.objects.filter(name__in=one_mistake_away(typed))
    return [row["place_id"] for row in _ranked(names, country)[:limit]]


def _more_mistakes(typed: str, country: str, limit: int) -> Iterable[int]:
    """By the number of mistakes; one more for a name of which only the beginning was typed."""
    allowed = max(2, len(typed) // 4)
    if len(typed) <= 2 * allowed:
        return []
    similar = (
        PlaceName.objects.filter(name__trigram_similar=typed)
        .annotate(similarity=TrigramSimilarity("name", Value(typed)))
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
