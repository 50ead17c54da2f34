"""Words about profiles, their vetting and membership."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from backend.cities.models import VettingNote
from backend.notifications.models import Notification
from backend.notifications.wording.words import Words, name_of, own_name, profile_path


def changes_requested(notification: Notification) -> Words:
    reason = dict(VettingNote.Reason.choices).get(notification.payload.get("reason", ""), "")
    return Words(
        _("Your profile needs another look"),
        (
            _("Staff have read the profile of %(own)s and ask for changes.")
            % {"own": own_name(notification)},
            *([_("Reason: %(reason)s.") % {"reason": reason}] if reason else []),
        ),
        profile_path(notification),
        _("Read what is asked and mend it"),
    )


def profile_published(notification: Notification) -> Words:
    return Words(
        _("Your profile is published"),
        (
            _("The profile of %(own)s is published. Suggestions follow by themselves.")
            % {"own": own_name(notification)},
        ),
        profile_path(notification),
        _("See the profile"),
    )


def confirmation_due(notification: Notification) -> Words:
    months, ends = notification.payload["months"], settings.PROFILES["unsuggested_months"]
    own = {"own": own_name(notification), "months": months, "ends": ends}
    if months < settings.PROFILES["stale_months"]:
        what = _("You last confirmed the profile of %(own)s %(months)d months ago.") % own
    else:
        what = (
            _(
                "Nobody has confirmed the profile of %(own)s for %(months)d months: others see that it may be out of date."
            )
            % own
        )
    return Words(
        _("Is your profile still true?"),
        (
            what,
            _(
                "After %(ends)d months without a word it gets no new suggestions. One click confirms it."
            )
            % own,
        ),
        reverse("web:profile_confirm", kwargs={"community_id": notification.community_id}),
        _("Confirm or correct it"),
    )


def profile_submitted(notification: Notification) -> Words:
    return Words(
        _("A profile waits to be vetted"),
        (
            _("%(own)s has submitted its profile.")
            % {"own": name_of(notification.payload["community"])},
        ),
        reverse("web:staff_submission", kwargs={"community_id": notification.payload["community"]}),
        _("Read the submission"),
    )


def second_approval(notification: Notification) -> Words:
    community_id = notification.payload["community"]
    return Words(
        _("A profile needs a second approval"),
        (
            _(
                "%(own)s has been approved by one curator. It is the first profile of its country, so another one must read it too."
            )
            % {"own": name_of(community_id)},
        ),
        reverse("web:staff_submission", kwargs={"community_id": community_id}),
        _("Read the submission"),
    )


def membership_ending(notification: Notification) -> Words:
    day = date_format(dt.date.fromisoformat(notification.payload["paid_through"]))
    return Words(
        _("Your membership ends soon"),
        (
            _("The dues of %(own)s are paid through %(day)s.")
            % {"own": own_name(notification), "day": day},
            _(
                "When they are renewed, its partnerships stay listed in the directory. Write to staff to renew."
            ),
        ),
        reverse("web:community", kwargs={"community_id": notification.community_id}),
        _("See your community's page"),
    )


def membership_lapsed(notification: Notification) -> Words:
    return Words(
        _("Your membership has lapsed"),
        (
            _("The dues of %(own)s are not paid any more.") % {"own": own_name(notification)},
            _(
                "Its partnerships stay what they are, but the directory does not list them until the membership is renewed."
            ),
        ),
        reverse("web:community", kwargs={"community_id": notification.community_id}),
        _("See your community's page"),
    )
