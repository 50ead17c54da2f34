"""The calendar file that goes with the mail about a meeting."""

from __future__ import annotations

from email.mime.text import MIMEText

from backend.introductions.meeting_times import calendar_entry, has_entry, method_of
from backend.introductions.models import Meeting
from backend.notifications.models import Notification

_WITH_FILE = (Notification.Kind.MEETING_FIXED, Notification.Kind.MEETING_CANCELLED)


def calendar_part(notification: Notification) -> MIMEText | None:
    """The entry as the meeting stands now, for this one reader; None where the message is of
    something else.
    """
    if notification.kind not in _WITH_FILE:
        return None
    meeting = Meeting.objects.select_related("introduction__pair__a", "introduction__pair__b").get(
        pk=notification.payload["meeting"]
    )
    if not has_entry(meeting):
        return None
    pair = meeting.introduction.pair
    own = notification.community or (pair.a if pair.a.is_home else pair.b)
    entry = calendar_entry(meeting, reader_email=notification.recipient.email, own=own)
    part = MIMEText(entry.decode(), "calendar", "utf-8")
    part.set_param("method", method_of(meeting))
    part.add_header("Content-Disposition", "attachment", filename="meeting.ics")
    return part
