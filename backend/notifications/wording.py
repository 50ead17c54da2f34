"""What a notification says. Words are made when it is shown or sent, from ids: nothing that was hidden since is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.cities.models import Community, JoinRequest, VettingNote
from backend.introductions.calendars import local_times
from backend.introductions.models import Meeting
from backend.notifications.models import Notification
from backend.suggestions.models import Suggestion

NAMED = 5


@dataclass(frozen=True, slots=True)
class Words:
    """``title`` is also a mail's subject: it holds no text that a person wrote. ``path`` is where to go, ``action`` what that does."""

    title: str
    sentences: tuple[str, ...]
    path: str
    action: str


def describe(notification: Notification) -> Words:
    """The words for one notification, in the active language."""
    return _WORDS[Notification.Kind(notification.kind)](notification)


def _own(notification: Notification) -> str:
    return notification.community.name if notification.community else ""


def _name(community_id: int) -> str:
    community = Community.objects.select_related("country").filter(pk=community_id).first()
    return f"{community.name} ({community.country.label})" if community else _("a community")


def _other(notification: Notification) -> str:
    return _name(notification.payload["other"])


def _new_suggestions(notification: Notification) -> Words:
    count = int(notification.payload["count"])
    found = (
        Suggestion.objects.visible_to_communities()
        .filter(pk__in=notification.payload["suggestions"])
        .select_related("pair__a__country", "pair__b__country")
        .order_by("-score", "id")[:NAMED]
    )
    sides = [s.pair.b if s.pair.a_id == notification.community_id else s.pair.a for s in found]
    names = ", ".join(f"{side.name} ({side.country.label})" for side in sides)
    return Words(
        ngettext("%(count)d new suggested partner", "%(count)d new suggested partners", count) % {"count": count},
        (
            ngettext("%(own)s has %(count)d new suggested partner.", "%(own)s has %(count)d new suggested partners.", count)
            % {"own": _own(notification), "count": count},
            *([_("Among them: %(names)s.") % {"names": names}] if names else []),
            _("Each comes with its reasons for both sides. Neither side sees the other's answer before both are interested."),
        ),
        reverse("web:suggestions", kwargs={"community_id": notification.community_id}),
        _("See the suggestions"),
    )


def _suggestions_expiring(notification: Notification) -> Words:
    """By what the reader's own side has answered alone; what it has answered since then is not named any more."""
    own = notification.community_id
    pending = Q(pair__a_id=own, a_state=Suggestion.SideState.PENDING) | Q(pair__b_id=own, b_state=Suggestion.SideState.PENDING)
    found = list(
        Suggestion.objects.visible_to_communities()
        .filter(pending, pk__in=notification.payload["suggestions"])
        .select_related("pair__a__country", "pair__b__country")
        .order_by("expires_at", "id")
    )
    lines = []
    for suggestion in found[:NAMED]:
        other = suggestion.pair.b if suggestion.pair.a_id == own else suggestion.pair.a
        day = date_format(suggestion.expires_at.date()) if suggestion.expires_at else ""
        lines.append(_("%(name)s (%(country)s): until %(day)s.") % {"name": other.name, "country": other.country.label, "day": day})
    count = int(notification.payload["count"])
    return Words(
        ngettext("%(count)d suggestion waits for an answer", "%(count)d suggestions wait for an answer", count) % {"count": count},
        (
            _("The time to answer ends soon for suggested partners of %(own)s.") % {"own": _own(notification)},
            *lines,
            _("No answer is an answer too: then the suggestion closes by itself, and nobody is told why."),
        ),
        reverse("web:suggestions", kwargs={"community_id": own}),
        _("See the suggestions"),
    )


def _interest_mutual(notification: Notification) -> Words:
    if notification.community_id is None:
        sides = {"a": _name(notification.payload["a"]), "b": _name(notification.payload["b"])}
        return Words(
            _("Mutual interest: introduce two communities"),
            (_("%(a)s and %(b)s are both interested. A card waits on the board.") % sides,),
            reverse("web:staff_introductions"),
            _("Open the board"),
        )
    return Words(
        _("Mutual interest"),
        (
            _("%(own)s and %(other)s are both interested in a partnership.") % {"own": _own(notification), "other": _other(notification)},
            _("Staff will introduce you; there is nothing that you have to do now."),
        ),
        reverse("web:suggestion", kwargs={"community_id": notification.community_id, "suggestion_id": notification.subject_id}),
        _("See the suggestion"),
    )


def _introduced(notification: Notification) -> Words:
    return Words(
        _("You are introduced"),
        (
            _("Staff have introduced %(own)s and %(other)s.") % {"own": _own(notification), "other": _other(notification)},
            _("Contacts are shown as soon as both sides have consented."),
        ),
        reverse("web:introduction", kwargs={"introduction_id": notification.subject_id}),
        _("See the introduction"),
    )


def _contacts_open(notification: Notification) -> Words:
    return Words(
        _("Contacts are open"),
        (
            _("%(own)s and %(other)s have both consented: you can write to each other now.")
            % {"own": _own(notification), "other": _other(notification)},
        ),
        reverse("web:introduction", kwargs={"introduction_id": notification.subject_id}),
        _("See the contacts"),
    )


def _changes_requested(notification: Notification) -> Words:
    reason = dict(VettingNote.Reason.choices).get(notification.payload.get("reason", ""), "")
    return Words(
        _("Your profile needs another look"),
        (
            _("Staff have read the profile of %(own)s and ask for changes.") % {"own": _own(notification)},
            *([_("Reason: %(reason)s.") % {"reason": reason}] if reason else []),
        ),
        _profile_path(notification),
        _("Read what is asked and mend it"),
    )


def _profile_published(notification: Notification) -> Words:
    return Words(
        _("Your profile is published"),
        (_("The profile of %(own)s is published. Suggestions follow by themselves.") % {"own": _own(notification)},),
        _profile_path(notification),
        _("See the profile"),
    )


def _confirmation_due(notification: Notification) -> Words:
    months, ends = notification.payload["months"], settings.PROFILES["unsuggested_months"]
    own = {"own": _own(notification), "months": months, "ends": ends}
    if months < settings.PROFILES["stale_months"]:
        what = _("You last confirmed the profile of %(own)s %(months)d months ago.") % own
    else:
        what = _("Nobody has confirmed the profile of %(own)s for %(months)d months: others see that it may be out of date.") % own
    return Words(
        _("Is your profile still true?"),
        (what, _("After %(ends)d months without a word it gets no new suggestions. One click confirms it.") % own),
        reverse("web:profile_confirm", kwargs={"community_id": notification.community_id}),
        _("Confirm or correct it"),
    )


def _profile_submitted(notification: Notification) -> Words:
    return Words(
        _("A profile waits to be vetted"),
        (_("%(own)s has submitted its profile.") % {"own": _name(notification.payload["community"])},),
        reverse("web:staff_submission", kwargs={"community_id": notification.payload["community"]}),
        _("Read the submission"),
    )


def _sides(notification: Notification) -> dict[str, str]:
    return {"own": _own(notification), "other": _other(notification)}


def _agreement_path(notification: Notification) -> str:
    return reverse("web:agreement", kwargs={"agreement_id": notification.subject_id})


def _partnership_path(notification: Notification) -> str:
    return reverse("web:partnership", kwargs={"partnership_id": notification.subject_id})


def _agreement_to_sign(notification: Notification) -> Words:
    return Words(
        _("An agreement waits for your signature"),
        (
            _("Staff have put the text of an agreement before %(own)s and %(other)s.") % _sides(notification),
            _("When both highest officials have signed, send the signed document and confirm for your side."),
        ),
        _agreement_path(notification),
        _("Read the agreement"),
    )


def _agreement_confirmed(notification: Notification) -> Words:
    return Words(
        _("The other side has confirmed the agreement"),
        (
            _("%(other)s has confirmed its signature under the agreement with %(own)s.") % _sides(notification),
            _("The partnership begins when your side confirms too."),
        ),
        _agreement_path(notification),
        _("Read and confirm"),
    )


def _partnership_begun(notification: Notification) -> Words:
    return Words(
        _("A partnership has begun"),
        (_("%(own)s and %(other)s have both confirmed their agreement. Congratulations!") % _sides(notification),),
        _partnership_path(notification),
        _("See the partnership"),
    )


def _partnership_state(notification: Notification) -> Words:
    named = _sides(notification)
    sentences = {
        "active": _("The partnership of %(own)s and %(other)s is active again."),
        "carried_on": _("A new agreement of %(own)s and %(other)s is in force."),
        "review_due": _("It is time for %(own)s and %(other)s to look at their partnership together."),
        "renewed": _("%(own)s and %(other)s have renewed their partnership."),
        "dormant": _("Nothing has been recorded between %(own)s and %(other)s for 18 months. A call, a visit or a small project wakes it."),
        "revitalising": _("%(other)s wants to bring the partnership with %(own)s back to life."),
        "suspended": _("%(other)s has suspended the partnership with %(own)s. Suspended is not ended."),
        "ended": _("%(other)s has ended the partnership with %(own)s."),
        "emeritus": _("The partnership of %(own)s and %(other)s is kept in honour, without further activity."),
    }
    return Words(
        _("News of a partnership"),
        (sentences[notification.payload["state"]] % named,),
        _partnership_path(notification),
        _("See the partnership"),
    )


def _renewal_asked(notification: Notification) -> Words:
    return Words(
        _("Your partner wants to go on"),
        (_("%(other)s wants to renew the partnership with %(own)s. It is renewed when your side says so too.") % _sides(notification),),
        _partnership_path(notification),
        _("See and answer"),
    )


def _report_due(notification: Notification) -> Words:
    return Words(
        _("A yearly report is due"),
        (
            _("How was %(year)d for %(own)s and %(other)s? A few sentences are enough.")
            % {**_sides(notification), "year": notification.payload["year"]},
        ),
        _partnership_path(notification),
        _("Write the report"),
    )


def _meeting(notification: Notification) -> Words:
    """Told as the meeting stands now, on the clocks of both sides; a later change has a message of its own."""
    meeting = Meeting.objects.select_related("introduction__pair__a", "introduction__pair__b").get(pk=notification.payload["meeting"])
    own = _own(notification) or _name(notification.payload["own"])
    named = {"own": own, "other": _other(notification)}
    kind = Notification.Kind(notification.kind)
    if kind == _K.MEETING_PROPOSED:
        title, told = _("Times for a meeting"), _("Times are proposed for a meeting of %(own)s and %(other)s. Say which of them suit you.")
    elif kind == _K.MEETING_ANSWERED:
        title, told = _("Times for a meeting are accepted"), _("%(other)s has said when it can meet %(own)s. Choose the time.")
    elif meeting.status == Meeting.Status.CANCELLED:
        title, told = _("A meeting is cancelled"), _("The meeting of %(own)s and %(other)s is cancelled.")
    else:
        title, told = _("A meeting is fixed"), _("The meeting of %(own)s and %(other)s is fixed. The calendar file is attached.")
    times = local_times(meeting) if kind in (_K.MEETING_FIXED, _K.MEETING_CANCELLED) else []
    name = "web:introduction" if notification.community_id else "web:staff_introduction"
    path = reverse(name, kwargs={"introduction_id": meeting.introduction_id})
    return Words(title, (told % named, *times), path, _("See the introduction"))


def _join_requested(notification: Notification) -> Words:
    community_id = notification.payload["community"]
    return Words(
        _("Somebody asks to join your community") if notification.community else _("Somebody asks to join a community"),
        (
            _("A person with an account here asks to belong to %(own)s.") % {"own": _own(notification) or _name(community_id)},
            _("Read who it is, and let them in or refuse."),
        ),
        reverse("web:people", kwargs={"community_id": community_id}),
        _("See the request"),
    )


def _join_answered(notification: Notification) -> Words:
    own = {"own": _own(notification)}
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


def _second_approval(notification: Notification) -> Words:
    community_id = notification.payload["community"]
    return Words(
        _("A profile needs a second approval"),
        (
            _("%(own)s has been approved by one curator. It is the first profile of its country, so another one must read it too.")
            % {"own": _name(community_id)},
        ),
        reverse("web:staff_submission", kwargs={"community_id": community_id}),
        _("Read the submission"),
    )


def _membership_ending(notification: Notification) -> Words:
    day = date_format(dt.date.fromisoformat(notification.payload["paid_through"]))
    return Words(
        _("Your membership ends soon"),
        (
            _("The dues of %(own)s are paid through %(day)s.") % {"own": _own(notification), "day": day},
            _("When they are renewed, its partnerships stay listed in the directory. Write to staff to renew."),
        ),
        reverse("web:community", kwargs={"community_id": notification.community_id}),
        _("See your community's page"),
    )


def _membership_lapsed(notification: Notification) -> Words:
    return Words(
        _("Your membership has lapsed"),
        (
            _("The dues of %(own)s are not paid any more.") % {"own": _own(notification)},
            _("Its partnerships stay what they are, but the directory does not list them until the membership is renewed."),
        ),
        reverse("web:community", kwargs={"community_id": notification.community_id}),
        _("See your community's page"),
    )


def _profile_path(notification: Notification) -> str:
    return reverse("web:profile", kwargs={"community_id": notification.community_id})


_K = Notification.Kind
_WORDS: dict[Notification.Kind, Callable[[Notification], Words]] = {
    _K.JOIN_REQUESTED: _join_requested,
    _K.JOIN_ANSWERED: _join_answered,
    _K.NEW_SUGGESTIONS: _new_suggestions,
    _K.SUGGESTIONS_EXPIRING: _suggestions_expiring,
    _K.INTEREST_MUTUAL: _interest_mutual,
    _K.INTRODUCED: _introduced,
    _K.CONTACTS_OPEN: _contacts_open,
    _K.MEETING_PROPOSED: _meeting,
    _K.MEETING_ANSWERED: _meeting,
    _K.MEETING_FIXED: _meeting,
    _K.MEETING_CANCELLED: _meeting,
    _K.CHANGES_REQUESTED: _changes_requested,
    _K.PROFILE_PUBLISHED: _profile_published,
    _K.CONFIRMATION_DUE: _confirmation_due,
    _K.PROFILE_SUBMITTED: _profile_submitted,
    _K.SECOND_APPROVAL: _second_approval,
    _K.MEMBERSHIP_ENDING: _membership_ending,
    _K.MEMBERSHIP_LAPSED: _membership_lapsed,
    _K.AGREEMENT_TO_SIGN: _agreement_to_sign,
    _K.AGREEMENT_CONFIRMED: _agreement_confirmed,
    _K.PARTNERSHIP_BEGUN: _partnership_begun,
    _K.PARTNERSHIP_STATE: _partnership_state,
    _K.RENEWAL_ASKED: _renewal_asked,
    _K.REPORT_DUE: _report_due,
}
