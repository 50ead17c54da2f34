"""What every kind of words is made of."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from backend.cities.models import Community
from backend.notifications.models import Notification

NAMED = 5


@dataclass(frozen=True, slots=True)
class Words:
    """``title`` is also a mail's subject: it holds no text that a person wrote. ``path`` is where
    to go, ``action`` what that does.
    """

    title: str
    sentences: tuple[str, ...]
    path: str
    action: str


def own_name(notification: Notification) -> str:
    return notification.community.name if notification.community else ""


def name_of(community_id: int) -> str:
    community = Community.objects.select_related("country").filter(pk=community_id).first()
    return f"{community.name} ({community.country.label})" if community else _("a community")


def other_name(notification: Notification) -> str:
    return name_of(notification.payload["other"])


def side_names(notification: Notification) -> dict[str, str]:
    return {"own": own_name(notification), "other": other_name(notification)}


def profile_path(notification: Notification) -> str:
    return reverse("web:profile", kwargs={"community_id": notification.community_id})
