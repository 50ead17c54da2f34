"""A small world in which each kind of actor exists once, for tests that ask who may do what.

A (U.S.) and B (Germany) are published and vetted; C (Mexico) has nothing to do with them; N is
registered and not vetted yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.test import Client

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Contact, Organisation, Profile
from backend.introductions.models import Consent, Introduction
from backend.suggestions.models import Pair, Suggestion
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ConsentFactory,
    ContactFactory,
    IntroductionFactory,
    OrganisationFactory,
    PairFactory,
    ProfileFactory,
    SuggestionFactory,
    UserFactory,
    document,
)

ACTORS = (
    "visitor",
    "stranger",
    "unvetted",
    "official",
    "other_official",
    "committee_member",
    "chair",
    "curator",
    "admin",
)
Role = CommunityRole.Role


@dataclass(frozen=True)
class World:
    a: Community
    b: Community
    c: Community
    newcomer: Community
    pair: Pair
    people: dict[str, User]

    def user(self, actor: str) -> User:
        return self.people[actor]

    def client(self, actor: str) -> Client:
        client = Client()
        if actor != "visitor":
            client.force_login(self.people[actor])
        return client

    def home_of(self, actor: str) -> Community | None:
        homes = {
            "unvetted": self.newcomer,
            "official": self.a,
            "other_official": self.c,
            "committee_member": self.b,
            "chair": self.b,
        }
        return homes.get(actor)

    def released(self, **values: object) -> Suggestion:
        return SuggestionFactory(pair=self.pair, **values)

    def introduced(self, **values: object) -> Introduction:
        return IntroductionFactory(
            suggestion=SuggestionFactory(pair=self.pair, mutual=True),
            **({"stage": "introduced"} | values),
        )

    def consent(self, introduction: Introduction, *communities: Community) -> list[Consent]:
        return [
            ConsentFactory(introduction=introduction, community=community, by=self.people["admin"])
            for community in communities
        ]


def contact_of(community: Community) -> Contact:
    organisation = Organisation.objects.filter(community=community).first() or OrganisationFactory(
        community=community
    )
    return ContactFactory(
        organisation=organisation, name=f"Contact of {community.name}", is_primary=True
    )


def make_world() -> World:
    a = CommunityFactory(name="Alpha", published=True)
    b = CommunityFactory(name="Beta", country_code="DE", published=True)
    c = CommunityFactory(name="Gamma", country_code="MX", published=True)
    newcomer = CommunityFactory(name="Newcomer")
    ProfileFactory(community=newcomer, status=Profile.Status.SUBMITTED, draft=document())
    people = {
        name: UserFactory(email=f"{name}@example.org")
        for name in ACTORS
        if name not in {"visitor", "curator", "admin"}
    }
    people |= {
        "curator": UserFactory(curator=True, email="curator@example.org"),
        "admin": UserFactory(admin=True, email="admin@example.org"),
    }
    CommunityRoleFactory(user=people["unvetted"], community=newcomer, vetted_at=None)
    CommunityRoleFactory(user=people["official"], community=a)
    CommunityRoleFactory(user=people["other_official"], community=c)
    CommunityRoleFactory(user=people["committee_member"], community=b, role=Role.COMMITTEE_MEMBER)
    CommunityRoleFactory(user=people["chair"], community=b, role=Role.CHAIR)
    return World(a=a, b=b, c=c, newcomer=newcomer, pair=PairFactory(a=a, b=b), people=people)
