"""Words about people who ask to join a community."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from backend.cities.models import JoinRequest
from backend.notifications.models import Notification
from backend.notifications.wording.words import Words, name_of, own_name


def join_requested(notification: Notification) -> Words:
    community_id = notification.payload["community"]
    return Words(
        _("Somebody asks to join your community")
        if notification.community
        else _("Somebody asks to join a community"),
        (
            _("A person with an account here asks to belong to %(own)s.")
            % {"own": own_name(notification) or name_of(community_id)},
            _("Read who it is, and let them in or refuse."),
        ),
        reverse("web:people", kwargs={"community_id": community_id}),
        _("See the request"),
    )


def join_answered(notification: Notification) -> Words:
    own = {"own": own_name(notification)}
    if notification.payload["answer"] == JoinRequest.Status.ACCEPTED:
        return Words(
            _("You belong to your community now"),
            (_("Your request to join %(own)s is accepted.") % own,),
            reverse("web:desk"),
            _("Open my start page"),
        )
    return Words(
        _("Your request to join is refused"),
        (
            _("Your request to join %(own)s is refused.") % own,
            _("If you think that this is a mistake, ask your colleagues there, or staff."),
        ),
        reverse("web:desk"),
        _("Open my start page"),
    )
