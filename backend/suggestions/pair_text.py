"""A pair in words: what each side gains, what the two have in common, what makes it possible, and
the one caveat.

Both sides' words come from one function, ``pair_statements``, from both explanations and from what
both profiles say in public. An explanation decides which facts are worth a sentence, and in which
order; a sentence is made only where the profiles hold its fact today. So no sentence contradicts
another, whichever side it is said of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple

from django.utils.translation import ngettext

from backend.cities.facets import (
    CAVEATS,
    CLIMATES,
    FACET_LABELS,
    FACETS,
    GAINS,
    IN_COMMON,
    NOT_COUNTED,
    NOT_KNOWN,
    NOT_SAID,
    POSSIBLE,
    NamedItem,
    Sentence,
    in_sentence,
    item_label,
    items_in_words,
    listed,
    number_words,
)
from backend.cities.models import Community
from backend.cities.models.places import country_name
from backend.cities.roots import Sister, sister_divisions
from backend.cities.vocabularies import challenge_answers, near_topics
from backend.common.dates import database_now
from backend.common.formatting import comma_list
from backend.suggestions.public_facts import (
    DISJOINT,
    Hours,
    PublicFacts,
    differ_in_size,
    likenesses,
    public_facts,
    shared_hours,
    told_by_both,
)
from backend.suggestions.queries import SuggestionForSide
from backend.suggestions.sides import Fit

FEW_HOURS = 2.0
MOST_ITEMS, MOST_OF_A_KIND, MOST_GAINS, MOST_IN_COMMON = 5, 2, 5, 5

# Who reads: the people of the first side, those of both, or staff. Counts rest on a side's own
# wishes: they are for its own people and for staff.
ReadBy = Literal["first", "both", "staff"]


def _hours_in_words(hours: Hours) -> str:
    low, high = number_words(hours.least), number_words(hours.most)
    return low if low == high else f"{low}–{high}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One true fact about a pair, in words. ``code`` is a key of the tables in
    ``backend.cities.facets``.
    """

    code: str
    words: str
    items: tuple[NamedItem, ...] = ()

    def __str__(self) -> str:
        return self.words


class _Contribution(NamedTuple):
    share: float
    similarity: float
    items: tuple[NamedItem, ...]

    def telling(self, *, common: bool) -> tuple[NamedItem, ...]:
        """Its items, those that most candidates bring only with ``common``."""
        return tuple(item for item in self.items if common or not item.is_common)


@dataclass(frozen=True, slots=True)
class Chooser:
    """One side of a pair: what is public of it, and why it would choose the other, as JSON."""

    facts: PublicFacts
    reasons: Mapping[str, Any]

    def contributions(self, *, counted: bool) -> dict[str, _Contribution]:
        """By facet, largest share first. Explanations stored before there were lifts read alike:
        their items have no counts.
        """
        found = {}
        for row in self.reasons.get("contributions") or ():
            items = tuple(
                _named(code, counts if counted else (None, None, *counts[2:]))
                for code, _part, *counts in row.get("items") or ()
            )
            found[row["facet"]] = _Contribution(
                row.get("share") or 0.0, row.get("similarity") or 0.0, items
            )
        return dict(sorted(found.items(), key=lambda entry: -entry[1].share))


def _named(code: str, counts: Sequence[Any]) -> NamedItem:
    """An item as it is stored: of before its count, or whether it is common, was kept, too."""
    offered_by, candidates, is_common = (*counts, None, None, None)[:3]
    return NamedItem(code, item_label(code), offered_by, candidates, bool(is_common))


@dataclass(frozen=True, slots=True)
class SideStatements:
    """What is said of one side. The three lists of facets differ in why they are silent: nothing is
    known of this side, nothing of the other, or the side gives them no weight.
    """

    gains: tuple[Statement, ...]
    caveat: Statement | None
    missing_own: tuple[str, ...]
    missing_other: tuple[str, ...]
    not_counted: tuple[str, ...]
    gaps: tuple[str, ...]  # the first two lists in words
    not_counted_words: str  # empty: everything counts


@dataclass(frozen=True, slots=True)
class PairStatements:
    """Both sides' statements, and those that are true of the two together."""

    sides: tuple[SideStatements, SideStatements]
    in_common: tuple[Statement, ...]
    possible: tuple[Statement, ...]


def pair_statements(
    first: Chooser,
    second: Chooser,
    hours: Hours | None,
    read_by: ReadBy,
    sisters: Sequence[Sister] = (),
) -> PairStatements:
    """Everything said of a pair, from these arguments and the reader's language alone."""
    forth = _Voice(first, second, hours, addressed=read_by == "first", counted=read_by != "both")
    back = _Voice(second, first, hours, addressed=False, counted=read_by == "staff")
    caveats = forth.caveat(), back.caveat()
    read = caveats[:1] if read_by == "first" else caveats
    shown = {caveat.code for caveat in read if caveat}
    return PairStatements(
        (forth.side(caveats[0]), back.side(caveats[1])),
        (*forth.joined(sisters), *_in_common(forth, back))[:MOST_IN_COMMON],
        tuple(statement for hides, statement in forth.possible() if hides.isdisjoint(shown)),
    )


class _Voice:
    """What can be said of one side, ``me``, about the other."""

    def __init__(
        self, own: Chooser, other: Chooser, hours: Hours | None, *, addressed: bool, counted: bool
    ) -> None:
        self.reasons, self.hours, self.addressed = own.reasons, hours, addressed
        self.me, self.them = own.facts, other.facts
        self.found = own.contributions(counted=counted)

    def say(
        self,
        table: Mapping[str, Sentence],
        code: str,
        items: Iterable[NamedItem] = (),
        **values: str,
    ) -> Statement:
        items = tuple(items)[:MOST_ITEMS]
        words = self.words(table[code], listed(items_in_words(items)), **values)
        return Statement(code, words, items)

    def words(self, sentence: Sentence, items: str = "", **values: str) -> str:
        names = {"own": self.me.name, "other": self.them.name, "items": items}
        return str(sentence[not self.addressed]) % (names | values)

    def side(self, caveat: Statement | None) -> SideStatements:
        own, other = self.missing()
        importances = self.me.importances
        ignored = tuple(
            facet
            for facet in self.reasons.get("not_counted") or ()
            if facet in FACETS and not importances.get(facet)
        )
        labels = [in_sentence(facet, str(FACET_LABELS[facet])) for facet in ignored]
        return SideStatements(
            tuple(self.gains()[:MOST_GAINS]),
            caveat,
            own,
            other,
            ignored,
            tuple(self._gaps(own, other)),
            self.words(NOT_COUNTED, comma_list(labels)) if labels else "",
        )

    # Gains: exact offers first, then close ones, then by the largest share

    def gains(self) -> list[Statement]:
        """What most candidates bring is named only where nothing else is; each offer once."""
        rare = list(_each_offer_once(self._gains(common=False)))
        return rare or list(_each_offer_once(self._gains(common=True)))

    def _gains(self, *, common: bool) -> Iterator[Statement]:
        say = partial(self.say, GAINS)
        needs = self.found.get("needs_offers")
        if needs:
            yield from self._needs_met(say, needs.items)
            if needs.share > 0:
                yield from self._needs_nearly_met(say, needs.telling(common=common))
        else:  # they do not count for this side, and may be met all the same
            both = sorted(f"topic:{code}" for code in self.me.needs & self.them.offers)
            yield from self._needs_met(say, [NamedItem(code, item_label(code)) for code in both])
        for facet, found in self.found.items():
            if found.share > 0 and facet in _MAKERS:
                yield from _MAKERS[facet](self, say, found.telling(common=common))

    def _needs_met(self, say: Any, items: Sequence[NamedItem]) -> Iterator[Statement]:
        # Also where most candidates meet them: a need that is met is never silent
        met = [
            item
            for kind, code, _offer, item in _parsed(items)
            if kind == "topic" and code in self.me.needs and code in self.them.offers
        ]
        if met:
            yield say("needs_met", met)

    def _needs_nearly_met(self, say: Any, items: Sequence[NamedItem]) -> Iterator[Statement]:
        close = [
            (wanted, item)
            for kind, wanted, offer, item in _parsed(items)
            if kind == "near_topic" and self._is_close(wanted, offer)
        ]
        yield from self._related(say, "need_nearly_met", "topic", close)

    def _is_close(self, wanted: str, offer: str) -> bool:
        return (
            wanted in self.me.needs
            and wanted not in self.them.offers
            and offer in self.them.offers
            and offer in near_topics().get(wanted, ())
        )

    def _related(
        self, say: Any, code: str, kind: str, found: Sequence[tuple[str, NamedItem]]
    ) -> Iterator[Statement]:
        """One sentence for each wanted code, with the offer that comes close to it or helps."""
        for wanted, item in found[:MOST_OF_A_KIND]:
            offer = f"topic:{item.code.partition('>')[2]}"
            name = f"{kind}:{wanted}"
            named = replace(item, code=offer, label=item_label(offer))
            yield say(code, [named], wanted=in_sentence(name, item_label(name)))

    def _ties(self, say: Any, _items: Sequence[NamedItem]) -> Iterator[Statement]:
        for code, country, ties in (
            ("ties_to_community", "", [t for t in self.me.ties if t.community_id == self.them.id]),
            ("ties_to_country", self.them.country, self.me.ties_to(self.them.country)),
        ):
            kinds = dict.fromkeys(f"tie:{tie.kind}" for tie in ties)
            items = [NamedItem(kind, item_label(kind)) for kind in kinds]
            if items:
                yield say(code, items, country=country and country_name(country))

    def _challenges(self, say: Any, items: Sequence[NamedItem]) -> Iterator[Statement]:
        parsed = list(_parsed(items))
        shared = [
            item
            for kind, code, _offer, item in parsed
            if kind == "challenge" and code in self.me.challenges & self.them.challenges
        ]
        if shared:
            yield say("challenges_shared", shared)
        answered = [
            (wanted, item)
            for kind, wanted, offer, item in parsed
            if kind == "answer"
            and wanted in self.me.challenges
            and offer in self.them.offers
            and offer in challenge_answers().get(wanted, ())
        ]
        yield from self._related(say, "challenge_answered", "challenge", answered)

    def roots(self) -> Iterator[Statement]:
        """Those of many people, where they alone let a tie be expected."""
        ties, country = self.found.get("ties", _NO_CONTRIBUTION), self.them.country
        hinted = any(item.code == f"tie_hint:{country}" for item in ties.items)
        if hinted and ties.share > 0 and self.me.area.is_sure_of(country):
            code, values = self.me.area.described(country)
            yield self.say(IN_COMMON, code, (), country=country_name(country), **values)

    def joined(self, sisters: Sequence[Sister]) -> Iterator[Statement]:
        """That the divisions in which the two lie are joined."""
        for sister in sisters[:MOST_OF_A_KIND]:
            yield self.say(IN_COMMON, sister.code, (), **sister.described())

    # What makes it possible, and the caveat

    @property
    def shared_languages(self) -> list[NamedItem]:
        shared = sorted(f"language:{code}" for code in self.me.languages & self.them.languages)
        return [NamedItem(code, item_label(code)) for code in shared]

    def possible(self) -> Iterator[tuple[frozenset[str], Statement]]:
        """Each with the caveats that say the same."""
        say, languages = partial(self.say, POSSIBLE), frozenset({"languages"})
        if self.shared_languages:
            yield languages, say("languages", self.shared_languages)
        elif self.me.languages and self.them.languages:
            yield languages, say("no_language")
        if self.hours:
            code = "hours" if self.hours.most else "no_hours"
            yield frozenset({"time_zone", "no_hours"}), say(code, hours=_hours_in_words(self.hours))

    def caveat(self) -> Statement | None:
        """What the explanation warns of, where the two profiles bear it out."""
        code = self.reasons.get("caveat") or ""
        if code == "coverage":
            return self._coverage()
        say = partial(self.say, CAVEATS)
        if code == "time_zone" and self.hours and self.hours.most <= FEW_HOURS:
            return say(code if self.hours.most else "no_hours", hours=_hours_in_words(self.hours))
        if code == "readiness":
            stated = sorted(name for name, how in self.them.readiness.items() if how != "yes")
            lacking = [NamedItem(f"readiness:{n}", item_label(f"readiness:{n}")) for n in stated]
            return say(code, lacking) if lacking else None
        if code == "size" and differ_in_size(self.me, self.them):
            mine, theirs = self.me.population or 0, self.them.population or 0
            return say(code, first=number_words(mine), second=number_words(theirs))
        disjoint = code in DISJOINT and DISJOINT[code](self.me, self.them)
        return say(code) if disjoint else None

    def _coverage(self) -> Statement | None:
        count = sum(map(len, self.missing()))
        if not count:
            return None
        words = ngettext(
            "%(count)d kind of fit could not be compared: data is missing.",
            "%(count)d kinds of fit could not be compared: data is missing.",
            count,
        )
        return Statement("coverage", words % {"count": count})

    # Gaps

    def missing(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Facets that could not be compared because this side, or only the other, lacks data."""
        lists = (self.reasons.get(key) or () for key in _MISSING)
        named = dict.fromkeys(facet for of in lists for facet in of)
        own = tuple(facet for facet in named if self.me.lacks(facet, chosen=False))
        other = (f for f in named if f not in own and self.them.lacks(f, chosen=True))
        return own, tuple(other)

    def _gaps(self, own: Sequence[str], other: Sequence[str]) -> Iterator[str]:
        asked = [(facet, str(FACETS[facet].asked)) for facet in own]
        about = [(f, str(FACETS[f].asked_of_other or FACETS[f].asked)) for f in other]
        them = {"own": self.them.name}
        for table, addressed, found, values in (
            (NOT_SAID, self.addressed, asked, {}),
            (NOT_SAID, False, about, them),
            (NOT_KNOWN, self.addressed, asked, {}),
            (NOT_KNOWN, False, about, them),
        ):
            measured = table is NOT_KNOWN
            words = [asks for facet, asks in found if FACETS[facet].measured is measured]
            if words:
                names = {"own": self.me.name, "items": comma_list(words)} | values
                yield str(table[not addressed]) % names


_MISSING = ("missing_own", "missing_other", "missing")  # the last one of before lifts
_NO_CONTRIBUTION = _Contribution(0.0, 0.0, ())
_MAKERS = {"ties": _Voice._ties, "challenges": _Voice._challenges}


def _each_offer_once(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Leaves out a sentence whose offers, those of the other side, an earlier one has named."""
    offers: set[str] = set()
    for one in statements:
        named = {item.code for item in one.items if item.code.startswith("topic:")}
        if not named or not named <= offers:
            yield one
        offers |= named


def _parsed(items: Iterable[NamedItem]) -> Iterator[tuple[str, str, str, NamedItem]]:
    """Kind, code, the offer that comes close to it or helps (or empty), and the item."""
    for item in items:
        kind, _colon, value = item.code.partition(":")
        code, _sign, offer = value.partition(">")
        yield kind, code, offer, item


# What the two have in common


def _in_common(forth: _Voice, back: _Voice) -> Iterator[Statement]:
    """Likenesses by which at least one of the two gains, the largest shares of both first."""
    found = (forth.found, back.found)
    shares = {
        facet: [of.get(facet, _NO_CONTRIBUTION).share for of in found]
        for facet in forth.found | back.found
    }
    for facet in sorted(shares, key=lambda name: (-sum(shares[name]), name)):
        if max(shares[facet]) > 0:
            yield from _alike(facet, forth, back)


def _alike(facet: str, forth: _Voice, back: _Voice) -> Iterator[Statement]:
    say = partial(forth.say, IN_COMMON)
    if facet == "ties":
        yield from (*forth.roots(), *back.roots())
    if facet in ("sectors", "themes", "institutions"):
        shared = getattr(forth.me, facet) & getattr(forth.them, facet)
        of = forth.found.get(facet) or back.found[facet]
        both = [item for _kind, code, _offer, item in _parsed(of.items) if code in shared]
        named = [item for item in both if not item.is_common] or both
        if named:
            yield say(facet, named if forth.addressed else [_uncounted(item) for item in named])
    if facet == "story":
        told = told_by_both(forth.me, forth.them)
        named = [NamedItem(code, words) for words, code in sorted(told.items())]
        if named:
            yield say(facet, named)
    for likeness in likenesses(facet, forth.me, forth.them):
        first, second = map(number_words, likeness.numbers or (0, 0))
        climate = str(CLIMATES[likeness.climate]) if likeness.climate else ""
        yield say(likeness.code, climate=climate, first=first, second=second)


def _uncounted(item: NamedItem) -> NamedItem:
    return NamedItem(item.code, item.label)


# From what is stored to what is shown


@dataclass(frozen=True, slots=True)
class SideText:
    """One side of a pair as it is shown."""

    community: Community
    letter: str  # "a" or "b": its colour
    fit: Fit
    said: SideStatements
    needs_met: int  # of its needs, how many the other offers, also those that no sentence names


@dataclass(frozen=True, slots=True)
class PairText:
    """A pair as it is shown: both sides, and what is true of the two together."""

    read_by: ReadBy
    sides: tuple[SideText, SideText]
    in_common: tuple[Statement, ...]
    possible: tuple[Statement, ...]

    @property
    def has_counts(self) -> bool:
        statements = (*self.in_common, *(s for side in self.sides for s in side.said.gains))
        return any(item.candidates for statement in statements for item in statement.items)


def pair_text(
    first: Fit, second: Fit, *, read_by: ReadBy, today: dt.date | None = None
) -> PairText:
    """A pair in the reader's language, ``first`` in colour a; where ``read_by`` is "first", the
    reader belongs to that side and is addressed as "you".
    """
    a, b = (Chooser(public_facts(fit.community), fit.reasons) for fit in (first, second))
    day = today or database_now().date()
    hours = shared_hours(a.facts.timezone, b.facts.timezone, day)
    sisters = sister_divisions(first.community, second.community)
    found = pair_statements(a, b, hours, read_by, sisters)
    sides = (
        SideText(fit.community, letter, fit, said, len(me.facts.needs & them.facts.offers))
        for fit, letter, said, me, them in zip(
            (first, second), "ab", found.sides, (a, b), (b, a), strict=True
        )
    )
    return PairText(read_by, (next(sides), next(sides)), found.in_common, found.possible)


def text_for_side(view: SuggestionForSide, today: dt.date | None = None) -> PairText:
    """A suggestion to the people of one side, which comes first."""
    return pair_text(view.own_fit, view.other_fit, read_by="first", today=today)
