"""Addresses of people: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY
from backend.web.people import api, views

page_urls: list[URLPattern] = [
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("invitations/<str:token>/accept/", views.accept, name="invitation_accept"),
    path("join-requests/<int:request_id>/withdraw/", views.withdraw, name="join_withdraw"),
    path(f"{COMMUNITY}join/", views.join, name="join"),
    path(f"{COMMUNITY}people/", views.people, name="people"),
    path(f"{COMMUNITY}people/invite/", views.invite, name="people_invite"),
    path(f"{COMMUNITY}people/<int:role_id>/change/", views.change, name="people_change"),
    path(f"{COMMUNITY}people/<int:role_id>/end/", views.end, name="people_end"),
    path(
        f"{COMMUNITY}people/invitations/<int:invitation_id>/revoke/",
        views.revoke,
        name="invitation_revoke",
    ),
    path(
        f"{COMMUNITY}people/requests/<int:request_id>/answer/",
        views.answer_join,
        name="join_answer",
    ),
    path(f"{COMMUNITY}audit-log/", views.community_audit_log, name="community_audit_log"),
    path("staff/joining/", views.joining, name="staff_joining"),
]
api_urls: list[URLPattern] = [
    path("me/invitations/", api.OwnInvitationsView.as_view(), name="my-invitations"),
    path(
        "me/invitations/<id:invitation_id>/accept/",
        api.AcceptView.as_view(),
        name="accept-invitation",
    ),
    path("me/join-requests/", api.OwnJoinRequestsView.as_view(), name="my-join-requests"),
    path(
        "me/join-requests/<id:request_id>/",
        api.OwnJoinRequestView.as_view(),
        name="my-join-request",
    ),
    path(f"{COMMUNITY}people/", api.PeopleView.as_view(), name="people"),
    path(f"{COMMUNITY}people/<id:role_id>/", api.PersonView.as_view(), name="member"),
    path(f"{COMMUNITY}invitations/", api.InvitationsView.as_view(), name="invitations"),
    path(
        f"{COMMUNITY}invitations/<id:invitation_id>/",
        api.InvitationView.as_view(),
        name="invitation",
    ),
    path(f"{COMMUNITY}join-requests/", api.JoinRequestsView.as_view(), name="join-requests"),
    path(
        f"{COMMUNITY}join-requests/<id:request_id>/answer/",
        api.JoinAnswerView.as_view(),
        name="join-answer",
    ),
    path("staff/join-requests/", api.StaffJoinRequestsView.as_view(), name="staff-join-requests"),
]
