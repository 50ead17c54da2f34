"""Finding a place, or a community without one, however it is typed.

What is typed is read in several ways: as one name; as a name and, behind a comma, a bracket or
nothing but a space, where the place is ("Paris, Texas", "Portland ME", "Kobe Japan"); without the
word for its kind ("City of Kobe"). In order of quality: the whole name, its beginning, the
beginning of a later word in it, one mistake, more mistakes. Among equals the places of the
preferred country come first, then those whose own name it is and members, then the larger. Names
and what is typed are compared without accents, case and punctuation.

One mistake is looked up, not searched for: all spellings one mistake away, in the B-tree of names
(a few hundred probes, 1-4 ms). More mistakes are searched for by trigrams and then counted. Which
letters have trigrams depends on the database's locale, and without any the whole index would be
read: so later words and more mistakes are for what folds to ASCII, other scripts are forgiven one
mistake.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log10
from typing import Literal

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import TrigramSimilarity
from django.db import models
from django.db.models import Case, F, Func, Prefetch, Q, QuerySet, Value, When

from backend.cities.models import Community, Membership, Place, PlaceName
from backend.cities.models.places import (
    NOWHERE,
    Whereabouts,
    country_name,
    region_label,
    whereabouts,
    whereabouts_like,
)
from backend.cities.names import (
    LONGEST_NAME,
    PUNCTUATION,
    bare_name,
    community_key,
    edit_distances,
    one_mistake_away,
    searched_name,
)
from backend.common.formatting import comma_list

Why = Literal["name", "other", "begins", "word", "mistake", "in"]

_LAST_LETTER = "\U0010ffff"  # sorts after all others
_SIMILAR_NAMES = 80  # how many of them are compared letter by letter
_ENOUGH = 5  # found by cheaper means: those with more mistakes would stand below them
_SHORTEST_MENDED = 3  # a mistake in two letters leaves nothing to go by
_HAS_TRIGRAMS = re.compile(r"(?=.*[a-z0-9]{3})[\x00-\x7f]+")
_MOST_NAMESAKES = 600  # no name has more places
_NAMES_A_PLACE = 30  # that begin alike: names are fetched, places counted
_MOST_PARTS = 4  # words that the name of a country or region has
_CUT = re.compile(r"[,()\[\];/|،、，]")
_KIND_BEHIND = re.compile(r" (city|town|municipality|shi|si)$|(?<=..)市$")

# What moves a place among those that fit equally well, in powers of ten of its inhabitants.
_OWN_NAME = 1.5  # York before a Toronto that was once called so, but Rome before Roma, Texas
_MEMBER = 0.5
_REGISTERED = 0.2
_PREFERRED = 20.0
_LIKE_A_REGION = 7.0  # before a namesake of 300,000: Ontario before Ontario, California


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read what was typed: a folded name, and the places where it may lie: of each set
    one. ``is_sure``: a comma says so.
    """

    name: str
    inside: tuple[Whereabouts, ...] = ()
    is_sure: bool = False

    def admits(self, country: str, region: str) -> bool:
        return all((country, "") in each or (country, region) in each for each in self.inside)

    def condition(self, prefix: str = "") -> Q:
        """The same for a query of places."""
        joined = Q()
        for each in self.inside:
            either = Q(**{f"{prefix}country__in": [of for of, region in each if not region]})
            for country, region in each:
                if region:
                    either |= Q(**{f"{prefix}country": country, f"{prefix}admin1": region})
            joined &= either
        return joined


@dataclass(slots=True)
class Hit:
    """A place, a community that the gazetteer does not have, or a region, and why it was found:
    ``matched`` is the name that fits, as the gazetteer spells it.
    """

    why: Why
    place: Place | None = None
    community: Community | None = None
    region: tuple[str, str] | None = None
    matched: str = ""

    @property
    def name(self) -> str:
        """In the reader's language, as far as a region has one."""
        if self.region is not None:
            return region_label(*self.region)
        found = self.place or self.community
        return found.name if found is not None else ""

    @property
    def whereabouts(self) -> str:
        if self.region is not None:
            return country_name(self.region[0])
        found = self.place or self.community
        return found.whereabouts if found is not None else ""

    @property
    def label(self) -> str:
        return comma_list((self.name, self.whereabouts))


@dataclass(slots=True)
class _Row:
    place: int
    name: str
    country: str
    region: str
    score: float
    why: Why


@dataclass(slots=True)
class _Ranking:
    """The rows found so far, the best first, each place once."""

    country: str
    limit: int
    found: dict[int, _Row] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return len(self.found) >= self.limit

    def add(self, rows: Iterable[_Row]) -> int:
        """Those not yet found, the best first; returns how many."""
        best: dict[int, _Row] = {}
        for row in rows:
            known = self.found.get(row.place) or best.get(row.place)
            if known is None:
                best[row.place] = row
            elif row.score > known.score and row.why in ("name", known.why):
                known.name, known.score, known.why = row.name, row.score, row.why
        for row in sorted(best.values(), key=lambda row: (-row.score, row.place)):
            self.found[row.place] = row
        return len(best)


def readings(text: str) -> list[Reading]:
    """What was typed, read in all ways, the likeliest first."""
    whole = searched_name(text)
    if not whole or len(whole) > LONGEST_NAME:
        return []
    parts = [part for part in map(searched_name, _CUT.split(text)) if part]
    found: list[Reading] = []
    if len(parts) > 1:
        found += _behind_a_comma(parts)
    found.append(Reading(whole))
    found += _words_apart(whole)
    for reading in tuple(found):
        bare = _KIND_BEHIND.sub("", bare_name(reading.name))
        if bare != reading.name:
            found.append(Reading(bare, reading.inside))
    return list(dict.fromkeys(found))


def _behind_a_comma(parts: Sequence[str]) -> Iterator[Reading]:
    inside = tuple(filter(None, (whereabouts(part) for part in parts[1:])))
    if not inside:
        inside = tuple(filter(None, (whereabouts_like(part) for part in parts[1:])))
    if inside:
        yield from (Reading(*each, is_sure=True) for each in _words_inside(parts[0], inside))
        yield Reading(parts[0], inside, is_sure=True)


def _words_inside(
    name: str, inside: tuple[Whereabouts, ...]
) -> Iterator[tuple[str, tuple[Whereabouts, ...]]]:
    """("toledo oh" of "Toledo OH, USA")"""
    for reading in _words_apart(name):
        yield reading.name, (*reading.inside, *inside)


def _words_apart(whole: str) -> list[Reading]:
    """With the last words, or the first ones, as what says where: longer names first, then the
    country and the region before it.
    """
    words = whole.split()
    found = list(_last_words(words, ()))
    for number in range(min(_MOST_PARTS, len(words) - 1), 0, -1):
        if inside := whereabouts(" ".join(words[:number])):
            found.append(Reading(" ".join(words[number:]), (inside,)))
    if not found and not whole.isascii() and " " not in whole:  # 兵庫県神戸市
        for at in range(2, len(whole) - 1):
            if inside := whereabouts(whole[:at]):
                found.append(Reading(whole[at:], (inside,)))
    return found


def _last_words(words: Sequence[str], inside: tuple[Whereabouts, ...]) -> Iterator[Reading]:
    for number in range(min(_MOST_PARTS, len(words) - 1), 0, -1):
        if behind := whereabouts(" ".join(words[-number:])):
            rest, narrower = words[:-number], (behind, *inside)
            if len(inside) < 2:
                yield from _last_words(rest, narrower)
            yield Reading(" ".join(rest), narrower)


def search_places(text: str, *, country: str = "", limit: int = 10) -> list[Place]:
    """Places by name, the best first, with country and community (None: nobody has registered the
    place). At most six queries.

    Args:
        text: a name or its beginning, in any language or script, with or without where it is. One
            letter finds only places that are called so.
        country: ISO alpha-2; among equally good ones its places come first.
    """
    found = _places(_rows(text, country, limit), Place.objects.select_related("community"))
    return list(found.values())


def search(text: str, *, country: str = "", limit: int = 20) -> list[Hit]:
    """Places, communities that the gazetteer does not have, and regions: the best first. Public."""
    asked = readings(text)
    if not asked:
        return []
    named = _without_place(asked)
    rows = _rows(text, country, limit, is_known=bool(named))
    places = {hit.place.pk: hit for hit in _hits(rows) if hit.place is not None}
    ranked = [((*_GRADES[row.why], row.score), places[row.place]) for row in rows]
    ranked += [(score, Hit("name", community=one)) for score, one in named]
    taken = {(one.country_id, community_key(one.admin1 or one.name, one.kind)) for _s, one in named}
    ranked += [
        ((4, 0, _LIKE_A_REGION), Hit("name", region=(of, region)))
        for of, region in sorted(_meant_alone(asked))
        if region and (of, community_key(region, Community.Kind.STATE)) not in taken
    ]
    ranked.sort(key=lambda pair: pair[0], reverse=True)
    found = [hit for _score, hit in ranked]
    if not found or found[0].why != "name" or found[0].place is None:
        exact = [hit for score, hit in ranked if score[0] == 4]
        inside = _inside(asked, {hit.place.pk for hit in exact if hit.place}, limit)
        there = {hit.place for hit in inside}
        found = exact + inside + [hit for hit in found[len(exact) :] if hit.place not in there]
    return found[:limit]


_GRADES: Mapping[Why, tuple[int, int]] = {
    "name": (4, 0),
    "other": (4, 0),
    "begins": (3, 0),
    "word": (2, 0),
    "mistake": (1, 0),
    "in": (0, 0),
}


def _meant_alone(asked: Sequence[Reading]) -> Whereabouts:
    """The countries and regions that are called as the whole of what was typed."""
    if asked[0].is_sure or len(asked[0].name) < 3:
        return NOWHERE
    return whereabouts(asked[0].name)


def _rows(text: str, country: str, limit: int, is_known: bool = False) -> list[_Row]:
    """``is_known``: something else is called so, and nobody has mistyped it."""
    asked = readings(text)
    if not asked:
        return []
    search = _Ranking(country, limit)
    exact = _exact(asked, country)
    called = [reading for reading in asked if search.add(exact[reading])]
    meant = called[:1] or asked
    if not any(reading.is_sure for reading in called):
        for step in (_beginning, _later_word):
            for reading in meant:
                if not search.is_full and len(reading.name) > 1:
                    search.add(step(reading, country, limit))
        is_known = is_known or search.is_full or bool(_meant_alone(asked))
        if not is_known and len(asked[0].name) > 1:
            _add_mistaken(search, meant)
    return list(search.found.values())[:limit]


def _add_mistaken(search: _Ranking, meant: Sequence[Reading]) -> None:
    was_found = len(search.found)
    for reading in meant:
        search.add(_one_mistake(reading, search.country, search.limit))
    if not was_found and len(search.found) < _ENOUGH:
        for reading in meant[:2]:
            search.add(_more_mistakes(reading, search.country, search.limit))


def _places(rows: Sequence[_Row], places: QuerySet[Place]) -> dict[int, Place]:
    """By number, in the order of the rows."""
    found = places.select_related("country").defer("search_text").in_bulk([r.place for r in rows])
    return {row.place: found[row.place] for row in rows if row.place in found}


def _hits(rows: Sequence[_Row]) -> list[Hit]:
    registered = Place.objects.select_related("community__profile")
    places = _places(rows, registered.prefetch_related(_current("community__")))
    return [
        Hit(row.why, place=places[row.place], matched=_spelled(places[row.place], row))
        for row in rows
        if row.place in places
    ]


def _spelled(place: Place, row: _Row) -> str:
    """The name that fits as it is written, where it is not the place's own."""
    if row.why == "in" or searched_name(place.name) == row.name:
        return ""
    return next((name for name in place.alternate_names if searched_name(name) == row.name), "")


# One query a function. A row's score counts among those of its function alone.


class _IsAnyOf(Func):
    """``name = ANY(array)``: hundreds of names as one parameter, where ``__in`` would write as
    many.
    """

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


_STANDING = "place__community__memberships__standing"
_ENDED = "place__community__memberships__ended_on"


def _scored(names: QuerySet[PlaceName], country: str) -> list[_Row]:
    community = "place__community"
    fields = ["place_id", "name", "country_code", "population", "place__admin1"]
    fields += ["place__ascii_name", community, _STANDING, _ENDED]
    found = names.order_by("-population", "place_id").values(*fields)
    rows = []
    for row in found[:_MOST_NAMESAKES]:
        of, is_own = row["country_code"], _is_own(row["name"], row["place__ascii_name"])
        score = log10(1 + row["population"]) + _OWN_NAME * is_own + _PREFERRED * (of == country)
        if row[community] is not None:
            is_member = row[_STANDING] == Membership.Standing.GOOD and row[_ENDED] is None
            score += _MEMBER if is_member else _REGISTERED
        why: Why = "name" if is_own else "other"
        rows.append(_Row(row["place_id"], row["name"], of, row["place__admin1"], score, why))
    return rows


def _is_own(name: str, ascii_name: str) -> bool:
    """Of names in another script the gazetteer does not say which is the place's own."""
    return not name.isascii() or name == ascii_name.lower().translate(PUNCTUATION)


def _exact(asked: Sequence[Reading], country: str) -> dict[Reading, list[_Row]]:
    """Places that are called so, for all readings at once."""
    names = PlaceName.objects.filter(name__in={reading.name for reading in asked})
    rows = _scored(names, country)
    return {
        reading: [
            row
            for row in rows
            if row.name == reading.name and reading.admits(row.country, row.region)
        ]
        for reading in asked
    }


def _beginning(reading: Reading, country: str, limit: int) -> list[_Row]:
    """Places whose names begin so."""
    if len(reading.name) < 2:
        return []
    typed = reading.name
    return _largest(
        PlaceName.objects.filter(name__gt=typed, name__lt=typed + _LAST_LETTER),
        reading,
        "begins",
        country,
        limit,
    )


def _later_word(reading: Reading, country: str, limit: int) -> list[_Row]:
    """("york" → New York)"""
    if not _HAS_TRIGRAMS.fullmatch(reading.name):
        return []
    names = PlaceName.objects.filter(name__contains=f" {reading.name}")
    return _largest(names, reading, "word", country, limit)


def _one_mistake(reading: Reading, country: str, limit: int) -> list[_Row]:
    if len(reading.name) < _SHORTEST_MENDED:
        return []
    spellings = Value(one_mistake_away(reading.name), output_field=ArrayField(models.TextField()))
    names = PlaceName.objects.filter(_IsAnyOf(F("name"), spellings))
    return _largest(names, reading, "mistake", country, limit)


def _largest(
    names: QuerySet[PlaceName], reading: Reading, why: Why, country: str, limit: int
) -> list[_Row]:
    """The largest places of these names, each once, those of the preferred country before."""
    if reading.inside:
        names = names.filter(reading.condition("place__"))
    if country:
        names = names.annotate(preferred=Case(When(country_code=country, then=1), default=0))
    order = (*(["-preferred"] if country else []), "-population", "place_id", "name")
    rows = names.order_by(*order).values_list(
        "place_id", "name", "country_code", "population", "place__ascii_name"
    )
    found: dict[int, _Row] = {}
    for place, name, of, size, own in rows[: _NAMES_A_PLACE * limit]:
        score = log10(1 + size) + _PREFERRED * (of == country) + _OWN_NAME * _is_own(name, own)
        if place not in found or found[place].score < score:
            found[place] = _Row(place, name, of, "", score, why)
    return sorted(found.values(), key=lambda row: -row.score)[:limit]


def _more_mistakes(reading: Reading, country: str, limit: int) -> list[_Row]:
    """By the number of mistakes; one more for a name of which only the beginning was typed."""
    typed = reading.name
    allowed = max(2, len(typed) // 4)
    if len(typed) <= 2 * allowed or not _HAS_TRIGRAMS.fullmatch(typed):
        return []
    similar = (
        PlaceName.objects.filter(name__trigram_similar=typed)
        .annotate(similarity=TrigramSimilarity("name", typed))
        .order_by("-similarity", "-population")
        .values_list("place_id", "name", "country_code", "place__admin1", "population")
    )
    found = []
    for place, name, its_country, region, population in similar[:_SIMILAR_NAMES]:
        whole, beginning = edit_distances(typed, name)
        if beginning <= allowed and reading.admits(its_country, region):
            mistakes = min(whole, beginning + 1)
            score = log10(1 + population) + _PREFERRED * (its_country == country) - 100 * mistakes
            found.append(_Row(place, name, its_country, region, score, "mistake"))
    return sorted(found, key=lambda row: -row.score)[:limit]


def _without_place(asked: Sequence[Reading]) -> list[tuple[tuple[int, int, float], Community]]:
    """Counties, states, districts and provinces that the gazetteer does not have, by their names
    without the word for the kind, or the beginnings of these. With their rank among all hits.
    """
    keys = {
        (kind, community_key(reading.name, kind)): reading
        for reading in reversed(asked)
        for kind in Community.Kind.values
    }
    local = Q(local_name__in={reading.name for reading in asked})
    named = Community.objects.public().filter(place__isnull=True)
    begun = Q(name_key__startswith=asked[0].name) if len(asked[0].name) > 2 else Q(pk=None)
    named = named.filter(Q(name_key__in={key for _kind, key in keys}) | begun | local)
    found = []
    for one in named.select_related("country", "profile").prefetch_related(_current())[:50]:
        reading = keys.get((one.kind, one.name_key))
        if reading is not None and reading.admits(one.country_id, one.admin1):
            # "Montgomery County" is the county, "Montgomery" the city first.
            says_kind = reading.name != one.name_key or one.name_key == searched_name(one.name)
            found.append(((4, int(says_kind), _LIKE_A_REGION - 0.5), one))
        elif reading is None:
            found.append(((3, 1, 0.0), one))
    return found


def _current(prefix: str = "") -> Prefetch:
    running = Membership.objects.filter(ended_on__isnull=True)
    return Prefetch(f"{prefix}memberships", running, to_attr="current_memberships")


def _inside(asked: Sequence[Reading], known: Collection[int], limit: int) -> list[Hit]:
    """The largest places of the country or region that is called so."""
    inside = _meant_alone(asked)
    if not inside:
        return []
    places = Place.objects.filter(Reading("", (inside,)).condition(), population__gt=0)
    best = places.exclude(pk__in=known).order_by("-population", "pk")
    rows = best.values_list("pk", "country_id", "admin1")[:limit]
    return _hits([_Row(pk, "", country, region, 0, "in") for pk, country, region in rows])
