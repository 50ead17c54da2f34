"""How others will see a profile, and what a further answer would be worth: both from the draft as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from backend.cities.models import Profile
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.profile_validation import valid_part
from backend.suggestions.scoring.coverage import CoverageOutlook, Gain, coverage_outlook
from backend.web.presentation import CommunityCard, community_card

SHOWN = 6


@dataclass(frozen=True, slots=True)
class ShownGain:
    """A missing answer in words, with the page where it is given."""

    topic: str
    question: str
    url: str
    adds: float


@dataclass(frozen=True, slots=True)
class Outlook:
    card: CommunityCard
    coverage: CoverageOutlook
    gains: list[ShownGain]
    more: int

    @property
    def too_little(self) -> bool:
        """Whether hardly anybody could be suggested: less is known than the engine asks for."""
        return self.coverage.coverage < self.coverage.floor


def _shown(profile: Profile, gain: Gain) -> ShownGain:
    code, name = gain.path.split(".")
    group = GROUP_BY_CODE[code]
    question = next(field.label for field in group.fields if field.name == name)
    url = reverse("web:profile_group", args=[profile.community_id, code]) + f"#{name}"
    stands_alone = code == "readiness" or len(group.fields) == 1
    return ShownGain(str(group.label), "" if stands_alone else str(question), url, gain.adds)


def outlook_of(profile: Profile) -> Outlook:
    """From the valid part of the draft: what cannot be published is neither shown nor counted."""
    document: Mapping[str, Any] = valid_part(profile.draft)[0]
    coverage = coverage_outlook(profile.community, document)
    gains = [_shown(profile, gain) for gain in coverage.gains[:SHOWN]]
    return Outlook(community_card(profile.community, document), coverage, gains, len(coverage.gains) - len(gains))
