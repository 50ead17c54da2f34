"""Addresses of help: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY
from backend.web.help import api, guide, views, volunteers

page_urls: list[URLPattern] = [
    path("guide/", guide.guide, name="guide"),
    path("guide/<slug:question>/", guide.guide_answer, name="guide_answer"),
    path("privacy/", guide.statement, name="privacy"),
    path("terms/", guide.statement, name="terms"),
    path("accessibility/", guide.statement, name="accessibility"),
    path("contact/", views.contact, name="contact"),
    path("contact/tickets/<str:thread>/", views.ticket, name="ticket"),
    path("contact/letters/<str:letter>/", volunteers.letter, name="letter"),
    path("organisation/", volunteers.organisation_start, name="organisation_start"),
    path(f"{COMMUNITY}volunteer/", volunteers.volunteer, name="volunteer"),
    path(f"{COMMUNITY}meetings.ics", volunteers.calendar, name="open_meetings"),
    path(f"{COMMUNITY}volunteers/", volunteers.volunteers, name="volunteers"),
    path(
        f"{COMMUNITY}volunteers/calls/<int:call_id>/withdraw/",
        volunteers.withdraw,
        name="call_withdraw",
    ),
    path(
        f"{COMMUNITY}volunteers/calls/<int:call_id>/publish/",
        volunteers.publish,
        name="call_publish",
    ),
    path(f"{COMMUNITY}volunteers/process/", volunteers.process, name="process"),
    path("staff/tickets/", views.ticket_list, name="staff_tickets"),
    path("staff/tickets/<int:ticket_id>/", views.staff_ticket, name="staff_ticket"),
    path("staff/tickets/<int:ticket_id>/take/", views.ticket_take, name="ticket_take"),
    path("staff/tickets/<int:ticket_id>/close/", views.ticket_close, name="ticket_close"),
]
api_urls: list[URLPattern] = [
    path("tickets/", api.TicketsView.as_view(), name="tickets"),
    path("tickets/<slug:ticket_number>/", api.TicketView.as_view(), name="ticket"),
    path("tickets/<slug:ticket_number>/reply/", api.TicketReplyView.as_view(), name="ticket-reply"),
    path(f"{COMMUNITY}calls/", api.CallsView.as_view(), name="calls"),
    path(f"{COMMUNITY}calls/<id:call_id>/", api.CallView.as_view(), name="call"),
    path(f"{COMMUNITY}call-drafts/", api.CallDraftsView.as_view(), name="call-drafts"),
    path(
        f"{COMMUNITY}call-drafts/<id:call_id>/publish/",
        api.CallPublishView.as_view(),
        name="call-draft-publish",
    ),
    path(f"{COMMUNITY}process/", api.ProcessView.as_view(), name="process"),
    path(
        f"{COMMUNITY}letters/", api.VolunteerLettersView.as_view(), name="letters-to-organisation"
    ),
    path("staff/tickets/", api.StaffTicketsView.as_view(), name="staff-tickets"),
    path("staff/tickets/<id:ticket_id>/", api.StaffTicketView.as_view(), name="staff-ticket"),
    path(
        "staff/tickets/<id:ticket_id>/answer/",
        api.TicketAnswerView.as_view(),
        name="staff-ticket-answer",
    ),
    path("staff/tickets/<id:ticket_id>/take/", api.TakeView.as_view(), name="staff-ticket-take"),
    path("staff/tickets/<id:ticket_id>/close/", api.CloseView.as_view(), name="staff-ticket-close"),
]
