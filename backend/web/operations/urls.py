"""Addresses of operations: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.operations import api, views

page_urls: list[URLPattern] = [
    path("staff/", views.overview, name="staff"),
    path("staff/statistics/", views.statistics, name="staff_statistics"),
    path("staff/statistics/<slug:name>.csv", views.statistics_csv, name="staff_statistics_csv"),
    path("staff/runs/", views.run_list, name="staff_runs"),
    path("staff/runs/start/", views.start, name="staff_run_start"),
    path("staff/runs/<int:run_id>/", views.run_page, name="staff_run"),
    path("staff/weights/", views.weights_list, name="staff_weights"),
    path("staff/weights/<int:weight_set_id>/promote/", views.promote, name="staff_weights_promote"),
    path("staff/dead-letters/", views.dead_letter_list, name="staff_dead_letters"),
    path("staff/dead-letters/<int:job_id>/retry/", views.retry, name="staff_dead_letter_retry"),
    path("staff/mails/", views.mails, name="staff_mails"),
    path("staff/mails/<str:name>/", views.mail, name="staff_mail"),
    path("staff/events/", views.events, name="staff_events"),
]
api_urls: list[URLPattern] = [
    path("staff/statistics/<slug:name>/", api.StatisticsView.as_view(), name="staff-statistics"),
    path("staff/runs/", api.RunsView.as_view(), name="staff-runs"),
    path("staff/runs/<id:run_id>/", api.RunView.as_view(), name="staff-run"),
    path("staff/weights/", api.WeightSetsView.as_view(), name="staff-weights"),
    path(
        "staff/weights/<id:weight_set_id>/promote/",
        api.PromoteView.as_view(),
        name="staff-weights-promote",
    ),
    path("staff/dead-letters/", api.DeadLettersView.as_view(), name="staff-dead-letters"),
    path(
        "staff/dead-letters/<id:job_id>/retry/",
        api.RetryView.as_view(),
        name="staff-dead-letter-retry",
    ),
    path("staff/events/", api.EventsView.as_view(), name="staff-events"),
]
