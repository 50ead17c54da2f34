"""What a curator is told of a submission: sentences, never gates."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.cities.models import Profile, VettingLetter
from backend.cities.queries import submission_for
from backend.cities.vetting import Signal, registrable_domain, signals_of
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ProfileFactory,
    UserFactory,
    VettingLetterFactory,
    document,
)

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.rathaus.de", "rathaus.de"),
        ("city.kobe.lg.jp", "kobe.lg.jp"),
        ("mail.leeds.gov.uk", "leeds.gov.uk"),
        ("ayuntamiento.gob.mx", "ayuntamiento.gob.mx"),
        ("GMAIL.com.", "gmail.com"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


def submission(
    address: str = "mayor@city.example", website: str = "https://www.city.example/en", **groups: Any
) -> Profile:
    draft = document(identity={"website": website}, **groups) if website else document(**groups)
    profile = ProfileFactory(
        community=CommunityFactory(name="Springfield"), status="submitted", draft=draft
    )
    CommunityRoleFactory(
        community=profile.community, user=UserFactory(email=address), vetted_at=None
    )
    return profile


def signals(profile: Profile) -> dict[str, Signal]:
    read = submission_for(UserFactory(curator=True), profile.community_id)
    return {signal.code: signal for signal in signals_of([read], NOW)[profile.pk]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "website", "code", "tone"),
    [
        ("mayor@city.example", "https://www.city.example", "mail_same", "good"),
        ("mayor@mail.city.example", "http://city.example/a", "mail_same", "good"),
        ("mayor@gmail.com", "https://www.city.example", "mail_public", "plain"),
        ("mayor@elsewhere.example", "https://www.city.example", "mail_other", "look"),
        ("mayor@city.example", "", "mail_unknown", "plain"),
        ("mayor@city.example", "https://[broken", "mail_unknown", "plain"),
    ],
)
def test_mail_against_website(address: str, website: str, code: str, tone: str) -> None:
    found = signals(submission(address, website))
    assert found[code].tone == tone
    assert address in found[code].sentence
    assert len([name for name in found if name.startswith("mail_")]) == 1


@pytest.mark.django_db
def test_letter_and_its_age() -> None:
    profile = submission()
    assert signals(profile)["letter_missing"].tone == "look"
    letter = VettingLetterFactory(profile=profile)
    VettingLetter.objects.filter(pk=letter.pk).update(at=NOW - dt.timedelta(days=3))
    assert "3 days ago" in signals(profile)["letter"].sentence
    VettingLetter.objects.filter(pk=letter.pk).update(at=NOW - dt.timedelta(days=400))
    assert signals(profile)["letter_old"].tone == "look"


@pytest.mark.django_db
def test_named_official() -> None:
    assert "Alex Doe, Mayor" in signals(submission())["official"].sentence
    unnamed = {"registrant_role": "employee", "registrant_office": "Office"}
    assert signals(submission("a@b.example", authority=unnamed))["official_missing"].tone == "look"


@pytest.mark.django_db
def test_second_registrant() -> None:
    profile = submission()
    assert "second_registrant" not in signals(profile)
    CommunityRoleFactory(community=profile.community, role="chair")
    assert "second_registrant" not in signals(profile), "a chair is not a registrant"
    CommunityRoleFactory(community=profile.community, user=UserFactory(email="other@city.example"))
    assert "other@city.example" in signals(profile)["second_registrant"].sentence


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "similar"),
    [
        ("Springfield", True),
        ("Springfeld", True),
        ("Springfield County", True),
        ("Shelbyville", False),
    ],
)
def test_similar_community(name: str, similar: bool) -> None:
    profile = submission()
    CommunityFactory(name="Springfield", country_code="DE")
    CommunityFactory(
        name=name,
        kind="county",
        place=None,
        admin1="Ohio",
        latitude=None,
        longitude=None,
        timezone="",
    )
    found = signals(profile)
    assert ("similar" in found) == similar
    if similar:
        assert name in found["similar"].sentence


@pytest.mark.django_db
def test_sample_is_marked() -> None:
    profile = submission()
    assert "sample" not in signals(profile)
    profile.community.is_sample = True
    profile.community.save()
    assert signals(profile)["sample"].tone == "plain"


@pytest.mark.django_db
def test_one_query_however_many() -> None:
    curator = UserFactory(curator=True)
    read = [
        submission_for(curator, submission(f"m{n}@city.example").community_id) for n in range(5)
    ]
    for count in (1, 5):
        with CaptureQueriesContext(connection) as queries:
            signals_of(read[:count], NOW)
        assert len(queries) == 1
