"""A row of each model, valid by default. ``CommunityFactory(published=True)`` is a whole community that seeks partners."""

from __future__ import annotations

import copy
import datetime as dt
from functools import cache
from typing import Any

import factory
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
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
    Organisation,
    Place,
    Profile,
    ProfileVersion,
    VettingApproval,
    VettingLetter,
    VettingNote,
)
from backend.introductions.models import (
    Agreement,
    Consent,
    Introduction,
    IntroductionNote,
    Meeting,
    MeetingTime,
    Partnership,
    Signatory,
)
from backend.notifications.models import Delivery, Notification
from backend.outbox.models import Event, Heartbeat, Work
from backend.outbox.topics import Topic
from backend.suggestions.models import (
    Bar,
    CurrentRun,
    Decision,
    Pair,
    RankedPair,
    ReleasePolicy,
    ScoringRun,
    ScoringShard,
    Suggestion,
    Vote,
)
from tests.second_factor import SECRET

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


@cache
def _password_hash() -> str:
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory):
    """An account with a confirmed address. Staff hold a second factor (``tests.second_factor``) unless ``factor=False``."""

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


class CountryFactory(DjangoModelFactory):
    class Meta:
        model = Country
        django_get_or_create = ("code",)

    code = "US"
    name = factory.LazyAttribute(lambda o: COUNTRIES.get(o.code, (f"Country {o.code}", "", "", []))[0])
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
    """``country_code`` chooses the country; ``published=True`` adds a published profile, ``document=`` its answers."""

    class Meta:
        model = Community
        skip_postgeneration_save = True

    class Params:
        country_code = "US"

    country = factory.SubFactory(CountryFactory, code=factory.SelfAttribute("..country_code"))
    place = factory.SubFactory(PlaceFactory, country=factory.SelfAttribute("..country"), name=factory.SelfAttribute("..name"))
    name = factory.Sequence(lambda n: f"Community {n}")
    admin1 = factory.SelfAttribute("place.admin1")
    latitude = factory.SelfAttribute("place.latitude")
    longitude = factory.SelfAttribute("place.longitude")
    timezone = factory.SelfAttribute("place.timezone")

    @factory.post_generation
    def published(obj: Community, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if extracted:
            ProfileFactory(community=obj, published=True, document=kwargs.get("document"))


class ProfileFactory(DjangoModelFactory):
    """A draft; ``published=True`` (and perhaps ``status=``) gives it a version with ``document`` as its answers."""

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
            obj.status = Profile.Status.PUBLISHED if obj.status == Profile.Status.DRAFT else obj.status
            obj.confirmed_at = obj.current_version.published_at
            obj.save()


class ProfileVersionFactory(DjangoModelFactory):
    class Meta:
        model = ProfileVersion

    profile = factory.SubFactory(ProfileFactory)
    number = factory.Sequence(lambda n: n + 1)
    data = factory.LazyFunction(document)


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


class ApiTokenFactory(DjangoModelFactory):
    class Meta:
        model = ApiToken

    user = factory.SubFactory(UserFactory)
    name = "Our website"
    expiry = dt.timedelta(days=90)

    @classmethod
    def _create(cls, model_class: type[ApiToken], *args: Any, **kwargs: Any) -> ApiToken:
        token: ApiToken = model_class.objects.create(*args, **kwargs)[0]
        return token


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
    answered_at = factory.LazyAttribute(lambda o: MOMENT if o.state in ("confirmed", "refused") else None)
    state = ExistingPartnership.State.CLAIMED


class ListedPartnershipFactory(DjangoModelFactory):
    """Give ``place_a`` the smaller id."""

    class Meta:
        model = ListedPartnership

    place_a = factory.SubFactory(PlaceFactory)
    place_b = factory.SubFactory(PlaceFactory, country=factory.SubFactory(CountryFactory, code="DE"))
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


class PairFactory(DjangoModelFactory):
    """``a`` is made first, so that it has the smaller id."""

    class Meta:
        model = Pair

    a = factory.SubFactory(CommunityFactory, published=True)
    b = factory.SubFactory(CommunityFactory, published=True, country_code="DE")
    a_country = factory.SelfAttribute("a.country_id")
    b_country = factory.SelfAttribute("b.country_id")


class ScoringRunFactory(DjangoModelFactory):
    class Meta:
        model = ScoringRun

    reason = "requested"
    status = ScoringRun.Status.COMPLETE
    k = 20
    weights = factory.LazyFunction(dict)
    snapshot = b""
    snapshot_version = "test"
    left_count = 1
    right_count = 1
    shard_count = 1
    finished_at = factory.LazyAttribute(lambda o: None if o.status == ScoringRun.Status.RUNNING else MOMENT)


class ScoringShardFactory(DjangoModelFactory):
    class Meta:
        model = ScoringShard

    run = factory.SubFactory(ScoringRunFactory)
    index = factory.Sequence(int)
    row_start = 0
    row_stop = 1


class CurrentRunFactory(DjangoModelFactory):
    class Meta:
        model = CurrentRun

    run = factory.SubFactory(ScoringRunFactory)
    flipped_at = MOMENT


class RankedPairFactory(DjangoModelFactory):
    class Meta:
        model = RankedPair

    run = factory.SubFactory(ScoringRunFactory)
    left = factory.SubFactory(CommunityFactory, published=True)
    right = factory.SubFactory(CommunityFactory, published=True, country_code="DE")
    score = 0.6
    left_preference = 0.6
    right_preference = 0.6
    left_coverage = 0.8
    right_coverage = 0.8
    left_rank = 1
    right_rank = 1


class SuggestionFactory(DjangoModelFactory):
    """Released by default: both sides can see and answer it."""

    class Meta:
        model = Suggestion

    pair = factory.SubFactory(PairFactory)
    status = Suggestion.Status.RELEASED
    score = 0.6
    a_preference = 0.62
    b_preference = 0.58
    a_coverage = 0.8
    b_coverage = 0.7
    a_rank = 1
    b_rank = 1
    released_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    expires_at = factory.LazyAttribute(lambda o: o.released_at + dt.timedelta(days=60) if o.released_at else None)

    class Params:
        proposed = factory.Trait(status=Suggestion.Status.PROPOSED, released_at=None)
        mutual = factory.Trait(
            status=Suggestion.Status.MUTUAL, a_state=Suggestion.SideState.INTERESTED, b_state=Suggestion.SideState.INTERESTED
        )


class DecisionFactory(DjangoModelFactory):
    class Meta:
        model = Decision

    suggestion = factory.SubFactory(SuggestionFactory)
    community = factory.SelfAttribute("suggestion.pair.a")
    answer = Decision.Answer.INTERESTED
    by = factory.SubFactory(UserFactory)


class VoteFactory(DjangoModelFactory):
    class Meta:
        model = Vote

    suggestion = factory.SubFactory(SuggestionFactory)
    community = factory.SelfAttribute("suggestion.pair.a")
    by = factory.SubFactory(UserFactory)
    choice = Vote.Choice.YES
    comment = "They have a port."


class IntroductionFactory(DjangoModelFactory):
    """Of a mutual suggestion; ``stage=`` to move it on."""

    class Meta:
        model = Introduction

    suggestion = factory.SubFactory(SuggestionFactory, mutual=True)
    pair = factory.SelfAttribute("suggestion.pair")


class ConsentFactory(DjangoModelFactory):
    class Meta:
        model = Consent

    introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.INTRODUCED)
    community = factory.SelfAttribute("introduction.pair.a")
    by = factory.SubFactory(UserFactory)


class MeetingFactory(DjangoModelFactory):
    """Two times proposed; ``fixed=True`` for one that is fixed a week ahead."""

    class Meta:
        model = Meeting
        skip_postgeneration_save = True

    introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.INTRODUCED)
    proposed_by = factory.SubFactory(UserFactory)

    class Params:
        fixed = factory.Trait(
            status=Meeting.Status.FIXED,
            starts_at=factory.LazyFunction(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=7)),
            fixed_by=factory.SelfAttribute("proposed_by"),
        )

    @factory.post_generation
    def times(obj: Meeting, create: bool, extracted: None, **kwargs: Any) -> None:
        for days in (7, 8):
            MeetingTime.objects.create(meeting=obj, starts_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=days))


class BarFactory(DjangoModelFactory):
    """On Mexico, since long ago."""

    class Meta:
        model = Bar

    country = factory.SubFactory(CountryFactory, code="MX")
    because = "A rule of law."
    source = "https://example.org/law"
    from_on = dt.date(2020, 1, 1)
    set_by = factory.SubFactory(UserFactory, curator=True)


class ReleasePolicyFactory(DjangoModelFactory):
    class Meta:
        model = ReleasePolicy

    mode = "by_hand"
    because = "Too many."
    set_by = factory.SubFactory(UserFactory, curator=True)


class IntroductionNoteFactory(DjangoModelFactory):
    class Meta:
        model = IntroductionNote

    introduction = factory.SubFactory(IntroductionFactory)
    by = factory.SubFactory(UserFactory, curator=True)
    text = "They call on Monday."


class AgreementFactory(DjangoModelFactory):
    class Meta:
        model = Agreement

    introduction = factory.SubFactory(IntroductionFactory, stage=Introduction.Stage.AGREEMENT)
    form = "sister"
    areas = factory.LazyFunction(lambda: ["culture"])
    languages = factory.LazyFunction(lambda: ["en"])
    recorded_by = factory.SubFactory(UserFactory, curator=True)


class SignatoryFactory(DjangoModelFactory):
    class Meta:
        model = Signatory

    agreement = factory.SubFactory(AgreementFactory)
    community = factory.SelfAttribute("agreement.introduction.pair.a")
    name = "Alex Doe"
    office = "Mayor"
    is_highest_official = True
    signed_on = dt.date(2026, 2, 1)
    confirmed_by = factory.SubFactory(UserFactory)


class PartnershipFactory(DjangoModelFactory):
    """Living, on an agreement in force; who signed it is up to ``SignatoryFactory``."""

    class Meta:
        model = Partnership
        skip_postgeneration_save = True

    agreement = factory.SubFactory(AgreementFactory)
    pair = factory.SelfAttribute("agreement.introduction.pair")
    form = factory.SelfAttribute("agreement.form")
    since = dt.date(2026, 2, 1)

    @factory.post_generation
    def in_force(obj: Partnership, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        obj.agreement.status, obj.agreement.partnership, obj.agreement.in_force_on = Agreement.Status.IN_FORCE, obj, obj.since
        obj.agreement.save()


class EventFactory(DjangoModelFactory):
    class Meta:
        model = Event

    topic = Topic.PROFILE_PUBLISHED
    subject_type = "profile"
    subject_id = 1


class WorkFactory(DjangoModelFactory):
    class Meta:
        model = Work

    task = "deliver"
    key = factory.Sequence(str)
    available_at = MOMENT


class HeartbeatFactory(DjangoModelFactory):
    class Meta:
        model = Heartbeat

    name = "worker"
    beat_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC))


class NotificationFactory(DjangoModelFactory):
    class Meta:
        model = Notification

    recipient = factory.SubFactory(UserFactory)
    kind = Notification.Kind.PROFILE_PUBLISHED
    community = factory.SubFactory(CommunityFactory)
    event = factory.SubFactory(EventFactory)


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = Delivery

    notification = factory.SubFactory(NotificationFactory)
