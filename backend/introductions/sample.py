"""Introductions of the sample world that are under way: consents, a meeting behind them, one to
come, and what staff have noted.
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

from backend.accounts.grants import RESPONSIBLE
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Profile
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.sample.places import COMMITTEE_AT_HOME, OFFICIAL_ABROAD, OFFICIAL_AT_HOME
from backend.common.dates import database_now
from backend.introductions.models import Agreement, Introduction, Meeting, Partnership
from backend.introductions.queries.meetings import times_now
from backend.introductions.services.activities import log_activity, save_report
from backend.introductions.services.agreements import add_document, confirm_signature
from backend.introductions.services.drafts import begin_draft, offer_agreement, save_version
from backend.introductions.services.introductions import (
    give_consent,
    move_introduction,
    open_introduction,
    write_note,
)
from backend.introductions.services.meetings import accept_times, fix_meeting, propose_meeting
from backend.introductions.services.partnerships import mark_dormant, mark_reviews_due
from backend.suggestions.models import Pair

_PLACE = "https://meet.sample.example/first-talk"


def official_of(community: Community) -> User:
    """The responsible person of the community."""
    roles = CommunityRole.objects.filter(
        community=community, role__in=RESPONSIBLE, vetted_at__isnull=False, ended_at__isnull=True
    )
    return roles.select_related("user").order_by("id")[0].user


def _open_introduction(
    curator: User, first: Community, other: Community, because: str
) -> Introduction:
    low, high = sorted((first, other), key=lambda community: community.pk)
    pair, _made = Pair.objects.get_or_create(
        a=low, b=high, defaults={"a_country": low.country_id, "b_country": high.country_id}
    )
    return open_introduction(by=curator, pair_id=pair.pk, because=because)


def begin_talks(
    *, stage: Introduction.Stage, because: str, curator: User, first: Community, other: Community
) -> Introduction:
    """An introduction at ``stage``. Past the introduction both sides have consented, and a meeting
    is in the calendar.
    """
    introduction = _open_introduction(curator, first, other, because)
    move_introduction(
        by=curator, introduction_id=introduction.pk, stage=Introduction.Stage.INTRODUCED
    )
    write_note(
        by=curator,
        introduction_id=introduction.pk,
        text=f"Both offices answered within a week; {first.name} asks for mornings. (Sample)",
    )
    give_consent(by=official_of(first), introduction_id=introduction.pk, community_id=first.pk)
    if stage != Introduction.Stage.INTRODUCED:
        give_consent(by=official_of(other), introduction_id=introduction.pk, community_id=other.pk)
        _fix(_propose(introduction, first, days=9), other)
        move_introduction(by=curator, introduction_id=introduction.pk, stage=stage)
    _propose(introduction, first, days=23)
    return introduction


def _propose(introduction: Introduction, side: Community, *, days: int) -> Meeting:
    """Three mornings in the side's own time, from ``days`` ahead."""
    first_day = database_now().date() + dt.timedelta(days=days)
    times = [f"{first_day + dt.timedelta(days=later)}T09:30" for later in range(3)]
    return propose_meeting(
        by=official_of(side),
        introduction_id=introduction.pk,
        side_id=side.pk,
        times=times,
        place=_PLACE,
    )


def _fix(meeting: Meeting, other: Community) -> None:
    """The other side can come to the first time, and it is fixed."""
    chosen = times_now(meeting)[0].pk
    numbers = {"introduction_id": meeting.introduction_id, "meeting_id": meeting.pk}
    accept_times(by=official_of(other), side_id=other.pk, time_ids=[chosen], **numbers)
    fix_meeting(by=official_of(other), side_id=other.pk, time_id=chosen, **numbers)


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
        confirm_signature(
            by=official_of(community),
            agreement_id=agreement.pk,
            community_id=community.pk,
            document_digest=agreement.documents.get().digest,
            name="Alex Sample",
            office="Mayor",
            is_highest_official=True,
            signed_on=since,
        )
    partnership = Partnership.objects.get(agreement=agreement)
    for index, days in enumerate(story.days):
        kind, text, own, others = _ACTIVITIES[index % len(_ACTIVITIES)]
        side = (first, other)[index % 2]
        log_activity(
            by=official_of(side),
            partnership_id=partnership.pk,
            community_id=side.pk,
            kind=kind,
            happened_on=max(since, today - dt.timedelta(days=days)),
            text=text,
            own_people=own,
            other_people=others,
        )
    for community in (first, other) if story.reports else ():
        save_report(
            by=official_of(community),
            partnership_id=partnership.pk,
            community_id=community.pk,
            year=today.year - 1,
            achieved="A visit in spring and an exchange of two classes. (Sample)",
            plans="A concert of both youth orchestras. (Sample)",
        )
    return 1


def _draft(story: _Story, curator: User, first: Community, other: Community) -> Agreement:
    low, high = sorted((first, other), key=lambda community: community.pk)
    introduction = _open_introduction(curator, first, other, _BECAUSE)
    move_introduction(
        by=curator, introduction_id=introduction.pk, stage=Introduction.Stage.INTRODUCED
    )
    agreement = begin_draft(by=curator, introduction_id=introduction.pk, form=story.form)
    version = agreement.versions.latest("number")
    save_version(
        by=curator,
        agreement_id=agreement.pk,
        based_on=version.number,
        form=story.form,
        areas=story.areas,
        languages=["en"],
        term_years=None,
        review_on=database_now().date() + dt.timedelta(days=story.review_in_days),
        text=version.text,
        signatories=[
            {"community_id": side.pk, "name": "Alex Sample", "office": "Mayor"}
            for side in (low, high)
        ],
    )
    offer_agreement(by=curator, agreement_id=agreement.pk)
    upload = SimpleUploadedFile("signed-sample.png", _scan(f"{low.name} – {high.name}"))
    add_document(
        by=official_of(first), agreement_id=agreement.pk, community_id=first.pk, upload=upload
    )
    return agreement


def _scan(names: str) -> bytes:
    """A picture that names what it is."""
    page = Image.new("RGB", (620, 877), "white")
    ImageDraw.Draw(page).text(
        (60, 80),
        f"SAMPLE\n\nSigned agreement of\n{names}\n\nInvented; nobody has signed this.",
        fill="black",
    )
    written = io.BytesIO()
    page.save(written, "PNG")
    return written.getvalue()
