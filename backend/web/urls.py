"""Addresses of the pages and of the API, subject by subject. Each view says who may ask."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from backend.web.accounts import urls as accounts
from backend.web.agreements import urls as agreements
from backend.web.curation import urls as curation
from backend.web.help import urls as help_urls
from backend.web.introductions import urls as introductions
from backend.web.meetings import urls as meetings
from backend.web.members import urls as members
from backend.web.operations import urls as operations
from backend.web.partnerships import urls as partnerships
from backend.web.people import urls as people
from backend.web.profiles import urls as profiles
from backend.web.public import urls as public
from backend.web.rest import schema as rest_schema
from backend.web.suggestions import urls as suggestions
from backend.web.vetting import urls as vetting

# Profiles come last: the group of a profile is any word that no other address has taken.
page_urls: list[URLPattern] = [
    *public.page_urls,
    *help_urls.page_urls,
    *accounts.page_urls,
    *people.page_urls,
    *members.page_urls,
    *vetting.page_urls,
    *suggestions.page_urls,
    *curation.page_urls,
    *introductions.page_urls,
    *meetings.page_urls,
    *agreements.page_urls,
    *partnerships.page_urls,
    *operations.page_urls,
    *profiles.page_urls,
]
# The last one: whatever is left is unknown. An address without its last slash is sent to the one
# with it, as everywhere.
api_urls: list[URLPattern] = [
    path("schema/", rest_schema.SchemaView.as_view(), name="schema"),
    path("docs/", rest_schema.DocsView.as_view(), name="docs"),
    *public.api_urls,
    *help_urls.api_urls,
    *accounts.api_urls,
    *people.api_urls,
    *members.api_urls,
    *vetting.api_urls,
    *suggestions.api_urls,
    *curation.api_urls,
    *introductions.api_urls,
    *meetings.api_urls,
    *agreements.api_urls,
    *partnerships.api_urls,
    *operations.api_urls,
    *profiles.api_urls,
    re_path(r"^(?P<address>([\s\S]*/)?)\Z", rest_schema.UnknownView.as_view(), name="unknown"),
]
