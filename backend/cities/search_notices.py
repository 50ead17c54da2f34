"""The notice of communities that are new and fit a search that somebody has saved."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backend.cities.models import Community, SavedSearch
from backend.cities.seeking import FRESH, asked_of
from backend.common.formatting import comma_list
from backend.notifications.models import Notification
from backend.notifications.notices import MessageText, notice
from backend.outbox.models import Event
from backend.outbox.topics import Topic

_MOST_NAMED = 5


def _recipients(event: Event) -> list[Notification]:
    """Who saved the search, unless it was removed since."""
    search = SavedSearch.objects.filter(pk=event.subject_id, user__is_active=True).first()
    if search is None:
        return []
    return [
        Notification(
            recipient_id=search.user_id,
            subject_id=search.pk,
            payload={"communities": event.payload["communities"]},
        )
    ]


def _path_of(notification: Notification) -> str:
    """What the search finds, the newest first; the person's searches once it is removed."""
    search = SavedSearch.objects.filter(
        pk=notification.subject_id or 0, user=notification.recipient_id
    ).first()
    if search is None:
        return reverse("web:saved_searches")
    query = asked_of(search.query).plain() | {"sort": FRESH}
    return f"{reverse('web:seeking')}?{urlencode(query)}"


@notice(
    "search_matched",
    gettext_lazy("New in a saved search"),
    Topic.SEARCH_MATCHED,
    recipients=_recipients,
    path=_path_of,
)
def _search_matched(notification: Notification) -> MessageText:
    """Those are named that anybody may still see."""
    found = Community.objects.seeking().filter(pk__in=notification.payload["communities"])
    newest = found.select_related("country").order_by("-seeking_entry__published_at", "pk")
    names = [f"{one.name} ({one.whereabouts})" for one in newest]
    count = len(names)
    words = ngettext(
        "%(count)s new community fits a search that you have saved.",
        "%(count)s new communities fit a search that you have saved.",
        count,
    ) % {"count": count}
    named = comma_list(names[:_MOST_NAMED])
    more = count - _MOST_NAMED
    if more > 0:
        named = ngettext("%(names)s and %(more)s more.", "%(names)s and %(more)s more.", more) % {
            "names": named,
            "more": more,
        }
    return MessageText(
        _("New communities fit your saved search"),
        (
            *((words, named) if names else (_("They seek no partners any more."),)),
            _("To get no more of these mails, open “Saved searches” there and remove the search."),
        ),
        _("See the communities"),
    )
