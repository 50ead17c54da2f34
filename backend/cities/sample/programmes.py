"""Organisations, contacts and memberships of the sample world."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence

from django.utils import timezone

from backend.cities.models import Community, Contact, Membership, Organisation
from backend.cities.sample.actors import DOMAIN
from backend.cities.sample.documents import Document, sample_person
from backend.cities.sample.places import PlaceFacts

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
        contact for organisation in organisations for contact in _contacts(organisation, rng)
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


def _contacts(organisation: Organisation, rng: random.Random) -> list[Contact]:
    """The first is the primary one. The addresses lie in a reserved domain."""
    return [
        Contact(
            organisation=organisation,
            name=sample_person(rng),
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
