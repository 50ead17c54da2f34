"""Accounts, places, communities, their people, profiles and memberships."""

from __future__ import annotations

import copy
import datetime as dt
import time
from functools import cache
from typing import Any

import factory
from allauth.account.models import EmailAddress
from allauth.mfa import app_settings
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from factory.django import DjangoModelFactory

from backend.accounts.models import ApiToken, User
from backend.cities.models import (
    Community,
    CommunityRole,
    Contact,
    Country,
    ExistingPartnership,
    Invitation,
    JoinRequest,
    ListedPartnership,
    MemberImport,
    Membership,
    MembershipRequest,
    Organisation,
    Place,
    Profile,
    ProfileVersion,
    SavedSearch,
    Ticket,
    TicketMessage,
    VettingApproval,
    VettingLetter,
    VettingNote,
)

PASSWORD = "correct horse battery"
MOMENT = dt.datetime(2026, 3, 1, 9, 0, tzinfo=dt.UTC)
COUNTRIES = {
    "US": ("United States", "Americas", "Northern America", ["en"]),
    "DE": ("Germany", "Europe", "Western Europe", ["de"]),
    "JP": ("Japan", "Asia", "Eastern Asia", ["ja"]),
    "MX": ("Mexico", "Americas", "Central America", ["es"]),
}
# What a community must answer before it can submit, and enough besides for a preference.
DOCUMENT: dict[str, dict[str, Any]] = {
    "authority": {
        "registrant_role": "employee",
        "registrant_office": "International affairs",
        "highest_official_name": "Alex Doe",
        "highest_official_office": "Mayor",
    },
    "sectors": {"strengths": {"logistics": 2, "tourism": 1}},
    "themes": {"importances": {"trade": 2, "culture": 1}},
    "needs_offers": {"needs": ["water_management"], "offers": ["heritage_conservation"]},
    "facts": {"population": 100_000},
    "languages": {"working": ["en"]},
    "story": {"text": "A city by the water that likes guests.", "language": "en"},
}


def document(**groups: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A complete profile document; ``groups`` replace those of the same name."""
    return {**copy.deepcopy(DOCUMENT), **groups}


# Every kind of question answered, so that each widget is asked to give back what it was given.
FULL_DOCUMENT: dict[str, dict[str, Any]] = document(
    identity={"local_name": "北九州市", "website": "https://www.city.example/a?b=c"},
    organisation={
        "name": "国際交流協会",
        "website": "https://sister.city.example/",
        "email": "partners@city.example",
        "structure": "municipal",
        "office": "mayors_office",
        "year_founded": 1956,
        "volunteers": 12500,
    },
    facts={
        "population": 238005,
        "area_km2": 249.5,
        "coastal": True,
        "port": "river",
        "elevation_m": -2.5,
        "institutions": ["museum"],
    },
    challenges={"challenges": ["flooding"]},
    ties={
        "ties": [
            {"kind": "mayoral", "country": "DE", "strength": 2, "evidence": "Met “in 2019” & since"}
        ]
    },
    languages={"working": ["en", "de"]},
    sought={
        "countries": ["DE", "JP"],
        "regions": ["Eastern Asia"],
        "excluded_countries": ["MX"],
        "forms": ["sister"],
        "not_where_partnered": True,
    },
    readiness={"council_support": "partly"},
    partnerships={
        "existing": [
            {
                "name": "Lyon",
                "country": "DE",
                "year": 1992,
                "form": "sister",
                "status": "active",
                "place_id": 7,
            }
        ]
    },
    capacity={"new_partnerships": 2},
    story={"text": "Two lines,\n<b>not</b> markup.", "language": "en", "english": "x"},
    importances={"facets": {"needs_offers": 3, "distance": 0}},
)


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def current_code(secret: str = SECRET) -> str:
    """What the app shows now. One code opens an account once."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // app_settings.TOTP_PERIOD))


@cache
def _password_hash() -> str:
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory):
    """An account with a confirmed address. Staff hold a second factor (``current_code``)
    unless ``factor=False``.
    """

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.LazyFunction(_password_hash)

    class Params:
        curator = factory.Trait(staff_role=User.StaffRole.CURATOR)
        admin = factory.Trait(staff_role=User.StaffRole.ADMIN)

    @factory.post_generation
    def address(obj: User, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and extracted is not False:
            EmailAddress.objects.create(user=obj, email=obj.email, verified=True, primary=True)

    @factory.post_generation
    def factor(obj: User, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and (extracted or (extracted is None and obj.is_staff_member)):
            TOTP.activate(obj, SECRET)


def make_users(*given: dict[str, Any]) -> list[User]:
    """As UserFactory makes them, all in the same few statements."""
    users = User.objects.bulk_create(UserFactory.build(**values) for values in given)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    for user in users:
        if user.is_staff_member:
            TOTP.activate(user, SECRET)
    return users


class ApiTokenFactory(DjangoModelFactory):
    class Meta:
        model = ApiToken

    user = factory.SubFactory(UserFactory)
    name = "Our website"
    scope = "act"
    expiry = dt.timedelta(days=90)

    @classmethod
    def _create(cls, model_class: type[ApiToken], *args: Any, **kwargs: Any) -> ApiToken:
        token: ApiToken = model_class.objects.create(*args, **kwargs)[0]
        return token


class CountryFactory(DjangoModelFactory):
    class Meta:
        model = Country
        django_get_or_create = ("code",)

    code = "US"
    name = factory.LazyAttribute(
        lambda o: COUNTRIES.get(o.code, (f"Country {o.code}", "", "", []))[0]
    )
    region = factory.LazyAttribute(lambda o: COUNTRIES.get(o.code, ("", "", "", []))[1])
    subregion = factory.LazyAttribute(lambda o: COUNTRIES.get(o.code, ("", "", "", []))[2])
    languages = factory.LazyAttribute(lambda o: COUNTRIES.get(o.code, ("", "", "", []))[3])
    income_band = 4


class PlaceFactory(DjangoModelFactory):
    class Meta:
        model = Place

    id = factory.Sequence(lambda n: 9_000_000 + n)
    country = factory.SubFactory(CountryFactory)
    name = factory.Sequence(lambda n: f"Place {n}")
    ascii_name = factory.SelfAttribute("name")
    search_text = factory.LazyAttribute(lambda o: o.name.lower())
    admin1_code = "CA"
    admin1 = "California"
    latitude = 37.5
    longitude = -122.0
    population = 100_000
    timezone = "America/Los_Angeles"


class CommunityFactory(DjangoModelFactory):
    """``country_code`` chooses the country; ``published=True`` adds a published profile,
    ``document=`` its answers.
    """

    class Meta:
        model = Community
        skip_postgeneration_save = True

    class Params:
        country_code = "US"

    country = factory.SubFactory(CountryFactory, code=factory.SelfAttribute("..country_code"))
    place = factory.SubFactory(
        PlaceFactory,
        country=factory.SelfAttribute("..country"),
        name=factory.SelfAttribute("..name"),
    )
    name = factory.Sequence(lambda n: f"Community {n}")
    admin1 = factory.SelfAttribute("place.admin1", default="")
    latitude = factory.SelfAttribute("place.latitude", default=None)
    longitude = factory.SelfAttribute("place.longitude", default=None)
    timezone = factory.SelfAttribute("place.timezone", default="")

    @factory.post_generation
    def published(obj: Community, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted:
            ProfileFactory(community=obj, published=True, document=kwargs.get("document"))


class ProfileFactory(DjangoModelFactory):
    """A draft; ``published=True`` (and perhaps ``status=``) gives it a version with ``document`` as
    its answers.
    """

    class Meta:
        model = Profile
        skip_postgeneration_save = True
        exclude = ("document",)

    document = None
    community = factory.SubFactory(CommunityFactory)
    draft = factory.LazyAttribute(lambda o: o.document or document())

    @factory.post_generation
    def published(obj: Profile, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted:
            obj.current_version = ProfileVersionFactory(profile=obj, data=obj.draft)
            obj.status = (
                Profile.Status.PUBLISHED if obj.status == Profile.Status.DRAFT else obj.status
            )
            obj.confirmed_at = obj.current_version.published_at
            obj.save()


class SavedSearchFactory(DjangoModelFactory):
    class Meta:
        model = SavedSearch

    user = factory.SubFactory(UserFactory)
    query = factory.Sequence(lambda n: {"search": f"name {n}"})
    saved_at = MOMENT


class ProfileVersionFactory(DjangoModelFactory):
    class Meta:
        model = ProfileVersion

    profile = factory.SubFactory(ProfileFactory)
    number = factory.Sequence(lambda n: n + 1)
    data = factory.LazyFunction(document)


def communities_in(*given: tuple[str, str]) -> list[Community]:
    """Of these names and countries, as CommunityFactory makes them, all in the same few
    statements.
    """
    made = [CommunityFactory.build(name=name, country_code=code) for name, code in given]
    Country.objects.bulk_create(
        {one.country_id: one.country for one in made}.values(), ignore_conflicts=True
    )
    Place.objects.bulk_create(one.place for one in made if one.place)
    return Community.objects.bulk_create(made)


def publish(*communities: Community) -> None:
    """As ``published=True`` does, all in the same few statements."""
    profiles = Profile.objects.bulk_create(
        ProfileFactory.build(community=community) for community in communities
    )
    versions = ProfileVersion.objects.bulk_create(
        ProfileVersionFactory.build(profile=profile, data=profile.draft) for profile in profiles
    )
    for profile, version in zip(profiles, versions, strict=True):
        profile.current_version = version
        profile.status = Profile.Status.PUBLISHED
        profile.confirmed_at = version.published_at
        profile.save()


class CommunityRoleFactory(DjangoModelFactory):
    class Meta:
        model = CommunityRole

    user = factory.SubFactory(UserFactory)
    community = factory.SubFactory(CommunityFactory)
    role = CommunityRole.Role.OFFICIAL
    vetted_at = MOMENT


class InvitationFactory(DjangoModelFactory):
    class Meta:
        model = Invitation

    community = factory.SubFactory(CommunityFactory)
    email = factory.Sequence(lambda n: f"invited{n}@example.org")
    role = CommunityRole.Role.COMMITTEE_MEMBER
    invited_by = factory.SubFactory(UserFactory)
    expires_at = factory.LazyFunction(lambda: timezone.now() + dt.timedelta(days=14))


class JoinRequestFactory(DjangoModelFactory):
    class Meta:
        model = JoinRequest

    community = factory.SubFactory(CommunityFactory)
    user = factory.SubFactory(UserFactory)
    role = CommunityRole.Role.OFFICIAL
    line = "I work in the mayor's office."


class TicketFactory(DjangoModelFactory):
    class Meta:
        model = Ticket
        skip_postgeneration_save = True

    topic = Ticket.Kind.QUESTION
    email = factory.Sequence(lambda n: f"writer{n}@example.org")
    language = "en"
    message = factory.RelatedFactory(
        "tests.factories.communities.TicketMessageFactory", factory_related_name="ticket"
    )


class TicketMessageFactory(DjangoModelFactory):
    class Meta:
        model = TicketMessage

    ticket = factory.SubFactory(TicketFactory, message=None)
    side = TicketMessage.Side.WRITER
    text = "Who runs the programme of Toledo?"


class OrganisationFactory(DjangoModelFactory):
    class Meta:
        model = Organisation

    community = factory.SubFactory(CommunityFactory)
    name = factory.LazyAttribute(lambda o: f"Sister Cities of {o.community.name}")
    structure = Organisation.Structure.NONPROFIT


class ContactFactory(DjangoModelFactory):
    class Meta:
        model = Contact

    organisation = factory.SubFactory(OrganisationFactory)
    name = factory.Sequence(lambda n: f"Contact {n}")
    email = factory.Sequence(lambda n: f"contact{n}@example.org")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    community = factory.SubFactory(CommunityFactory)
    dues_class = Membership.DuesClass.UNDER_500K
    started_on = dt.date(2020, 1, 1)


class MembershipRequestFactory(DjangoModelFactory):
    """One that staff have declined."""

    class Meta:
        model = MembershipRequest

    community = factory.SubFactory(CommunityFactory)
    kind = "new"
    status = "declined"
    dues_class = Membership.DuesClass.LARGE
    billing_name = "Office of the mayor"
    asked_by = factory.SubFactory(UserFactory)
    asked_at = changed_at = settled_at = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)


class MemberImportFactory(DjangoModelFactory):
    class Meta:
        model = MemberImport

    by = factory.SubFactory(UserFactory, curator=True)
    file_name = "members.csv"
    read_as = "CSV, UTF-8"
    rows = factory.LazyFunction(list)


class ExistingPartnershipFactory(DjangoModelFactory):
    class Meta:
        model = ExistingPartnership

    community = factory.SubFactory(CommunityFactory)
    name = factory.Sequence(lambda n: f"Partner {n}")
    name_key = factory.LazyAttribute(lambda o: o.name.lower())
    country = factory.SubFactory(CountryFactory, code="JP")
    claimed_at = MOMENT
    answered_at = factory.LazyAttribute(
        lambda o: MOMENT if o.state in ("confirmed", "refused") else None
    )
    state = ExistingPartnership.State.CLAIMED


class ListedPartnershipFactory(DjangoModelFactory):
    """Give ``place_a`` the smaller id."""

    class Meta:
        model = ListedPartnership

    place_a = factory.SubFactory(PlaceFactory)
    place_b = factory.SubFactory(
        PlaceFactory, country=factory.SubFactory(CountryFactory, code="DE")
    )
    sources = ["wikidata"]


class VettingNoteFactory(DjangoModelFactory):
    class Meta:
        model = VettingNote

    profile = factory.SubFactory(ProfileFactory)
    reason = VettingNote.Reason.LETTER_MISSING
    text = "Please add the letter."
    by = factory.SubFactory(UserFactory, curator=True)


class VettingApprovalFactory(DjangoModelFactory):
    class Meta:
        model = VettingApproval

    profile = factory.SubFactory(ProfileFactory)
    revision = 0
    by = factory.SubFactory(UserFactory, curator=True)


class VettingLetterFactory(DjangoModelFactory):
    class Meta:
        model = VettingLetter

    profile = factory.SubFactory(ProfileFactory)
    file = factory.django.FileField(filename="letter.pdf", data=b"%PDF-1.4\n%%EOF\n")
    original_name = "letter.pdf"
    content_type = "application/pdf"
    by = factory.SubFactory(UserFactory)
