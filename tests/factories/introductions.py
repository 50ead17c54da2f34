"""Introductions, meetings, agreements and partnerships."""

from __future__ import annotations

import datetime as dt
from typing import Any

import factory
from factory.django import DjangoModelFactory

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
from tests.factories.accounts import UserFactory
from tests.factories.suggestions import SuggestionFactory


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
            MeetingTime.objects.create(
                meeting=obj, starts_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
            )


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
        obj.agreement.status, obj.agreement.partnership, obj.agreement.in_force_on = (
            Agreement.Status.IN_FORCE,
            obj,
            obj.since,
        )
        obj.agreement.save()
