"""The pair that two communities make, and the checks that curation's acts share."""

from __future__ import annotations

from collections.abc import Mapping

from backend.cities.models import Community
from backend.common.errors import InvalidFields
from backend.suggestions.models import Pair


def two_sides(home_id: int | None, abroad_id: int | None) -> tuple[Community, Community]:
    """The community of the U.S. side and the one abroad. Raises InvalidFields where one is unknown
    or on the wrong side.
    """
    found = Community.objects.select_related(
        "country", "place", "profile__current_version"
    ).in_bulk([i for i in (home_id, abroad_id) if i])
    home, abroad = found.get(home_id or 0), found.get(abroad_id or 0)
    errors = {}
    if home is None or not home.is_home:
        errors["home_id"] = ["Choose a community of the United States that is registered here."]
    if abroad is None or abroad.is_home:
        errors["abroad_id"] = ["Choose a community abroad that is registered here."]
    if errors or home is None or abroad is None:
        raise InvalidFields(errors)
    return home, abroad


def pair_of(home_id: int | None, abroad_id: int | None) -> Pair:
    """The pair's row, made where it is not there yet. Raises InvalidFields as ``two_sides``."""
    home, abroad = two_sides(home_id, abroad_id)
    a, b = sorted((home, abroad), key=lambda community: community.pk)
    return Pair.objects.get_or_create(
        a=a, b=b, defaults={"a_country": a.country_id, "b_country": b.country_id}
    )[0]


def check_text(fields: Mapping[str, tuple[str, int, str]]) -> dict[str, list[str]]:
    """Errors of texts that must be given: field → (text, longest, what it says)."""
    return {
        name: [f"Say {what} in 1 to {longest:,} characters."]
        for name, (text, longest, what) in fields.items()
        if not text.strip() or len(text) > longest or "\x00" in text
    }
