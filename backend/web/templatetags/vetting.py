"""Where the vetting of a profile stands, for its owner."""

from __future__ import annotations

from typing import Any

from django import template

from backend.cities.models import Profile
from backend.cities.vetting_queries import first_approval_of, without_a_profile

register = template.Library()


@register.inclusion_tag("web/profile/standing.html")
def vetting_standing(profile: Profile) -> dict[str, Any]:
    """What is asked, what was answered, and who waits for whom. Only for readers of the draft."""
    submitted = profile.status == Profile.Status.SUBMITTED
    return {
        "profile": profile,
        "notes": list(profile.vetting_notes.order_by("-id")),
        "first_approval": first_approval_of(profile) if submitted else None,
        "needs_two": bool(submitted and without_a_profile({profile.community.country_id})),
        "has_letter": not submitted or profile.letters.exists(),
    }
