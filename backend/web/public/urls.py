"""Addresses of public: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY
from backend.web.html import languages as html_languages
from backend.web.public import api, face, seeking, views

page_urls: list[URLPattern] = [
    path("", views.home, name="home"),
    path("about/", views.about, name="about"),
    path("language/", html_languages.choose_language, name="language"),
    path("sources/", views.sources, name="sources"),
    path("search/", views.search, name="search"),
    path("places/<id:place_id>/", views.place, name="place"),
    path("communities/", seeking.seeking, name="seeking"),
    path("communities/searches/", seeking.saved_searches, name="saved_searches"),
    path(
        "communities/searches/<uuid:search_id>/remove/",
        seeking.remove,
        name="saved_search_remove",
    ),
    path("communities/feed.atom", seeking.feed, name="seeking_feed"),
    path(COMMUNITY, views.community, name="community"),
    path("partnerships/", views.directory, name="directory"),
    path("partnerships/cities/", views.cities, name="directory_cities"),
    path("partnerships/export.csv", views.export, name="directory_export"),
    path(f"{COMMUNITY}picture/<slug:picture>.jpg", face.picture_file, name="picture"),
    path("robots.txt", face.robots, name="robots"),
    path("favicon.ico", face.small_icon, name="small_icon"),
    path("sitemap.xml", face.sitemap, name="sitemap"),
    path("sitemap-<slug:language>-<int:number>.xml", face.sitemap_pages, name="sitemap_pages"),
]
api_urls: list[URLPattern] = [
    path("communities/", api.CommunitiesView.as_view(), name="communities"),
    path(COMMUNITY, api.CommunityView.as_view(), name="community"),
    path("me/searches/", seeking.SavedSearchesView.as_view(), name="my-searches"),
    path(
        "me/searches/<uuid:search_id>/",
        seeking.SavedSearchView.as_view(),
        name="my-search",
    ),
    path("countries/", api.CountriesView.as_view(), name="countries"),
    path("search/", api.SearchView.as_view(), name="search"),
    path("places/<id:place_id>/", api.PlaceView.as_view(), name="place"),
    path("places/", api.PlacesView.as_view(), name="places"),
    path("vocabularies/", api.VocabulariesView.as_view(), name="vocabularies"),
    path("vocabularies/<slug:name>/", api.VocabularyView.as_view(), name="vocabulary"),
    path("partnerships/", api.PartnershipsView.as_view(), name="partnerships"),
    path(
        "confirmed-partnerships/",
        api.ConfirmedPartnershipsView.as_view(),
        name="confirmed-partnerships",
    ),
    path("listed-partnerships/", api.ListedPartnershipsView.as_view(), name="listed-partnerships"),
]
