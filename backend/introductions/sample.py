"""A few partnerships of the sample world, made through the services as people would make them, so
that no page is empty at first.

They belong to sample communities and are marked as samples wherever those are.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import Q
from PIL import Image, ImageDraw

from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.sample.choice import COMMITTEE_AT_HOME, OFFICIAL_ABROAD, OFFICIAL_AT_HOME
from backend.common.clock import database_now
from backend.introductions.models import Agreement, Introduction, Partnership
from backend.introductions.sample_talks import begin_talks, official_of, open_card
from backend.introductions.services.activities import log_activity, save_report
from backend.introductions.services.agreements import add_document, confirm
from backend.introductions.services.drafting import begin_draft, offer, save_version
from backend.introductions.services.introducing import move
from backend.introductions.services.upkeep import mark_dormant, mark_reviews_due

_BECAUSE = "Both have worked together before they came to this service. (Sample)"


@dataclass(frozen=True, slots=True)
class _Story:
    """``days``: before today, of the activities. ``signed`` is False for an agreement that still
    waits for signatures.
    """

    place_id: int
    form: str
    years: int
    areas: tuple[str, ...]
    days: tuple[int, ...] = ()
    review_in_days: int = 700
    reports: bool = False
    signed: bool = True


_STORIES = (
    _Story(
        COMMITTEE_AT_HOME, "sister", 7, ("culture", "education"), days=(40, 210, 420), reports=True
    ),
    _Story(OFFICIAL_AT_HOME, "friendship", 3, ("trade",), days=(150,), review_in_days=-10),
    _Story(OFFICIAL_ABROAD, "sister", 12, ("culture",), days=(900,)),
    _Story(OFFICIAL_ABROAD, "friendship", 0, ("education", "culture"), signed=False),
)
_ACTIVITIES = (
    (
        "visit",
        "A delegation of the council and the school board came for three days. (Sample)",
        4,
        11,
    ),
    ("exchange", "Two school classes exchanged letters and met online. (Sample)", 28, 31),
    ("project", "The museums showed a joint exhibition on both harbours. (Sample)", 6, 5),
)


# Introductions that are under way, and how far they have come.
_TALKS = (
    (COMMITTEE_AT_HOME, Introduction.Stage.FIRST_MEETING),
    (OFFICIAL_ABROAD, Introduction.Stage.INTRODUCED),
)


@transaction.atomic
def load_sample_partnerships() -> int:
    """Adds the partnerships to a sample world that has none; returns how many were begun now."""
    if Introduction.objects.filter(pair__a__is_sample=True, opened_because=_BECAUSE).exists():
        return 0
    curator = (
        User.objects.filter(is_sample=True, staff_role=User.StaffRole.CURATOR)
        .order_by("id")
        .first()
    )
    if curator is None:
        return 0
    free = {home: _free_partners(home) for home in (True, False)}
    begun = 0
    for story in _STORIES:
        first = Community.objects.filter(is_sample=True, place_id=story.place_id).first()
        other = next(free[first is not None and not first.is_home], None) if first else None
        if first is None or other is None:
            continue
        begun += _tell(story, curator, first, other)
    for place_id, stage in _TALKS:
        first = Community.objects.filter(is_sample=True, place_id=place_id).first()
        other = next(free[first is not None and not first.is_home], None) if first else None
        if first is not None and other is not None:
            begin_talks(stage=stage, because=_BECAUSE, curator=curator, first=first, other=other)
    mark_reviews_due()
    mark_dormant()
    return begun


def _free_partners(home: bool) -> Iterator[Community]:
    """Published sample communities with an official, that no named account belongs to."""
    named = (COMMITTEE_AT_HOME, OFFICIAL_ABROAD, OFFICIAL_AT_HOME)
    country = Q(country_id=HOME_COUNTRY) if home else ~Q(country_id=HOME_COUNTRY)
    found = Community.objects.filter(
        country, is_sample=True, profile__status=Profile.Status.PUBLISHED
    ).exclude(place_id__in=named)
    return iter(found.order_by("place__population", "id").distinct()[100:110])


def _tell(story: _Story, curator: User, first: Community, other: Community) -> int:
    """Makes one story true; 1 if a partnership began."""
    agreement = _draft(story, curator, first, other)
    if not story.signed:
        return 0
    today = database_now().date()
    since = dt.date(today.year - story.years, 5, 4)
    for community in (first, other):
        confirm(
            by=official_of(community), agreement_id=agreement.pk, community_id=community.pk, name="Alex Sample", office="Mayor",
            is_highest_official=True, signed_on=since,
        )  # fmt: skip
    partnership = Partnership.objects.get(agreement=agreement)
    for index, days in enumerate(story.days):
        kind, text, own, others = _ACTIVITIES[index % len(_ACTIVITIES)]
        side = (first, other)[index % 2]
        log_activity(
            by=official_of(side), partnership_id=partnership.pk, community_id=side.pk, kind=kind,
            happened_on=max(since, today - dt.timedelta(days=days)), text=text, own_people=own, other_people=others,
        )  # fmt: skip
    for community in (first, other) if story.reports else ():
        save_report(
            by=official_of(community), partnership_id=partnership.pk, community_id=community.pk, year=today.year - 1,
            achieved="A visit in spring and an exchange of two classes. (Sample)", plans="A concert of both youth orchestras. (Sample)",
        )  # fmt: skip
    return 1


def _draft(story: _Story, curator: User, first: Community, other: Community) -> Agreement:
    low, high = sorted((first, other), key=lambda community: community.pk)
    card = open_card(curator, first, other, _BECAUSE)
    move(by=curator, introduction_id=card.pk, stage=Introduction.Stage.INTRODUCED)
    agreement = begin_draft(by=curator, introduction_id=card.pk, form=story.form)
    version = agreement.versions.latest("number")
    save_version(
        by=curator, agreement_id=agreement.pk, based_on=version.number, form=story.form, areas=story.areas, languages=["en"],
        term_years=None, review_on=database_now().date() + dt.timedelta(days=story.review_in_days), text=version.text,
        signatories=[{"community_id": side.pk, "name": "Alex Sample", "office": "Mayor"} for side in (low, high)],
    )  # fmt: skip
    offer(by=curator, agreement_id=agreement.pk)
    upload = SimpleUploadedFile("signed-sample.png", _scan(f"{low.name} – {high.name}"))
    add_document(
        by=official_of(first), agreement_id=agreement.pk, community_id=first.pk, upload=upload
    )
    return agreement


def _scan(names: str) -> bytes:
    """A page that says what it is."""
    page = Image.new("RGB", (620, 877), "white")
    ImageDraw.Draw(page).text(
        (60, 80),
        f"SAMPLE\n\nSigned agreement of\n{names}\n\nInvented; nobody has signed this.",
        fill="black",
    )
    written = io.BytesIO()
    page.save(written, "PNG")
    return written.getvalue()
