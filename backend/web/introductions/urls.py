"""Addresses of introductions: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY
from backend.web.introductions import api, follow_ups, views

_API_INTRODUCTION = f"{COMMUNITY}introductions/<id:introduction_id>/"
_API_STAFF = "staff/introductions/<id:introduction_id>/"

page_urls: list[URLPattern] = [
    path("introductions/<int:introduction_id>/", views.introduction, name="introduction"),
    path(
        "introductions/<int:introduction_id>/consent/", views.consent, name="introduction_consent"
    ),
    path("introductions/<int:introduction_id>/leave/", views.leave, name="introduction_leave"),
    path(
        "introductions/<int:introduction_id>/follow-ups/<str:occasion>/",
        follow_ups.follow_up,
        name="follow_up",
    ),
    path("staff/introductions/", views.introduction_board, name="staff_introductions"),
    path(
        "staff/introductions/open/<int:pair_id>/",
        views.open_by_hand,
        name="staff_introduction_open",
    ),
    path("staff/introductions/<int:introduction_id>/", views.detail, name="staff_introduction"),
    path(
        "staff/introductions/<int:introduction_id>/move/",
        views.move,
        name="staff_introduction_move",
    ),
    path(
        "staff/introductions/<int:introduction_id>/notes/",
        views.add_note,
        name="staff_introduction_note",
    ),
    path(
        "staff/introductions/<int:introduction_id>/assign/",
        views.assign,
        name="staff_introduction_assign",
    ),
]
api_urls: list[URLPattern] = [
    path(f"{COMMUNITY}introductions/", api.IntroductionsView.as_view(), name="introductions"),
    path(_API_INTRODUCTION, api.IntroductionView.as_view(), name="introduction"),
    path(f"{_API_INTRODUCTION}consent/", api.ConsentView.as_view(), name="consent"),
    path(f"{COMMUNITY}follow-ups/", api.FollowUpsView.as_view(), name="follow-ups"),
    path(
        f"{_API_INTRODUCTION}follow-ups/<str:occasion>/",
        api.FollowUpView.as_view(),
        name="follow-up",
    ),
    path(f"{_API_INTRODUCTION}contacts/", api.ContactsView.as_view(), name="contacts"),
    path(f"{_API_INTRODUCTION}leave/", api.LeaveView.as_view(), name="introduction-leave"),
    path("staff/introductions/", api.BoardView.as_view(), name="staff-introductions"),
    path(_API_STAFF, api.StaffIntroductionView.as_view(), name="staff-introduction"),
    path(f"{_API_STAFF}move/", api.MoveView.as_view(), name="staff-introduction-move"),
    path(f"{_API_STAFF}follow-ups/", api.StaffFollowUpsView.as_view(), name="staff-follow-ups"),
    path(f"{_API_STAFF}notes/", api.NotesView.as_view(), name="staff-notes"),
    path(f"{_API_STAFF}assign/", api.AssignView.as_view(), name="staff-introduction-assign"),
]
