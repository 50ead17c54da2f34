"""Addresses of curation: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.curation import api, views

page_urls: list[URLPattern] = [
    path("staff/suggestions/", views.suggestion_list, name="staff_suggestions"),
    path("staff/suggestions/act/", views.act_on_several, name="staff_suggestions_act"),
    path("staff/suggestions/propose/", views.propose, name="staff_propose"),
    path("staff/few-suggestions/", views.few_suggestions, name="staff_few_suggestions"),
    path("staff/partner-requests/", views.request_list, name="staff_requests"),
    path("staff/partner-requests/<int:asked_id>/", views.request_detail, name="staff_request"),
    path("staff/suggestions/policy/", views.policy, name="staff_policy"),
    path("staff/exclusion-rules/", views.exclusion_rules, name="staff_exclusion_rules"),
    path("staff/exclusion-rules/<int:rule_id>/lift/", views.lift, name="staff_exclusion_rule_lift"),
    path("staff/suggestions/<int:suggestion_id>/", views.detail, name="staff_suggestion"),
    path("staff/suggestions/<int:suggestion_id>/act/", views.act, name="staff_suggestion_act"),
]
api_urls: list[URLPattern] = [
    path("staff/suggestions/", api.StaffSuggestionsView.as_view(), name="staff-suggestions"),
    path(
        "staff/suggestions/<id:suggestion_id>/",
        api.StaffSuggestionView.as_view(),
        name="staff-suggestion",
    ),
    path(
        "staff/suggestions/<id:suggestion_id>/release/",
        api.ReleaseView.as_view(),
        name="staff-suggestion-release",
    ),
    path(
        "staff/suggestions/<id:suggestion_id>/hold/",
        api.HoldView.as_view(),
        name="staff-suggestion-hold",
    ),
    path("staff/suggestions/release/", api.ReleaseManyView.as_view(), name="staff-release-many"),
    path("staff/suggestions/hold/", api.HoldManyView.as_view(), name="staff-hold-many"),
    path("staff/proposals/", api.ProposalsView.as_view(), name="staff-proposals"),
    path("staff/proposals/assessment/", api.AssessmentView.as_view(), name="staff-assessment"),
    path("staff/partner-requests/", api.StaffRequestsView.as_view(), name="staff-requests"),
    path(
        "staff/partner-requests/<id:asked_id>/",
        api.StaffRequestView.as_view(),
        name="staff-request",
    ),
    path(
        "staff/partner-requests/<id:asked_id>/accept/",
        api.AcceptRequestView.as_view(),
        name="staff-request-accept",
    ),
    path(
        "staff/partner-requests/<id:asked_id>/decline/",
        api.DeclineRequestView.as_view(),
        name="staff-request-decline",
    ),
    path("staff/release-policies/", api.PoliciesView.as_view(), name="staff-policies"),
    path("staff/exclusion-rules/", api.ExclusionRulesView.as_view(), name="staff-exclusion-rules"),
    path(
        "staff/exclusion-rules/<id:rule_id>/lift/",
        api.LiftView.as_view(),
        name="staff-exclusion-rule-lift",
    ),
]
