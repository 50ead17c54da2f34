"""What staff and owners read of the vetting of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Profile, ProfileVersion, VettingApproval, VettingNote
from backend.cities.permissions import require_in, require_staff
from backend.cities.vetting_signals import Signal, signals_of
from backend.common.clock import database_now
from backend.outbox.models import Event
from backend.outbox.topics import Topic

# What the owner's side is told of. Which curator it was stays with staff.
_OF_VETTING = (
    Topic.PROFILE_SUBMITTED, Topic.PROFILE_CHANGES_REQUESTED, Topic.PROFILE_APPROVED, Topic.PROFILE_PUBLISHED, Topic.LETTER_ATTACHED,
    Topic.LETTER_READ, Topic.LETTERS_ERASED, Topic.COMMUNITY_REGISTERED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Submission:
    """A profile as staff vet it. ``first_approval``: one curator has said yes to this revision, and
    a second one must.
    """

    profile: Profile
    signals: list[Signal]
    needs_two: bool
    first_approval: VettingApproval | None

    @property
    def to_look_at(self) -> list[Signal]:
        return [signal for signal in self.signals if signal.tone == "look"]


def without_a_profile(countries: set[str]) -> set[str]:
    """Those of the countries from which nothing has been published, if the rule of two approvals
    for them is on.
    """
    if not countries or not settings.VETTING["two_approvals_for_first_of_country"]:
        return set()
    published = ProfileVersion.objects.filter(profile__community__country__in=countries)
    return countries - set(
        published.values_list("profile__community__country", flat=True).distinct()
    )


def first_approval_of(profile: Profile) -> VettingApproval | None:
    """The yes of the first of two curators to what is submitted now; a yes to an older revision
    counts no more.
    """
    if profile.status != Profile.Status.SUBMITTED:
        return None
    standing = (
        row
        for row in profile.approvals.all()
        if row.version_id is None and row.revision == profile.draft_revision
    )
    return next(standing, None)


def submissions_of(profiles: Sequence[Profile]) -> list[Submission]:
    """The profiles with what a curator should know of each, in a fixed number of queries. They come
    prefetched (``vetting_queue``).
    """
    signals = signals_of(profiles, database_now())
    new_countries = without_a_profile({profile.community.country_id for profile in profiles})
    return [
        Submission(
            profile=profile,
            signals=signals[profile.pk],
            needs_two=profile.community.country_id in new_countries,
            first_approval=first_approval_of(profile),
        )
        for profile in profiles
    ]


def vetting_trail(user: User, community_id: int) -> QuerySet[Event]:
    """What happened while the profile was vetted, the latest first. Raises NotVisible for others
    than staff.
    """
    require_staff(user, "R", Thing.AUDIT_ALL)
    return (
        Event.objects.filter(community_id=community_id, topic__in=_OF_VETTING)
        .select_related("by")
        .order_by("-id")
    )


def notes_for(user: User, community_id: int) -> list[VettingNote]:
    """What staff asked and what was answered, the latest first. Raises NotVisible for others than
    owners and staff.
    """
    require_in(user, community_id, "R", Thing.DRAFT)
    return list(VettingNote.objects.filter(profile__community_id=community_id).order_by("-id"))
