"""Addresses of the API. Each has its entry in ``backend.api.access.ACCESS``."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path, register_converter

from backend.api.converters import IdConverter
from backend.api.views import (
    accounts,
    agreements,
    community_people,
    documents,
    figures,
    introductions,
    partnerships,
    people,
    profiles,
    public,
    staff_agreements,
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
_AGREEMENT = f"{_COMMUNITY}agreements/<id:agreement_id>/"
_PARTNERSHIP = f"{_COMMUNITY}partnerships/<id:partnership_id>/"
_STAFF_AGREEMENT = "staff/agreements/<id:agreement_id>/"
_STAFF_PARTNERSHIP = "staff/partnerships/<id:partnership_id>/"
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
    path("me/acts/", accounts.ActsView.as_view(), name="my-acts"),
    path("me/data/", accounts.PersonalDataView.as_view(), name="my-data"),
    path("me/erase/", accounts.EraseView.as_view(), name="erase-me"),
    path("me/tokens/", accounts.TokensView.as_view(), name="my-tokens"),
    path("me/tokens/<uuid:public_id>/", accounts.TokenView.as_view(), name="my-token"),
    path("me/invitations/", community_people.OwnInvitationsView.as_view(), name="my-invitations"),
    path("me/invitations/<id:invitation_id>/accept/", community_people.AcceptView.as_view(), name="accept-invitation"),
    path("me/join-requests/", community_people.OwnJoinRequestsView.as_view(), name="my-join-requests"),
    path("me/join-requests/<id:request_id>/", community_people.OwnJoinRequestView.as_view(), name="my-join-request"),
    path(f"{_COMMUNITY}people/", community_people.PeopleView.as_view(), name="people"),
    path(f"{_COMMUNITY}people/<id:role_id>/", community_people.MemberView.as_view(), name="member"),
    path(f"{_COMMUNITY}invitations/", community_people.InvitationsView.as_view(), name="invitations"),
    path(f"{_COMMUNITY}invitations/<id:invitation_id>/", community_people.InvitationView.as_view(), name="invitation"),
    path(f"{_COMMUNITY}join-requests/", community_people.JoinRequestsView.as_view(), name="join-requests"),
    path(f"{_COMMUNITY}join-requests/<id:request_id>/answer/", community_people.JoinAnswerView.as_view(), name="join-answer"),
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
    path(f"{_COMMUNITY}agreements/", agreements.AgreementsView.as_view(), name="agreements"),
    path(_AGREEMENT, agreements.AgreementView.as_view(), name="agreement"),
    path(f"{_AGREEMENT}versions/", agreements.AgreementVersionsView.as_view(), name="agreement-versions"),
    path(f"{_AGREEMENT}changes/", agreements.AgreementChangesView.as_view(), name="agreement-changes"),
    path(f"{_AGREEMENT}documents/", agreements.AgreementDocumentsView.as_view(), name="agreement-documents"),
    path(f"{_AGREEMENT}documents/<id:document_id>/", agreements.AgreementDocumentView.as_view(), name="agreement-document"),
    path(f"{_AGREEMENT}confirmation/", agreements.ConfirmationView.as_view(), name="agreement-confirmation"),
    path(f"{_COMMUNITY}partnerships/", partnerships.LivedPartnershipsView.as_view(), name="lived-partnerships"),
    path(_PARTNERSHIP, partnerships.PartnershipView.as_view(), name="partnership"),
    path(f"{_PARTNERSHIP}activities/", partnerships.ActivitiesView.as_view(), name="activities"),
    path(f"{_COMMUNITY}activities/<id:activity_id>/", partnerships.ActivityView.as_view(), name="activity"),
    path(f"{_PARTNERSHIP}reports/", partnerships.ReportsView.as_view(), name="reports"),
    path(f"{_PARTNERSHIP}decision/", partnerships.DecisionView.as_view(), name="partnership-decision"),
    path(f"{_PARTNERSHIP}renewal/", partnerships.RenewalView.as_view(), name="partnership-renewal"),
    path(f"{_PARTNERSHIP}why/", partnerships.WhyView.as_view(), name="partnership-why"),
    path(f"{_PARTNERSHIP}certificate/", partnerships.CertificateView.as_view(), name="partnership-certificate"),
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
    path(f"{_CARD}agreement/", staff_agreements.BeginDraftView.as_view(), name="staff-agreement-begin"),
    path("staff/agreements/", staff_agreements.StaffAgreementsView.as_view(), name="staff-agreements"),
    path(_STAFF_AGREEMENT, staff_agreements.StaffAgreementView.as_view(), name="staff-agreement"),
    path(f"{_STAFF_AGREEMENT}versions/", staff_agreements.StaffVersionsView.as_view(), name="staff-agreement-versions"),
    path(f"{_STAFF_AGREEMENT}changes/", staff_agreements.StaffChangesView.as_view(), name="staff-agreement-changes"),
    path(f"{_STAFF_AGREEMENT}offer/", staff_agreements.OfferView.as_view(), name="staff-agreement-offer"),
    path(f"{_STAFF_AGREEMENT}reopen/", staff_agreements.ReopenView.as_view(), name="staff-agreement-reopen"),
    path(f"{_STAFF_AGREEMENT}give-up/", staff_agreements.GiveUpView.as_view(), name="staff-agreement-give-up"),
    path(f"{_STAFF_AGREEMENT}documents/", staff_agreements.StaffDocumentsView.as_view(), name="staff-agreement-documents"),
    path(f"{_STAFF_AGREEMENT}documents/<id:document_id>/", agreements.AgreementDocumentView.as_view(), name="staff-agreement-document"),
    path("staff/agreement-templates/<slug:form>/", staff_agreements.TemplatesView.as_view(), name="staff-agreement-templates"),
    path("staff/partnerships/", partnerships.StaffPartnershipsView.as_view(), name="staff-partnerships"),
    path(_STAFF_PARTNERSHIP, partnerships.PartnershipView.as_view(), name="staff-partnership"),
    path(f"{_STAFF_PARTNERSHIP}why/", partnerships.WhyView.as_view(), name="staff-partnership-why"),
    path(f"{_STAFF_PARTNERSHIP}certificate/", partnerships.CertificateView.as_view(), name="staff-partnership-certificate"),
    path(f"{_STAFF_PARTNERSHIP}emeritus/", partnerships.HonourView.as_view(), name="staff-partnership-emeritus"),
    path("staff/figures/<slug:name>/", figures.FiguresView.as_view(), name="staff-figures"),
    path("staff/runs/", staff_operations.RunsView.as_view(), name="staff-runs"),
    path("staff/runs/<id:run_id>/", staff_operations.RunView.as_view(), name="staff-run"),
    path("staff/dead-letters/", staff_operations.DeadLettersView.as_view(), name="staff-dead-letters"),
    path("staff/dead-letters/<id:work_id>/retry/", staff_operations.RetryView.as_view(), name="staff-dead-letter-retry"),
    path("staff/roles/", accounts.StaffRolesView.as_view(), name="staff-roles"),
    path("staff/tokens/", accounts.AllTokensView.as_view(), name="staff-tokens"),
    path("staff/tokens/<uuid:public_id>/", accounts.TokenView.as_view(), name="staff-token"),
    path("staff/join-requests/", community_people.StaffJoinRequestsView.as_view(), name="staff-join-requests"),
    path("staff/events/", staff_operations.EventsView.as_view(), name="staff-events"),
]
# The last one: whatever is left is unknown. An address without its last slash is sent to the one with it, as everywhere.
_unknown = re_path(r"^(?P<address>([\s\S]*/)?)\Z", documents.UnknownView.as_view(), name="unknown")
urlpatterns: list[URLPattern] = [*_public, *_mine, *_staff, _unknown]
