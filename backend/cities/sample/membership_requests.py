"""Requests for membership of the sample world, so that staff find some to answer: of a city
abroad, and of two members whose dues have run out.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from backend.cities.models import CommunityRole, Membership, MembershipRequest
from backend.cities.services.membership_requests import ask_for_membership

_LAPSED = Q(community__memberships__standing=Membership.Standing.LAPSED)
_ABROAD = ~Q(community__country="US")
_ASKING: tuple[tuple[Q, str], ...] = (
    (
        Q(community__memberships=None) & _ABROAD,
        "Our council would like us to become a Global Member. Please tell us what it costs.",
    ),
    (_LAPSED & ~_ABROAD, "The bill went to a colleague who has left. We would like to stay."),
    (_LAPSED & _ABROAD, "Our council has voted for another year. Please send the bill again."),
)


@transaction.atomic
def load_sample_membership_requests() -> int:
    """Adds the requests to a sample world that has none; returns how many were written now."""
    if MembershipRequest.objects.exists():
        return 0
    officials = CommunityRole.objects.filter(
        role=CommunityRole.Role.OFFICIAL,
        user__is_sample=True,
        community__is_sample=True,
        community__profile__status="published",
        vetted_at__isnull=False,
    ).select_related("user", "community")
    written = 0
    for which, note in _ASKING:
        # None of the first communities: they are those of the accounts to try the service with
        role = officials.filter(which).order_by("-community_id", "id").first()
        if role is None:
            continue
        ask_for_membership(
            by=role.user,
            community_id=role.community_id,
            billing_name=f"{role.community.name}, finance",
            billing_email=role.user.email,
            dues_class="" if role.community.place_id else Membership.DuesClass.values[0],
            note=note,
        )
        written += 1
    return written
