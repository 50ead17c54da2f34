"""Kinds of notices. Each is declared once, in the module ``notices`` of the app whose subject it is
about; routing, choices, recipients, words, links and tests follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from email.mime.base import MIMEBase

from django.urls import reverse
from django.utils.functional import Promise

from backend.notifications.models import LONGEST_KIND, Notification
from backend.outbox.models import Event
from backend.outbox.topics import Topic


@dataclass(frozen=True, slots=True)
class MessageText:
    """The text of one notification in the active language.

    ``title`` is also a mail's subject: it holds no text that a person wrote. ``action`` names the
    link to ``path``, which ``describe`` fills in.
    """

    title: str
    sentences: tuple[str, ...]
    action: str
    path: str = ""


Recipients = Callable[[Event], list[Notification]]
Words = Callable[[Notification], MessageText]
Attachment = Callable[[Notification], MIMEBase | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One kind of notice.

    Args:
        kind: stored with each notification, at most 20 characters.
        label: the kind's name in lists of choices.
        topics: the events that it follows from.
        recipients: an event → one unsaved notification for each recipient, without kind and event.
        words: a notification → its text. Made when it is shown or sent, from ids, so that nothing
            is shown that was hidden in the meantime.
        path: a notification → the page to open.
        attachment: a notification → a part of its mail, or None.
    """

    kind: str
    label: str | Promise
    topics: tuple[Topic, ...]
    recipients: Recipients
    words: Words
    path: Callable[[Notification], str]
    attachment: Attachment | None = None


NOTICES: dict[str, Notice] = {}


def declare(notice: Notice) -> None:
    """Adds a kind of notice. Raises ValueError if it is incomplete or its kind is taken."""
    if not (notice.kind and notice.label and notice.topics):
        raise ValueError(f"The notice {notice.kind!r} lacks its kind, label or topics.")
    if len(notice.kind) > LONGEST_KIND:
        raise ValueError(f"The kind {notice.kind!r} has more than {LONGEST_KIND} characters.")
    if not all(map(callable, (notice.recipients, notice.words, notice.path))):
        raise ValueError(f"The notice {notice.kind!r} lacks its recipients, words or path.")
    if notice.kind in NOTICES:
        raise ValueError(f"Two notices have the kind {notice.kind!r}.")
    NOTICES[notice.kind] = notice


def notice(
    kind: str,
    label: str | Promise,
    *topics: Topic,
    recipients: Recipients,
    path: Callable[[Notification], str],
    attachment: Attachment | None = None,
) -> Callable[[Words], Words]:
    """Declares a kind of notice; the decorated function makes its words. See ``Notice``."""

    def with_words(words: Words) -> Words:
        declare(
            Notice(
                kind=kind,
                label=label,
                topics=topics,
                recipients=recipients,
                words=words,
                path=path,
                attachment=attachment,
            )
        )
        return words

    return with_words


def kind_choices() -> list[tuple[str, str | Promise]]:
    """Every declared kind with its label."""
    return [(notice.kind, notice.label) for notice in NOTICES.values()]


def notices_of(topic: Topic) -> list[Notice]:
    """The notices that follow from events of this topic."""
    return [notice for notice in NOTICES.values() if topic in notice.topics]


def notifications_for(event: Event) -> list[Notification]:
    """The unsaved notifications that follow from an event; empty if nobody is notified of it."""
    found = []
    for notice in notices_of(Topic(event.topic)):
        for notification in notice.recipients(event):
            notification.kind, notification.event = notice.kind, event
            found.append(notification)
    return found


def describe(notification: Notification) -> MessageText:
    """The text of one notification, in the active language, with its link."""
    notice = NOTICES[notification.kind]
    return replace(notice.words(notification), path=notice.path(notification))


def attachment_of(notification: Notification) -> MIMEBase | None:
    """The attachment of the notification's mail, if its kind has one."""
    attachment = NOTICES[notification.kind].attachment
    return attachment(notification) if attachment else None


def subject_page(name: str, argument: str) -> Callable[[Notification], str]:
    """The ``path`` of notices that lead to their subject's page."""
    return lambda notification: reverse(name, kwargs={argument: notification.subject_id})


def community_page(name: str) -> Callable[[Notification], str]:
    """The ``path`` of notices that lead to a page of the recipient's own community."""
    return lambda notification: reverse(name, kwargs={"community_id": notification.community_id})
