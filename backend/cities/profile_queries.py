"""Reads of drafts, letters and trails, each after the grant that it needs."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from backend.accounts.grants import Actor, Thing
from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile, VettingLetter
from backend.cities.permissions import actor_kind, require_in, require_staff
from backend.common.errors import NotVisible
from backend.outbox.models import Event


def profile_for(user: User, community_id: int) -> Profile:
    """The profile with its draft and what staff asked. Raises NotVisible for others than its owners
    and staff.
    """
    require_in(user, community_id, "R", Thing.DRAFT)
    found = Profile.objects.select_related(
        "community__place", "community__country", "current_version"
    ).prefetch_related("vetting_notes")
    found = found.defer("community__place__search_text", "community__place__alternate_names")
    profile = found.filter(community_id=community_id).first()
    if profile is None:
        raise NotVisible
    return profile


def submission_for(user: User, community_id: int) -> Profile:
    """The profile as staff vet it, also after it has left the queue. Raises NotVisible for others
    than staff.
    """
    require_staff(user, "R", Thing.DRAFT)
    active = Prefetch(
        "community__roles",
        CommunityRole.objects.filter(ended_at__isnull=True).select_related("user").order_by("id"),
    )
    found = Profile.objects.select_related(
        "community__country", "current_version"
    ).prefetch_related(
        "letters__by", "vetting_notes__by", "vetting_notes__answered_by", "approvals__by", active
    )
    profile = found.filter(community_id=community_id).first()
    if profile is None:
        raise NotVisible
    return profile


def letters_for(user: User, community_id: int) -> QuerySet[VettingLetter]:
    """The community's vetting letters, the newest first. Raises NotVisible."""
    require_in(user, community_id, "R", Thing.LETTER)
    return VettingLetter.objects.filter(profile__community_id=community_id).order_by("-id")


def letter_for(user: User, community_id: int, letter_id: int) -> VettingLetter:
    """One vetting letter. Raises NotVisible."""
    letter = letters_for(user, community_id).filter(pk=letter_id).first()
    if letter is None:
        raise NotVisible
    return letter


def trail_for(user: User, community_id: int) -> QuerySet[Event]:
    """The audit trail of a community, the latest first; a registrant who is not vetted yet sees
    their own acts. Raises NotVisible.
    """
    actor = actor_kind(user, community_id)
    if actor in (Actor.CURATOR, Actor.ADMIN):
        return whole_trail(user).filter(community_id=community_id)
    require_in(user, community_id, "R", Thing.AUDIT_OWN)
    events = Event.objects.filter(community_id=community_id).order_by("-id")
    return events.filter(by=user) if actor == Actor.UNVETTED else events


def whole_trail(user: User) -> QuerySet[Event]:
    """The audit trail of everything, the latest first. Raises NotVisible for others than staff."""
    require_staff(user, "R", Thing.AUDIT_ALL)
    return Event.objects.order_by("-id")
