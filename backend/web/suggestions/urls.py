"""Addresses of suggestions: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY
from backend.web.suggestions import api, prospects, views

_API_SUGGESTION = f"{COMMUNITY}suggestions/<id:suggestion_id>/"

page_urls: list[URLPattern] = [
    path(f"{COMMUNITY}suggestions/", views.suggestion_list, name="suggestions"),
    path(f"{COMMUNITY}suggestions/<int:suggestion_id>/", views.detail, name="suggestion"),
    path(
        f"{COMMUNITY}suggestions/<int:suggestion_id>/answer/",
        views.give_answer,
        name="suggestion_answer",
    ),
    path(f"{COMMUNITY}suggestions/<int:suggestion_id>/undo/", views.undo, name="suggestion_undo"),
    path(f"{COMMUNITY}suggestions/<int:suggestion_id>/vote/", views.vote, name="suggestion_vote"),
    path(
        f"{COMMUNITY}suggestions/<int:suggestion_id>/vote/remove/",
        views.unvote,
        name="suggestion_unvote",
    ),
    path(
        f"{COMMUNITY}suggestions/<int:suggestion_id>/votes/<int:voter_id>/set-aside/",
        views.set_aside,
        name="suggestion_set_aside",
    ),
    path(
        f"{COMMUNITY}suggestions/<int:suggestion_id>/votes/<int:voter_id>/put-back/",
        views.put_back,
        name="suggestion_put_back",
    ),
    path(
        f"{COMMUNITY}suggestions/<int:suggestion_id>/shortlist/",
        views.change_shortlist,
        name="suggestion_shortlist",
    ),
    path(f"{COMMUNITY}suggestions/<int:suggestion_id>/dossier/", views.dossier, name="dossier"),
    path(
        f"{COMMUNITY}suggestions/<int:suggestion_id>/dossier.pdf",
        views.dossier_pdf,
        name="dossier_pdf",
    ),
    path(f"{COMMUNITY}suggestions/compare/", views.compare, name="suggestion_compare"),
    path(f"{COMMUNITY}partner-requests/", prospects.partner_requests, name="partner_requests"),
    path(f"{COMMUNITY}answer-rule/", views.answer_rule, name="answer_rule"),
    path("staff/suggestions/<int:suggestion_id>/votes/", views.staff_votes, name="staff_votes"),
]
api_urls: list[URLPattern] = [
    path(f"{COMMUNITY}suggestions/", api.SuggestionsView.as_view(), name="suggestions"),
    path(_API_SUGGESTION, api.SuggestionDetailView.as_view(), name="suggestion"),
    path(f"{_API_SUGGESTION}answer/", api.AnswerView.as_view(), name="suggestion-answer"),
    path(f"{_API_SUGGESTION}undo/", api.UndoView.as_view(), name="suggestion-undo"),
    path(f"{_API_SUGGESTION}review/", api.ReviewView.as_view(), name="suggestion-review"),
    path(f"{_API_SUGGESTION}vote/", api.VoteView.as_view(), name="suggestion-vote"),
    path(
        f"{_API_SUGGESTION}vote/remove/",
        api.RemoveVoteView.as_view(),
        name="suggestion-vote-remove",
    ),
    path(
        f"{_API_SUGGESTION}vote/set-aside/",
        api.SetVoteAsideView.as_view(),
        name="suggestion-vote-set-aside",
    ),
    path(
        f"{_API_SUGGESTION}vote/put-back/",
        api.PutVoteBackView.as_view(),
        name="suggestion-vote-put-back",
    ),
    path(f"{_API_SUGGESTION}shortlist/", api.ShortlistView.as_view(), name="suggestion-shortlist"),
    path(f"{_API_SUGGESTION}dossier/", api.DossierView.as_view(), name="dossier"),
    path(
        f"{COMMUNITY}suggestions/counts/", api.QueueCountsView.as_view(), name="suggestion-counts"
    ),
    path(f"{COMMUNITY}suggestions/compare/", api.CompareView.as_view(), name="suggestion-compare"),
    path(
        f"{COMMUNITY}partner-requests/",
        api.PartnerRequestsView.as_view(),
        name="partner-requests",
    ),
    path(
        f"{COMMUNITY}suggestions/prospects/",
        api.ProspectsView.as_view(),
        name="suggestion-prospects",
    ),
    path(f"{COMMUNITY}answer-rule/", api.RuleView.as_view(), name="answer-rule"),
    path(
        "staff/suggestions/<id:suggestion_id>/votes/",
        api.StaffVotesView.as_view(),
        name="staff-votes",
    ),
]
