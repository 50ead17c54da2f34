"""The sample world as rows of the database."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from backend.accounts.models import User
from backend.cities.models import (
    Community,
    Contact,
    Membership,
    Organisation,
    Place,
    Profile,
    ProfileVersion,
    VettingNote,
)
from backend.cities.sample.documents import (
    Document,
    generate_documents,
    website_of,
)
from backend.cities.sample.people import (
    DOMAIN,
    SampleStatus,
    add_people,
    add_staff,
    sample_password,
    sample_person,
    statuses_of,
)
from backend.cities.sample.places import PlaceFacts, choose_places, communities_by_hand, place_facts
from backend.common.errors import Conflict
from backend.outbox.services import record
from backend.outbox.topics import Topic

_BATCH = 1000
GLOBAL_MEMBERS = 0.25  # share of the communities abroad
LAPSED = 0.04


def add_programmes(
    facts: Sequence[PlaceFacts],
    communities: Sequence[Community],
    documents: Sequence[Document],
    rng: random.Random,
) -> None:
    """One organisation each with one or two contacts; every U.S. community and some abroad are
    members.
    """
    organisations = [
        _organisation(community, document, rng)
        for community, document in zip(communities, documents, strict=True)
    ]
    Organisation.objects.bulk_create(organisations, batch_size=_BATCH)
    contacts = [
        contact
        for place, organisation in zip(facts, organisations, strict=True)
        for contact in _contacts(place, organisation, rng)
    ]
    Contact.objects.bulk_create(contacts, batch_size=_BATCH)
    members = [
        _membership(community, place.population or 0, rng)
        for place, community in zip(facts, communities, strict=True)
        if place.country == "US" or rng.random() < GLOBAL_MEMBERS
    ]
    Membership.objects.bulk_create(members, batch_size=_BATCH)


def _organisation(community: Community, document: Document, rng: random.Random) -> Organisation:
    said = document.get("organisation", {})
    named = ("Sister Cities of {}", "{} Sister City Association", "{} Sister Cities Commission")
    abroad = (
        "International Office of {}",
        "{} Partner Cities Office",
        "{} International Relations",
    )
    name = rng.choice(named if community.country_id == "US" else abroad).format(community.name)
    return Organisation(
        community=community,
        name=name,
        structure=said.get("structure", ""),
        office=said.get("office", ""),
        year_founded=said.get("year_founded"),
        volunteers=said.get("volunteers"),
    )


def _contacts(place: PlaceFacts, organisation: Organisation, rng: random.Random) -> list[Contact]:
    """The first is the primary one. The addresses lie in a reserved domain."""
    return [
        Contact(
            organisation=organisation,
            name=sample_person(place, rng),
            office="Programme coordinator" if number == 0 else "Deputy coordinator",
            email=f"contact{number + 1}+{organisation.community_id}@{DOMAIN}",
            is_primary=number == 0,
        )
        for number in range(1 if rng.random() < 0.6 else 2)
    ]


def _membership(community: Community, population: int, rng: random.Random) -> Membership:
    classes = ((25_000, "under_25k"), (100_000, "under_100k"), (500_000, "under_500k"))
    started_on = dt.date(rng.randint(1975, 2024), rng.randint(1, 12), 1)
    lapsed = rng.random() < LAPSED
    today = timezone.now().date()
    term = started_on.replace(year=today.year)  # dues run from anniversary to anniversary
    next_term = term.replace(year=today.year + (term <= today) - lapsed)
    return Membership(
        community=community,
        dues_class=next((dues for limit, dues in classes if population < limit), "large"),
        started_on=started_on,
        paid_through=next_term - dt.timedelta(days=1),
        standing=Membership.Standing.LAPSED if lapsed else Membership.Standing.GOOD,
    )


# Puts the sample world into an empty service, in one commit and a handful of statements.
#
# It writes rows in bulk past the services, because 1,600 publications one by one would be 1,600
# events and rescorings; one event asks for the first scoring run instead. What it writes is
# what the services would have written; a test checks every document.


SEED = 1956  # the year in which the citizens' movement for sister cities began
_LOCK = 0x43534302
_FIRST_VERSIONS = """
INSERT INTO cities_profileversion (profile_id, number, data, published_at, published_by_id)
SELECT id, 1, draft, now(), %s FROM cities_profile WHERE id = ANY(%s) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class SampleWorld:
    """What is there after a call of `load_sample`."""

    communities: int
    published: int
    accounts: int
    already: bool


@transaction.atomic
def load_sample(*, seed: int = SEED) -> SampleWorld:
    """Fills an empty service with the sample world; does nothing when it is there already.

    Raises:
        Conflict: the gazetteer is not loaded, or real communities are registered: the sample is
            never mixed with them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if Community.objects.filter(is_sample=True).exists():
        return _present(already=True)
    if Community.objects.exists():
        raise Conflict(
            "Real communities are registered here; the sample world goes into an empty "
            "service only (another --data folder)."
        )
    if not Place.objects.exists():
        raise Conflict("The gazetteer is empty; run: python3 manage.py load_reference")
    if settings.PLACES_FROM:
        raise Conflict(
            "CSC_PLACES_FROM leaves places out, and the sample world needs all; unset it, or start "
            "without the sample: python3 manage.py up --empty"
        )
    home, abroad = choose_places()
    facts = [*place_facts(home), *communities_by_hand(), *place_facts(abroad)]
    _add_world(facts, random.Random(seed), seed)  # noqa: S311 - invention, no secret
    return _present(already=False)


def _present(*, already: bool) -> SampleWorld:
    return SampleWorld(
        communities=Community.objects.filter(is_sample=True).count(),
        published=Profile.objects.filter(
            community__is_sample=True, status=Profile.Status.PUBLISHED
        ).count(),
        accounts=User.objects.filter(is_sample=True).count(),
        already=already,
    )


def _add_world(facts: Sequence[PlaceFacts], rng: random.Random, seed: int) -> None:
    now = timezone.now()
    password_hash = make_password(sample_password())
    communities = [_community(place) for place in facts]
    for community in communities:
        community.fill_keys()  # which bulk_create would leave empty
    Community.objects.bulk_create(communities, batch_size=_BATCH)
    statuses = statuses_of(facts, rng)
    every = zip(facts, communities, statuses, strict=True)
    named = {
        place.place_id: community.pk
        for place, community, planned in every
        if place.place_id and planned.published
    }
    documents = list(generate_documents(facts, seed, named))
    curator = add_staff(password_hash)
    add_people(facts, communities, statuses, password_hash, now, rng)
    add_programmes(facts, communities, documents, rng)
    _add_profiles(communities, documents, statuses, curator, now, rng)
    record(Topic.RUN_REQUESTED, subject=curator, by=None, reason="sample world loaded")


def _community(place: PlaceFacts) -> Community:
    return Community(
        kind=place.kind,
        place_id=place.place_id,
        name=place.name,
        local_name=place.local_name,
        website=website_of(place),
        country_id=place.country,
        admin1=place.admin1,
        latitude=place.latitude,
        longitude=place.longitude,
        timezone=place.timezone,
        is_sample=True,
    )


def _add_profiles(
    communities: Sequence[Community],
    documents: Sequence[Document],
    statuses: Sequence[SampleStatus],
    curator: User,
    now: dt.datetime,
    rng: random.Random,
) -> None:
    profiles = [
        Profile(
            community=community,
            # A constraint wants the version first: the final status comes below.
            status=planned.status if not planned.published else Profile.Status.DRAFT,
            draft=document if planned.complete else _half_written(document),
            draft_revision=rng.randint(1, 12),
            submitted_at=now - dt.timedelta(days=rng.randint(1, 20))
            if planned.status != Profile.Status.DRAFT
            else None,
            confirmed_at=now - dt.timedelta(days=rng.randint(*planned.confirmed_days))
            if planned.published
            else None,
        )
        for community, document, planned in zip(communities, documents, statuses, strict=True)
    ]
    Profile.objects.bulk_create(profiles, batch_size=_BATCH)
    every = list(zip(profiles, documents, statuses, strict=True))
    # The documents are there already: no need to send them twice
    with connection.cursor() as cursor:
        cursor.execute(
            _FIRST_VERSIONS,
            [curator.pk, [profile.pk for profile, _, planned in every if planned.published]],
        )
    first_version = ProfileVersion.objects.filter(profile=OuterRef("pk")).values("pk")[:1]
    for status in sorted({planned.status for planned in statuses if planned.published}):
        ids = [profile.pk for profile, _, planned in every if planned.status == status]
        Profile.objects.filter(pk__in=ids).update(
            status=status, current_version=Subquery(first_version)
        )
    VettingNote.objects.bulk_create(
        VettingNote(
            profile=profile,
            reason=VettingNote.Reason.LETTER_MISSING,
            text="Please attach a letter that names your highest official. (Sample)",
            by=curator,
        )
        for profile, _, planned in every
        if planned.status == Profile.Status.CHANGES_REQUESTED
    )


def _half_written(document: Document) -> Document:
    return {
        group: answers
        for group, answers in document.items()
        if group in {"identity", "facts", "themes", "languages"}
    }
