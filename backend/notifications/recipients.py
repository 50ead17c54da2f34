"""Who is told of an event, and of what: from one event to the notifications that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backend.accounts.models import User
from backend.cities.models import CommunityRole, JoinRequest, Membership, Profile
from backend.cities.services.people import RESPONSIBLE
from backend.introductions.models import Agreement, Consent, Introduction, Partnership
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair, Suggestion

_K = Notification.Kind


def notifications_for(event: Event) -> list[Notification]:
    """The unsaved notifications that the event calls for; the list is empty for an event of which nobody is told."""
    maker = _MAKERS.get(Topic(event.topic))
    return maker(event) if maker else []


def people_of(community_ids: Iterable[int], *, vetted: bool = True) -> list[tuple[int, int]]:
    """(user id, community id) of those with an active role there; by default only those whom staff have confirmed."""
    roles = CommunityRole.objects.filter(community_id__in=list(community_ids), ended_at__isnull=True, user__is_active=True)
    if vetted:
        roles = roles.filter(vetted_at__isnull=False)
    return list(roles.order_by("id").values_list("user_id", "community_id"))


def _curators() -> list[int]:
    return list(User.objects.filter(staff_role=User.StaffRole.CURATOR, is_active=True).order_by("id").values_list("pk", flat=True))


def _to_sides(event: Event, kind: Notification.Kind, pair: Pair, subject_id: int, **payload: Any) -> list[Notification]:
    """To the people of both sides, each told of the other one."""
    other = {pair.a_id: pair.b_id, pair.b_id: pair.a_id}
    return [
        Notification(
            recipient_id=user_id,
            kind=kind,
            community_id=own,
            event=event,
            subject_id=subject_id,
            payload={"other": other[own], **payload},
        )
        for user_id, own in people_of(other)
    ]


def _suggestions_changed(event: Event) -> list[Notification]:
    named = {int(community_id): ids for community_id, ids in event.payload["communities"].items()}
    # What staff took back since then is not announced; what a side has declined since then is, or the silence would tell of it.
    wanted = {pk for ids in named.values() for pk in ids}
    released = set(Suggestion.objects.visible_to_communities().filter(pk__in=wanted).values_list("pk", flat=True))
    new = {community_id: [pk for pk in ids if pk in released] for community_id, ids in named.items()}
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.NEW_SUGGESTIONS,
            community_id=community_id,
            event=event,
            payload={"suggestions": new[community_id], "count": len(new[community_id])},
        )
        for user_id, community_id in people_of(new)
        if new[community_id]
    ]


def _suggestions_expiring(event: Event) -> list[Notification]:
    ids = event.payload["suggestions"]
    people = people_of([event.community_id] if event.community_id else [])
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.SUGGESTIONS_EXPIRING,
            community_id=own,
            event=event,
            payload={"suggestions": ids, "count": len(ids)},
        )
        for user_id, own in people
    ]


def _interest_mutual(event: Event) -> list[Notification]:
    pair = Suggestion.objects.select_related("pair").get(pk=event.subject_id).pair
    staff = [
        Notification(
            recipient_id=user_id,
            kind=_K.INTEREST_MUTUAL,
            event=event,
            subject_id=event.subject_id,
            payload={"a": pair.a_id, "b": pair.b_id},
        )
        for user_id in _curators()
    ]
    return _to_sides(event, _K.INTEREST_MUTUAL, pair, event.subject_id) + staff


def _introduction_moved(event: Event) -> list[Notification]:
    if event.payload.get("new") != Introduction.Stage.INTRODUCED:
        return []
    introduction = Introduction.objects.select_related("pair").get(pk=event.subject_id)
    return _to_sides(event, _K.INTRODUCED, introduction.pair, introduction.pk)


def _consent_given(event: Event) -> list[Notification]:
    """Only the consent that completes the two is told: one alone would tell one side's answer to the other."""
    active = list(Consent.objects.filter(introduction_id=event.subject_id, withdrawn_at__isnull=True).order_by("id"))
    if len(active) < 2 or active[-1].community_id != event.community_id:
        return []
    introduction = Introduction.objects.select_related("pair").get(pk=event.subject_id)
    return _to_sides(event, _K.CONTACTS_OPEN, introduction.pair, introduction.pk)


def _meeting_changed(event: Event) -> list[Notification]:
    """Both sides and the card's owner. Who asked or answered is not told of it; what is fixed or cancelled goes to everybody's calendar."""
    kind = _MEETING_KINDS[Topic(event.topic)]
    introduction = Introduction.objects.select_related("pair", "owner").get(pk=event.subject_id)
    pair, meeting = introduction.pair, event.payload["meeting"]
    told = _to_sides(event, kind, pair, introduction.pk, meeting=meeting)
    if kind == _K.MEETING_ANSWERED:
        told = [notification for notification in told if notification.community_id != event.payload["side"]]
    if introduction.owner is not None and introduction.owner.is_active:
        # An answer is told from the side that gave it.
        own, other = (pair.b_id, pair.a_id) if event.payload.get("side") == pair.a_id else (pair.a_id, pair.b_id)
        payload = {"own": own, "other": other, "meeting": meeting}
        told.append(Notification(recipient=introduction.owner, kind=kind, event=event, subject_id=introduction.pk, payload=payload))
    asks = kind in (_K.MEETING_PROPOSED, _K.MEETING_ANSWERED)
    return [notification for notification in told if not asks or notification.recipient_id != event.by_id]


_MEETING_KINDS = {
    Topic.MEETING_PROPOSED: _K.MEETING_PROPOSED,
    Topic.MEETING_ANSWERED: _K.MEETING_ANSWERED,
    Topic.MEETING_FIXED: _K.MEETING_FIXED,
    Topic.MEETING_CANCELLED: _K.MEETING_CANCELLED,
}


def _partnership_begun(event: Event) -> list[Notification]:
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    return _to_sides(event, _K.PARTNERSHIP_BEGUN, partnership.pair, partnership.pk)


def _agreement_status_changed(event: Event) -> list[Notification]:
    """Both sides learn that a text waits for their signatures; what staff do before is nobody's news."""
    if event.payload["new"] != Agreement.Status.SIGNING:
        return []
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    return _to_sides(event, _K.AGREEMENT_TO_SIGN, agreement.introduction.pair, agreement.pk)


def _agreement_confirmed(event: Event) -> list[Notification]:
    """The side that has not confirmed yet is told; when nobody is left, the beginning of the partnership tells."""
    agreement = Agreement.objects.select_related("introduction__pair").prefetch_related("signatories").get(pk=event.subject_id)
    confirmed = {signatory.community_id for signatory in agreement.signatories.all()}
    told = _to_sides(event, _K.AGREEMENT_CONFIRMED, agreement.introduction.pair, agreement.pk)
    return [notification for notification in told if notification.community_id not in confirmed]


def _agreement_recorded(event: Event) -> list[Notification]:
    """Of a first agreement the beginning of the partnership tells; of one that carries it on, this."""
    if not event.payload.get("carries_on"):
        return []
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    return _to_sides(event, _K.PARTNERSHIP_STATE, agreement.introduction.pair, agreement.partnership_id or 0, state="carried_on")


def _partnership_status_changed(event: Event) -> list[Notification]:
    """Both sides are told, but for the one whose act it was."""
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    told = _to_sides(event, _K.PARTNERSHIP_STATE, partnership.pair, partnership.pk, state=event.payload["new"])
    return [notification for notification in told if notification.community_id != event.community_id]


def _renewal_given(event: Event) -> list[Notification]:
    if event.payload["complete"]:
        return []
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    told = _to_sides(event, _K.RENEWAL_ASKED, partnership.pair, partnership.pk)
    return [notification for notification in told if notification.community_id != event.community_id]


def _report_due(event: Event) -> list[Notification]:
    """Those who have not written theirs yet."""
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    year = int(event.payload["year"])
    written = set(partnership.reports.filter(year=year).values_list("community_id", flat=True))
    told = _to_sides(event, _K.REPORT_DUE, partnership.pair, partnership.pk, year=year)
    return [notification for notification in told if notification.community_id not in written]


def _profile_submitted(event: Event) -> list[Notification]:
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.PROFILE_SUBMITTED,
            event=event,
            subject_id=event.subject_id,
            payload={"community": event.community_id},
        )
        for user_id in _curators()
    ]


def _changes_requested(event: Event) -> list[Notification]:
    return _to_owners(event, _K.CHANGES_REQUESTED, reason=event.payload.get("reason", ""))


def _profile_published(event: Event) -> list[Notification]:
    """Staff have published it after vetting. What its owners publish themselves they know."""
    return _to_owners(event, _K.PROFILE_PUBLISHED) if event.by is not None and event.by.is_staff_member else []


def _join_requested(event: Event) -> list[Notification]:
    """To who may let the person in: the community's vetted officials and chairs; to curators where there is none."""
    answering = CommunityRole.objects.filter(
        community_id=event.community_id, ended_at__isnull=True, vetted_at__isnull=False, role__in=RESPONSIBLE, user__is_active=True
    )
    people = list(answering.order_by("id").values_list("user_id", flat=True))
    own = event.community_id if people else None
    return [
        Notification(
            recipient_id=user_id,
            kind=_K.JOIN_REQUESTED,
            community_id=own,
            event=event,
            subject_id=event.subject_id,
            payload={"community": event.community_id},
        )
        for user_id in people or _curators()
    ]


def _join_answered(event: Event) -> list[Notification]:
    asked = JoinRequest.objects.filter(pk=event.subject_id, user__is_active=True).first()
    if asked is None:
        return []
    payload = {"answer": asked.status}
    return [
        Notification(
            recipient_id=asked.user_id,
            kind=_K.JOIN_ANSWERED,
            community_id=asked.community_id,
            event=event,
            subject_id=asked.pk,
            payload=payload,
        )
    ]


def _confirmation_due(event: Event) -> list[Notification]:
    """Only while it still is: whoever confirmed in the meantime is not asked."""
    months = event.payload["months"]
    due = Profile.objects.filter(pk=event.subject_id, reminded_months=months, status__in=(Profile.Status.PUBLISHED, Profile.Status.STALE))
    return _to_owners(event, _K.CONFIRMATION_DUE, months=months) if due.exists() else []


def _profile_approved(event: Event) -> list[Notification]:
    """The other curators: one has said yes, and a second one must."""
    payload = {"community": event.community_id}
    return [
        Notification(recipient_id=user_id, kind=_K.SECOND_APPROVAL, event=event, subject_id=event.subject_id, payload=payload)
        for user_id in _curators()
        if user_id != event.by_id
    ]


def _membership_ending(event: Event) -> list[Notification]:
    """Only while it still is: whoever has renewed in the meantime is not told."""
    day = event.payload["paid_through"]
    ends = Membership.objects.filter(pk=event.subject_id, paid_through=day, ended_on__isnull=True).exists()
    return _to_owners(event, _K.MEMBERSHIP_ENDING, paid_through=day) if ends else []


def _membership_lapsed(event: Event) -> list[Notification]:
    lapsed = Membership.objects.filter(pk=event.subject_id, standing=Membership.Standing.LAPSED, ended_on__isnull=True).exists()
    return _to_owners(event, _K.MEMBERSHIP_LAPSED) if lapsed else []


def _to_owners(event: Event, kind: Notification.Kind, **payload: Any) -> list[Notification]:
    owners = people_of([event.community_id] if event.community_id else [], vetted=False)
    return [
        Notification(recipient_id=user_id, kind=kind, community_id=own, event=event, subject_id=event.subject_id, payload=payload)
        for user_id, own in owners
    ]


_MAKERS: dict[Topic, Callable[[Event], list[Notification]]] = {
    Topic.JOIN_REQUESTED: _join_requested,
    Topic.JOIN_ANSWERED: _join_answered,
    Topic.SUGGESTIONS_CHANGED: _suggestions_changed,
    Topic.SUGGESTIONS_EXPIRING: _suggestions_expiring,
    Topic.INTEREST_MUTUAL: _interest_mutual,
    Topic.INTRODUCTION_MOVED: _introduction_moved,
    Topic.CONSENT_GIVEN: _consent_given,
    **dict.fromkeys(_MEETING_KINDS, _meeting_changed),
    Topic.AGREEMENT_STATUS_CHANGED: _agreement_status_changed,
    Topic.AGREEMENT_CONFIRMED: _agreement_confirmed,
    Topic.AGREEMENT_RECORDED: _agreement_recorded,
    Topic.PARTNERSHIP_BEGUN: _partnership_begun,
    Topic.PARTNERSHIP_STATUS_CHANGED: _partnership_status_changed,
    Topic.PARTNERSHIP_RENEWAL_GIVEN: _renewal_given,
    Topic.PARTNERSHIP_REPORT_DUE: _report_due,
    Topic.PROFILE_SUBMITTED: _profile_submitted,
    Topic.PROFILE_APPROVED: _profile_approved,
    Topic.MEMBERSHIP_ENDING: _membership_ending,
    Topic.MEMBERSHIP_LAPSED: _membership_lapsed,
    Topic.PROFILE_CHANGES_REQUESTED: _changes_requested,
    Topic.PROFILE_PUBLISHED: _profile_published,
    Topic.PROFILE_CONFIRMATION_DUE: _confirmation_due,
}
