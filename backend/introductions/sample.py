"""What has happened in the sample world and what waits in it: introductions that are under way,
partnerships, and work for each account to do in its first minutes. All of it by the services.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import Q, QuerySet
from PIL import Image, ImageDraw

from backend.accounts.grants import RESPONSIBLE, Role
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Profile
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.sample.people import ACTORS
from backend.cities.sample.places import (
    COMMITTEE_AT_HOME,
    FIRST_OF_COUNTRY,
    NEWCOMER_ABROAD,
    OFFICIAL_ABROAD,
    OFFICIAL_AT_HOME,
)
from backend.cities.services.claims import propose_partnerships
from backend.cities.services.invitations import ask_to_join
from backend.cities.services.vetting import approve_profile, attach_letter
from backend.common.dates import database_now
from backend.common.errors import DomainError
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
from backend.suggestions.models import Decision, Pair, PartnerRequest, Suggestion, Vote
from backend.suggestions.services import answer_suggestion, cast_vote, set_answer_rule
from backend.suggestions.services.partner_requests import ask_to_meet

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
    _propose(introduction, other, days=23)  # for the account with a name of its own to answer
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
    leave_work(curator)
    return begun


def _free_partners(home: bool, first: int = 100) -> Iterator[Community]:
    """Ten published sample communities with an official, that no named account belongs to, by their
    size.
    """
    named = (COMMITTEE_AT_HOME, OFFICIAL_ABROAD, OFFICIAL_AT_HOME)
    country = Q(country_id=HOME_COUNTRY) if home else ~Q(country_id=HOME_COUNTRY)
    found = Community.objects.filter(
        country, is_sample=True, profile__status=Profile.Status.PUBLISHED
    ).exclude(place_id__in=named)
    return iter(found.order_by("place__population", "id").distinct()[first : first + 10])


def _official(community: Community) -> tuple[str, str]:
    """Name and office of the highest official that its profile names."""
    said = community.profile.draft.get("authority", {})
    return (
        said.get("highest_official_name") or "Alex Morgan (sample)",
        said.get("highest_official_office") or "Mayor",
    )


def _tell(story: _Story, curator: User, first: Community, other: Community) -> int:
    """Makes one story true; 1 if a partnership began."""
    agreement = _draft(story, curator, first, other)
    if not story.signed:
        return 0
    today = database_now().date()
    since = dt.date(today.year - story.years, 5, 4)
    for community in (first, other):
        name, office = _official(community)
        confirm_signature(
            by=official_of(community),
            agreement_id=agreement.pk,
            community_id=community.pk,
            document_digest=agreement.documents.get().digest,
            name=name,
            office=office,
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
            {"community_id": side.pk, "name": name, "office": office}
            for side in (low, high)
            for name, office in [_official(side)]
        ],
    )
    offer_agreement(by=curator, agreement_id=agreement.pk)
    upload = SimpleUploadedFile(
        "signed-sample.png", _scan(f"Signed agreement of\n{low.name} – {high.name}")
    )
    add_document(
        by=official_of(first), agreement_id=agreement.pk, community_id=first.pk, upload=upload
    )
    return agreement


def _scan(text: str, kind: str = "PNG") -> bytes:
    """A picture or PDF of a page that says what it is."""
    page = Image.new("RGB", (620, 877), "white")
    ImageDraw.Draw(page).text(
        (60, 80), f"SAMPLE\n\n{text}\n\nInvented; nobody has signed this.", fill="black"
    )
    written = io.BytesIO()
    page.save(written, kind)
    return written.getvalue()


# What waits before there are suggestions: letters to read, people who ask to join, partnerships to
# confirm, and a profile that one curator has approved and a second one must.


def leave_work(curator: User) -> None:
    """Called once, with the partnerships."""
    letters = ((NEWCOMER_ABROAD, "PDF", ".pdf"), (FIRST_OF_COUNTRY[0], "PNG", ".png"))
    for place_id, kind, suffix in letters:
        if community := _sample_at(place_id):
            text = f"The municipality of {community.name} confirms its registrant."
            upload = SimpleUploadedFile(f"letter-sample{suffix}", _scan(text, kind))
            attach_letter(by=_registrant(community), community_id=community.pk, upload=upload)
    for number, person in enumerate(
        User.objects.filter(is_sample=True, email__startswith="colleague").order_by("id")
    ):
        home = (OFFICIAL_ABROAD, COMMITTEE_AT_HOME)[number % 2]
        role, line = _JOINING[number % len(_JOINING)]
        if community := _sample_at(home):
            ask_to_join(by=person, community_id=community.pk, role=role, line=line)
    if community := _sample_at(COMMITTEE_AT_HOME):
        propose_partnerships(community, community.profile.draft, by=official_of(community))
    if community := _sample_at(FIRST_OF_COUNTRY[1]):
        approve_profile(
            by=curator, community_id=community.pk, revision=community.profile.draft_revision
        )


_JOINING = (
    (Role.OFFICIAL, "I head the office of culture and would take over in summer. (Sample)"),
    (Role.COMMITTEE_MEMBER, "I taught at the high school that we exchange with. (Sample)"),
    (Role.OFFICIAL, "I am the new assistant of the deputy mayor. (Sample)"),
)


def _sample_at(place_id: int) -> Community | None:
    found = Community.objects.select_related("profile")
    return found.filter(is_sample=True, place_id=place_id).first()


def _registrant(community: Community) -> User:
    """Whom staff have not confirmed yet."""
    roles = community.roles.filter(role__in=RESPONSIBLE, ended_at__isnull=True)
    return roles.select_related("user").order_by("id")[0].user


# What waits once there are suggestions: votes that are split, answers of other sides, mutual
# interest, and wishes to meet somebody.


@transaction.atomic
def answer_suggestions() -> int:
    """Answers some of the first suggestions, unless somebody has answered or voted already; returns
    how many answers.
    """
    if Decision.objects.exists() or Vote.objects.exists() or PartnerRequest.objects.exists():
        return 0
    if not Community.objects.filter(is_sample=True).exists():
        return 0
    named = [COMMITTEE_AT_HOME, OFFICIAL_ABROAD, OFFICIAL_AT_HOME]
    open_ones = Suggestion.objects.filter(status=Suggestion.Status.RELEASED).order_by("-score")
    open_ones = open_ones.select_related("pair__a", "pair__b")
    _vote(open_ones)
    answers = 0
    for place_id in named[1:]:  # the other side of one is interested, which nobody may see
        if mine := open_ones.filter(_has(place_id)).first():
            answers += _say(mine, _other_place(mine, place_id), "interested")
    committees = Community.objects.filter(roles__role=Role.CHAIR)
    others = open_ones.exclude(_has(*named)).exclude(
        Q(pair__a__in=committees) | Q(pair__b__in=committees)
    )
    plan = [("interested", "interested")] * 3 + [("interested", "declined"), ("declined", "")]
    for suggestion, choices in zip(_of_different(others), plan, strict=False):
        sides = (suggestion.pair.a, suggestion.pair.b)
        for side, choice in zip(sides, choices, strict=True):
            answers += _say(suggestion, side, choice)
    _wish(named[1:])
    return answers


def _has(*places: int) -> Q:
    return Q(pair__a__place_id__in=places) | Q(pair__b__place_id__in=places)


def _other_place(suggestion: Suggestion, place_id: int) -> Community:
    pair = suggestion.pair
    return pair.b if pair.a.place_id == place_id else pair.a


def _of_different(suggestions: QuerySet[Suggestion]) -> Iterator[Suggestion]:
    """No community twice: a decline and an interest of one would be two stories of it."""
    seen: set[int] = set()
    for suggestion in suggestions[:200]:
        pair = {suggestion.pair.a_id, suggestion.pair.b_id}
        if not pair & seen:
            seen |= pair
            yield suggestion


def _say(suggestion: Suggestion, side: Community, choice: str) -> int:
    if not choice:
        return 0
    try:
        answer_suggestion(
            by=official_of(side),
            suggestion_id=suggestion.pk,
            community_id=side.pk,
            choice=choice,
            reason=Decision.Reason.NO_CAPACITY if choice == "declined" else "",
        )
    except DomainError:
        return 0  # no room for another introduction: its own profile says so
    return 1


_VOTES = (
    ("yes", "Their school network is what ours asks for. (Sample)"),
    ("no", "We have two partners of that kind already. (Sample)"),
    ("maybe", "I would like to hear from the port first. (Sample)"),
)


def _vote(suggestions: QuerySet[Suggestion]) -> None:
    """The committee decides by majority: one vote is split and waits for the named accounts, and
    one has begun.
    """
    city = _sample_at(COMMITTEE_AT_HOME)
    if city is None:
        return
    chair = User.objects.get(email=next(a.email for a in ACTORS if a.role == Role.CHAIR))
    set_answer_rule(by=chair, community_id=city.pk, kind="majority", votes_needed=3)
    actors = {actor.email for actor in ACTORS}
    roles = city.roles.filter(role=Role.COMMITTEE_MEMBER).select_related("user").order_by("id")
    members = [role.user for role in roles if role.user.email not in actors]
    for suggestion, count in zip(suggestions.filter(_has(COMMITTEE_AT_HOME)), (2, 1), strict=False):
        for member, (choice, comment) in zip(members[:count], _VOTES, strict=False):
            cast_vote(
                by=member,
                suggestion_id=suggestion.pk,
                community_id=city.pk,
                choice=choice,
                comment=comment,
            )


def _wish(named: Sequence[int]) -> None:
    """The officials name somebody whom they would like to meet: the largest whom they may."""
    for place_id in named:
        own = _sample_at(place_id)
        if own is None:
            continue
        for other in _free_partners(not own.is_home, first=0):
            with suppress(DomainError):  # a partner already, or in its list
                ask_to_meet(
                    by=official_of(own),
                    community_id=own.pk,
                    named_id=other.pk,
                    note="Our universities know each other. (Sample)",
                )
                break
