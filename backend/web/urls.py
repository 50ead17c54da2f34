"""Addresses of the pages. Each has its entry in ``backend.web.access.ACCESS``."""

from __future__ import annotations

from django.urls import path

from backend.web import languages
from backend.web.views import (
    communities,
    contacts,
    desk,
    introductions,
    letters,
    profile,
    profile_life,
    public,
    registration,
    staff_introductions,
    staff_operations,
    staff_runs,
    staff_suggestions,
    staff_vetting,
    suggestions,
    vetting_answer,
)

app_name = "web"

_COMMUNITY = "communities/<int:community_id>/"
_PROFILE = f"{_COMMUNITY}profile/"

urlpatterns = [
    path("", public.home, name="home"),
    path("about/", public.about, name="about"),
    path("language/", languages.choose_language, name="language"),
    path("sources/", public.sources, name="sources"),
    path("communities/", communities.seeking, name="seeking"),
    path(_COMMUNITY, communities.community, name="community"),
    path("partnerships/", communities.directory, name="directory"),
    path("register/", registration.register, name="register"),
    path("places/", registration.places, name="places"),
    path("desk/", desk.desk, name="desk"),
    path("inbox/", desk.inbox, name="inbox"),
    path(_PROFILE, profile.overview, name="profile"),
    path(f"{_PROFILE}check/", profile_life.check, name="profile_check"),
    path(f"{_PROFILE}submit/", profile_life.submit, name="profile_submit"),
    path(f"{_PROFILE}publish/", profile_life.publish, name="profile_publish"),
    path(f"{_PROFILE}preview/", profile_life.preview, name="profile_preview"),
    path(f"{_PROFILE}confirm/", profile_life.confirm, name="profile_confirm"),
    path(f"{_PROFILE}status/", profile_life.change_status, name="profile_status"),
    path(f"{_PROFILE}contacts/", contacts.own_contacts, name="profile_contacts"),
    path(f"{_PROFILE}answer/", vetting_answer.answer, name="profile_answer"),
    path(f"{_PROFILE}letter/", letters.upload, name="profile_letter"),
    path(f"{_PROFILE}letters/<int:letter_id>/", letters.download, name="profile_letter_file"),
    path(f"{_PROFILE}<slug:group>/", profile.group_page, name="profile_group"),
    path(f"{_PROFILE}<slug:group>/settle/", profile.settle, name="profile_settle"),
    path(f"{_PROFILE}<slug:group>/autosave/", profile.autosave, name="profile_autosave"),
    path(f"{_COMMUNITY}suggestions/", suggestions.suggestion_list, name="suggestions"),
    path(f"{_COMMUNITY}suggestions/<int:suggestion_id>/", suggestions.detail, name="suggestion"),
    path(f"{_COMMUNITY}suggestions/<int:suggestion_id>/answer/", suggestions.give_answer, name="suggestion_answer"),
    path("introductions/<int:introduction_id>/", introductions.introduction, name="introduction"),
    path("introductions/<int:introduction_id>/consent/", introductions.consent, name="introduction_consent"),
    path("staff/", staff_operations.overview, name="staff"),
    path("staff/vetting/", staff_vetting.queue, name="staff_vetting"),
    path("staff/vetting/<int:community_id>/", staff_vetting.submission, name="staff_submission"),
    path("staff/vetting/<int:community_id>/publish/", staff_vetting.publish, name="staff_publish"),
    path("staff/vetting/<int:community_id>/changes/", staff_vetting.changes, name="staff_changes"),
    path("staff/vetting/<int:community_id>/letters/<int:letter_id>/", letters.download, name="staff_letter"),
    path("staff/suggestions/", staff_suggestions.suggestion_list, name="staff_suggestions"),
    path("staff/suggestions/<int:suggestion_id>/", staff_suggestions.detail, name="staff_suggestion"),
    path("staff/suggestions/<int:suggestion_id>/act/", staff_suggestions.act, name="staff_suggestion_act"),
    path("staff/introductions/", staff_introductions.introduction_board, name="staff_introductions"),
    path("staff/introductions/open/<int:pair_id>/", staff_introductions.open_by_hand, name="staff_introduction_open"),
    path("staff/introductions/<int:introduction_id>/", staff_introductions.detail, name="staff_introduction"),
    path("staff/introductions/<int:introduction_id>/move/", staff_introductions.move_card, name="staff_introduction_move"),
    path("staff/introductions/<int:introduction_id>/assign/", staff_introductions.assign_card, name="staff_introduction_assign"),
    path("staff/introductions/<int:introduction_id>/agreement/", staff_introductions.agreement, name="staff_agreement"),
    path("staff/runs/", staff_runs.run_list, name="staff_runs"),
    path("staff/runs/start/", staff_runs.start, name="staff_run_start"),
    path("staff/runs/<int:run_id>/", staff_runs.run_page, name="staff_run"),
    path("staff/runs/<int:run_id>/progress/", staff_runs.progress, name="staff_run_progress"),
    path("staff/dead-letters/", staff_operations.dead_letter_list, name="staff_dead_letters"),
    path("staff/dead-letters/<int:work_id>/retry/", staff_operations.retry, name="staff_dead_letter_retry"),
    path("staff/mails/", staff_operations.mails, name="staff_mails"),
    path("staff/mails/<str:name>/", staff_operations.mail, name="staff_mail"),
    path("staff/events/", staff_operations.events, name="staff_events"),
]
