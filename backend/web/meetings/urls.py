"""Addresses of meetings: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY, Level, open_to
from backend.web.meetings import api, views

_API_INTRODUCTION = f"{COMMUNITY}introductions/<id:introduction_id>/"
_API_STAFF = "staff/introductions/<id:introduction_id>/"
_API_MEETING = "meetings/<id:meeting_id>/"

page_urls: list[URLPattern] = [
    path("introductions/<int:introduction_id>/meetings/new/", views.new, name="meeting_new"),
    path(
        "introductions/<int:introduction_id>/meetings/<int:meeting_id>/",
        views.meeting,
        name="meeting",
    ),
    path(
        "introductions/<int:introduction_id>/meetings/<int:meeting_id>/act/",
        views.act,
        name="meeting_act",
    ),
    path(
        "introductions/<int:introduction_id>/meetings/<int:meeting_id>/meeting.ics",
        views.calendar_file,
        name="meeting_file",
    ),
]
api_urls: list[URLPattern] = [
    path(
        f"{_API_INTRODUCTION}meetings/",
        api.MeetingsView.as_view(access=open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)),
        name="meetings",
    ),
    path(
        f"{_API_INTRODUCTION}{_API_MEETING}",
        api.OneMeetingView.as_view(access=open_to(GET=Level.COMMUNITY)),
        name="meeting",
    ),
    path(
        f"{_API_INTRODUCTION}{_API_MEETING}calendar/",
        api.CalendarView.as_view(access=open_to(GET=Level.COMMUNITY)),
        name="meeting-calendar",
    ),
    *(
        path(f"{_API_INTRODUCTION}{_API_MEETING}{name}/", view, name=f"meeting-{name}")
        for name, view in api.side_acts()
    ),
    path(
        f"{_API_STAFF}meetings/",
        api.MeetingsView.as_view(access=open_to(GET=Level.STAFF, POST=Level.CURATOR)),
        name="staff-meetings",
    ),
    path(
        f"{_API_STAFF}{_API_MEETING}",
        api.OneMeetingView.as_view(access=open_to(GET=Level.STAFF)),
        name="staff-meeting",
    ),
    path(
        f"{_API_STAFF}{_API_MEETING}calendar/",
        api.CalendarView.as_view(access=open_to(GET=Level.STAFF)),
        name="staff-meeting-calendar",
    ),
    *(
        path(f"{_API_STAFF}{_API_MEETING}{name}/", view, name=f"staff-meeting-{name}")
        for name, view in api.staff_acts()
    ),
]
