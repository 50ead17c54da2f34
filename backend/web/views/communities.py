"""Communities that seek partners, and a community's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backend.cities.existing_queries import confirmed_partnerships
from backend.cities.models import Community, Membership
from backend.cities.queries import listed_partners, seeking_communities
from backend.common.errors import NotVisible
from backend.introductions.queries import living_partnerships
from backend.web.forms.filters import SeekingFilters
from backend.web.presentation import community_card, describe, local_name_of, published_data, story_of

PAGE = 24


@require_safe
def seeking(request: HttpRequest) -> HttpResponse:
    form = SeekingFilters(request.GET)
    page = Paginator(seeking_communities(**form.chosen()), PAGE).get_page(request.GET.get("page"))
    cards = [community_card(community) for community in page]
    context = {"form": form, "page": page, "cards": cards, "shows_sample": any(card.community.is_sample for card in cards)}
    return render(request, "web/seeking.html", context)


def _public_community(community_id: int) -> Community:
    """Raises NotVisible for a community that nobody has published, like for one that does not exist."""
    current = Prefetch("memberships", Membership.objects.filter(ended_on__isnull=True), to_attr="current_memberships")
    found = Community.objects.public().select_related("country", "place__country", "profile__current_version").prefetch_related(current)
    community = found.filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    return community


def page_of(shown: Community, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a community's page shows of a document: the published one, or a draft in its preview. ``current_memberships`` is fetched."""
    listed = listed_partners(shown)
    partner_ids = [partner.community_id for partner in listed if partner.community_id is not None]
    return {
        "community": shown,
        "local_name": local_name_of(shown, data),
        "story": story_of(data),
        "english_story": (data.get("story") or {}).get("english", ""),
        "groups": [group for group in describe(data, shown) if group.code not in {"story", "identity", "importances"}],
        "website": (data.get("identity") or {}).get("website") or shown.website,
        "recorded": living_partnerships(shown.pk),
        "existing": confirmed_partnerships(shown.pk),
        "listed": listed,
        "public_ids": set(Community.objects.public().filter(pk__in=partner_ids).values_list("pk", flat=True)),
        "membership": next(iter(shown.current_memberships), None),  # type: ignore[attr-defined]
        "shows_sample": shown.is_sample,
    }


@require_safe
def community(request: HttpRequest, community_id: int) -> HttpResponse:
    shown = _public_community(community_id)
    return render(request, "web/community.html", page_of(shown, published_data(shown)))
