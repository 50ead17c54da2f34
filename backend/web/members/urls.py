"""Addresses of members: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.introductions.members import GLOBAL, U_S
from backend.web.access import COMMUNITY
from backend.web.members import api, applying, directory, views

page_urls: list[URLPattern] = [
    path("members/", directory.member_directory, name="members"),
    path("members/us/", directory.member_directory, {"kind": U_S}, name="members_us"),
    path("members/global/", directory.member_directory, {"kind": GLOBAL}, name="members_global"),
    path("members/export.csv", directory.member_export, {"kind": "csv"}, name="members_csv"),
    path("members/export.json", directory.member_export, {"kind": "json"}, name="members_json"),
    path("membership/", applying.membership, name="membership"),
    path(f"{COMMUNITY}membership/", applying.community_membership, name="community_membership"),
    path(f"{COMMUNITY}membership/<int:request_id>/reply/", applying.reply, name="membership_reply"),
    path(
        f"{COMMUNITY}membership/<int:request_id>/withdraw/",
        applying.withdraw,
        name="membership_withdraw",
    ),
    path(
        "staff/members/requests/<int:request_id>/",
        applying.staff_request,
        name="staff_membership_request",
    ),
    path("staff/members/", views.member_list, name="staff_members"),
    path("staff/members/dues/", applying.dues, name="staff_dues"),
    path("staff/members/add/", views.add, name="staff_member_add"),
    path("staff/members/export/<slug:kind>/", views.export, name="staff_members_export"),
    path("staff/members/import/", views.import_list, name="staff_member_import_new"),
    path("staff/members/import/<int:import_id>/", views.imported, name="staff_member_import"),
    path(
        "staff/members/import/<int:import_id>/apply/", views.apply, name="staff_member_import_apply"
    ),
    path("staff/members/<int:membership_id>/", views.member_page, name="staff_member"),
    path(
        "staff/members/<int:membership_id>/change/",
        views.act,
        {"act": "change"},
        name="staff_member_change",
    ),
    path(
        "staff/members/<int:membership_id>/renew/",
        views.act,
        {"act": "renew"},
        name="staff_member_renew",
    ),
    path(
        "staff/members/<int:membership_id>/end/", views.act, {"act": "end"}, name="staff_member_end"
    ),
    path("staff/claims/", views.claim_list, name="staff_claims"),
    path("staff/claims/confirm/", views.confirm_claims, name="staff_claims_confirm"),
    path("staff/claims/<int:claim_id>/", views.answer_claim, name="staff_claim_answer"),
]
api_urls: list[URLPattern] = [
    path("members/", api.MemberDirectoryView.as_view(), name="members"),
    path("dues/", api.DuesView.as_view(), name="dues"),
    path(
        f"{COMMUNITY}membership-requests/",
        api.MembershipRequestsView.as_view(),
        name="membership-requests",
    ),
    path(
        f"{COMMUNITY}membership-requests/<id:request_id>/reply/",
        api.MembershipReplyView.as_view(),
        name="membership-reply",
    ),
    path(
        f"{COMMUNITY}membership-requests/<id:request_id>/withdraw/",
        api.MembershipWithdrawView.as_view(),
        name="membership-withdraw",
    ),
    path(
        "staff/membership-requests/",
        api.StaffMembershipRequestsView.as_view(),
        name="staff-membership-requests",
    ),
    path(
        "staff/membership-requests/<id:request_id>/answer/",
        api.MembershipAnswerView.as_view(),
        name="staff-membership-answer",
    ),
    path("staff/dues/", api.StaffDuesView.as_view(), name="staff-dues"),
    path("staff/members/", api.MembersView.as_view(), name="staff-members"),
    path("staff/members/<id:membership_id>/", api.MemberView.as_view(), name="staff-member"),
    path(
        "staff/members/<id:membership_id>/renew/",
        api.MemberRenewView.as_view(),
        name="staff-member-renew",
    ),
    path(
        "staff/members/<id:membership_id>/end/",
        api.MemberEndView.as_view(),
        name="staff-member-end",
    ),
    path(
        "staff/members/export/<slug:kind>/",
        api.MembersExportView.as_view(),
        name="staff-members-export",
    ),
    path("staff/member-imports/", api.MemberImportsView.as_view(), name="staff-member-imports"),
    path(
        "staff/member-imports/<id:import_id>/",
        api.MemberImportView.as_view(),
        name="staff-member-import",
    ),
    path(
        "staff/member-imports/<id:import_id>/apply/",
        api.MemberImportApplyView.as_view(),
        name="staff-member-import-apply",
    ),
    path("staff/claims/", api.ClaimsView.as_view(), name="staff-claims"),
    path("staff/claims/confirm/", api.ClaimsConfirmView.as_view(), name="staff-claims-confirm"),
    path(
        "staff/claims/<id:claim_id>/answer/",
        api.ClaimAnswerView.as_view(),
        name="staff-claim-answer",
    ),
]
