"""Words about suggested partners."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.common.formatting import in_a_row
from backend.notifications.models import Notification
from backend.notifications.wording.words import NAMED, Words, name_of, other_name, own_name
from backend.suggestions.models import Suggestion


def new_suggestions(notification: Notification) -> Words:
    count = int(notification.payload["count"])
    found = (
        Suggestion.objects.visible_to_communities()
        .filter(pk__in=notification.payload["suggestions"])
        .select_related("pair__a__country", "pair__b__country")
        .order_by("-score", "id")[:NAMED]
    )
    sides = [s.pair.b if s.pair.a_id == notification.community_id else s.pair.a for s in found]
    names = in_a_row(f"{side.name} ({side.country.label})" for side in sides)
    return Words(
        ngettext("%(count)d new suggested partner", "%(count)d new suggested partners", count)
        % {"count": count},
        (
            ngettext(
                "%(own)s has %(count)d new suggested partner.",
                "%(own)s has %(count)d new suggested partners.",
                count,
            )
            % {"own": own_name(notification), "count": count},
            *([_("Among them: %(names)s.") % {"names": names}] if names else []),
            _(
                "Each comes with its reasons for both sides. Neither side sees the other's answer before both are interested."
            ),
        ),
        reverse("web:suggestions", kwargs={"community_id": notification.community_id}),
        _("See the suggestions"),
    )


def suggestions_expiring(notification: Notification) -> Words:
    """By what the reader's own side has answered alone; what it has answered since then is not
    named any more.
    """
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
    for suggestion in found[:NAMED]:
        other = suggestion.pair.b if suggestion.pair.a_id == own else suggestion.pair.a
        day = date_format(suggestion.expires_at.date()) if suggestion.expires_at else ""
        lines.append(
            _("%(name)s (%(country)s): until %(day)s.")
            % {"name": other.name, "country": other.country.label, "day": day}
        )
    count = int(notification.payload["count"])
    return Words(
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
                "No answer is an answer too: then the suggestion closes by itself, and nobody is told why."
            ),
        ),
        reverse("web:suggestions", kwargs={"community_id": own}),
        _("See the suggestions"),
    )


def interest_mutual(notification: Notification) -> Words:
    if notification.community_id is None:
        sides = {"a": name_of(notification.payload["a"]), "b": name_of(notification.payload["b"])}
        return Words(
            _("Mutual interest: introduce two communities"),
            (_("%(a)s and %(b)s are both interested. A card waits on the board.") % sides,),
            reverse("web:staff_introductions"),
            _("Open the board"),
        )
    return Words(
        _("Mutual interest"),
        (
            _("%(own)s and %(other)s are both interested in a partnership.")
            % {"own": own_name(notification), "other": other_name(notification)},
            _("Staff will introduce you; there is nothing that you have to do now."),
        ),
        reverse(
            "web:suggestion",
            kwargs={
                "community_id": notification.community_id,
                "suggestion_id": notification.subject_id,
            },
        ),
        _("See the suggestion"),
    )
