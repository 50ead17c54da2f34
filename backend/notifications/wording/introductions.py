"""Words about introductions, contacts and meetings."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from backend.introductions.meeting_times import local_times
from backend.introductions.models import Meeting
from backend.notifications.models import Notification
from backend.notifications.wording.words import Words, name_of, other_name, own_name

_K = Notification.Kind


def introduced(notification: Notification) -> Words:
    return Words(
        _("You are introduced"),
        (
            _("Staff have introduced %(own)s and %(other)s.")
            % {"own": own_name(notification), "other": other_name(notification)},
            _("Contacts are shown as soon as both sides have consented."),
        ),
        reverse("web:introduction", kwargs={"introduction_id": notification.subject_id}),
        _("See the introduction"),
    )


def contacts_open(notification: Notification) -> Words:
    return Words(
        _("Contacts are open"),
        (
            _("%(own)s and %(other)s have both consented: you can write to each other now.")
            % {"own": own_name(notification), "other": other_name(notification)},
        ),
        reverse("web:introduction", kwargs={"introduction_id": notification.subject_id}),
        _("See the contacts"),
    )


def meeting(notification: Notification) -> Words:
    """Told as the meeting stands now, on the clocks of both sides; a later change has a message of
    its own.
    """
    meeting = Meeting.objects.select_related("introduction__pair__a", "introduction__pair__b").get(
        pk=notification.payload["meeting"]
    )
    own = own_name(notification) or name_of(notification.payload["own"])
    named = {"own": own, "other": other_name(notification)}
    kind = Notification.Kind(notification.kind)
    if kind == _K.MEETING_PROPOSED:
        title, told = (
            _("Times for a meeting"),
            _(
                "Times are proposed for a meeting of %(own)s and %(other)s. Say which of them suit you."
            ),
        )
    elif kind == _K.MEETING_ANSWERED:
        title, told = (
            _("Times for a meeting are accepted"),
            _("%(other)s has said when it can meet %(own)s. Choose the time."),
        )
    elif meeting.status == Meeting.Status.CANCELLED:
        title, told = (
            _("A meeting is cancelled"),
            _("The meeting of %(own)s and %(other)s is cancelled."),
        )
    else:
        title, told = (
            _("A meeting is fixed"),
            _("The meeting of %(own)s and %(other)s is fixed. The calendar file is attached."),
        )
    times = local_times(meeting) if kind in (_K.MEETING_FIXED, _K.MEETING_CANCELLED) else []
    name = "web:introduction" if notification.community_id else "web:staff_introduction"
    path = reverse(name, kwargs={"introduction_id": meeting.introduction_id})
    return Words(title, (told % named, *times), path, _("See the introduction"))
