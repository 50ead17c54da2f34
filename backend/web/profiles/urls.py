"""Addresses of profiles: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.cities import services
from backend.web.access import COMMUNITY
from backend.web.profiles import api, lifecycle, views

_PROFILE = f"{COMMUNITY}profile/"
_API_PROFILE = f"{COMMUNITY}profile/"

page_urls: list[URLPattern] = [
    path("register/", lifecycle.register, name="register"),
    path("register/regions/", lifecycle.regions, name="regions"),
    path("places/", lifecycle.places, name="places"),
    path(_PROFILE, views.overview, name="profile"),
    path(f"{_PROFILE}check/", lifecycle.check, name="profile_check"),
    path(f"{_PROFILE}submit/", lifecycle.submit, name="profile_submit"),
    path(f"{_PROFILE}publish/", lifecycle.publish, name="profile_publish"),
    path(f"{_PROFILE}preview/", lifecycle.preview, name="profile_preview"),
    path(f"{_PROFILE}confirm/", lifecycle.confirm, name="profile_confirm"),
    path(f"{_PROFILE}status/", lifecycle.change_status, name="profile_status"),
    path(f"{_PROFILE}withdraw/", lifecycle.end, {"act": "withdraw"}, name="profile_withdraw"),
    path(f"{_PROFILE}fulfil/", lifecycle.end, {"act": "fulfil"}, name="profile_fulfil"),
    path(f"{_PROFILE}picture/", lifecycle.picture, name="profile_picture"),
    path(f"{_PROFILE}contacts/", views.own_contacts, name="profile_contacts"),
    path(f"{_PROFILE}<slug:group>/", views.group_page, name="profile_group"),
    path(f"{_PROFILE}<slug:group>/settle/", views.settle, name="profile_settle"),
    path(f"{_PROFILE}<slug:group>/autosave/", views.autosave, name="profile_autosave"),
    path(
        "staff/communities/<int:community_id>/contacts/",
        views.staff_contacts,
        name="staff_contacts",
    ),
]
api_urls: list[URLPattern] = [
    path(_API_PROFILE, api.ProfileView.as_view(), name="profile"),
    path(
        f"{_API_PROFILE}submit/",
        api.act_view(services.submit_profile, "Hand it to staff for vetting"),
        name="profile-submit",
    ),
    path(f"{_API_PROFILE}publish/", api.ProfilePublishView.as_view(), name="profile-publish"),
    path(
        f"{_API_PROFILE}confirm/",
        api.act_view(services.confirm_profile, "Everything is still true"),
        name="profile-confirm",
    ),
    path(f"{_API_PROFILE}pause/", api.ProfilePauseView.as_view(), name="profile-pause"),
    path(f"{_API_PROFILE}progress/", api.ProfileProgressView.as_view(), name="profile-progress"),
    path(f"{_API_PROFILE}coverage/", api.ProfileCoverageView.as_view(), name="profile-coverage"),
    path(f"{_API_PROFILE}preview/", api.ProfilePreviewView.as_view(), name="profile-preview"),
    path(f"{_API_PROFILE}sources/", api.ProfileSourcesView.as_view(), name="profile-sources"),
    path(
        f"{_API_PROFILE}partnerships/",
        api.ExistingPartnershipsView.as_view(),
        name="profile-partnerships",
    ),
    path(
        f"{_API_PROFILE}resume/",
        api.act_view(services.resume_profile, "Seek again, with the version published last"),
        name="profile-resume",
    ),
    path(
        f"{_API_PROFILE}fulfil/",
        api.act_view(services.mark_fulfilled, "Found what you looked for", api.ACTS_AT_ONCE),
        name="profile-fulfil",
    ),
    path(
        f"{_API_PROFILE}withdraw/",
        api.act_view(services.withdraw_profile, "Take it off the service", api.ACTS_AT_ONCE),
        name="profile-withdraw",
    ),
    path(f"{COMMUNITY}contacts/", api.OwnContactsView.as_view(), name="own-contacts"),
    path(
        f"{COMMUNITY}contacts/break-glass/",
        api.BreakGlassView.as_view(),
        name="contacts-break-glass",
    ),
    path(f"{COMMUNITY}events/", api.CommunityEventsView.as_view(), name="community-events"),
]
