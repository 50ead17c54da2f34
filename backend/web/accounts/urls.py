"""Addresses of accounts: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import Level, open_to
from backend.web.accounts import api, views

page_urls: list[URLPattern] = [
    path("dashboard/", views.dashboard, name="dashboard"),
    path("inbox/", views.inbox, name="inbox"),
    path("account/", views.account, name="account"),
    path("account/second-factor/", views.second_factor, name="second_factor"),
    path("account/audit-log/", views.audit_log, name="account_audit_log"),
    path("account/data/", views.data, name="account_data"),
    path("account/data/export/", views.export, name="account_export"),
    path("account/erase/", views.erase, name="account_erase"),
    path("account/tokens/", views.tokens, name="account_tokens"),
    path("account/tokens/<uuid:public_id>/revoke/", views.revoke, name="account_token_revoke"),
    path("staff/roles/", views.roles, name="staff_roles"),
    path("staff/tokens/", views.token_list, name="staff_tokens"),
    path("staff/tokens/<uuid:public_id>/end/", views.end_token, name="staff_token_end"),
]
api_urls: list[URLPattern] = [
    path("me/", api.MeView.as_view(), name="me"),
    path("me/audit-log/", api.AuditLogView.as_view(), name="my-audit-log"),
    path("me/data/", api.PersonalDataView.as_view(), name="my-data"),
    path("me/erase/", api.EraseView.as_view(), name="erase-me"),
    path("me/tokens/", api.TokensView.as_view(), name="my-tokens"),
    path(
        "me/tokens/<uuid:public_id>/",
        api.TokenView.as_view(access=open_to(DELETE=Level.SIGNED_IN)),
        name="my-token",
    ),
    path("notifications/", api.NotificationsView.as_view(), name="notifications"),
    path("notifications/read/", api.NotificationsReadView.as_view(), name="notifications-read"),
    path("staff/roles/", api.StaffRolesView.as_view(), name="staff-roles"),
    path("staff/tokens/", api.AllTokensView.as_view(), name="staff-tokens"),
    path(
        "staff/tokens/<uuid:public_id>/",
        api.TokenView.as_view(access=open_to(DELETE=Level.ADMIN)),
        name="staff-token",
    ),
]
