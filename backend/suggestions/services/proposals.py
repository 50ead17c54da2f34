"""A pair that staff propose by hand: scored and explained, with what speaks against it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import require_staff
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import (
    BY_HAND,
    declared_partners,
    listed_partners,
    rules_against,
    stated_partners,
)
from backend.suggestions.models import HandProposal, Pair, Suggestion
from backend.suggestions.scoring import (
    engine_for,
    fit_builder,
    fit_ranks,
    freeze_snapshot,
    pair_reasons,
    scored_pair,
    weights_in_force,
)
from backend.suggestions.services.curation import (
    check_text,
    pair_of,
    release,
    seeking_no_more,
    two_sides,
)
from backend.suggestions.services.runs import current_run, run_builder
from backend.suggestions.sides import Fit, side_columns

# Rules of the engine that no reason of staff sets aside; every other one is a wish of a side.
_HARD = {"same_country", "barred_jurisdiction", "barred_pair"}
_WISHES = {
    "unavailable": "{own} takes no new suggestions now (paused, stale, or as many introductions as "
    "it allows).",
    "excluded_country": "{own} excludes {country}.",
    "not_a_wanted_place": "{own} looks for partners elsewhere than in {country}.",
    "partnered_there": "{own} has a partner in {country} and wants no second one there.",
    "too_small": "{other} is smaller than {own} looks for.",
    "too_large": "{other} is larger than {own} looks for.",
    "has_us_sister": "{other} has a U.S. sister city, and {own} looks for one without.",
    "different_forms": "The two look for different forms of partnership.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What speaks against a pair; a curator may set aside one that is not hard."""

    code: str  # the engine's: "left:too_small"; or of the service
    words: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Assessment:
    """A pair as the engine sees it now; no score or fits where a side is not published."""

    home: Community
    abroad: Community
    score: float | None
    fits: tuple[Fit, Fit] | None  # from home and from abroad
    problems: tuple[Problem, ...]

    @property
    def is_possible(self) -> bool:
        return not any(problem.hard for problem in self.problems)

    @property
    def soft(self) -> list[str]:
        return [problem.code for problem in self.problems if not problem.hard]


def assess_pair(user: User | AnonymousUser, *, home_id: int, abroad_id: int) -> Assessment:
    """Scores a pair by the visible run's weights. Raises NotVisible, InvalidFields."""
    require_staff(user, Verb.CREATE, Resource.SUGGESTION)
    return assess(*two_sides(home_id, abroad_id), timezone.now())


def assess(home: Community, abroad: Community, now: dt.datetime) -> Assessment:
    """The same of two communities with their places, countries and profiles, for the service."""
    problems = _problems_of_pair(home, abroad, now)
    snapshot = freeze_snapshot(now)
    left = tuple(record for record in snapshot.left if record.id == home.pk)
    right = tuple(record for record in snapshot.right if record.id == abroad.pk)
    if not left or not right:
        missing = home if not left else abroad
        problems.append(
            Problem("not_published", f"{missing.name} has no published profile.", hard=True)
        )
        return Assessment(home, abroad, None, None, tuple(problems))
    run = current_run()
    builder = run_builder(run.pk) if run else fit_builder(snapshot)
    engine = engine_for(
        dataclasses.replace(snapshot, left=left, right=right),
        run.weights if run else weights_in_force(),
        builder,
    )
    known = {problem.code for problem in problems}
    for code in engine.exclusions(home.pk, abroad.pk):
        side, _colon, rule = code.rpartition(":")
        own, other = (abroad, home) if side == "right" else (home, abroad)
        if rule in _WISHES:
            words = _WISHES[rule].format(own=own.name, other=other.name, country=other.country.name)
            problems.append(Problem(code, words, hard=False))
        elif rule in _HARD and not known:  # exclusion rules and partnerships are named above
            problems.append(Problem(code, "The two may not be suggested to each other.", hard=True))
    row = scored_pair(engine, home.pk, abroad.pk)
    forth, back = pair_reasons(engine, home.pk, abroad.pk)
    ours, theirs = fit_ranks(engine, [(home.pk, abroad.pk)])[0]
    fits = (
        Fit(home, abroad, row.left_preference, row.left_coverage, forth, *ours),
        Fit(abroad, home, row.right_preference, row.right_coverage, back, *theirs),
    )
    return Assessment(home, abroad, row.score, fits, tuple(problems))


def _problems_of_pair(home: Community, abroad: Community, now: dt.datetime) -> list[Problem]:
    """What keeps the pair from being proposed whatever its score."""
    found = [
        Problem("excluded", f"Excluded by staff: {rule.because}", hard=True)
        for rule in rules_against(home, abroad, now.date())
    ]
    found += [
        Problem("not_seeking", f"{side.name} seeks no partner any more.", hard=True)
        for side in seeking_no_more(home.pk, abroad.pk)
    ]
    sides = min(home.pk, abroad.pk), max(home.pk, abroad.pk)
    if sides in declared_partners():
        words = "The two are partners already: one of them has stated it, and staff have confirmed."
        found.append(Problem("partners", words, hard=True))
        return found
    if sides in stated_partners():
        words = "One of the two says that they are partners already; confirm or refuse it first."
        found.append(Problem("partners", words, hard=True))
        return found
    if sides in listed_partners():
        words = "The two are partners already: a public list of partnerships names them."
        found.append(Problem("partners", words, hard=True))
        return found
    pair = Pair.objects.filter(a_id=sides[0], b_id=sides[1]).first()
    if pair is None:
        return found
    if pair.block_reason == Pair.BlockReason.PARTNERS:
        found.append(Problem("partners", "The two are partners already.", hard=True))
    elif pair.block_reason in BY_HAND:
        found.append(Problem("introduced", "Staff have introduced the two already.", hard=True))
    elif pair.suggestions.open().exists():
        found.append(Problem("suggested", "The two have an open suggestion already.", hard=True))
    elif pair.closed_until and pair.closed_until > now:
        found.append(
            Problem(
                "resting",
                f"The pair rests until {pair.closed_until:%-d %B %Y} after its last suggestion.",
                hard=True,
            )
        )
    return found


@transaction.atomic
def propose_pair(
    *,
    by: User,
    home_id: int,
    abroad_id: int,
    because: str,
    overridden_because: str = "",
    release_now: bool = False,
) -> Suggestion:
    """Makes a suggestion of a pair that staff chose. No run takes it back; its scores follow the
    runs where they rank it.

    Args:
        overridden_because: why wishes that speak against it are set aside; needed exactly where
            there are such.
        release_now: show it to both sides in the same act; else it waits among the proposed.

    Raises:
        NotVisible: no curator. InvalidFields: an unknown side, no reason. WrongState: something
        hard speaks against it (code ``not_eligible``). Conflict: an open suggestion came first.
    """
    require_staff(by, Verb.CREATE, Resource.SUGGESTION)
    home, abroad = two_sides(home_id, abroad_id)
    errors = check_text({"because": (because, longest(HandProposal, "because"), "why these two")})
    assessment = assess(home, abroad, database_now())
    score, fits = assessment.score, assessment.fits
    if not assessment.is_possible or score is None or fits is None:
        raise WrongState(
            " ".join(problem.words for problem in assessment.problems if problem.hard),
            code="not_eligible",
        )
    if assessment.soft:
        errors |= check_text(
            {
                "overridden_because": (
                    overridden_because,
                    longest(HandProposal, "overridden_because"),
                    "why the wishes named above are set aside",
                )
            }
        )
    elif overridden_because.strip():
        errors["overridden_because"] = ["Nothing speaks against this pair; leave this empty."]
    if errors:
        raise InvalidFields(errors)
    pair = Pair.objects.select_for_update().get(pk=pair_of(home_id, abroad_id).pk)
    try:
        with transaction.atomic():
            suggestion = Suggestion.objects.create(
                pair=pair, run=current_run(), **_values(score, fits)
            )
    except IntegrityError:
        raise Conflict(
            "The two have an open suggestion already.", code="suggested_already"
        ) from None
    HandProposal.objects.create(
        suggestion=suggestion,
        by=by,
        because=because.strip(),
        overridden=assessment.soft,
        overridden_because=overridden_because.strip(),
    )
    record(Topic.SUGGESTION_PROPOSED, subject=suggestion, by=by, overridden=assessment.soft)
    return release(by=by, suggestion_id=suggestion.pk) if release_now else suggestion


def _values(score: float, fits: tuple[Fit, Fit]) -> dict[str, Any]:
    """A suggestion's fields in the pair's order of sides."""
    home, abroad = fits
    names = ("preference", "coverage", "reasons", "rank", "candidates")
    values = ([getattr(fit, name) for name in names] for fit in fits)
    sides = side_columns(home.community.pk, abroad.community.pk, names, *values)
    return {"score": score} | sides


def promising_threshold() -> float:
    """The preference that runs ask of each side before they suggest a pair."""
    return float(settings.SUGGESTIONS["promising"])
