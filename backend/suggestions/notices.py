"""Notices about suggested partners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backend.accounts.models import User
from backend.cities.notices import (
    curators,
    name_of,
    own_name,
    people_of,
    side_names,
    to_curators,
    to_sides,
)
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, community_page, notice
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair, SetAsideVote, Suggestion
from backend.suggestions.pair_text import Statement, pair_text
from backend.suggestions.queries import between_seekers, in_order
from backend.suggestions.sides import SuggestionSide, side_of

MOST_NAMED = 5  # suggestions that one message names
# To every request that did not lead to a suggestion: misfit, an exclusion, an earlier decline, no
# room, staff's decision, or nobody's
STANDARD_ANSWER = gettext_lazy(
    "Thank you for naming a community. No suggestion has come of it for now. This can have many "
    "causes, on either side and with us, and we tell none of them to anybody. The community that "
    "you named was not told of your wish."
)


def _both(notification: Notification) -> dict[str, str]:
    return {side: name_of(notification.payload[side]) for side in "ab"}


def _board(_notification: Notification) -> str:
    return reverse("web:staff_introductions")


def _new_suggestions_recipients(event: Event) -> list[Notification]:
    """What staff took back since then is not announced; what a side has declined since then is, or
    the silence would reveal it.
    """
    named = {int(community_id): ids for community_id, ids in event.payload["communities"].items()}
    wanted = {pk for ids in named.values() for pk in ids}
    released = set(
        between_seekers(Suggestion.objects.visible_to_communities())
        .filter(pk__in=wanted)
        .values_list("pk", flat=True)
    )
    new = {
        community_id: [pk for pk in ids if pk in released] for community_id, ids in named.items()
    }
    return [
        Notification(
            recipient_id=user_id,
            community_id=community_id,
            payload={"suggestions": new[community_id], "count": len(new[community_id])},
        )
        for user_id, community_id in people_of(new)
        if new[community_id]
    ]


_COMMUNITIES = tuple(
    f"pair__{side}__{row}"
    for side in "ab"
    for row in ("country", "place", "profile__current_version")
)


_COUNTS = gettext_lazy(
    "Counts of candidates say how many of the communities that your own wishes allow bring the "
    "same, or come as close."
)


def _named_with_reasons(own_sides: Sequence[SuggestionSide]) -> Iterator[str]:
    """For each side the other community, and what speaks for it; then what a count means."""
    is_counted = False
    for own in own_sides:
        name = f"{own.fit.other.name} ({own.fit.other.whereabouts})"
        reason = _first_reason(own)
        if reason is None:
            yield f"{name}."
        else:
            is_counted |= any(item.is_counted for item in reason.items)
            yield _("%(name)s: %(gain)s") % {"name": name, "gain": reason}
    if is_counted:
        yield str(_COUNTS)


def _first_reason(own: SuggestionSide) -> Statement | None:
    """The first thing that the side gains; else what the two have in common, else what the other
    gains.
    """
    text = pair_text(own.fit, own.other.fit, read_by="first")
    mine, theirs = (side.said.gains for side in text.sides)
    return next(iter((*mine, *text.in_common, *theirs)), None)


@notice(
    "new_suggestions",
    gettext_lazy("New suggested partners"),
    Topic.SUGGESTIONS_CHANGED,
    recipients=_new_suggestions_recipients,
    path=community_page("web:suggestions"),
)
def _new_suggestions(notification: Notification) -> MessageText:
    count = int(notification.payload["count"])
    found = in_order(
        Suggestion.objects.visible_to_communities()
        .filter(pk__in=notification.payload["suggestions"])
        .select_related(*_COMMUNITIES),
        notification.community_id or 0,
    )[:MOST_NAMED]
    own_sides = [side_of(suggestion, notification.community_id or 0) for suggestion in found]
    return MessageText(
        ngettext("%(count)d new suggested partner", "%(count)d new suggested partners", count)
        % {"count": count},
        (
            ngettext(
                "%(own)s has %(count)d new suggested partner.",
                "%(own)s has %(count)d new suggested partners.",
                count,
            )
            % {"own": own_name(notification), "count": count},
            *_named_with_reasons(own_sides),
            _(
                "Each comes with its reasons for both sides. Neither side sees the other's answer"
                " before both are interested."
            ),
        ),
        _("See the suggestions"),
    )


def _partners_already_recipients(event: Event) -> list[Notification]:
    """Both sides of a closed suggestion, whatever each has answered."""
    if event.payload["being_introduced"]:
        return []
    pair = Suggestion.objects.select_related("pair").get(pk=event.subject_id).pair
    return to_sides(pair, event.subject_id, is_listed=event.payload["is_listed"])


@notice(
    "partners_already",
    gettext_lazy("Partners already"),
    Topic.PARTNERS_CONFIRMED,
    recipients=_partners_already_recipients,
    path=community_page("web:suggestions"),
)
def _partners_already(notification: Notification) -> MessageText:
    said = _(
        "%(own)s and %(other)s are partners already: the profile of one of them says so, and"
        " staff have confirmed it."
    )
    closed = _(
        "The suggestion of the two is therefore closed, whether it was answered or not."
        " If this is a mistake, the profile that names the partnership can be corrected."
    )
    if notification.payload.get("is_listed"):
        said = _(
            "%(own)s and %(other)s are partners already: a public list of partnerships names them."
        )
        closed = _(
            "The suggestion of the two is therefore closed, whether it was answered or not."
            " If this is a mistake, please tell the staff."
        )
    return MessageText(
        _("A suggestion is closed: partners already"),
        (said % side_names(notification), closed),
        _("See the suggestions"),
    )


def _partners_introduced_recipients(event: Event) -> list[Notification]:
    if not event.payload["being_introduced"]:
        return []
    pair = Pair.objects.get(pk=event.subject_id)
    return to_curators(event, a=pair.a_id, b=pair.b_id, is_listed=event.payload["is_listed"])


@notice(
    "partners_introduced",
    "Partners already, and being introduced",
    Topic.PARTNERS_CONFIRMED,
    recipients=_partners_introduced_recipients,
    path=_board,
)
def _partners_introduced(notification: Notification) -> MessageText:
    """For staff, who decide: their board holds what no rule closes."""
    why = "one of them has stated it, and staff have confirmed"
    if notification.payload.get("is_listed"):
        why = "a public list of partnerships names them"
    return MessageText(
        "Two communities on the board are partners already",
        (
            "{a} and {b} are partners already: {why}.".format(**_both(notification), why=why),
            "Close their introduction, or go on with it if the two want to sign an agreement here.",
        ),
        "Open the board",
    )


def _second_side_refused_recipients(event: Event) -> list[Notification]:
    pair = Pair.objects.get(pk=event.subject_id)
    sides = {"a": pair.a_id, "b": pair.b_id, "side": event.payload["side"]}
    return to_curators(event, person=event.by_id, **sides)


@notice(
    "second_side_refused",
    "One person for both sides",
    Topic.SECOND_SIDE_REFUSED,
    recipients=_second_side_refused_recipients,
    path=_board,
)
def _second_side_refused(notification: Notification) -> MessageText:
    side = name_of(notification.payload["side"])
    person = User.objects.filter(pk=notification.payload["person"]).first()
    return MessageText(
        "One person wanted to act for both sides",
        (
            "{who} has acted for one side of {a} and {b}, and tried to act for the other; this was"
            " refused.".format(who=person or "Somebody", **_both(notification)),
            f"See whether {side} needs another person to act for it.",
        ),
        "Open the board",
    )


def _suggestions_expiring_recipients(event: Event) -> list[Notification]:
    ids = event.payload["suggestions"]
    return [
        Notification(
            recipient_id=user_id,
            community_id=own,
            payload={"suggestions": ids, "count": len(ids)},
        )
        for user_id, own in people_of([event.community_id] if event.community_id else [])
    ]


@notice(
    "suggestions_expiring",
    gettext_lazy("Time to answer ends soon"),
    Topic.SUGGESTIONS_EXPIRING,
    recipients=_suggestions_expiring_recipients,
    path=community_page("web:suggestions"),
)
def _suggestions_expiring(notification: Notification) -> MessageText:
    """By what the reader's own side has answered alone, without what it has answered since."""
    own = notification.community_id
    pending = Q(pair__a_id=own, a_state=Suggestion.SideState.PENDING) | Q(
        pair__b_id=own, b_state=Suggestion.SideState.PENDING
    )
    found = list(
        Suggestion.objects.visible_to_communities()
        .filter(pending, pk__in=notification.payload["suggestions"])
        .select_related("pair__a__country", "pair__b__country")
        .order_by("expires_at", "id")
    )
    lines = []
    for suggestion in found[:MOST_NAMED]:
        other = suggestion.pair.b if suggestion.pair.a_id == own else suggestion.pair.a
        day = date_format(suggestion.expires_at.date()) if suggestion.expires_at else ""
        lines.append(
            _("%(name)s (%(country)s): until %(day)s.")
            % {"name": other.name, "country": other.whereabouts, "day": day}
        )
    count = int(notification.payload["count"])
    return MessageText(
        ngettext(
            "%(count)d suggestion waits for an answer",
            "%(count)d suggestions wait for an answer",
            count,
        )
        % {"count": count},
        (
            _("The time to answer ends soon for suggested partners of %(own)s.")
            % {"own": own_name(notification)},
            *lines,
            _(
                "No answer is an answer too: then the suggestion closes by itself, and nobody "
                "learns why."
            ),
        ),
        _("See the suggestions"),
    )


def _vote_set_aside_recipients(event: Event) -> list[Notification]:
    """Who cast the vote, while they belong to the community."""
    return [
        Notification(
            recipient_id=user_id, community_id=own, subject_id=event.subject_id, payload={}
        )
        for user_id, own in people_of([event.community_id] if event.community_id else [])
        if user_id == event.payload["voter"]
    ]


def _own_suggestion(notification: Notification) -> str:
    return reverse(
        "web:suggestion",
        kwargs={
            "community_id": notification.community_id,
            "suggestion_id": notification.subject_id,
        },
    )


@notice(
    "vote_set_aside",
    gettext_lazy("Your vote was set aside"),
    Topic.VOTE_SET_ASIDE,
    recipients=_vote_set_aside_recipients,
    path=_own_suggestion,
)
def _vote_set_aside(notification: Notification) -> MessageText:
    sentences = [
        _("A vote of yours in %(own)s was set aside and does not count now.")
        % {"own": own_name(notification)}
    ]
    aside = (
        SetAsideVote.objects.filter(
            suggestion=notification.subject_id,
            community=notification.community_id,
            voter=notification.recipient_id,
        )
        .select_related("by", "suggestion__pair__a", "suggestion__pair__b")
        .order_by("-pk")
        .first()
    )
    if aside is not None:
        pair = aside.suggestion.pair
        other = pair.b if pair.a_id == notification.community_id else pair.a
        sentences.append(
            _("It is your vote on %(other)s; %(name)s set it aside.")
            % {"name": aside.by, "other": other.name}
        )
        if aside.because:
            sentences.append(_("The reason: %(reason)s") % {"reason": aside.because})
    sentences.append(_("Your vote stays to be read, and you can still change it or take it back."))
    if aside is not None and aside.put_back_at is not None:
        sentences.append(_("It has been put back since then and counts again."))
    return MessageText(_("Your vote was set aside"), tuple(sentences), _("See the suggestion"))


def _interest_mutual_recipients(event: Event) -> list[Notification]:
    """Both sides, and the curators, who introduce them."""
    pair = Suggestion.objects.select_related("pair").get(pk=event.subject_id).pair
    staff = [
        Notification(
            recipient_id=user_id,
            subject_id=event.subject_id,
            payload={"a": pair.a_id, "b": pair.b_id},
        )
        for user_id in curators()
    ]
    return to_sides(pair, event.subject_id) + staff


def _interest_mutual_path(notification: Notification) -> str:
    if notification.community_id is None:
        return _board(notification)
    return _own_suggestion(notification)


@notice(
    "interest_mutual",
    gettext_lazy("Mutual interest"),
    Topic.INTEREST_MUTUAL,
    recipients=_interest_mutual_recipients,
    path=_interest_mutual_path,
)
def _interest_mutual(notification: Notification) -> MessageText:
    if notification.community_id is None:
        return MessageText(
            _("Mutual interest: introduce two communities"),
            (
                _("%(a)s and %(b)s are both interested. An introduction waits on the board.")
                % _both(notification),
            ),
            _("Open the board"),
        )
    return MessageText(
        _("Mutual interest"),
        (
            _("%(own)s and %(other)s are both interested in a partnership.")
            % side_names(notification),
            _("Staff will introduce you; there is nothing that you have to do now."),
        ),
        _("See the suggestion"),
    )


def _partner_requested_recipients(event: Event) -> list[Notification]:
    return to_curators(event, own=event.community_id, named=event.payload["named"])


@notice(
    "partner_requested",
    "A community names another",
    Topic.PARTNER_REQUESTED,
    recipients=_partner_requested_recipients,
    path=lambda notification: reverse("web:staff_request", args=[notification.subject_id]),
)
def _partner_requested(notification: Notification) -> MessageText:
    own, named = (name_of(notification.payload[side]) for side in ("own", "named"))
    return MessageText(
        "A community would like to meet another",
        (
            f"{own} asks to be suggested to {named}.",
            "Accept it or decline it; who asked reads an answer on a fixed day, and the community "
            "that is named learns of a suggestion alone.",
        ),
        "See the request",
    )


def _partner_request_answered_recipients(event: Event) -> list[Notification]:
    return [
        Notification(
            recipient_id=user_id, community_id=own, payload={"named": event.payload["named"]}
        )
        for user_id, own in people_of([event.community_id] if event.community_id else [])
    ]


@notice(
    "request_answered",
    gettext_lazy("Answer to a wish to meet a community"),
    Topic.PARTNER_REQUEST_ANSWERED,
    recipients=_partner_request_answered_recipients,
    path=community_page("web:partner_requests"),
)
def _partner_request_answered(notification: Notification) -> MessageText:
    """The same words whatever the cause."""
    return MessageText(
        _("Your wish to meet a community"),
        (
            _("%(own)s would like to meet %(named)s.")
            % {"own": own_name(notification), "named": name_of(notification.payload["named"])},
            str(STANDARD_ANSWER),
        ),
        _("See what you asked for"),
    )
