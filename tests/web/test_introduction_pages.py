from __future__ import annotations

import pytest
from django.urls import reverse

from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.introductions.models import Introduction
from backend.suggestions.models import Suggestion
from tests.factories import ContactFactory, IntroductionFactory, OrganisationFactory
from tests.web.conftest import SignIn


@pytest.fixture
def introduction(suggestion: Suggestion) -> Introduction:
    Suggestion.objects.filter(pk=suggestion.pk).update(status="introduced", a_state="interested", b_state="interested")
    for side, name in ((suggestion.pair.a, "Contact Home"), (suggestion.pair.b, "Contact Abroad")):
        ContactFactory(organisation=OrganisationFactory(community=side), name=name)
    return IntroductionFactory(suggestion=suggestion, stage=Introduction.Stage.INTRODUCED)


def consent(sign_in: SignIn, role: CommunityRole, card: Introduction, act: str = "give") -> int:
    return sign_in(role.user).post(reverse("web:introduction_consent", args=[card.pk]), {"act": act}).status_code


def page(sign_in: SignIn, user: User, card: Introduction) -> str:
    response = sign_in(user).get(reverse("web:introduction", args=[card.pk]))
    assert response.status_code == 200
    return response.content.decode()


def test_contacts_open_under_both_consents_alone(
    introduction: Introduction, official: CommunityRole, other_official: CommunityRole, sign_in: SignIn
) -> None:
    assert "Contact Abroad" not in page(sign_in, official.user, introduction)
    assert consent(sign_in, official, introduction) == 302
    assert "Contact Abroad" not in page(sign_in, official.user, introduction)
    assert "Contact Home" not in page(sign_in, other_official.user, introduction)
    assert consent(sign_in, other_official, introduction) == 302
    assert "Contact Abroad" in page(sign_in, official.user, introduction)
    assert "Contact Home" in page(sign_in, other_official.user, introduction)
    assert consent(sign_in, official, introduction, "withdraw") == 302
    assert "Contact Abroad" not in page(sign_in, official.user, introduction)
    assert "Contact Home" not in page(sign_in, other_official.user, introduction)


def test_introduction_belongs_to_its_sides(introduction: Introduction, stranger: User, sign_in: SignIn) -> None:
    client = sign_in(stranger)
    there = client.get(reverse("web:introduction", args=[introduction.pk]))
    nowhere = client.get(reverse("web:introduction", args=[999_999]))
    assert there.status_code == nowhere.status_code == 404
    assert there.content == nowhere.content


def test_staff_never_consent_for_a_side(introduction: Introduction, curator: User, sign_in: SignIn) -> None:
    response = sign_in(curator).post(reverse("web:introduction_consent", args=[introduction.pk]), {"act": "give"})
    assert response.status_code == 404
    assert not introduction.consents.exists()


def test_card_that_staff_have_not_introduced_is_not_shown(introduction: Introduction, official: CommunityRole, sign_in: SignIn) -> None:
    Introduction.objects.filter(pk=introduction.pk).update(stage="to_introduce")
    assert sign_in(official.user).get(reverse("web:introduction", args=[introduction.pk])).status_code == 404
