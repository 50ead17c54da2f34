"""What anybody may read: what the service is, how it works, where its data come from."""

from __future__ import annotations

from itertools import zip_longest

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backend.cities.attribution import data_sources
from backend.cities.models import Community, ListedPartnership
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.profile_schema import GROUPS
from backend.cities.queries import seeking_communities
from backend.web.presentation import community_card


def _home_figures() -> dict[str, int]:
    """Answers to what a newcomer asks: is anybody there, from where, and does it lead to something?"""
    seeking = Community.objects.seeking().aggregate(communities=Count("id"), countries=Count("country", distinct=True))
    return {**seeking, "listed": ListedPartnership.objects.count()}


def _newest_of_both_sides() -> list[Community]:
    """Three from home and three from abroad, in turns: a pair needs both."""
    newest = seeking_communities().order_by("-profile__current_version__published_at", "id")
    home, abroad = newest.filter(country=HOME_COUNTRY)[:3], newest.exclude(country=HOME_COUNTRY)[:3]
    return [community for pair in zip_longest(home, abroad) for community in pair if community is not None]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    cards = [community_card(community) for community in _newest_of_both_sides()]
    context = {"figures": _home_figures(), "cards": cards, "shows_sample": any(card.community.is_sample for card in cards)}
    return render(request, "web/home.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "web/about.html", {"groups": GROUPS})


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    return render(request, "web/sources.html", {"sources": data_sources()})
