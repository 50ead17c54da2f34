"""Addresses of the API. Each has its entry in ``backend.api.access.ACCESS``."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path, register_converter

from backend.api.converters import IdConverter
from backend.api.views import (
    documents,
    introductions,
    people,
    profiles,
    public,
    staff_introductions,
    staff_operations,
    staff_suggestions,
    staff_vetting,
    suggestions,
)

app_name = "api"
register_converter(IdConverter, "id")
_COMMUNITY = "communities/<id:community_id>/"
_PROFILE = f"{_COMMUNITY}profile/"
_SUGGESTION = f"{_COMMUNITY}suggestions/<id:suggestion_id>/"
_INTRODUCTION = f"{_COMMUNITY}introductions/<id:introduction_id>/"
_CARD = "staff/introductions/<id:introduction_id>/"

_public = [
    path("schema/", documents.SchemaView.as_view(), name="schema"),
    path("docs/", documents.DocsView.as_view(), name="docs"),
    path("communities/", public.CommunitiesView.as_view(), name="communities"),
    path(_COMMUNITY, public.CommunityView.as_view(), name="community"),
    path("countries/", public.CountriesView.as_view(), name="countries"),
    path("places/", public.PlacesView.as_view(), name="places"),
    path("vocabularies/", public.VocabulariesView.as_view(), name="vocabularies"),
    path("vocabularies/<slug:name>/", public.VocabularyView.as_view(), name="vocabulary"),
    path("partnerships/", public.PartnershipsView.as_view(), name="partnerships"),
    path("listed-partnerships/", public.ListedPartnershipsView.as_view(), name="listed-partnerships"),
]
_mine = [
    path("me/", people.MeView.as_view(), name="me"),
    path("notifications/", people.NotificationsView.as_view(), name="notifications"),
    path("notifications/read/", people.NotificationsReadView.as_view(), name="notifications-read"),
    path(_PROFILE, profiles.ProfileView.as_view(), name="profile"),
    path(f"{_PROFILE}submit/", profiles.act_view("submit_profile", "Hand it to staff for vetting"), name="profile-submit"),
    path(f"{_PROFILE}answer/", staff_vetting.AnswerView.as_view(), name="profile-answer"),
    path(f"{_PROFILE}publish/", profiles.ProfilePublishView.as_view(), name="profile-publish"),
    path(f"{_PROFILE}confirm/", profiles.act_view("confirm_profile", "Everything is still true"), name="profile-confirm"),
    path(f"{_PROFILE}pause/", profiles.act_view("pause_profile", "No new suggestions until resumed"), name="profile-pause"),
    path(f"{_PROFILE}resume/", profiles.act_view("resume_profile", "Seek again"), name="profile-resume"),
    path(f"{_PROFILE}fulfil/", profiles.act_view("mark_fulfilled", "Found what you looked for"), name="profile-fulfil"),
    path(f"{_PROFILE}withdraw/", profiles.act_view("withdraw_profile", "Take it off the service"), name="profile-withdraw"),
    path(f"{_PROFILE}letters/", profiles.LettersView.as_view(), name="letters"),
    path(f"{_PROFILE}letters/<id:letter_id>/", profiles.LetterView.as_view(), name="letter"),
    path(f"{_COMMUNITY}contacts/", profiles.OwnContactsView.as_view(), name="own-contacts"),
    path(f"{_COMMUNITY}suggestions/", suggestions.SuggestionsView.as_view(), name="suggestions"),
    path(_SUGGESTION, suggestions.SuggestionDetailView.as_view(), name="suggestion"),
    path(f"{_SUGGESTION}answer/", suggestions.AnswerView.as_view(), name="suggestion-answer"),
    path(f"{_COMMUNITY}introductions/", introductions.IntroductionsView.as_view(), name="introductions"),
    path(_INTRODUCTION, introductions.IntroductionView.as_view(), name="introduction"),
    path(f"{_INTRODUCTION}consent/", introductions.ConsentView.as_view(), name="consent"),
    path(f"{_INTRODUCTION}contacts/", introductions.ContactsView.as_view(), name="contacts"),
    path(f"{_COMMUNITY}events/", profiles.CommunityEventsView.as_view(), name="community-events"),
]
_staff = [
    path("staff/vetting/", staff_vetting.VettingView.as_view(), name="staff-vetting"),
    path("staff/vetting/<id:community_id>/", staff_vetting.SubmissionView.as_view(), name="staff-submission"),
    path("staff/vetting/<id:community_id>/request-changes/", staff_vetting.RequestChangesView.as_view(), name="staff-request-changes"),
    path("staff/vetting/<id:community_id>/publish/", staff_vetting.PublishView.as_view(), name="staff-publish"),
    path("staff/suggestions/", staff_suggestions.StaffSuggestionsView.as_view(), name="staff-suggestions"),
    path("staff/suggestions/<id:suggestion_id>/", staff_suggestions.StaffSuggestionView.as_view(), name="staff-suggestion"),
    path("staff/suggestions/<id:suggestion_id>/release/", staff_suggestions.ReleaseView.as_view(), name="staff-suggestion-release"),
    path("staff/suggestions/<id:suggestion_id>/hold/", staff_suggestions.HoldView.as_view(), name="staff-suggestion-hold"),
    path("staff/introductions/", staff_introductions.BoardView.as_view(), name="staff-introductions"),
    path(_CARD, staff_introductions.StaffIntroductionView.as_view(), name="staff-introduction"),
    path(f"{_CARD}move/", staff_introductions.MoveView.as_view(), name="staff-introduction-move"),
    path(f"{_CARD}assign/", staff_introductions.AssignView.as_view(), name="staff-introduction-assign"),
    path(f"{_CARD}agreement/", staff_introductions.AgreementView.as_view(), name="staff-agreement"),
    path("staff/runs/", staff_operations.RunsView.as_view(), name="staff-runs"),
    path("staff/runs/<id:run_id>/", staff_operations.RunView.as_view(), name="staff-run"),
    path("staff/dead-letters/", staff_operations.DeadLettersView.as_view(), name="staff-dead-letters"),
    path("staff/dead-letters/<id:work_id>/retry/", staff_operations.RetryView.as_view(), name="staff-dead-letter-retry"),
    path("staff/events/", staff_operations.EventsView.as_view(), name="staff-events"),
]
# The last one: whatever is left is unknown. An address without its last slash is sent to the one with it, as everywhere.
_unknown = re_path(r"^(?P<address>([\s\S]*/)?)\Z", documents.UnknownView.as_view(), name="unknown")
urlpatterns: list[URLPattern] = [*_public, *_mine, *_staff, _unknown]
