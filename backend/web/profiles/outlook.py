"""How others will see a profile, what a further answer would be worth, and what time does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from backend.cities.models import Profile
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.profile_validation import valid_part
from backend.common.dates import database_now, months_after
from backend.suggestions.scoring.coverage import CoverageOutlook, Gain, coverage_outlook
from backend.web.profiles.presentation import CommunitySummary, community_summary


def freshness_words(profile: Profile) -> str:
    """What time will do to the profile next, in one sentence; empty where nothing does."""
    if profile.status == Profile.Status.PAUSED and profile.paused_until:
        day = date_format(profile.paused_until, "DATE_FORMAT")
        return _("It is paused, and seeks again by itself on %(day)s.") % {"day": day}
    if profile.status == Profile.Status.PAUSED:
        return _("It is paused: no new suggestions until you resume.")
    if profile.confirmed_at is None or profile.status not in (
        Profile.Status.PUBLISHED,
        Profile.Status.STALE,
    ):
        return ""
    now = database_now()
    stale_on = months_after(profile.confirmed_at, settings.PROFILES["stale_months"])
    out_on = months_after(profile.confirmed_at, settings.PROFILES["unsuggested_months"])
    if now >= out_on:
        return _(
            "It gets no new suggestions, because nobody has confirmed it for so long. One click "
            "brings it back."
        )
    if now >= stale_on:
        return _("On %(day)s it stops getting new suggestions, unless you confirm it.") % {
            "day": date_format(out_on, "DATE_FORMAT")
        }
    return _("On %(day)s we ask you whether it is still true.") % {
        "day": date_format(stale_on, "DATE_FORMAT")
    }


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
    tile: CommunitySummary
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
    is_whole_answer = code == "readiness" or len(group.fields) == 1
    return ShownGain(str(group.label), "" if is_whole_answer else str(question), url, gain.adds)


def outlook_of(profile: Profile) -> Outlook:
    """From the valid part of the draft: what cannot be published is neither shown nor counted."""
    document: Mapping[str, Any] = valid_part(profile.draft, profile.community)[0]
    coverage = coverage_outlook(profile.community, document)
    gains = [_shown(profile, gain) for gain in coverage.gains[:SHOWN]]
    return Outlook(
        community_summary(profile.community, document),
        coverage,
        gains,
        len(coverage.gains) - len(gains),
    )
