"""Reads of communities, of their profiles, and of the partnerships that they claim. Each returns
what its reader may see, in a bounded number of queries.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil
from operator import or_
from typing import Any, Literal

from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch, Q, QuerySet

from backend.accounts.grants import Actor, Resource, Verb
from backend.accounts.models import User
from backend.cities.drafts import EMPTY, PREFILLED, PROVENANCE, answer_at
from backend.cities.models import (
    Community,
    CommunityRole,
    ExistingPartnership,
    ListedPartnership,
    Place,
    Profile,
    VettingLetter,
)
from backend.cities.models.communities import NOT_OURS
from backend.cities.names import LONGEST_NAME, community_key, fold, searched_name
from backend.cities.permissions import Reader, reader_of, require_staff
from backend.cities.place_search import Reading, readings
from backend.cities.profile_schema import GROUPS, Field, Group, Kind, document_for, document_value
from backend.cities.profile_validation import missing_answers, valid_part
from backend.common.bounds import valid_ids
from backend.common.errors import NotVisible
from backend.outbox.models import Event
from backend.outbox.queries import staff_trail, without_undone


def seeking_communities() -> QuerySet[Community]:
    """Published communities that look for partners, by name."""
    return (
        Community.objects.seeking()
        .select_related("country", "place", "profile__current_version")
        .defer("profile__draft", "profile__answer_revisions", "place__search_text")
        .order_by("name", "id")
    )


def words_apart(text: str) -> list[str]:
    """The words of a search, as names are kept; a comma is none."""
    return fold(re.sub(r"[\x00,;/()\"“”]", " ", text)).split()


def readings_inside(text: str) -> list[Reading]:
    """The readings of a search that say where the place is: "Toledo, Ohio"."""
    return [reading for reading in readings(text[:LONGEST_NAME]) if reading.inside]


def is_named(text: str, sides: Mapping[str, Sequence[str]]) -> Q:
    """The condition that rows hold what was searched for: all words, each in any name of any side;
    or the name of a side that lies where the rest says.

    Args:
        sides: prefix of a side's `country` and `admin1` → its columns with names.
    """
    columns = [column for names in sides.values() for column in names]
    every = Q()
    for word in words_apart(text):
        every &= reduce(or_, (Q(**{_holds(column): word}) for column in columns))
    found = every
    for reading in readings_inside(text):
        for prefix, names in sides.items():
            named = reduce(or_, (Q(**{_holds(column): reading.name}) for column in names))
            found |= named & reading.condition(prefix)
    return found


def _holds(column: str) -> str:
    """Other columns than the folded names of a place are as people wrote them."""
    return f"{column}__contains" if column.endswith("search_text") else f"{column}__icontains"


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A partner that a public list names: status unknown."""

    place: Place
    community_id: int | None
    sources: list[str]


def listed_partners(community: Community) -> list[ListedPartner]:
    """Partners of the community's place by public lists, by country and name."""
    if community.place_id is None:
        return []
    rows = ListedPartnership.objects.filter(
        Q(place_a=community.place_id) | Q(place_b=community.place_id)
    ).select_related(
        "place_a__country", "place_b__country", "place_a__community", "place_b__community"
    )
    partners = []
    for row in rows:
        place = row.place_b if row.place_a_id == community.place_id else row.place_a
        other = getattr(place, "community", None)
        partners.append(
            ListedPartner(
                place=place, community_id=other.pk if other else None, sources=row.sources
            )
        )
    return sorted(partners, key=lambda p: (p.place.country.name, p.place.name))


def communities_of(user: User | AnonymousUser) -> list[CommunityRole]:
    """The person's active roles with their communities, oldest first."""
    if not isinstance(user, User):
        return []
    return list(
        CommunityRole.objects.filter(user=user, ended_at__isnull=True)
        .select_related(
            "community__country", "community__place", "community__profile__current_version"
        )
        .order_by("id")
    )


def vetting_queue(user: User) -> QuerySet[Profile]:
    """Submitted profiles, longest waiting first. Raises NotVisible for others than staff."""
    require_staff(user, Verb.READ, Resource.DRAFT)
    return (
        Profile.objects.filter(status=Profile.Status.SUBMITTED)
        .select_related("community__country", "community__place")
        .prefetch_related("letters", "vetting_notes", "approvals__by", "community__roles__user")
        .order_by("submitted_at", "id")
    )


# Reads of drafts, letters and trails, each after the grant that it needs.


def profile_for(reader: Reader) -> Profile:
    """The profile with its draft and what staff asked. Raises NotVisible for others than its owners
    and staff.
    """
    community_id = reader.require(Verb.READ, Resource.DRAFT)
    found = Profile.objects.select_related(
        "community__place", "community__country", "current_version"
    ).prefetch_related("vetting_notes")
    found = found.defer("community__place__search_text", "community__place__alternate_names")
    profile = found.filter(community_id=community_id).first()
    if profile is None:
        raise NotVisible
    return profile


def submission_for(user: User, community_id: int) -> Profile:
    """The profile as staff vet it, also after it has left the queue. Raises NotVisible for others
    than staff.
    """
    require_staff(user, Verb.READ, Resource.DRAFT)
    active = Prefetch(
        "community__roles",
        CommunityRole.objects.filter(ended_at__isnull=True).select_related("user").order_by("id"),
    )
    found = Profile.objects.select_related(
        "community__country", "current_version"
    ).prefetch_related(
        "letters__by", "vetting_notes__by", "vetting_notes__answered_by", "approvals__by", active
    )
    profile = found.filter(community_id=community_id).first()
    if profile is None:
        raise NotVisible
    return profile


def letters_for(reader: Reader) -> QuerySet[VettingLetter]:
    """The community's vetting letters, the newest first. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.LETTER)
    return VettingLetter.objects.filter(profile__community_id=community_id).order_by("-id")


def letter_for(user: User, community_id: int, letter_id: int) -> VettingLetter:
    """One vetting letter. Raises NotVisible."""
    letter = letters_for(reader_of(user, community_id)).filter(pk=letter_id).first()
    if letter is None:
        raise NotVisible
    return letter


def trail_for(reader: Reader) -> QuerySet[Event]:
    """The audit trail of a community, the latest first; a registrant who is not vetted yet sees
    their own acts. Raises NotVisible.
    """
    if reader.is_staff:
        return whole_trail(reader.user).filter(community_id=reader.community_id)
    community_id = reader.require(Verb.READ, Resource.AUDIT_OWN)
    events = Event.objects.filter(community_id=community_id).order_by("-id")
    events = without_undone(events)
    return events.filter(by=reader.user.pk) if reader.actor == Actor.UNVETTED else events


def whole_trail(user: User | AnonymousUser) -> QuerySet[Event]:
    """The audit trail of everything as staff read it, the latest first. Raises NotVisible for
    others than staff.
    """
    require_staff(user, Verb.READ, Resource.AUDIT_ALL)
    return staff_trail(Event.objects.order_by("-id"))


# Reads of the partnerships that communities had before they came.


_S = ExistingPartnership.State
_RELATED = ("community__country", "country", "place__country", "partner__country")
_UNREAD = ("place__search_text", "place__alternate_names")


def _rows() -> QuerySet[ExistingPartnership]:
    return ExistingPartnership.objects.select_related(*_RELATED).defer(*_UNREAD)


def partnerships_to_confirm(user: User) -> QuerySet[ExistingPartnership]:
    """Claims that wait for staff, the longest waiting first. Raises NotVisible for others than
    staff.
    """
    require_staff(user, Verb.READ, Resource.DRAFT)
    return (
        _rows().filter(state=_S.CLAIMED).select_related("claimed_by").order_by("claimed_at", "id")
    )


def confirmed_partnerships(community_id: int | None = None) -> QuerySet[ExistingPartnership]:
    """What staff have confirmed, of one public community or of all, by the partner's name; also
    where details wait for them again. Public: this is the directory.
    """
    once = ExistingPartnership.objects.once_confirmed()
    found = _rows().filter(pk__in=once, community__in=Community.objects.public())
    if community_id is not None:
        found = found.filter(community_id=community_id)
    return found.order_by("name", "id")


def claims_of(reader: Reader) -> QuerySet[ExistingPartnership]:
    """A community's own rows with the state of each. Raises NotVisible for others than its owners
    and staff.
    """
    return own_claims(reader.require(Verb.READ, Resource.DRAFT))


def own_claims(community_id: int) -> QuerySet[ExistingPartnership]:
    """The same for a reader who was let in already."""
    return (
        _rows().filter(community_id=community_id).exclude(state=_S.DROPPED).order_by("name", "id")
    )


def communities_named(rows: Iterable[ExistingPartnership]) -> dict[int, list[Community]]:
    """Id of a row without a place → the communities of its country that were registered without a
    place and have its name, in any spelling of their kind, in one query for all rows.
    """
    open_rows = [row for row in rows if row.place_id is None]
    if not open_rows:
        return {}
    found: dict[tuple[str, str, str], list[Community]] = defaultdict(list)
    keys = {community_key(row.name, kind) for row in open_rows for kind in Community.Kind.values}
    by_hand = Community.objects.filter(
        Q(name_key__in=keys) | ~Q(local_name=""),
        place__isnull=True,
        country__in={row.country_id for row in open_rows},
    )
    for community in by_hand.select_related("country").order_by("name", "id"):
        local = community.local_name and community_key(community.local_name, community.kind)
        for key in {community.name_key, local} - {""}:
            found[community.kind, str(community.country_id), key].append(community)
    return {
        row.pk: [
            community
            for kind in Community.Kind.values
            for community in found[kind, str(row.country_id), community_key(row.name, kind)]
            if community.pk != row.community_id
        ]
        for row in open_rows
    }


def partners_to_offer(community: Community, draft: Mapping[str, Any]) -> list[ListedPartner]:
    """Partners by public lists that the draft does not name yet, for its owner to take over with
    one tick.
    """
    rows = document_value(draft, "partnerships", "existing")
    named = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    places = valid_ids(row.get("place_id") for row in named)  # of a draft, which may hold anything
    names = {
        (row.get("country"), searched_name(str(row.get("name", ""))))
        for row in named
        if not row.get("place_id")
    }
    denied = set(
        community.existing_partnerships.filter(status=NOT_OURS).values_list("place", flat=True)
    )
    listed = [one for one in listed_partners(community) if one.place.pk not in denied]
    keys = [(one.place.country_id, searched_name(one.place.name)) for one in listed]
    return [
        partner
        for partner, key in zip(listed, keys, strict=True)
        if partner.place.pk not in places and (key not in names or keys.count(key) > 1)
    ]


def rows_of_listed(
    community: Community, draft: Mapping[str, Any], place_ids: Collection[str]
) -> list[dict[str, Any]]:
    """Rows of the profile for listed partners that the owner says are alive; places that no list
    names for it are left out.
    """
    offered = partners_to_offer(community, draft) if place_ids else []
    return [
        {
            "name": partner.place.name,
            "country": partner.place.country_id,
            "place_id": partner.place.pk,
            "status": "active",
        }
        for partner in offered
        if str(partner.place.pk) in place_ids
    ]


def public_document(community_id: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """A published document as everybody may read it: public answers, and of the partnerships it
    claims those that staff have confirmed.
    """
    shown = document_for("public", data)
    rows = document_value(data, "partnerships", "existing")
    if not rows:
        return shown
    confirmed = confirmed_partnerships(community_id).filter(state=_S.CONFIRMED)
    found = list(confirmed.exclude(status=NOT_OURS))
    places = {one.place_id: one for one in found if one.place_id is not None}
    names = {(str(one.country_id), one.name_key): one for one in found}
    unplaced = {key: one for key, one in names.items() if one.place_id is None}
    kept = []
    for row in rows:
        key = row["country"], searched_name(row["name"])
        one = places.get(row.get("place_id")) or (unplaced if row.get("place_id") else names).get(
            key
        )
        if one is not None:
            kept.append(_as_confirmed(row, one))
    return {**shown, "partnerships": {"existing": kept}} if kept else shown


def _as_confirmed(row: Mapping[str, Any], one: ExistingPartnership) -> dict[str, Any]:
    """The row with what has been confirmed since the version was published."""
    later: dict[str, Any] = {"year": one.year, "form": one.form}
    if one.status != row.get("status", "unknown"):
        later["status"] = one.status
    return {part: value for part, value in {**row, **later}.items() if value or part not in later}


# How far a draft has come: topics done, what is still needed, and about how many minutes are
# left.


State = Literal["done", "begun", "needed", "wrong", "to_confirm", "empty"]
# Seconds to read a question and answer it, by kind: a person who knows their town and types with
# two fingers.
SECONDS: Mapping[Kind, int] = {
    "text": 10,
    "url": 8,  # pasted
    "email": 10,
    "long_text": 140,
    "integer": 10,
    "number": 10,
    "boolean": 4,
    "choice": 5,
    "codes": 35,
    "ranked": 35,
    "weighted": 45,
    "countries": 15,
    "regions": 10,
    "ties": 45,
    "partnerships": 45,
}
_TO_CONFIRM = 3  # seconds to look at a value that is there already
_TO_TURN = 4  # seconds a page takes on a slow line

# Topics with a needed answer come first: a person who stops after them has a profile that can be
# submitted.
WALK: tuple[Group, ...] = tuple(
    sorted(GROUPS, key=lambda group: (not group.is_needed, group.number))
)


@dataclass(frozen=True, slots=True)
class TopicProgress:
    group: Group
    state: State
    answered: int
    seconds_left: int
    needed_seconds: int


@dataclass(frozen=True, slots=True)
class Progress:
    """``needed_left``: paths without which nobody can submit. ``next_needed``: the topic of the
    first of them, or with a wrong answer.
    """

    topics: tuple[TopicProgress, ...]
    needed_left: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def done(self) -> int:
        return sum(topic.state == "done" for topic in self.topics)

    @property
    def next_needed(self) -> Group | None:
        return next(
            (topic.group for topic in self.topics if topic.state in ("needed", "begun", "wrong")),
            None,
        )

    @property
    def minutes_needed(self) -> int:
        return _minutes(
            topic.needed_seconds
            for topic in self.topics
            if topic.state in ("needed", "begun", "wrong")
        )

    @property
    def minutes_left(self) -> int:
        return _minutes(topic.seconds_left for topic in self.topics if topic.state != "done")


def _minutes(seconds: Iterable[int]) -> int:
    return ceil(sum(seconds) / 60)


def progress_of(profile: Profile) -> Progress:
    """Each topic in the order of the walk, with its progress."""
    wrong = valid_part(profile.draft, profile.community)[1]
    missing = missing_answers(profile.draft)
    topics = tuple(_topic(profile.draft, group, wrong, missing) for group in WALK)
    return Progress(topics, tuple(missing), tuple(wrong))


def _topic(
    draft: Mapping[str, Any], group: Group, wrong: Mapping[str, Any], missing: Mapping[str, Any]
) -> TopicProgress:
    prefix = f"{group.code}."
    unconfirmed = {
        path for path, kept in (draft.get(PROVENANCE) or {}).items() if kept["state"] == PREFILLED
    }
    answered = sum(answer_at(draft, prefix + field.name) not in EMPTY for field in group.fields)
    state: State
    if any(path == group.code or path.startswith(prefix) for path in wrong):
        state = "wrong"
    elif any(path.startswith(prefix) for path in missing):
        state = "begun" if answered else "needed"
    elif any(path.startswith(prefix) for path in unconfirmed):
        state = "to_confirm"
    else:
        state = "done" if answered else "empty"
    seconds = [
        (field.needed, _seconds(draft, f"{prefix}{field.name}", field, unconfirmed))
        for field in group.fields
    ]
    left, needed = (
        sum(each for _needed, each in seconds),
        sum(each for is_needed, each in seconds if is_needed),
    )
    return TopicProgress(group, state, answered, _TO_TURN + left, _TO_TURN + needed)


def _seconds(draft: Mapping[str, Any], path: str, field: Field, unconfirmed: set[str]) -> int:
    if path in unconfirmed:
        return _TO_CONFIRM
    if path == "story.english" and answer_at(draft, "story.language") in (None, "en"):
        return 0
    return SECONDS[field.kind] if answer_at(draft, path) in EMPTY else 0
