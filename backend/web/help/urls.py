"""Addresses of help: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.help import api, guide, views

page_urls: list[URLPattern] = [
    path("guide/", guide.guide, name="guide"),
    path("guide/<slug:question>/", guide.guide_answer, name="guide_answer"),
    path("privacy/", guide.statement, name="privacy"),
    path("terms/", guide.statement, name="terms"),
    path("accessibility/", guide.statement, name="accessibility"),
    path("contact/", views.contact, name="contact"),
    path("contact/tickets/<str:thread>/", views.ticket, name="ticket"),
    path("staff/tickets/", views.ticket_list, name="staff_tickets"),
    path("staff/tickets/<int:ticket_id>/", views.staff_ticket, name="staff_ticket"),
    path("staff/tickets/<int:ticket_id>/take/", views.ticket_take, name="ticket_take"),
    path("staff/tickets/<int:ticket_id>/close/", views.ticket_close, name="ticket_close"),
]
api_urls: list[URLPattern] = [
    path("tickets/", api.TicketsView.as_view(), name="tickets"),
    path("tickets/<slug:ticket_number>/", api.TicketView.as_view(), name="ticket"),
    path("tickets/<slug:ticket_number>/reply/", api.TicketReplyView.as_view(), name="ticket-reply"),
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
