"""Notices about people and profiles; and the groups of recipients and the names of
communities that the notices of all apps use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.grants import RESPONSIBLE, Resource, Verb, roles_that_may
from backend.accounts.models import User
from backend.cities.models import (
    Community,
    CommunityRole,
    JoinRequest,
    Profile,
    VettingNote,
)
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, community_page, notice
from backend.outbox.models import Event
from backend.outbox.topics import Topic

# Recipients


class CommunityPair(Protocol):
    """What this app, which is below suggestions, needs of a pair."""

    @property
    def a_id(self) -> int: ...

    @property
    def b_id(self) -> int: ...


def people_of(
    community_ids: Iterable[int], *, vetted: bool = True, answering: bool = False
) -> list[tuple[int, int]]:
    """(user id, community id) of those with an active role there that reads suggestions; by default
    only those whom staff have confirmed, and with ``answering`` who answers for the community.
    """
    told = RESPONSIBLE if answering else roles_that_may(Verb.READ, Resource.SUGGESTION)
    roles = CommunityRole.objects.filter(role__in=told, community_id__in=list(community_ids))
    roles = roles.filter(ended_at__isnull=True, user__is_active=True)
    if vetted:
        roles = roles.filter(vetted_at__isnull=False)
    return list(roles.order_by("id").values_list("user_id", "community_id"))


def curators() -> list[int]:
    """User ids of all active curators."""
    return list(
        User.objects.filter(staff_role=User.StaffRole.CURATOR, is_active=True)
        .order_by("id")
        .values_list("pk", flat=True)
    )


def to_curators(event: Event, **payload: Any) -> list[Notification]:
    return [
        Notification(recipient_id=user_id, subject_id=event.subject_id, payload=payload)
        for user_id in curators()
    ]


def to_sides(pair: CommunityPair, subject_id: int, **payload: Any) -> list[Notification]:
    """To the people of both sides; each payload names the other side."""
    return _to_sides(pair, subject_id, payload, answering=False)


def to_who_answers(pair: CommunityPair, subject_id: int, **payload: Any) -> list[Notification]:
    """The same to those alone who answer for their side."""
    return _to_sides(pair, subject_id, payload, answering=True)


def _to_sides(
    pair: CommunityPair, subject_id: int, payload: dict[str, Any], *, answering: bool
) -> list[Notification]:
    other = {pair.a_id: pair.b_id, pair.b_id: pair.a_id}
    return [
        Notification(
            recipient_id=user_id,
            community_id=own,
            subject_id=subject_id,
            payload={"other": other[own], **payload},
        )
        for user_id, own in people_of(other, answering=answering)
    ]


def without(notifications: list[Notification], sides: set[int | None]) -> list[Notification]:
    return [one for one in notifications if one.community_id not in sides]


def to_people(event: Event, **payload: Any) -> list[Notification]:
    """To everybody with a role in the event's community that staff have confirmed."""
    return _to_community(event, payload, vetted=True)


def to_owners(event: Event, **payload: Any) -> list[Notification]:
    """To everybody with a role in the event's community, confirmed by staff or not."""
    return _to_community(event, payload, vetted=False)


def _to_community(event: Event, payload: dict[str, Any], *, vetted: bool) -> list[Notification]:
    people = people_of([event.community_id] if event.community_id else [], vetted=vetted)
    return [
        Notification(
            recipient_id=user_id, community_id=own, subject_id=event.subject_id, payload=payload
        )
        for user_id, own in people
    ]


# Names


def own_name(notification: Notification) -> str:
    return notification.community.name if notification.community else ""


def name_of(community_id: int) -> str:
    community = Community.objects.select_related("country").filter(pk=community_id).first()
    return f"{community.name} ({community.whereabouts})" if community else _("a community")


def other_name(notification: Notification) -> str:
    return name_of(notification.payload["other"])


def side_names(notification: Notification) -> dict[str, str]:
    return {"own": own_name(notification), "other": other_name(notification)}


# People


def _join_requested_recipients(event: Event) -> list[Notification]:
    """Those who may let the person in: the community's vetted officials and chairs; curators where
    there is none.
    """
    people = people_of([event.community_id] if event.community_id else [], answering=True)
    if not people:
        return to_curators(event, community=event.community_id)
    return [
        Notification(
            recipient_id=user_id,
            community_id=event.community_id,
            subject_id=event.subject_id,
            payload={"community": event.community_id},
        )
        for user_id, _side in people
    ]


@notice(
    "join_requested",
    gettext_lazy("Somebody asks to join"),
    Topic.JOIN_REQUESTED,
    recipients=_join_requested_recipients,
    path=lambda notification: reverse(
        "web:people", kwargs={"community_id": notification.payload["community"]}
    ),
)
def _join_requested(notification: Notification) -> MessageText:
    own = own_name(notification) or name_of(notification.payload["community"])
    return MessageText(
        _("Somebody asks to join your community")
        if notification.community
        else _("Somebody asks to join a community"),
        (
            _("A person with an account here asks to belong to %(own)s.") % {"own": own},
            _("Read who it is, and let them in or refuse."),
        ),
        _("See the request"),
    )


def _join_answered_recipients(event: Event) -> list[Notification]:
    request = JoinRequest.objects.filter(pk=event.subject_id, user__is_active=True).first()
    if request is None:
        return []
    return [
        Notification(
            recipient_id=request.user_id,
            community_id=request.community_id,
            subject_id=request.pk,
            payload={"answer": request.status},
        )
    ]


@notice(
    "join_answered",
    gettext_lazy("Answer to a request to join"),
    Topic.JOIN_ANSWERED,
    recipients=_join_answered_recipients,
    path=lambda notification: reverse("web:dashboard"),
)
def _join_answered(notification: Notification) -> MessageText:
    own = {"own": own_name(notification)}
    if notification.payload["answer"] == JoinRequest.Status.ACCEPTED:
        return MessageText(
            _("You belong to your community now"),
            (_("Your request to join %(own)s is accepted.") % own,),
            _("Open my start page"),
        )
    return MessageText(
        _("Your request to join is refused"),
        (
            _("Your request to join %(own)s is refused.") % own,
            _("If you think that this is a mistake, ask your colleagues there, or staff."),
        ),
        _("Open my start page"),
    )


# Profiles


def _submission(notification: Notification) -> str:
    community_id = notification.payload["community"]
    return reverse("web:staff_submission", kwargs={"community_id": community_id})


@notice(
    "profile_submitted",
    gettext_lazy("Profile to vet"),
    Topic.PROFILE_SUBMITTED,
    recipients=lambda event: to_curators(event, community=event.community_id),
    path=_submission,
)
def _profile_submitted(notification: Notification) -> MessageText:
    return MessageText(
        _("A profile waits to be vetted"),
        (
            _("%(own)s has submitted its profile.")
            % {"own": name_of(notification.payload["community"])},
        ),
        _("Read the submission"),
    )


def _second_approval_recipients(event: Event) -> list[Notification]:
    """The other curators: one has approved, and a second one must."""
    return [
        notification
        for notification in to_curators(event, community=event.community_id)
        if notification.recipient_id != event.by_id
    ]


@notice(
    "second_approval",
    gettext_lazy("Profile to approve too"),
    Topic.PROFILE_APPROVED,
    recipients=_second_approval_recipients,
    path=_submission,
)
def _second_approval(notification: Notification) -> MessageText:
    return MessageText(
        _("A profile needs a second approval"),
        (
            _(
                "%(own)s has been approved by one curator. It is the first profile of its country,"
                " so another one must read it too."
            )
            % {"own": name_of(notification.payload["community"])},
        ),
        _("Read the submission"),
    )


@notice(
    "changes_requested",
    gettext_lazy("Changes requested"),
    Topic.PROFILE_CHANGES_REQUESTED,
    recipients=lambda event: to_owners(event, reason=event.payload.get("reason", "")),
    path=community_page("web:profile"),
)
def _changes_requested(notification: Notification) -> MessageText:
    reason = dict(VettingNote.Reason.choices).get(notification.payload.get("reason", ""), "")
    return MessageText(
        _("Your profile needs another look"),
        (
            _("Staff have read the profile of %(own)s and ask for changes.")
            % {"own": own_name(notification)},
            *([_("Reason: %(reason)s.") % {"reason": reason}] if reason else []),
        ),
        _("Read what is asked and correct it"),
    )


def _profile_published_recipients(event: Event) -> list[Notification]:
    """Only where staff publish it after vetting: what its owners publish themselves they know."""
    return to_owners(event) if event.by is not None and event.by.is_staff_member else []


@notice(
    "profile_published",
    gettext_lazy("Profile published"),
    Topic.PROFILE_PUBLISHED,
    recipients=_profile_published_recipients,
    path=community_page("web:profile"),
)
def _profile_published(notification: Notification) -> MessageText:
    return MessageText(
        _("Your profile is published"),
        (
            _("The profile of %(own)s is published. Suggestions follow by themselves.")
            % {"own": own_name(notification)},
        ),
        _("See the profile"),
    )


def _confirmation_due_recipients(event: Event) -> list[Notification]:
    """Only while it still is due: nobody is asked who confirmed in the meantime."""
    months = event.payload["months"]
    due = Profile.objects.filter(
        pk=event.subject_id,
        reminded_months=months,
        status__in=(Profile.Status.PUBLISHED, Profile.Status.STALE),
    )
    return to_owners(event, months=months) if due.exists() else []


@notice(
    "confirmation_due",
    gettext_lazy("Is the profile still true?"),
    Topic.PROFILE_CONFIRMATION_DUE,
    recipients=_confirmation_due_recipients,
    path=community_page("web:profile_confirm"),
)
def _confirmation_due(notification: Notification) -> MessageText:
    months, ends = notification.payload["months"], settings.PROFILES["unsuggested_months"]
    own = {"own": own_name(notification), "months": months, "ends": ends}
    if months < settings.PROFILES["stale_months"]:
        what = _("You last confirmed the profile of %(own)s %(months)d months ago.") % own
    else:
        what = (
            _(
                "Nobody has confirmed the profile of %(own)s for %(months)d months: others see that"
                " it may be out of date."
            )
            % own
        )
    return MessageText(
        _("Is your profile still true?"),
        (
            what,
            _(
                "After %(ends)d months without a word it gets no new suggestions."
                " One click confirms it."
            )
            % own,
        ),
        _("Confirm or correct it"),
    )


def _seeking_ended_recipients(event: Event) -> list[Notification]:
    """Staff, where a profile that was public ends; of the others they know by the queue."""
    if not ends_seeking(event):
        return []
    return to_curators(event, community=event.community_id, state=event.payload["new"])


def ends_seeking(event: Event) -> bool:
    """Whether the event says that a published profile is withdrawn or fulfilled."""
    unpublished = (
        Profile.Status.DRAFT,
        Profile.Status.SUBMITTED,
        Profile.Status.CHANGES_REQUESTED,
    )
    ended = event.payload.get("new") in (Profile.Status.WITHDRAWN, Profile.Status.FULFILLED)
    return ended and event.payload.get("old") not in unpublished


def seeking_ended_words(name: str, state: str) -> str:
    """That a community is withdrawn or fulfilled, in a sentence."""
    if state == Profile.Status.WITHDRAWN:
        return _("%(name)s has withdrawn its profile from the service.") % {"name": name}
    return _("%(name)s says that it has found its partner.") % {"name": name}


@notice(
    "seeking_ended",
    gettext_lazy("A community seeks no more"),
    Topic.PROFILE_STATUS_CHANGED,
    recipients=_seeking_ended_recipients,
    path=_submission,
)
def _seeking_ended(notification: Notification) -> MessageText:
    payload = notification.payload
    return MessageText(
        _("A community seeks no more"),
        (seeking_ended_words(name_of(payload["community"]), payload["state"]),),
        _("See the profile"),
    )


# Contacts


@notice(
    "contacts_opened",
    gettext_lazy("Contacts read in an emergency"),
    Topic.CONTACTS_READ,
    recipients=lambda event: (
        to_people(event, reader=event.by_id) if event.payload.get("broken_glass") else []
    ),
    path=community_page("web:community_audit_log"),
)
def _contacts_opened(notification: Notification) -> MessageText:
    """Who read them is named as they are called now: an erased account has no name any more."""
    reader = User.objects.get(pk=notification.payload["reader"])
    return MessageText(
        _("An administrator has read your contacts"),
        (
            _("%(reader)s, an administrator, has read the contacts of %(own)s in an emergency.")
            % {"reader": reader, "own": own_name(notification)},
            _("The time and the reason are in the list of what happened in your community."),
        ),
        _("Read the reason"),
    )
