"""Addresses of vetting: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY
from backend.web.vetting import api, views

_PROFILE = f"{COMMUNITY}profile/"
_API_PROFILE = f"{COMMUNITY}profile/"

page_urls: list[URLPattern] = [
    path(f"{_PROFILE}answer/", views.answer, name="profile_answer"),
    path(f"{_PROFILE}letter/", views.upload, name="profile_letter"),
    path(f"{_PROFILE}letters/<int:letter_id>/", views.download, name="profile_letter_file"),
    path("staff/vetting/", views.queue, name="staff_vetting"),
    path("staff/vetting/<int:community_id>/", views.submission, name="staff_submission"),
    path("staff/vetting/<int:community_id>/publish/", views.publish, name="staff_publish"),
    path("staff/vetting/<int:community_id>/changes/", views.changes, name="staff_changes"),
    path(
        "staff/vetting/<int:community_id>/letters/<int:letter_id>/",
        views.staff_download,
        name="staff_letter",
    ),
]
api_urls: list[URLPattern] = [
    path(f"{_API_PROFILE}answer/", api.AnswerChangesView.as_view(), name="profile-answer"),
    path(f"{_API_PROFILE}letters/", api.LettersView.as_view(), name="letters"),
    path(f"{_API_PROFILE}letters/<id:letter_id>/", api.LetterView.as_view(), name="letter"),
    path("staff/vetting/", api.VettingView.as_view(), name="staff-vetting"),
    path("staff/vetting/<id:community_id>/", api.SubmissionView.as_view(), name="staff-submission"),
    path(
        "staff/vetting/<id:community_id>/request-changes/",
        api.RequestChangesView.as_view(),
        name="staff-request-changes",
    ),
    path(
        "staff/vetting/<id:community_id>/publish/", api.PublishView.as_view(), name="staff-publish"
    ),
]
